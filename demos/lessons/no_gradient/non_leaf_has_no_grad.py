"""A result has no `.grad` unless retain_grad() is called before backward."""

import torch

ERRORS = ("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed.",)


def wrong():
    import warnings

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    hidden = x * 3
    loss = hidden.square().sum()
    loss.backward()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        grad = hidden.grad
    message = str(caught[0].message)
    hidden.retain_grad()
    late = hidden.grad


def right():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    hidden = x * 3
    hidden.retain_grad()
    loss = hidden.square().sum()
    loss.backward()
    grad = hidden.grad


def _gradient_at_hidden():
    hidden = torch.tensor([3.0, 6.0], requires_grad=True)
    return torch.autograd.grad(hidden.square().sum(), hidden)[0]


def claims(wrong, right):
    expected = _gradient_at_hidden()
    return {
        "none_is_kept": {
            "grad_is_none": wrong.grad is None,
            "hidden_is_no_leaf": not wrong.hidden.is_leaf,
            "warns": ERRORS[0] in wrong.message,
        },
        "gradient_was_lost": {
            "x_has_no_grad": wrong.x.grad is None,
            "x_grad_differs": not torch.equal(wrong.x.grad, 3 * expected),
        },
        "asked_afterwards": {
            "late_has_numbers": wrong.late is not None,
        },
        "asked_before": {
            "grad_at_hidden": torch.equal(right.grad, expected),
            "x_grad_is_the_same": torch.equal(right.x.grad, wrong.x.grad),
        },
    }
