"""A leaf that requires grad, or a view of it, can be changed in place only under no_grad()."""

import torch

ERRORS = (
    "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    "a leaf Variable that requires grad is being used in an in-place operation.",
)


def wrong():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = weight.square().sum()
    gradient = torch.autograd.grad(loss, weight)[0]
    try:
        weight[0] = 5.0
    except RuntimeError as error:
        of_a_view = str(error)
    weight -= 0.1 * gradient


def right():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = weight.square().sum()
    gradient = torch.autograd.grad(loss, weight)[0]
    with torch.no_grad():
        weight[0] = 5.0
        weight -= 0.1 * gradient
    loss = weight.square().sum()
    loss.backward()


def _result_changes():
    """Change a result that requires grad in place; return whether the gradient is correct."""
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    result = weight * 1
    result.mul_(3.0)
    gradient = torch.autograd.grad(result.sum(), weight)[0]
    return gradient.tolist() == [3.0, 3.0]


def _rebound():
    """Return the tensor that the name stands for after an update that is not in place."""
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    return weight - 0.1 * torch.autograd.grad(weight.square().sum(), weight)[0]


def claims(wrong, right):
    return {
        "forbidden_with_grad": {
            "leaf_raised": "a leaf Variable" in (wrong.error or ""),
            "view_raised": "a view of a leaf Variable" in wrong.of_a_view,
            "result_raised": not _result_changes(),
        },
        "left_untouched": {
            "same_values": wrong.weight.tolist() == [1.0, 2.0],
            "version_zero": wrong.weight._version == 0,
        },
        "rebinding_is_the_same": {
            "requires_grad": _rebound().requires_grad,
            "is_leaf": _rebound().is_leaf,
        },
        "no_grad_updates": {
            "new_values": torch.allclose(right.weight, torch.tensor([4.8, 1.6])),
            "is_leaf": right.weight.is_leaf and right.weight.requires_grad,
            "next_gradient": torch.equal(right.weight.grad, 2 * right.weight.detach()),
        },
    }
