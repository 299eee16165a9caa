"""Where boxes and links go: in rows, leaves above and results below."""

from __future__ import annotations

import graphlib
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from profiling.graphs.fold import Link, View

Arc = tuple[int, int]
_ORDER_SWEEPS = 8
_SPACING_SWEEPS = 6
# A link that goes through several lines should go straight.
_STRAIGHT = 4.0
# Where a single item stands, of the width: what comes to share its memory fits beside it, and it
# does not have to move.
_START = 0.3
# What fits a phone without scrolling.
WIDTH = 360
MARGIN = 8
# Between what stands beside each other, and between rows.
GAP = 10
ROW_GAP = 26
# Room for the words between a box and what shares its memory.
TIE = 56
# How far the ends of links at one box are apart.
_PORT = 14
_LINE = 3


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
    for sweep in range(_ORDER_SWEEPS):
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
    for _ in range(_SPACING_SWEEPS):
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


class Size(NamedTuple):
    """Room that something takes, in pixels."""

    width: float
    height: float


class Point(NamedTuple):
    """A place, in pixels from the upper left."""

    x: float
    y: float


class Rect(NamedTuple):
    """Where a box is, in pixels from the upper left.

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
    """How a link goes.

    Attributes:
        points: From one end to the other. A link that leads down goes straight through the rows,
            between the 1st and the 2nd point, the 3rd and the 4th …, and bends between rows; one
            that leads across has three.
        up: Whether its source is at its lower end.
        label: The middle of its text's left side; None where it has none.
    """

    points: tuple[Point, ...]
    up: bool = False
    label: Point | None = None


class Layout(NamedTuple):
    """Where everything is.

    Attributes:
        size: The room that all takes.
        boxes: By id.
        routes: One for each link, in the order of the links.
    """

    size: Size
    boxes: dict[int, Rect]
    routes: tuple[Route, ...]


def place(view: View, sizes: Mapping[int, Size], labels: Sequence[Size | None]) -> Layout:
    """Lay out what is drawn.

    Args:
        view: The boxes and links.
        sizes: The room that each box takes, by its id.
        labels: The room that the text along each link takes; None where there is none.
    """
    return _Placing(view, sizes, labels).layout()


class _Placing:
    """A layout in the making.

    A *block* is a box with all that stand beside it, a *line* a row of blocks or the room for the
    texts between two rows, an *item* a block or a link that passes through a line.
    """

    def __init__(
        self, view: View, sizes: Mapping[int, Size], labels: Sequence[Size | None]
    ) -> None:
        self._sizes, self._links, self._labels = sizes, view.links, labels
        flow = [(link.source, link.target) for link in view.links if link.kind != "memory"]
        ties = [(link.source, link.target) for link in view.links if link.kind == "memory"]
        self._beside, arcs = partners(ties, flow)
        self._guests: dict[int, list[int]] = defaultdict(list)
        leading = {link.source for link in view.links}
        for guest in sorted(self._beside, key=lambda guest: (guest in leading, guest)):
            self._guests[self._beside[guest]].append(guest)
        blocks = [box.id for box in view.boxes if box.id not in self._beside]
        self._items = {block: self._block(block) for block in blocks}
        self._line = self._number_lines(rows(blocks, arcs), arcs)
        self._chains = [self._chain(number) for number in range(len(self._links))]
        self._lines = self._order()

    def layout(self) -> Layout:
        """Return where everything is."""
        lines = [[self._items[key] for key in line] for line in self._lines]
        bends = [
            Bend(
                self._items[upper],
                self._items[lower],
                self._offset(upper, chain, link),
                self._offset(lower, chain, link),
            )
            for chain, link in zip(self._chains, self._links, strict=True)
            for upper, lower in itertools.pairwise(chain)
        ]
        room = max([WIDTH - 2 * MARGIN, *(width(line, GAP) for line in lines)])
        spread(lines, bends, room, GAP)
        for item in self._items.values():
            item.x += MARGIN
        tops = self._tops(lines)
        boxes = self._rects(tops)
        routes = self._routes(boxes, tops)
        bottom = max((rect.y + rect.height for rect in boxes.values()), default=MARGIN)
        return Layout(Size(room + 2 * MARGIN, bottom + MARGIN), boxes, routes)

    def _block(self, block: int) -> Item:
        width, height = self._sizes[block]
        guests = [self._sizes[guest] for guest in self._guests[block]]
        beside = max((guest.width + TIE for guest in guests), default=0)
        stacked = sum(guest.height + GAP for guest in guests) - GAP
        return Item(width / 2, width / 2 + beside, max(height, stacked))

    def _number_lines(self, row: Mapping[int, int], arcs: set[Arc]) -> dict[int, int]:
        """Number rows, with a line between two where a text has to go."""
        widths = {block: item.left + item.right + GAP for block, item in self._items.items()}
        room = WIDTH - 2 * MARGIN + GAP
        row = split(row, widths, arcs, room, 2 * _LINE + GAP)
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
        """Return the items that a link goes through from top to bottom, new ones but for its ends.

        Its text stands in the first line below its upper end.
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
            right = _LINE if shown is None else _LINE + shown.width
            self._items[key] = Item(_LINE, right, 0 if shown is None else shown.height, True)
            self._line[key] = line
            chain.append(key)
        return [*chain, ends[1]] if ends[0] != ends[1] else []

    def _order(self) -> list[list[int]]:
        lines: list[list[int]] = [[] for _ in range(1 + max(self._line.values(), default=-1))]
        # A link that passes stands where the box that it comes from would.
        age = {key: chain[0] for chain in self._chains for key in chain[1:-1]}
        for key in sorted(self._line, key=lambda key: (age.get(key, key), abs(key))):
            lines[self._line[key]].append(key)
        arcs = [arc for chain in self._chains for arc in itertools.pairwise(chain)]
        return ordered(lines, arcs)

    def _offset(self, key: int, chain: list[int], link: Link) -> float:
        """Return how far the middle of the box that a link ends at is from its block's x."""
        box = self._end(key, link) if key in (chain[0], chain[-1]) else key
        if box not in self._beside:
            return 0
        host, guest = self._sizes[self._beside[box]], self._sizes[box]
        return host.width / 2 + TIE + guest.width / 2

    def _end(self, block: int, link: Link) -> int:
        return link.source if self._host(link.source) == block else link.target

    def _tops(self, lines: Sequence[Sequence[Item]]) -> list[Rect]:
        """Return the upper side and the height of each line."""
        tops: list[Rect] = []
        y = float(MARGIN)
        for line in lines:
            height = max(item.height for item in line)
            tops.append(Rect(0, y, 0, height))
            y += height + ROW_GAP
        return tops

    def _rects(self, tops: Sequence[Rect]) -> dict[int, Rect]:
        rects: dict[int, Rect] = {}
        for block, item in self._items.items():
            if item.passing:
                continue
            line = tops[self._line[block]]
            width, height = self._sizes[block]
            middle = line.y + line.height / 2
            rects[block] = Rect(item.x, middle - height / 2, width, height)
            guests = self._guests[block]
            y = middle - (sum(self._sizes[guest].height + GAP for guest in guests) - GAP) / 2
            for guest in guests:
                size = self._sizes[guest]
                x = item.x + width / 2 + TIE + size.width / 2
                rects[guest] = Rect(x, y, *size)
                y += size.height + GAP
        return rects

    def _routes(self, boxes: Mapping[int, Rect], tops: Sequence[Rect]) -> tuple[Route, ...]:
        ports = self._ports(boxes)
        routes: list[Route] = []
        for number, (link, chain) in enumerate(zip(self._links, self._chains, strict=True)):
            if not chain:
                routes.append(_across(boxes[link.source], boxes[link.target]))
                continue
            upper, lower = self._end(chain[0], link), self._end(chain[-1], link)
            points = [Point(ports[number, 0], boxes[upper].y + boxes[upper].height)]
            points.append(Point(points[0].x, _bottom(tops[self._line[chain[0]]])))
            for key in chain[1:-1]:
                line, x = tops[self._line[key]], self._items[key].x
                points += [Point(x, line.y), Point(x, _bottom(line))]
            x = ports[number, 1]
            points += [Point(x, tops[self._line[chain[-1]]].y), Point(x, boxes[lower].y)]
            label = None
            if self._labels[number] is not None:
                line = tops[self._line[chain[1]]]
                label = Point(points[2].x + 2 * _LINE, line.y + line.height / 2)
            routes.append(Route(tuple(points), upper != link.source, label))
        return tuple(routes)

    def _ports(self, boxes: Mapping[int, Rect]) -> dict[tuple[int, int], float]:
        """Return where each link leaves its upper box and meets its lower one."""
        at: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
        for number, (link, chain) in enumerate(zip(self._links, self._chains, strict=True)):
            if chain:
                at[self._end(chain[0], link), 0].append((self._items[chain[1]].x, number))
                at[self._end(chain[-1], link), 1].append((self._items[chain[-2]].x, number))
        ports: dict[tuple[int, int], float] = {}
        for (box, side), links in at.items():
            step = min(_PORT, (boxes[box].width - _PORT) / len(links))
            for index, (_, number) in enumerate(sorted(links)):
                ports[number, side] = boxes[box].x + (index - (len(links) - 1) / 2) * step
        return ports


def _across(host: Rect, guest: Rect) -> Route:
    """Lead from a box to one beside it, level with the one beside."""
    start, end = host.x + host.width / 2, guest.x - guest.width / 2
    y = guest.y + guest.height / 2
    leaves = min(max(y, host.y + GAP), host.y + host.height - GAP)
    return Route((Point(start, leaves), Point(start + GAP, y), Point(end, y)))


def _bottom(line: Rect) -> float:
    return line.y + line.height
