"""An in-place change of a detached tensor's shape counts as a change of the original."""

import torch

ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def wrong():
    x = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    gate = torch.sigmoid(x)
    flat = gate.detach()
    flat.squeeze_()
    gate.sum().backward()


def right():
    x = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    gate = torch.sigmoid(x)
    flat = gate.detach().squeeze()
    gate.sum().backward()


def _from_scratch():
    """Return the correct gradient, and the unchanged `gate`."""
    x = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    gate = torch.sigmoid(x)
    return torch.autograd.grad(gate.sum(), x)[0], gate


def _refused(change):
    """Return whether a detached tensor refuses a change of its shape."""
    detached = (torch.ones(2, 3, requires_grad=True) * 2).detach()
    try:
        change(detached)
    except RuntimeError:
        return True
    return False


def _grown():
    """Return the shape and the bytes of a tensor whose detached alias was enlarged."""
    gate = torch.sigmoid(torch.ones(3, requires_grad=True))
    gate.detach().resize_(5)
    return tuple(gate.shape), gate.untyped_storage().nbytes()


def claims(wrong, right):
    gradient, gate = _from_scratch()
    shape, size = _grown()
    return {
        "shape_is_private": {
            "same_shape": wrong.gate.shape == gate.shape,
            "same_values": torch.equal(wrong.gate, gate),
            "no_error": wrong.error is None,
        },
        "refused": {
            "resize": _refused(lambda tensor: tensor.resize_(6)),
            "unsqueeze": _refused(lambda tensor: tensor.unsqueeze_(0)),
            "t": _refused(lambda tensor: tensor.t_()),
            "set": _refused(lambda tensor: tensor.set_(torch.zeros(2))),
        },
        "grows_memory": {
            "original_shape": shape == (3,),
            "more_bytes": size == 20,
        },
        "out_of_place": {
            "flat_shape": tuple(right.flat.shape) == (3,),
            "version_zero": right.gate._version == 0,
            "same_gradient": torch.equal(right.x.grad, gradient),
        },
    }
