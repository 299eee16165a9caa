"""An array from detach().numpy() shares memory, and autograd does not notice its changes."""

import torch

DEVICE = "cpu"
ERRORS = ("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",)


def wrong():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    try:
        gate.numpy()
    except RuntimeError as error:
        refused = str(error)
    percent = gate.detach().numpy()
    percent *= 100
    gate.sum().backward()


def right():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    percent = gate.detach().numpy().copy()
    percent *= 100
    gate.sum().backward()


def _from_scratch():
    """Return the correct gradient, and the unchanged `gate`."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    return torch.autograd.grad(gate.sum(), x)[0], gate


def _address(array):
    return array.__array_interface__["data"][0]


def claims(wrong, right):
    gradient, gate = _from_scratch()
    forced = gate.numpy(force=True)
    return {
        "is_a_copy": {
            "own_memory": _address(wrong.percent) != wrong.gate.data_ptr(),
            "gate_unchanged": torch.equal(wrong.gate, gate),
        },
        "change_is_noticed": {
            "version_rose": wrong.gate._version > 0,
            "backward_raised": wrong.error is not None,
            "same_gradient": torch.equal(wrong.x.grad, gradient),
        },
        "force_copies": {
            "no_error": torch.equal(torch.from_numpy(forced), gate),
            "own_memory": _address(forced) != gate.data_ptr(),
        },
        "copy_is_right": {
            "own_memory": _address(right.percent) != right.gate.data_ptr(),
            "gate_unchanged": torch.equal(right.gate, gate),
            "same_gradient": torch.equal(right.x.grad, gradient),
        },
    }
