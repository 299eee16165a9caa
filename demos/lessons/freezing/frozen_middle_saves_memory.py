"""What a frozen middle still saves, because the gradient must pass through it."""

import torch

MEASURED = "frozen_middle"
OP = "relu"


def wrong(op):
    layers = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(4))
    layers[1:3].requires_grad_(False)
    saved = []

    def keep(tensor):
        saved.append(tensor.detach())
        return saved[-1]

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda packed: packed):
        h = torch.ones(4, 2)
        for layer in layers:
            h = op(layer(h))
    storages = {t.data_ptr(): t.untyped_storage() for t in saved if len(t) == 4}
    saved_bytes = sum(each.nbytes() for each in storages.values())


def right(op):
    layers = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(4))
    layers[:3].requires_grad_(False)
    saved = []

    def keep(tensor):
        saved.append(tensor.detach())
        return saved[-1]

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda packed: packed):
        h = torch.ones(4, 2)
        for layer in layers:
            h = op(layer(h))
    storages = {t.data_ptr(): t.untyped_storage() for t in saved if len(t) == 4}
    saved_bytes = sum(each.nbytes() for each in storages.values())


def _saved_bytes(op, trained):
    """Return the bytes that layers save, without parameters, by whether each layer is trained."""
    layers = [torch.nn.Linear(2, 2).requires_grad_(each) for each in trained]
    parameters = {each.data_ptr() for layer in layers for each in layer.parameters()}
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda packed: packed):
        h = torch.ones(4, 2)
        for layer in layers:
            h = op(layer(h))
    return sum(each.nbytes() for each in storages.values())


def claims(wrong, right):
    activation = wrong.h.untyped_storage().nbytes()
    one_layer = _saved_bytes(wrong.op, [True])
    gelu = torch.nn.functional.gelu
    trained, frozen = (_saved_bytes(gelu, [True, each, each, True]) for each in (True, False))
    return {
        "middle_keeps_nothing": {
            "only_first_and_last": wrong.saved_bytes == 2 * one_layer,
        },
        "frees_nothing": {
            "as_if_trained": wrong.saved_bytes == _saved_bytes(wrong.op, [True] * 4),
        },
        "gelu_frees_each": {
            "two_less": trained - frozen == 2 * activation,
        },
        "frozen_from_the_input": {
            "only_the_last": right.saved_bytes == one_layer,
        },
    }
