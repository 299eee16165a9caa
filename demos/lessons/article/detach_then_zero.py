"""The article's case 1.3: the detached tensor is overwritten in place."""

import torch

MEASURED = "side_branch"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"
ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def lesson(values, op):
    a = torch.tensor(values, requires_grad=True)
    out = op(a)
    c = out.detach()
    c.zero_()
    out.sum().backward()


def _gradients(op, values):
    """Return the correct gradient, and the one from an overwritten `out` that no check notices."""
    right, unchecked = (torch.tensor(values, requires_grad=True) for _ in range(2))
    op(right).sum().backward()
    out = op(unchecked)
    out.data.zero_()  # the version counter stays, so backward does not raise
    out.sum().backward()
    return right.grad, unchecked.grad


def claims(seen):
    right, unchecked = _gradients(seen.op, seen.values)
    return {
        "both_change": {
            "c_is_zero": not seen.c.any(),
            "out_is_zero": not seen.out.any(),
        },
        "noticed": {
            "version_rose": seen.out._version > 0,
        },
        "raises": {
            "backward_raised": "modified by an inplace operation" in (seen.error or ""),
        },
        "would_be_wrong": {
            "other_gradient": not torch.allclose(right, unchecked, rtol=0, atol=0, equal_nan=True),
        },
    }
