"""no_grad around a frozen middle cuts off everything before it, without an error."""

import torch

MEASURED = "frozen_middle"


def wrong():
    stem, middle, head = (torch.nn.Linear(2, 2) for _ in range(3))
    hidden = stem(torch.ones(1, 2))
    with torch.no_grad():
        features = middle(hidden)
    loss = head(features).square().sum()
    loss.backward()


def right():
    stem, middle, head = (torch.nn.Linear(2, 2) for _ in range(3))
    middle.requires_grad_(False)
    hidden = stem(torch.ones(1, 2))
    features = middle(hidden)
    loss = head(features).square().sum()
    loss.backward()


def _true_stem_gradient(part):
    """Return the gradient of the stem's weight if nothing is frozen or cut."""
    stem, middle, head = (each.requires_grad_() for each in (part.stem, part.middle, part.head))
    loss = head(middle(stem(torch.ones(1, 2)))).square().sum()
    return torch.autograd.grad(loss, stem.weight)[0]


def claims(wrong, right):
    return {
        "only_the_middle": {
            "stem_has_gradient": wrong.stem.weight.grad is not None,
        },
        "something_tells": {
            "raises": wrong.error is not None,
            "loss_has_no_graph": not wrong.loss.requires_grad,
            "head_has_no_gradient": wrong.head.weight.grad is None,
        },
        "requires_grad_false_lets_through": {
            "stem_gradient_right": torch.allclose(
                right.stem.weight.grad, _true_stem_gradient(right)
            ),
            "middle_has_no_gradient": right.middle.weight.grad is None,
        },
    }
