"""Which of torch's functions do what, as far as it matters here."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import resolve_name

Call = Callable[..., Any]

# What reads a property, and neither takes values nor makes tensors.
_PROPERTIES = """
    _backward_hooks _base _post_accumulate_grad_hooks _version device dtype grad grad_fn is_cpu
    is_cuda is_leaf is_meta is_mkldnn is_nested is_quantized is_sparse itemsize layout name
    names nbytes ndim output_nr requires_grad retains_grad shape volatile
"""
_METHODS = """
    __dlpack_device__ __format__ __hash__ __len__ __repr__ data_ptr dim element_size get_device
    has_names is_complex is_contiguous is_floating_point is_inference is_pinned is_shared
    ndimension nelement numel retain_grad size storage storage_offset stride untyped_storage
"""

SET_DATA = Tensor.data.__set__  # type: ignore[attr-defined]
SET_GRADIENT = vars(torch._C.TensorBase)["grad"].__set__
REQUIRE = (Tensor.requires_grad_, Tensor.requires_grad.__set__)  # type: ignore[attr-defined]
SET_GRAD_MODE = torch._C._set_grad_enabled
DETACH_IN_PLACE = {Tensor.detach_, torch.detach_}
BACKWARD = {Tensor.backward, torch.autograd.backward, torch.autograd.grad}
HOOKS = {Tensor.register_hook, Tensor.register_post_accumulate_grad_hook}
SPLIT = {torch.split, Tensor.split}
BUILD = {torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor}

# What takes values out of torch, and what it is called in a record.
TO_PYTHON: dict[Call, str] = {
    Tensor.item: "item",
    Tensor.__float__: "item",
    Tensor.__int__: "item",
    Tensor.__index__: "item",
    Tensor.__complex__: "item",
    Tensor.__bool__: "bool",
    Tensor.tolist: "tolist",
    Tensor.numpy: "numpy",
    Tensor.__array__: "numpy",
    Tensor.__dlpack__: "numpy",
}


def _ignored() -> set[Call]:
    found: set[Call] = {
        torch.is_floating_point,
        torch.is_complex,
        torch.numel,
        torch.is_tensor,
        torch.equal,
        torch.allclose,
        torch.is_same_size,
    }
    for name in _PROPERTIES.split():
        with contextlib.suppress(AttributeError):
            found.add(getattr(Tensor, name).__get__)
    return found | {getattr(Tensor, name) for name in _METHODS.split() if hasattr(Tensor, name)}


IGNORED = _ignored()
# Torch's table of names is built here. Later calls leave the filters of warnings alone, whose
# change would let a script's warnings appear once more.
resolve_name(torch.add)
_resolve = inspect.unwrap(resolve_name)
_names: dict[Call, str] = {}


def name_of(call: Call) -> str:
    """Return a function's name as the documentation writes it, such as ``"F.relu"``."""
    found = _names.get(call)
    if found is None:
        name = _resolve(call) or getattr(call, "__name__", str(call))
        for start, short in (("torch.Tensor.", ""), ("torch.nn.functional.", "F.")):
            if name.startswith(start):
                name = short + name[len(start) :]
        found = _names[call] = name
    return found
