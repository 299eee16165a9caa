"""A saved-tensor hook that changes nothing still disables the in-place check."""

import gc
import weakref

import torch

ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def wrong():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    sizes = []

    def look(tensor):
        sizes.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(look, lambda packed: packed):
        gate = torch.sigmoid(x)
    gate.detach().zero_()
    gate.sum().backward()


def right():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    sizes = []

    def look(tensor):
        sizes.append(tensor.nbytes)
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(look, lambda packed: packed):
        torch.sigmoid(x)
    gate = torch.sigmoid(x)
    gate.detach().zero_()
    gate.sum().backward()


def _hooked(pack):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda packed: packed):
        return x, torch.sigmoid(x)


def _raises(pack):
    """Return whether backward() notices an overwritten result under a pack hook."""
    _, gate = _hooked(pack)
    gate.detach().zero_()
    try:
        gate.sum().backward()
    except RuntimeError:
        return True
    return False


def _survives(pack):
    """Return whether a result is alive after its last name is gone."""
    life = weakref.ref(_hooked(pack)[1])
    gc.collect(1)  # all objects are in the young generations
    gate = life()
    if gate is not None:
        gate.sum().backward()  # frees the saved tensors, which ends the cycle
    return gate is not None


def claims(wrong, right):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gradient = torch.autograd.grad(torch.sigmoid(x).sum(), x)[0]
    return {
        "only_looks": {
            "still_raises": wrong.error is not None,
            "same_gradient": torch.equal(wrong.x.grad, gradient),
        },
        "detach_is_enough": {
            "no_leak": not _survives(torch.Tensor.detach),
            "still_raises": _raises(torch.Tensor.detach),
        },
        "identity_leaks": {
            "survives": _survives(lambda tensor: tensor),
        },
        "run_of_its_own": {
            "same_sizes": right.sizes == wrong.sizes == [12],
            "raises_again": "modified by an inplace operation" in (right.error or ""),
        },
    }
