"""Computes where boxes and links are drawn: in rows, leaves at the top and results at the bottom.

A layered layout: boxes get rows (`assign_rows`), links that cross rows get a placeholder in each of
them, each line is ordered for few crossings (`reduce_crossings`), and every item gets its x
(`assign_x`). Boxes that only share memory are drawn side by side (`pair_boxes`).
"""

from __future__ import annotations

import graphlib
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from profiling.graphs.fold import Link, View

# All lengths are in pixels. A drawing of this width fits a phone without scrolling.
WIDTH = 360
MARGIN = 8
# Distance between neighbours in a row, and between rows.
GAP = 10
ROW_GAP = 26
# Least room for the text between two boxes that share memory.
TIE = 56

# Two boxes, the first of which is drawn above the second.
Arc = tuple[int, int]
_ORDER_SWEEPS = 8
_SPACING_SWEEPS = 6
# Links that pass through several lines should be straight.
_STRAIGHT_WEIGHT = 4.0
# Default place of a single item, as a share of the width. It leaves room for a box that comes to
# share its memory in a later step, so that the item does not have to move.
_DEFAULT_X = 0.3
# Distance between the ends of links at one box.
_PORT_DISTANCE = 14
# Half the width of a link that passes through a line.
_LANE = 3


class Size(NamedTuple):
    """Width and height, in pixels."""

    width: float
    height: float


class Point(NamedTuple):
    """A position, in pixels from the upper left corner."""

    x: float
    y: float


class Rect(NamedTuple):
    """Position and size of a box, in pixels from the upper left corner.

    Attributes:
        x: The middle of its upper side.
        y: Its upper side.
        width: Its width.
        height: Its height.
    """

    x: float
    y: float
    width: float
    height: float


class Route(NamedTuple):
    """The course of a link.

    Attributes:
        points: Points from one end to the other. A vertical link is straight inside rows, between
            the 1st and 2nd point, the 3rd and 4th …, and curved between rows; a horizontal link
            has three points.
        up: Whether its source is at the lower end.
        label: Middle of the left side of its text; None if it has no text.
    """

    points: tuple[Point, ...]
    up: bool = False
    label: Point | None = None


class Layout(NamedTuple):
    """Positions of all boxes and links.

    Attributes:
        size: Size of the drawing.
        boxes: Position of each box, by its id.
        routes: Course of each link, in the order of the links.
    """

    size: Size
    boxes: dict[int, Rect]
    routes: tuple[Route, ...]


def lay_out(view: View, sizes: Mapping[int, Size], labels: Sequence[Size | None]) -> Layout:
    """Compute a layout.

    Args:
        view: The boxes and links.
        sizes: Size of each box, by its id.
        labels: Size of the text beside each link; None for a link without text.
    """
    return _LayoutBuilder(view, sizes, labels).layout()


@dataclass
class Item:
    """A block, or a placeholder for a link, in a line.

    Attributes:
        left: Its extent to the left of x.
        right: Its extent to the right of x.
        height: Its height.
        passing: Whether it is a placeholder for a link that passes through the line.
        x: Its position.
    """

    left: float
    right: float
    height: float
    passing: bool = False
    x: float = 0.0


class Segment(NamedTuple):
    """A part of a link, between items of two consecutive lines.

    Attributes:
        upper: The item above.
        lower: The item below.
        upper_offset: Where it leaves the upper item, relative to that item's x.
        lower_offset: Where it meets the lower item, relative to that item's x.
    """

    upper: Item
    lower: Item
    upper_offset: float
    lower_offset: float


class _LayoutBuilder:
    """Builds a layout.

    A *block* is a box (the *host*) with the boxes beside it (its *guests*), a *line* is a row of
    blocks or the space for texts between two rows, and an *item* is a block or a placeholder for a
    link that passes through a line.
    """

    def __init__(
        self, view: View, sizes: Mapping[int, Size], labels: Sequence[Size | None]
    ) -> None:
        self._sizes, self._links, self._labels = sizes, view.links, labels
        flow = _acyclic(view.links)
        ties = [(link.source, link.target) for link in view.links if link.kind == "memory"]
        texts = [
            label for link, label in zip(view.links, labels, strict=True) if link.kind == "memory"
        ]
        self._tie = max([TIE, *(label.width for label in texts if label is not None)])
        self._beside, arcs = pair_boxes(ties, flow)
        self._guests: dict[int, list[int]] = defaultdict(list)
        leading = {link.source for link in view.links}
        for guest in sorted(self._beside, key=lambda guest: (guest in leading, guest)):
            self._guests[self._beside[guest]].append(guest)
        blocks = [box.id for box in view.boxes if box.id not in self._beside]
        self._items = {block: self._block(block) for block in blocks}
        self._line = self._number_lines(assign_rows(blocks, arcs), arcs)
        self._chains = [self._chain(number) for number in range(len(self._links))]
        self._lines = self._order()

    def layout(self) -> Layout:
        """Return the layout."""
        lines = [[self._items[key] for key in line] for line in self._lines]
        segments = [
            Segment(
                self._items[upper],
                self._items[lower],
                self._offset(upper, chain, link),
                self._offset(lower, chain, link),
            )
            for chain, link in zip(self._chains, self._links, strict=True)
            for upper, lower in itertools.pairwise(chain)
        ]
        available = max([WIDTH - 2 * MARGIN, *(width(line, GAP) for line in lines)])
        assign_x(lines, segments, available, GAP)
        for item in self._items.values():
            item.x += MARGIN
        bounds = self._line_bounds(lines)
        boxes = self._rects(bounds)
        routes = self._routes(boxes, bounds)
        bottom = max((rect.y + rect.height for rect in boxes.values()), default=MARGIN)
        return Layout(Size(available + 2 * MARGIN, bottom + MARGIN), boxes, routes)

    def _block(self, block: int) -> Item:
        width, height = self._sizes[block]
        guests = [self._sizes[guest] for guest in self._guests[block]]
        beside = max((guest.width + self._tie for guest in guests), default=0)
        stacked = sum(guest.height + GAP for guest in guests) - GAP
        return Item(width / 2, width / 2 + beside, max(height, stacked))

    def _number_lines(self, row: Mapping[int, int], arcs: set[Arc]) -> dict[int, int]:
        """Number the lines: rows, and a line between two rows that have a text between them."""
        widths = {block: item.left + item.right + GAP for block, item in self._items.items()}
        available = WIDTH - 2 * MARGIN + GAP
        row = split_rows(row, widths, arcs, available, 2 * _LANE + GAP)
        labelled = {
            min(row[self._host(link.source)], row[self._host(link.target)])
            for link, label in zip(self._links, self._labels, strict=True)
            if label is not None and self._host(link.source) != self._host(link.target)
        }
        return {
            block: number + sum(each < number for each in labelled) for block, number in row.items()
        }

    def _host(self, box: int) -> int:
        return self._beside.get(box, box)

    def _chain(self, number: int) -> list[int]:
        """Return the items of a link from top to bottom, with a new placeholder for each line.

        Its text is in the first line below its upper end.
        """
        link = self._links[number]
        ends = sorted(
            (self._host(link.source), self._host(link.target)), key=self._line.__getitem__
        )
        chain = [ends[0]]
        label = self._labels[number]
        for line in range(self._line[ends[0]] + 1, self._line[ends[1]]):
            key = -len(self._items) - 1
            shown = label if line == self._line[ends[0]] + 1 else None
            right = _LANE if shown is None else _LANE + shown.width
            self._items[key] = Item(_LANE, right, 0 if shown is None else shown.height, True)
            self._line[key] = line
            chain.append(key)
        return [*chain, ends[1]] if ends[0] != ends[1] else []

    def _order(self) -> list[list[int]]:
        lines: list[list[int]] = [[] for _ in range(1 + max(self._line.values(), default=-1))]
        # A placeholder is sorted like the box that its link starts at.
        age = {key: chain[0] for chain in self._chains for key in chain[1:-1]}
        for key in sorted(self._line, key=lambda key: (age.get(key, key), abs(key))):
            lines[self._line[key]].append(key)
        arcs = [arc for chain in self._chains for arc in itertools.pairwise(chain)]
        return reduce_crossings(lines, arcs)

    def _offset(self, key: int, chain: list[int], link: Link) -> float:
        """Return the x of the box that a link ends at, relative to its block's x."""
        box = self._end(key, link) if key in (chain[0], chain[-1]) else key
        if box not in self._beside:
            return 0
        host, guest = self._sizes[self._beside[box]], self._sizes[box]
        return host.width / 2 + self._tie + guest.width / 2

    def _end(self, block: int, link: Link) -> int:
        return link.source if self._host(link.source) == block else link.target

    def _line_bounds(self, lines: Sequence[Sequence[Item]]) -> list[Rect]:
        """Return y and height of each line."""
        bounds: list[Rect] = []
        y = float(MARGIN)
        for line in lines:
            height = max(item.height for item in line)
            bounds.append(Rect(0, y, 0, height))
            y += height + ROW_GAP
        return bounds

    def _rects(self, bounds: Sequence[Rect]) -> dict[int, Rect]:
        rects: dict[int, Rect] = {}
        for block, item in self._items.items():
            if item.passing:
                continue
            line = bounds[self._line[block]]
            width, height = self._sizes[block]
            middle = line.y + line.height / 2
            rects[block] = Rect(item.x, middle - height / 2, width, height)
            guests = self._guests[block]
            y = middle - (sum(self._sizes[guest].height + GAP for guest in guests) - GAP) / 2
            for guest in guests:
                size = self._sizes[guest]
                x = item.x + width / 2 + self._tie + size.width / 2
                rects[guest] = Rect(x, y, *size)
                y += size.height + GAP
        return rects

    def _routes(self, boxes: Mapping[int, Rect], bounds: Sequence[Rect]) -> tuple[Route, ...]:
        ports = self._ports(boxes)
        routes: list[Route] = []
        for number, (link, chain) in enumerate(zip(self._links, self._chains, strict=True)):
            if not chain:
                routes.append(_horizontal_route(boxes[link.source], boxes[link.target]))
                continue
            upper, lower = self._end(chain[0], link), self._end(chain[-1], link)
            points = [Point(ports[number, 0], boxes[upper].y + boxes[upper].height)]
            points.append(Point(points[0].x, _bottom(bounds[self._line[chain[0]]])))
            for key in chain[1:-1]:
                line, x = bounds[self._line[key]], self._items[key].x
                points += [Point(x, line.y), Point(x, _bottom(line))]
            x = ports[number, 1]
            points += [Point(x, bounds[self._line[chain[-1]]].y), Point(x, boxes[lower].y)]
            label = None
            if self._labels[number] is not None:
                line = bounds[self._line[chain[1]]]
                label = Point(points[2].x + 2 * _LANE, line.y + line.height / 2)
            routes.append(Route(tuple(points), upper != link.source, label))
        return tuple(routes)

    def _ports(self, boxes: Mapping[int, Rect]) -> dict[tuple[int, int], float]:
        """Return the x of each link at its upper (0) and lower (1) end."""
        at: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
        for number, (link, chain) in enumerate(zip(self._links, self._chains, strict=True)):
            if chain:
                at[self._end(chain[0], link), 0].append((self._items[chain[1]].x, number))
                at[self._end(chain[-1], link), 1].append((self._items[chain[-2]].x, number))
        ports: dict[tuple[int, int], float] = {}
        for (box, side), links in at.items():
            step = min(_PORT_DISTANCE, (boxes[box].width - _PORT_DISTANCE) / len(links))
            for index, (_, number) in enumerate(sorted(links)):
                ports[number, side] = boxes[box].x + (index - (len(links) - 1) / 2) * step
        return ports


def _horizontal_route(host: Rect, guest: Rect) -> Route:
    """Return the route from a host to a guest, level with the guest."""
    start, end = host.x + host.width / 2, guest.x - guest.width / 2
    y = guest.y + guest.height / 2
    leaves = min(max(y, host.y + GAP), host.y + host.height - GAP)
    return Route((Point(start, leaves), Point(start + GAP, y), Point(end, y)))


def _bottom(line: Rect) -> float:
    return line.y + line.height


def pair_boxes(ties: Iterable[Arc], flow: Iterable[Arc]) -> tuple[dict[int, int], set[Arc]]:
    """Decide which boxes are drawn beside another box, and which above another.

    Two boxes that share memory are drawn side by side unless a path leads from one to the other.
    Of several guests of a host, only one may lead to other boxes; it is drawn lowest.

    Args:
        ties: Pairs of boxes that share memory: the owner, and the box that shares it.
        flow: Pairs of boxes, the first of which must be above the second.

    Returns:
        The host of each guest, and all pairs of which the first must be above the second, with
        guests replaced by their hosts.
    """
    beside: dict[int, int] = {}
    arcs = set(flow)
    leading = {source for source, _ in arcs}
    full: set[int] = set()
    for owner, tied in ties:
        if _has_path(arcs, tied, owner):
            arcs.add((tied, owner))
            continue
        is_paired = {owner, tied} & beside.keys() or tied in beside.values()
        is_full = tied in leading and owner in full
        if is_paired or is_full or _has_path(arcs, owner, tied):
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


def _acyclic(links: Iterable[Link]) -> list[Arc]:
    """Return the arcs of all links but ties.

    One that backward does not follow is turned around where it would close a circle: a constant
    that is changed in place may come from what used it.
    """
    links = [link for link in links if link.kind != "memory"]
    arcs = [(link.source, link.target) for link in links if link.kind == "gradient"]
    for link in links:
        if link.kind != "gradient":
            is_circle = _has_path(arcs, link.target, link.source)
            arcs.append((link.target, link.source) if is_circle else (link.source, link.target))
    return arcs


def _has_path(arcs: Iterable[Arc], start: int, end: int) -> bool:
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


def assign_rows(boxes: Iterable[int], arcs: Iterable[Arc]) -> dict[int, int]:
    """Return the row of each box: below all boxes that lead to it, close to those it leads to."""
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


def split_rows(
    row: Mapping[int, int],
    widths: Mapping[int, float],
    arcs: Collection[Arc],
    most: float,
    line: float,
) -> dict[int, int]:
    """Split rows that are too wide, as far as possible.

    Args:
        row: The row of each box.
        widths: The width of each box.
        arcs: Pairs of boxes, the first of which is above the second.
        most: The greatest width of a row.
        line: The width of an arc that passes through a row.
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


def reduce_crossings(lines: Sequence[list[int]], arcs: Iterable[Arc]) -> list[list[int]]:
    """Order each line so that few arcs cross, by barycenter sweeps; ties keep the given order.

    Args:
        lines: The items of each line, from the top.
        arcs: Pairs of items, the first one line above the second.
    """
    up: dict[int, list[int]] = {each: [] for line in lines for each in line}
    down: dict[int, list[int]] = {each: [] for each in up}
    for source, target in arcs:
        up[target].append(source)
        down[source].append(target)
    best = current = [list(line) for line in lines]
    fewest = count_crossings(best, down)
    for sweep in range(_ORDER_SWEEPS):
        if not fewest:
            break
        current = _sweep(current, up) if sweep % 2 == 0 else _sweep(current[::-1], down)[::-1]
        count = count_crossings(current, down)
        if count < fewest:
            best, fewest = current, count
    return best


def count_crossings(lines: Sequence[list[int]], down: Mapping[int, list[int]]) -> int:
    """Count the pairs of arcs that cross.

    Args:
        lines: The items of each line.
        down: For each item, the items in the following line that it leads to.
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


def _sweep(lines: Sequence[list[int]], neighbours: Mapping[int, list[int]]) -> list[list[int]]:
    """Order each line by the mean position of each item's neighbours in the line before."""
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


def width(line: Sequence[Item], gap: float) -> float:
    """Return the least width of a line."""
    return sum(item.left + item.right for item in line) + gap * max(0, len(line) - 1)


def assign_x(
    lines: Sequence[Sequence[Item]], segments: Iterable[Segment], available: float, gap: float
) -> None:
    """Set the x of every item, between 0 and the available width.

    Args:
        lines: The items of each line, in order.
        segments: The parts of links between them.
        available: The available width.
        gap: The least distance between two items.
    """
    above: dict[int, list[tuple[Item, float, float]]] = {}
    below: dict[int, list[tuple[Item, float, float]]] = {}
    for upper, lower, leaves, meets in segments:
        weight = _STRAIGHT_WEIGHT if upper.passing and lower.passing else 1.0
        above.setdefault(id(lower), []).append((upper, leaves - meets, weight))
        below.setdefault(id(upper), []).append((lower, meets - leaves, weight))
    for line in lines:
        _solve_positions(
            line, [_DEFAULT_X * available] * len(line), [1.0] * len(line), available, gap
        )
    for _ in range(_SPACING_SWEEPS):
        for line in lines:
            _align(line, [above], available, gap)
        for line in reversed(lines):
            _align(line, [below], available, gap)
    for line in lines:
        _align(line, [above, below], available, gap)


def _align(
    line: Sequence[Item],
    sides: Iterable[dict[int, list[tuple[Item, float, float]]]],
    available: float,
    gap: float,
) -> None:
    """Move each item of a line towards the mean position of the items it is connected to."""
    wanted: list[float] = []
    weights: list[float] = []
    for item in line:
        pulls = [pull for side in sides for pull in side.get(id(item), ())]
        total = sum(weight for _, _, weight in pulls)
        mean = sum((other.x + offset) * weight for other, offset, weight in pulls)
        wanted.append(mean / total if pulls else item.x)
        weights.append(total or 0.1)
    _solve_positions(line, wanted, weights, available, gap)


def _solve_positions(
    line: Sequence[Item], wanted: list[float], weights: list[float], available: float, gap: float
) -> None:
    """Set positions as close to the wanted ones as order, distance and width allow.

    Minus the total width of the items to their left, positions must not decrease. This is isotonic
    regression, solved by the pool-adjacent-violators algorithm.
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
    highest = max(0.0, available - (used - gap))
    levels = [min(max(0.0, mean), highest) for mean, _, count in pools for _ in range(count)]
    for item, level, offset in zip(line, levels, offsets, strict=True):
        item.x = level + offset
