"""Gradient reach: which parameter groups got a gradient, and whether it is correct."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from profiling.measure.own_workload import Groups, Reference
from profiling.model.run import Reach


def gradient_reach(groups: Groups, reference: Reference | None) -> tuple[Reach, ...]:
    """Compare every group's ``.grad`` with the correct gradients.

    Equal means equal within `torch.testing.assert_close`'s tolerance for the dtype.

    Args:
        groups: The leaves by group.
        reference: The correct gradients by group, None for a group that should get none. A group
            that is not in it is not checked; without a reference, none is.
    """
    reference = reference or {}
    return tuple(
        _group(name, leaves, reference[name]) if name in reference else _unchecked(name, leaves)
        for name, leaves in groups.items()
    )


def _unchecked(name: str, leaves: Sequence[torch.Tensor]) -> Reach:
    reached = sum(leaf.grad is not None for leaf in leaves)
    return Reach(name, len(leaves), reached, expected=None, equal=None, max_difference=None)


def _group(
    name: str, leaves: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor] | None
) -> Reach:
    gradients = [leaf.grad for leaf in leaves if leaf.grad is not None]
    equal: bool | None = None
    difference: float | None = None
    if wanted is not None and len(gradients) == len(leaves):
        pairs = list(zip(gradients, wanted, strict=True))
        differences = [_difference(got, want) for got, want in pairs]
        equal = all(_close(got, want) for got, want in pairs)
        difference = max(differences) if all(map(math.isfinite, differences)) else None
    return Reach(
        group=name,
        tensors=len(leaves),
        with_gradient=len(gradients),
        expected=wanted is not None,
        equal=equal,
        max_difference=difference,
    )


def _difference(got: torch.Tensor, want: torch.Tensor) -> float:
    return 0.0 if torch.equal(got, want) else float((got - want).abs().max())


def _close(got: torch.Tensor, want: torch.Tensor) -> bool:
    # Comparing for equality needs no temporaries, for which there may be no memory.
    if torch.equal(got, want):
        return True
    try:
        torch.testing.assert_close(got, want, equal_nan=True)
    except AssertionError:
        return False
    return True
