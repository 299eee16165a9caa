"""The article's case 1.1: detach(), and the detached tensor is not changed."""

import torch

MEASURED = "side_branch"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"


def lesson(values, op):
    a = torch.tensor(values, requires_grad=True)
    out = op(a)
    c = out.detach()
    out.sum().backward()


def _without_detach(op, values):
    a = torch.tensor(values, requires_grad=True)
    return torch.autograd.grad(op(a).sum(), a)[0]


def claims(seen):
    expected = _without_detach(seen.op, seen.values)
    return {
        "new_tensor": {
            "other_object": seen.c is not seen.out,
            "no_grad_fn": seen.c.grad_fn is None,
        },
        "same_memory": {
            "same_storage": seen.c.untyped_storage().data_ptr()
            == seen.out.untyped_storage().data_ptr(),
        },
        "no_gradient": {
            "requires_grad_false": not seen.c.requires_grad,
            "grad_none": seen.c.grad is None,
        },
        "difference": {
            "c_outside_graph": not seen.c.requires_grad,
            "out_in_graph": seen.out.requires_grad,
        },
        "backward_unaffected": {
            "no_error": seen.error is None,
            "same_gradient": seen.a.grad is not None
            and torch.allclose(seen.a.grad, expected, equal_nan=True),
        },
    }
