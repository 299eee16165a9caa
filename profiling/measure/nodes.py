"""Keys of autograd's nodes: plain values that keep nothing alive, and that no other node has."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch

from profiling.measure.snapshot import ObjectNumbers, function_of


def leaf_of(function: Any) -> torch.Tensor | None:
    """Return the tensor that a node accumulates gradients in; None for any other node."""
    return function.variable if function.name().endswith("AccumulateGrad") else None


def key_of(function: Any, objects: ObjectNumbers) -> Hashable:
    """Return a key that no other node has; that of a leaf is the leaf's number."""
    leaf = leaf_of(function)
    if leaf is not None:
        return objects[leaf]
    return (function.name(), function._sequence_nr())


def tensor_key(tensor: torch.Tensor, objects: ObjectNumbers) -> Hashable:
    """Return the key of the node that made a tensor, or of the tensor itself."""
    function = function_of(tensor)
    return objects[tensor] if function is None else key_of(function, objects)
