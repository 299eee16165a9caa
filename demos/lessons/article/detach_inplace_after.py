"""The article's part 2, x -> m -> y: y is computed after m was detached in place."""

import torch

MEASURED = "frozen_backbone"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"
ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def lesson(values, op):
    x = torch.tensor(values, requires_grad=True)
    m = op(x)
    m.detach_()
    y = m * 2
    y.sum().backward()


def claims(seen):
    return {
        "becomes_leaf": {
            "grad_fn_none": seen.m.grad_fn is None,
            "is_leaf": seen.m.is_leaf,
        },
        "cuts_x": {
            "y_outside_graph": seen.y.grad_fn is None,
            "x_has_no_grad": seen.x.grad is None,
        },
        "only_skips_m": {
            "requires_grad_false": not seen.m.requires_grad,
            "m_has_no_grad": seen.m.grad is None,
            "backward_ran": seen.error is None,
        },
    }
