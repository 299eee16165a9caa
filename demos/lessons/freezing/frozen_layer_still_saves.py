"""Which frozen layers still save their input, though only the gradient of the input is needed."""

import torch


def wrong():
    h = torch.randn(2, 3, requires_grad=True)
    layers = [torch.nn.Linear(3, 3), torch.nn.LayerNorm(3), torch.nn.Conv1d(2, 2, 1)]
    layers.append(torch.nn.BatchNorm1d(3).eval())
    saved_by = []

    def look(tensor):
        if tensor.data_ptr() == h.data_ptr():
            saved_by.append(type(layer).__name__)
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(look, lambda packed: packed):
        for layer in layers:
            out = layer.requires_grad_(False)(h)


def right():
    h = torch.randn(2, 3, requires_grad=True)
    norm = torch.nn.BatchNorm1d(3).eval().requires_grad_(False)
    mean = norm.get_buffer("running_mean").fill_(1.0)
    variance = norm.get_buffer("running_var").fill_(4.0)
    scale = norm.weight * (variance + norm.eps).rsqrt()
    shift = norm.bias - mean * scale
    saved = []

    def keep(tensor):
        saved.append(tensor.detach())
        return saved[-1]

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda packed: packed):
        out = h * scale + shift


def _saves_its_input(layer):
    """Return whether a layer that is trained saves its input."""
    h = torch.randn(2, 3, requires_grad=True)
    addresses = set()

    def pack(tensor):
        addresses.add(tensor.data_ptr())
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda packed: packed):
        layer(h)
    return h.data_ptr() in addresses


def claims(wrong, right):
    folded = torch.autograd.grad(right.out.sum(), right.h)[0]
    by_norm = torch.autograd.grad(right.norm(right.h).sum(), right.h)[0]
    return {
        "trained_layers_save": {
            "linear": _saves_its_input(torch.nn.Linear(3, 3)),
            "layer_norm": _saves_its_input(torch.nn.LayerNorm(3)),
            "conv": _saves_its_input(torch.nn.Conv1d(2, 2, 1)),
            "batch_norm": _saves_its_input(torch.nn.BatchNorm1d(3)),
        },
        "frozen_layers_drop": {
            "linear": "Linear" not in wrong.saved_by,
            "layer_norm": "LayerNorm" not in wrong.saved_by,
            "conv": "Conv1d" not in wrong.saved_by,
            "batch_norm_in_eval": "BatchNorm1d" not in wrong.saved_by,
        },
        "folded_norm_drops": {
            "input_not_saved": all(t.data_ptr() != right.h.data_ptr() for t in right.saved),
            "same_values": torch.allclose(right.out, right.norm(right.h), atol=1e-6),
            "same_gradient": torch.allclose(folded, by_norm),
        },
    }
