"""h += 1, ReLU(inplace=True) and a hook that writes: changes in place without any detach."""

import torch

ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def wrong():
    x = torch.tensor([1.0], requires_grad=True)
    early, late = x * 2, x * 3
    late.register_hook(lambda gradient: gradient.mul_(5))
    (early + late).square().sum().backward()
    layer, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    hidden = layer(torch.ones(1, 2)).sigmoid()
    hidden += 1
    head(hidden).sum().backward()


def right():
    x = torch.tensor([1.0], requires_grad=True)
    early, late = x * 2, x * 3
    late.register_hook(lambda gradient: gradient * 5)
    (early + late).square().sum().backward()
    layer, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    hidden = layer(torch.ones(1, 2)).sigmoid()
    shifted = hidden + 1
    head(shifted).sum().backward()


def _runs_behind(function):
    """Return whether backward runs through `ReLU(inplace=True)` behind a function."""
    x = torch.ones(2, requires_grad=True)
    try:
        torch.nn.ReLU(inplace=True)(function(x)).sum().backward()
    except RuntimeError:
        return False
    return True


def claims(wrong, right):
    kept = right.hidden.detach()
    slope = right.head.weight.detach() * kept * (1 - kept)
    # The slope of square at 5 is 10; early has a factor of 2, late of 3, and its hook of 5.
    by_hand = torch.tensor([10.0 * 2 + 10.0 * 5 * 3])
    return {
        "plus_equals_is_plus": {
            "same_numbers": torch.equal(wrong.hidden, right.shifted),
            "no_error": wrong.error is None,
        },
        "names_the_change": {
            "names_add": "Add" in (wrong.error or ""),
        },
        "inplace_relu_is_safe": {
            "behind_linear": _runs_behind(torch.nn.Linear(2, 2)),
            "behind_sigmoid": _runs_behind(torch.sigmoid),
        },
        "hook_may_write": {
            "x_gradient": torch.equal(wrong.x.grad, by_hand),
        },
        "new_tensors": {
            "layer_gradient": torch.allclose(right.layer.bias.grad, slope[0]),
            "x_gradient": torch.equal(right.x.grad, by_hand),
        },
    }
