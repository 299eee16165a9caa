"""What @torch.no_grad covers: the decorated function, while it runs."""

import warnings
from typing import Any

import torch


def wrong():
    model = torch.nn.Linear(2, 1)

    @torch.no_grad()
    def make_predict():
        def predict(batch):
            return model(batch)

        return predict

    batch = torch.ones(1, 2)
    predict = make_predict()
    score = predict(batch)


def right():
    model = torch.nn.Linear(2, 1)

    def make_predict():
        @torch.no_grad()
        def predict(batch):
            score = model(batch)
            return score

        return predict

    batch = torch.ones(1, 2)
    predict = make_predict()
    score = predict(batch)


def _mode_without_parentheses():
    """Return grad mode in a function under `@torch.no_grad`, which torch's types do not know."""
    decorator: Any = torch.no_grad
    return decorator(torch.is_grad_enabled)()


class _Predictor:
    def __init__(self):
        self.made_with_grad = torch.is_grad_enabled()

    def predict(self):
        return torch.is_grad_enabled()


def _decorate(thing):
    """Decorate a class; return the result and torch's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return torch.no_grad()(thing), [str(each.message) for each in caught]


def claims(wrong, right):
    decorated, messages = _decorate(_Predictor)
    predictor = decorated()
    return {
        "covers_what_it_returns": {
            "score_has_no_graph": wrong.score.grad_fn is None,
        },
        "needs_parentheses": {
            "on_in_the_body": _mode_without_parentheses(),
        },
        "covers_a_class": {
            "off_in_init": not predictor.made_with_grad,
            "off_in_method": not predictor.predict(),
            "still_a_class": isinstance(decorated, type),
            "no_warning": not messages,
        },
        "on_what_computes": {
            "score_has_no_graph": right.score.grad_fn is None,
            "same_score": torch.equal(right.score, right.model(right.batch)),
            "on_again_after": torch.is_grad_enabled(),
        },
    }
