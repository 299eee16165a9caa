"""eval() changes how layers compute, no_grad what autograd records; neither does both."""

import torch

MEASURED = "evaluation_logging"


def wrong():
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5))
    batch = torch.ones(1, 2)
    model.eval()
    evaluated = model(batch)
    model.train()
    with torch.no_grad():
        untracked = model(batch)
        again = model(batch)


def right():
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5))
    batch = torch.ones(1, 2)
    model.eval()
    with torch.no_grad():
        score = model(batch)
        again = model(batch)
    model.train()


def _untracked(wrong):
    """Return what the model gives under no_grad, more often than chance could keep everything."""
    with torch.no_grad():
        return [wrong.untracked, wrong.again, *(wrong.model(wrong.batch) for _ in range(4))]


def claims(wrong, right):
    weight = wrong.model[0].weight
    slope = torch.autograd.grad(wrong.evaluated.sum(), weight)[0]
    plain = torch.nn.functional.linear(right.batch, right.model[0].weight, right.model[0].bias)
    return {
        "eval_stops_autograd": {
            "result_has_no_graph": wrong.evaluated.grad_fn is None,
            "weights_get_nothing": not slope.any(),
        },
        "no_grad_stops_dropout": {
            "nothing_dropped": all(bool(each.all()) for each in _untracked(wrong)),
            "same_twice": all(torch.equal(each, wrong.untracked) for each in _untracked(wrong)),
        },
        "no_grad_stops_autograd": {
            "result_has_no_graph": wrong.untracked.grad_fn is None,
        },
        "both_together": {
            "result_has_no_graph": right.score.grad_fn is None,
            "same_twice": torch.equal(right.score, right.again),
            "is_the_linear_layer": torch.equal(right.score, plain),
        },
    }
