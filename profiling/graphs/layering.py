"""Who stands beside whom, and in which row: the part of the layout that knows no coordinates."""

from __future__ import annotations

import graphlib
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

Arc = tuple[int, int]
_SWEEPS = 8


def partners(ties: Iterable[Arc], flow: Iterable[Arc]) -> tuple[dict[int, int], set[Arc]]:
    """Tell which boxes stand beside another, and which above which.

    Two boxes that share memory stand beside each other, unless a path leads from one to the other.
    Of several beside the same one, only one may lead to others: it stands lowest.

    Args:
        ties: Pairs of boxes that share memory: who owns it, and who came to it.
        flow: Pairs of boxes, the first of which has to stand above the second.

    Returns:
        For each box that stands beside another that other one, and all pairs of which the first
        has to stand above the second, in terms of those that others stand beside.
    """
    beside: dict[int, int] = {}
    arcs = set(flow)
    leading = {source for source, _ in arcs}
    full: set[int] = set()
    for owner, tied in ties:
        if _leads(arcs, tied, owner):
            arcs.add((tied, owner))
            continue
        has_company = {owner, tied} & beside.keys() or tied in beside.values()
        has_no_room = tied in leading and owner in full
        if has_company or has_no_room or _leads(arcs, owner, tied):
            arcs.add((beside.get(owner, owner), beside.get(tied, tied)))
            continue
        beside[tied] = owner
        if tied in leading:
            full.add(owner)
        arcs = {
            (owner if source == tied else source, owner if target == tied else target)
            for source, target in arcs
        }
    return beside, {(source, target) for source, target in arcs if source != target}


def rows(boxes: Iterable[int], arcs: Iterable[Arc]) -> dict[int, int]:
    """Return the row of each box: below all that lead to it, and close to what it leads to.

    Args:
        boxes: The boxes.
        arcs: Pairs of boxes, the first of which has to stand above the second.
    """
    above: dict[int, set[int]] = {box: set() for box in boxes}
    below: dict[int, set[int]] = {box: set() for box in above}
    for source, target in arcs:
        above[target].add(source)
        below[source].add(target)
    order = list(graphlib.TopologicalSorter(above).static_order())
    row: dict[int, int] = {}
    for box in order:
        row[box] = max((row[each] + 1 for each in above[box]), default=0)
    for box in reversed(order):
        if below[box] and len(above[box]) <= len(below[box]):
            row[box] = min(row[each] for each in below[box]) - 1
    return row


def split(
    row: Mapping[int, int],
    widths: Mapping[int, float],
    arcs: Collection[Arc],
    most: float,
    line: float,
) -> dict[int, int]:
    """Return rows of which none is wider than allowed, where that can be.

    Args:
        row: The row of each box.
        widths: The room that each box takes.
        arcs: Pairs of boxes, the first of which stands above the second.
        most: How wide a row may be.
        line: The room that an arc takes in a row that it passes.
    """
    narrow: dict[int, int] = {}
    last, before, used = -1, -1, 0.0
    for box in sorted(row, key=lambda box: (row[box], box)):
        if row[box] != before or used + widths[box] > most:
            passing = sum(above in narrow and row[below] > row[box] for above, below in arcs)
            last, used = last + 1, passing * line
        narrow[box], before = last, row[box]
        used += widths[box]
    return narrow


def ordered(lines: Sequence[list[int]], arcs: Iterable[Arc]) -> list[list[int]]:
    """Return each line in an order with few crossings; where nothing decides, the given one.

    Args:
        lines: What stands in each line, from the top.
        arcs: Pairs of neighbours, the first one line above the second.
    """
    up: dict[int, list[int]] = {each: [] for line in lines for each in line}
    down: dict[int, list[int]] = {each: [] for each in up}
    for source, target in arcs:
        up[target].append(source)
        down[source].append(target)
    best = current = [list(line) for line in lines]
    fewest = crossings(best, down)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        current = _swept(current, up) if sweep % 2 == 0 else _swept(current[::-1], down)[::-1]
        count = crossings(current, down)
        if count < fewest:
            best, fewest = current, count
    return best


def crossings(lines: Sequence[list[int]], down: Mapping[int, list[int]]) -> int:
    """Count the pairs of arcs that cross.

    Args:
        lines: What stands in each line.
        down: What each leads to in the following line.
    """
    count = 0
    for line, following in itertools.pairwise(lines):
        place = {each: index for index, each in enumerate(following)}
        ends: list[int] = []
        for each in line:
            here = [place[target] for target in down[each]]
            count += sum(end > other for other in here for end in ends)
            ends += here
    return count


def _swept(lines: Sequence[list[int]], neighbours: Mapping[int, list[int]]) -> list[list[int]]:
    """Order each line by where its neighbours in the line before stand on average."""
    place: dict[int, float] = {}
    swept: list[list[int]] = []
    for line in lines:
        wanted = {each: (index + 0.5) / len(line) for index, each in enumerate(line)}
        for each in line:
            known = [place[other] for other in neighbours[each]]
            if known:
                wanted[each] = sum(known) / len(known)
        swept.append(sorted(line, key=wanted.__getitem__))
        place |= {each: (index + 0.5) / len(line) for index, each in enumerate(swept[-1])}
    return swept


def _leads(arcs: Iterable[Arc], start: int, end: int) -> bool:
    below: dict[int, list[int]] = {}
    for source, target in arcs:
        below.setdefault(source, []).append(target)
    seen, waiting = {start}, [start]
    while waiting:
        for each in below.get(waiting.pop(), ()):
            if each == end:
                return True
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return False
