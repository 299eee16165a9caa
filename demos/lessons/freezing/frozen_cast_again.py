"""Autocast casts a trained weight once, and a frozen one at each use."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = "cpu"


def wrong():
    layer = torch.nn.Linear(2, 2)
    layer.requires_grad_(False)
    x = torch.ones(1, 2, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first = layer(x)
        second = layer(x)
    kept = {y.grad_fn._saved_mat2.data_ptr() for y in (first, second)}
    copies = len(kept)


def right():
    layer = torch.nn.Linear(2, 2)
    layer.requires_grad_(False)
    layer.to(torch.bfloat16)
    x = torch.ones(1, 2, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first = layer(x)
        second = layer(x)
    kept = {y.grad_fn._saved_mat2.data_ptr() for y in (first, second)}
    copies = len(kept)


class _Casts(TorchDispatchMode):
    """Counts casts to another dtype."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._to_copy.default
        return func(*args, **(kwargs or {}))


def _casts(trains, grad=True, dtype=torch.float32):
    """Return the casts of five calls of a layer: of weight, bias and input."""
    layer = torch.nn.Linear(2, 2, dtype=dtype).requires_grad_(trains)
    x = torch.ones(1, 2)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16)
    with _Casts() as casts, torch.set_grad_enabled(grad), autocast:
        for _ in range(5):
            layer(x)
    return casts.count


def claims(wrong, right):
    return {
        "frozen_is_no_dearer": {
            "as_many_casts": _casts(trains=False) == _casts(trains=True),
            "one_copy": wrong.copies == 1,
        },
        "no_grad_casts_again": {
            "each_time": _casts(trains=True, grad=False) == 15,
        },
        "trained_cast_once": {
            "weight_and_bias_once": _casts(trains=True) == 2 + 5,
            "frozen_each_time": _casts(trains=False) == 5 * 3,
        },
        "converted_before": {
            "only_inputs": _casts(trains=False, dtype=torch.bfloat16) == 5,
            "one_copy": right.copies == 1,
        },
    }
