"""How far apart what stands in a line is: as near to where it is wanted as its neighbours allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_SWEEPS = 6
# A link that goes through several lines should go straight.
_STRAIGHT = 4.0
# Where a single item stands, of the width: what comes to share its memory fits beside it, and it
# does not have to move.
_START = 0.3


@dataclass
class Item:
    """What takes a place in a line.

    Attributes:
        left: Room left of its x.
        right: Room right of its x.
        height: Room in its line.
        passing: Whether it is a link that only passes through.
        x: Its place.
    """

    left: float
    right: float
    height: float
    passing: bool = False
    x: float = 0.0


class Bend(NamedTuple):
    """What connects two items of lines that follow each other.

    Attributes:
        upper: The item above.
        lower: The item below.
        upper_offset: Where it leaves the item above, from that one's x.
        lower_offset: Where it meets the item below.
    """

    upper: Item
    lower: Item
    upper_offset: float
    lower_offset: float


def width(line: Sequence[Item], gap: float) -> float:
    """Return the room that a line takes at least."""
    return sum(item.left + item.right for item in line) + gap * max(0, len(line) - 1)


def spread(lines: Sequence[Sequence[Item]], bends: Iterable[Bend], room: float, gap: float) -> None:
    """Give every item its x, between 0 and the room that there is.

    Args:
        lines: The items of each line, in order.
        bends: What connects them.
        room: The width of the drawing.
        gap: The least distance of two items.
    """
    above: dict[int, list[tuple[Item, float, float]]] = {}
    below: dict[int, list[tuple[Item, float, float]]] = {}
    for upper, lower, leaves, meets in bends:
        weight = _STRAIGHT if upper.passing and lower.passing else 1.0
        above.setdefault(id(lower), []).append((upper, leaves - meets, weight))
        below.setdefault(id(upper), []).append((lower, meets - leaves, weight))
    for line in lines:
        _settle(line, [_START * room] * len(line), [1.0] * len(line), room, gap)
    for _ in range(_SWEEPS):
        for line in lines:
            _pull(line, [above], room, gap)
        for line in reversed(lines):
            _pull(line, [below], room, gap)
    for line in lines:
        _pull(line, [above, below], room, gap)


def _pull(
    line: Sequence[Item],
    sides: Iterable[dict[int, list[tuple[Item, float, float]]]],
    room: float,
    gap: float,
) -> None:
    """Move a line's items to where what they are connected with stands on average."""
    wanted: list[float] = []
    weights: list[float] = []
    for item in line:
        pulls = [pull for side in sides for pull in side.get(id(item), ())]
        total = sum(weight for _, _, weight in pulls)
        mean = sum((other.x + offset) * weight for other, offset, weight in pulls)
        wanted.append(mean / total if pulls else item.x)
        weights.append(total or 0.1)
    _settle(line, wanted, weights, room, gap)


def _settle(
    line: Sequence[Item], wanted: list[float], weights: list[float], room: float, gap: float
) -> None:
    """Put items as close to where they are wanted as their order and their room allow.

    Less what stands left of each, the places must not fall: that is isotonic regression, solved by
    pooling adjacent violators.
    """
    offsets: list[float] = []
    used = 0.0
    for item in line:
        offsets.append(used + item.left)
        used += item.left + item.right + gap
    pools: list[tuple[float, float, int]] = []
    for want, offset, weight in zip(wanted, offsets, weights, strict=True):
        pools.append((want - offset, weight, 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (first, one, many), (second, other, more) = pools[-2:]
            both = one + other
            pools[-2:] = [((first * one + second * other) / both, both, many + more)]
    highest = max(0.0, room - (used - gap))
    levels = [min(max(0.0, mean), highest) for mean, _, count in pools for _ in range(count)]
    for item, level, offset in zip(line, levels, offsets, strict=True):
        item.x = level + offset
