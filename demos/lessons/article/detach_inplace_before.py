"""The article's part 2, x -> m -> y: y exists already when m is detached in place."""

import torch

MEASURED = "elementwise"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"


def lesson(values, op):
    x = torch.tensor(values, requires_grad=True)
    m = op(x)
    y = m * 2
    m.detach_()
    y.sum().backward()


def _has_edge(y):
    return y.grad_fn is not None and y.grad_fn.next_functions[0][0] is not None


def claims(seen):
    return {
        "becomes_leaf": {
            "grad_fn_none": seen.m.grad_fn is None,
            "is_leaf": seen.m.is_leaf,
        },
        "skips_m": {
            "requires_grad_false": not seen.m.requires_grad,
            "m_has_no_grad": seen.m.grad is None,
            "not_computed": not _has_edge(seen.y),
        },
        "cuts_x": {
            "y_lost_edge": not _has_edge(seen.y),
            "x_has_no_grad": seen.x.grad is None,
        },
    }
