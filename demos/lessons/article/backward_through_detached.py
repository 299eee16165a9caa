"""The article's case 1.2: backward is called on a result of the detached tensor."""

import torch

MEASURED = "call_alone"
VALUES = (1.0, 2.0, 3.0)
OP = "sigmoid"
ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def lesson(values, op):
    a = torch.tensor(values, requires_grad=True)
    out = op(a)
    c = out.detach()
    c.sum().backward()


def claims(seen):
    return {
        "raises": {
            "backward_raised": seen.error is not None,
            "nothing_to_start_from": "does not require grad and does not have a grad_fn"
            in (seen.error or ""),
        },
        "goes_no_further": {
            "a_has_no_grad": seen.a.grad is None,
        },
    }
