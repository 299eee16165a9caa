"""The article's summary, x -> m -> y: what can be undone after detach() and after detach_()."""

import torch

MEASURED = "frozen_backbone"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"
ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def lesson(values, op):
    x = torch.tensor(values, requires_grad=True)
    m = op(x)
    y = m * 2
    c = m.detach()
    regained = torch.autograd.grad(m.sum(), x, retain_graph=True)[0]
    m.detach_()
    y.sum().backward()
    m.sum().backward()


def _without_detach(op, values):
    x = torch.tensor(values, requires_grad=True)
    return torch.autograd.grad(op(x).sum(), x)[0]


def claims(seen):
    expected = _without_detach(seen.op, seen.values)
    return {
        "new_or_self": {
            "c_is_new": seen.c is not seen.m,
            "m_changed": seen.m.grad_fn is None,
        },
        "detach_can_be_undone": {
            "m_reached_x": torch.allclose(seen.regained, expected, equal_nan=True),
        },
        "detach_inplace_cannot": {
            "m_is_cut": "does not require grad and does not have a grad_fn" in (seen.error or ""),
            "graph_is_gone": seen.x.grad is None,
        },
    }
