"""The article's introduction: requires_grad is set to True again after detach."""

import torch

MEASURED = "frozen_backbone"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"


def lesson(values, op):
    a = torch.tensor(values, requires_grad=True)
    out = op(a)
    c = out.detach()
    c.requires_grad_(True)
    c.sum().backward()


def claims(seen):
    return {
        "never_grad": {
            "c_has_no_grad": seen.c.grad is None,
            "original_gets_none": seen.a.grad is None,
        },
        "stops_here": {
            "c_is_leaf": seen.c.is_leaf,
            "a_not_reached": seen.a.grad is None,
        },
    }
