"""Gradient reach: which parameter groups got a gradient, and whether it is correct."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from profiling.measure.own_workload import Groups, Reference
from profiling.model.run import Reach

# The largest relative error of a gradient that counts as correct, by dtype. Over all workloads at
# sizes 16 and 128, on a CPU, correct branches were within 2e-15, 2e-6, 5e-4 and 5e-3, wrong ones
# off by 3e-2 or more; the rest is room for other kernels and longer sums.
TOLERANCES = {"float64": 1e-9, "float32": 1e-3, "float16": 1e-2, "bfloat16": 2e-2}
# A parameter's error is judged against its own gradient, unless that is rounding noise beside the
# group's, as the gradient of a bias that a normalisation cancels. Machine epsilons of the group's
# norm below which an error is noise.
_NOISE = 8
# Elements compared at a time, so that comparing needs little memory.
_CHUNK = 2**22


def gradient_reach(
    groups: Groups, reference: Reference | None, precision: torch.dtype | None = None
) -> tuple[Reach, ...]:
    """Compare every group's ``.grad`` with the correct gradients.

    A group's relative error is the L2 norm of the difference over that of the correct gradient, of
    the group as a whole or of one of its parameters, whichever is larger. Its gradient is equal if
    that is at most `TOLERANCES` for the dtype, however small the gradient is.

    Args:
        groups: The leaves by group.
        reference: The correct gradients by group, None for a group that should get none. A group
            that is not in it is not checked; without a reference, none is.
        precision: What gradients are computed in, where that is not their own dtype.
    """
    reference = reference or {}
    return tuple(
        _group(name, leaves, reference[name], precision)
        if name in reference
        else _unchecked(name, leaves)
        for name, leaves in groups.items()
    )


def _unchecked(name: str, leaves: Sequence[torch.Tensor]) -> Reach:
    gradients = _present(leaves)
    return Reach(name, len(leaves), len(gradients), None, None, None, zeros=_zeros(gradients))


def _present(leaves: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [leaf.grad for leaf in leaves if leaf.grad is not None]


def _zeros(gradients: Sequence[torch.Tensor]) -> int:
    """Return how many gradients are zero in every element."""
    return sum(not bool(_strided(each).count_nonzero()) for each in gradients)


def _group(
    name: str,
    leaves: Sequence[torch.Tensor],
    wanted: Sequence[torch.Tensor] | None,
    precision: torch.dtype | None,
) -> Reach:
    gradients = _present(leaves)
    zeros = _zeros(gradients)
    if wanted is None or len(gradients) < len(leaves):
        return Reach(name, len(leaves), len(gradients), wanted is not None, None, None, zeros=zeros)
    pairs = [_compare(got, want) for got, want in zip(gradients, wanted, strict=True)]
    bounds = [_bounds(precision or each.dtype) for each in wanted]
    tolerance, noise = (max(bound) for bound in zip(*bounds, strict=True))
    error = _relative_error(pairs, min(1.0, noise / tolerance))
    return Reach(
        group=name,
        tensors=len(leaves),
        with_gradient=len(gradients),
        expected=True,
        equal=error <= tolerance,
        max_difference=_finite(max(each.largest for each in pairs)),
        relative_error=_finite(error),
        zeros=zeros,
    )


class _Pair(NamedTuple):
    """A gradient beside the correct one.

    Attributes:
        difference: L2 norm of the difference.
        wanted: L2 norm of the correct one.
        largest: Largest absolute difference.
    """

    difference: float
    wanted: float
    largest: float


def _compare(got: torch.Tensor, want: torch.Tensor) -> _Pair:
    """Compare two gradients in float64; what is the same in both, NaN too, has no difference."""
    pairs = [_compare_chunk(*each) for each in _chunks(_strided(got), _strided(want))]
    return _Pair(
        math.hypot(*(each.difference for each in pairs)),
        math.hypot(*(each.wanted for each in pairs)),
        max((each.largest for each in pairs), default=0.0),
    )


def _compare_chunk(got: torch.Tensor, want: torch.Tensor) -> _Pair:
    same = (got == want) | (got.isnan() & want.isnan())
    difference = torch.where(same, 0.0, got - want).abs()
    largest = float(difference.max())
    wanted = want.where(want.isfinite(), 0.0)
    # NaN where only one side has it is as far off as can be.
    return _Pair(
        _norm(difference) if math.isfinite(largest) else math.inf,
        _norm(wanted),
        largest if math.isfinite(largest) else math.inf,
    )


def _norm(values: torch.Tensor) -> float:
    """Return the L2 norm; squares of what is very small or large would leave the range."""
    scale = float(values.abs().max())
    return scale * float(torch.linalg.vector_norm(values / scale)) if scale else 0.0


def _relative_error(pairs: Sequence[_Pair], floor: float) -> float:
    """Return the largest relative error of the group and of its parameters.

    Args:
        pairs: The group's gradients.
        floor: Share of the group's norm that a parameter's error is divided by at least.
    """
    group = math.hypot(*(each.wanted for each in pairs))
    whole = _ratio(math.hypot(*(each.difference for each in pairs)), group)
    single = (_ratio(each.difference, max(each.wanted, floor * group)) for each in pairs)
    return max(whole, *single)


def _ratio(difference: float, wanted: float) -> float:
    if difference == 0:
        return 0.0
    return difference / wanted if wanted else math.inf


def _bounds(dtype: torch.dtype) -> tuple[float, float]:
    """Return the tolerance and the relative noise of a dtype."""
    about = torch.finfo(dtype)
    noise = _NOISE * about.eps
    return TOLERANCES.get(about.dtype, noise), noise


def _strided(gradient: torch.Tensor) -> torch.Tensor:
    dense = gradient.detach()
    if dense.layout is not torch.strided:
        dense = dense.to_dense()
    return torch.view_as_real(dense.resolve_conj()) if dense.is_complex() else dense


def _chunks(got: torch.Tensor, want: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield both in pieces as float64 on the CPU: not every device has it."""
    pieces = (each.reshape(-1).split(_CHUNK) for each in (got, want))
    for one, other in zip(*pieces, strict=True):
        if one.numel():
            yield one.to("cpu", torch.float64), other.to("cpu", torch.float64)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
