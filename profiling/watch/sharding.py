"""What FSDP computes with instead of a module's own parameters.

All that is asked here is private to torch: where it is missing, nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

# What a flat parameter of torch tells of those that it holds.
_FLAT = ("_fqns", "_is_padding_mask", "_params", "_shapes")


def stand_ins(module: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the whole parameters that ``fully_shard`` computes with, each with the sharded one."""
    state = getattr(module, "_get_fsdp_state", lambda: None)()
    groups = getattr(state, "_fsdp_param_groups", None) or [
        # Before torch 2.11 a module had one group at most.
        getattr(state, "_fsdp_param_group", None)
    ]
    for group in groups:
        for each in getattr(group, "fsdp_params", ()):
            whole, own = (
                getattr(each, name, None) for name in ("_unsharded_param", "sharded_param")
            )
            if isinstance(whole, Tensor) and isinstance(own, Tensor) and whole is not own:
                yield whole, own


def is_flat(tensor: Any) -> bool:
    """Return whether a tensor is the one that ``FullyShardedDataParallel`` keeps parameters in."""
    return getattr(tensor, "_is_flat_param", False) and all(hasattr(tensor, each) for each in _FLAT)


def originals(flat: Any) -> list[Tensor] | None:
    """Return the parameters whose values a flat one holds; None if it has replaced them."""
    found: list[Tensor] | None = flat._params
    return found


def pieces(flat: Any, parts: list[Tensor]) -> list[tuple[int, Tensor]]:
    """Return the parts that a flat parameter was split into, each with its parameter's number."""
    padding = flat._is_padding_mask
    if len(padding) == len(parts):
        parts = [each for each, pads in zip(parts, padding, strict=True) if not pads]
    return list(enumerate(parts)) if len(parts) == len(flat._fqns) else []


def described(flat: Any) -> list[tuple[str, tuple[int, ...]]]:
    """Return names below the module that holds a flat parameter, and shapes, of its parts."""
    shapes = [tuple(each) for each in flat._shapes]
    return list(zip(flat._fqns, shapes, strict=True))
