"""A change through `.data` is not counted: backward() uses the new values without an error."""

import torch

ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def wrong():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    clipped = gate.data
    clipped.clamp_(max=0.8)
    gate.sum().backward()


def right():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    clipped = gate.detach()
    clipped.clamp_(max=0.8)
    try:
        gate.sum().backward()
    except RuntimeError as error:
        noticed = str(error)
    gate = torch.sigmoid(x)
    clipped = gate.detach().clone()
    clipped.clamp_(max=0.8)
    gate.sum().backward()


def _true_gradient():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    return torch.autograd.grad(torch.sigmoid(x).sum(), x)[0]


def _noticed_when_counted():
    gate = torch.sigmoid(torch.ones(3, requires_grad=True))
    gate.data.clamp_(max=0.5)
    torch.autograd.graph.increment_version(gate)
    try:
        gate.sum().backward()
    except RuntimeError as error:
        return "modified by an inplace operation" in str(error)
    return False


def claims(wrong, right):
    true = _true_gradient()
    return {
        "same_as_detach": {
            "same_memory": wrong.clipped.data_ptr() == wrong.gate.data_ptr(),
            "version_rose": wrong.gate._version > 0,
        },
        "no_error_means_right": {
            "same_gradient": torch.equal(wrong.x.grad, true),
        },
        "detach_raises": {
            "backward_raised": "modified by an inplace operation" in right.noticed,
        },
        "counted_by_hand": {
            "noticed": _noticed_when_counted(),
        },
        "copy_is_right": {
            "clipped": bool((right.clipped <= 0.8).all()),
            "same_gradient": torch.equal(right.x.grad, true),
        },
    }
