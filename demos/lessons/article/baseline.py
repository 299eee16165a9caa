"""The article's starting point: a gradient without any detach."""

import torch

MEASURED = "elementwise"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"


def lesson(values, op):
    a = torch.tensor(values, requires_grad=True)
    out = op(a)
    out.sum().backward()


def claims(seen):
    return {
        "out_in_graph": {
            "requires_grad": seen.out.requires_grad,
            "has_grad_fn": seen.out.grad_fn is not None,
        },
        "reaches_a": {
            "no_error": seen.error is None,
            "a_has_grad": seen.a.grad is not None,
        },
    }
