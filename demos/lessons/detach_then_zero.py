"""The article's case 1.3: the detached tensor is overwritten in place."""

import torch

VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"


def lesson(values, op):
    a = torch.tensor(values, requires_grad=True)
    out = op(a)
    c = out.detach()
    c.zero_()
    out.sum().backward()


def claims(seen):
    return {
        "both_change": {
            "c_is_zero": not seen.c.any(),
            "out_is_zero": not seen.out.any(),
        },
        "raises": {
            "backward_raised": seen.error is not None,
        },
    }
