"""Drawings of ways from a parameter to the loss: of each finding, and of each healthy module."""

from __future__ import annotations

import functools
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from profiling.analysis.diagnosis import Diagnosis, Finding, Line, sentences
from profiling.graphs.path import Step, Stop, path_svg
from profiling.model.words import Text
from profiling.output.explanation.places import Places
from profiling.watch.record import Place

MOST_WAYS = 30
MOST_STOPS = 14
_MOST_OPERATIONS = 3
# Nodes that are looked at for a way that ends before a loss.
_MOST_SEARCHED = 20_000
_END = -1
"""Stands for a loss that a way does not reach."""


class Way(NamedTuple):
    """A drawing: its number, the parameter it begins at, and its SVG."""

    number: int
    parameter: str
    cut: bool
    svg: Markup


class Ways(NamedTuple):
    """All drawings.

    Attributes:
        drawings: The drawings, in order.
        of_finding: By index of a finding.
        of_parameter: Number of a drawing by parameter, where no finding is.
    """

    drawings: list[Way]
    of_finding: dict[int, Way]
    of_parameter: dict[int, int]

    def of(self, parameter: int, finding: int | None) -> int | None:
        """Return the number of the drawing that shows a parameter's way; None if there is none."""
        if finding in self.of_finding:
            return self.of_finding[finding].number
        return self.of_parameter.get(parameter)


class _Group(NamedTuple):
    """Nodes that follow each other on one line with nothing cut between, and the link to them."""

    nodes: list[int]
    place: Place | None
    link: Step


def ways(diagnosis: Diagnosis, places: Places, say: Text) -> Ways:
    """Draw the ways of findings, and of one healthy parameter of each module."""
    finder = _Finder(diagnosis, places)
    found = Ways([], {}, {})
    for at, finding in enumerate(diagnosis.findings):
        if finding.parameters and len(found.drawings) < MOST_WAYS:
            nodes = finder.of_finding(finding)
            way = _drawn(len(found.drawings), finding.parameters[0], nodes, finding, places, say)
            found.drawings.append(way)
            found.of_finding[at] = way
    modules: dict[str, int] = {}
    for fate in diagnosis.fates:
        if fate.finding in found.of_finding or fate.state == "frozen":
            continue
        module = diagnosis.watch.parameters[fate.parameter].names[0].rpartition(".")[0]
        if module not in modules and len(found.drawings) < MOST_WAYS:
            nodes = finder.kept(fate.parameter)
            if not nodes:
                continue
            number = len(found.drawings)
            way = _drawn(number, fate.parameter, nodes, None, places, say)
            found.drawings.append(way)
            modules[module] = number
        if module in modules:
            found.of_parameter[fate.parameter] = modules[module]
    return found


class _Finder:
    """Finds ways through the data flow of a record."""

    def __init__(self, diagnosis: Diagnosis, places: Places) -> None:
        self._facts = places.facts
        self._nodes = diagnosis.watch.nodes
        self._files = diagnosis.watch.files
        self._places = places
        roots = [root for each in diagnosis.watch.backward for root in each.roots]
        self._kept = self._toward(roots, kept_only=True)
        self._any = self._toward(roots, kept_only=False)

    def _toward(self, roots: Iterable[int], *, kept_only: bool) -> dict[int, int | None]:
        """Return the next node on the shortest way to a root, by node."""
        after: dict[int, int | None] = dict.fromkeys(roots)
        queue = deque(after)
        while queue:
            at = queue.popleft()
            node = self._nodes[at]
            for source in node.kept if kept_only else (*node.kept, *node.sources):
                if source not in after:
                    after[source] = at
                    queue.append(source)
        return after

    def kept(self, parameter: int) -> list[int]:
        """Return a way over kept edges from a parameter to a loss; empty if there is none."""
        starts = [each for each in self._facts.made[parameter] if each in self._kept]
        return _follow(self._kept, starts[0]) if starts else []

    def of_finding(self, finding: Finding) -> list[int]:
        """Return the way that a finding speaks of, with `_END` where it reaches no loss."""
        parameter = finding.parameters[0]
        if finding.path:
            return list(finding.path)
        whole = self.kept(parameter)
        if whole:
            return whole
        rebuilt = next((each for each in finding.lines if each.role == "rebuilt"), None)
        left = self._to_the_end(parameter, finding.lines[0] if finding.lines else None)
        if rebuilt is not None:
            clock = self._nodes[left[-1]].clock if left else 0
            for at in self._on_lines.get((rebuilt.path, rebuilt.line), ()):
                if self._nodes[at].clock > clock:
                    return [*left, *_follow(self._any, at)]
        return [*left, _END]

    @functools.cached_property
    def _on_lines(self) -> dict[tuple[str, int], list[int]]:
        """The nodes that a loss was computed from, by line, in the order of the computation."""
        found: dict[tuple[str, int], list[int]] = defaultdict(list)
        for at in sorted(self._any):
            place = self._places.own_place(self._nodes[at].operation)
            if place is not None:
                found[self._files[place.file].path, place.line].append(at)
        return found

    def _is_on(self, node: int, line: Line) -> bool:
        place = self._places.own_place(self._nodes[node].operation)
        if place is None:
            return False
        return (self._files[place.file].path, place.line) == (line.path, line.line)

    def _to_the_end(self, parameter: int, line: Line | None) -> list[int]:
        """Return the way to the last use in the first iteration, or to a line's first."""
        starts = self._facts.made[parameter]
        came: dict[int, int | None] = dict.fromkeys(starts)
        queue = deque(starts)
        last = starts[-1] if starts else None
        while queue and len(came) < _MOST_SEARCHED:
            at = queue.popleft()
            if line is not None and at not in starts and self._is_on(at, line):
                last = at
                if self._nodes[at].kind == "numbers" or not self._facts.users[at]:
                    break
            for user in self._facts.users[at]:
                is_own = self._nodes[user].parameter == parameter
                if user not in came and not is_own:
                    came[user] = at
                    queue.append(user)
        if last is not None and last in starts and len(came) > 1:
            last = max(came, key=lambda each: (-self._nodes[each].iteration, each))
        way: list[int] = []
        while last is not None:
            way.append(last)
            last = came[last]
        return way[::-1]


def _follow(after: dict[int, int | None], start: int) -> list[int]:
    way: list[int] = []
    at: int | None = start
    while at is not None:
        way.append(at)
        at = after[at]
    return way


def _drawn(
    number: int,
    parameter: int,
    nodes: Sequence[int],
    finding: Finding | None,
    places: Places,
    say: Text,
) -> Way:
    stops, steps = [_parameter(parameter, places, say)], []
    for group in _fewer(list(_groups(parameter, nodes, places, say))):
        if isinstance(group, int):
            stops.append(_stop(("⋮", say("explain.page.way.more", count=group))))
            steps.append(Step("kept"))
            continue
        steps.append(group.link)
        stops.append(_operations(group, finding, places, say))
    if nodes and nodes[-1] != _END:
        steps.append(Step("kept"))
    else:
        steps.append(Step("cut", say("explain.page.way.none")))
    stops.append(_stop((say("explain.page.way.loss"), "backward()")))
    name = sentences.plain(places.diagnosis.watch.parameters[parameter].names[0])
    label = say("explain.page.way.label", name=name)
    cut = any(each.kind == "cut" for each in steps)
    return Way(number, name, cut, path_svg(stops, steps, label))


def _stop(lines: tuple[str, ...]) -> Stop:
    return Stop("op", lines, " ".join(lines))


def _parameter(number: int, places: Places, say: Text) -> Stop:
    parameter = places.diagnosis.watch.parameters[number]
    name = sentences.plain(parameter.names[0])
    shape = " × ".join(map(str, parameter.shape[:6]))
    return Stop("leaf", (name, shape) if shape else (name,), f"{name} {shape}".strip())


def _groups(parameter: int, nodes: Sequence[int], places: Places, say: Text) -> Iterator[_Group]:
    """Yield the nodes of a way by line, without those that are the parameter itself."""
    known = places.diagnosis.watch.nodes
    group: _Group | None = None
    before: int | None = None
    for at in nodes:
        if at == _END:
            break
        if known[at].parameter == parameter:
            before = at
            continue
        link = _link(before, at, places, say)
        before = at
        place = places.own_place(known[at].operation)
        if group is not None and link.kind != "cut" and place in (None, group.place):
            group.nodes.append(at)
            continue
        if group is not None:
            yield group
        group = _Group([at], place, link)
    if group is not None:
        yield group


def _link(before: int | None, at: int, places: Places, say: Text) -> Step:
    """Return what is between two nodes: a kept edge, a cut of a graph, or nothing left to cut."""
    known = places.diagnosis.watch.nodes
    if before is None or before in known[at].kept:
        return Step("kept")
    if known[before].requires_grad:
        return Step("cut", say("explain.page.way.cut"))
    return Step("values", say("explain.page.way.values"))


def _fewer(groups: list[_Group]) -> Iterator[_Group | int]:
    """Yield groups, and how many are left out where nothing is cut in between."""
    if len(groups) <= MOST_STOPS:
        yield from groups
        return
    wanted = {0, 1, len(groups) - 2, len(groups) - 1}
    for at, group in enumerate(groups):
        if group.link.kind == "cut" and len(wanted) < MOST_STOPS:
            wanted |= {at - 1, at, min(at + 1, len(groups) - 1)}
    skipped = 0
    for at, group in enumerate(groups):
        if at not in wanted:
            skipped += 1
            continue
        if skipped:
            yield skipped
            skipped = 0
        yield group
    if skipped:
        yield skipped


def _operations(group: _Group, finding: Finding | None, places: Places, say: Text) -> Stop:
    watch = places.diagnosis.watch
    names = list(dict.fromkeys(_name(each, places, say) for each in group.nodes))
    shown = " → ".join(names[:_MOST_OPERATIONS])
    if len(names) > _MOST_OPERATIONS:
        shown = f"{shown} +{len(names) - _MOST_OPERATIONS}"
    last = watch.nodes[group.nodes[-1]]
    shape = " × ".join(map(str, last.shape[:6]))
    kind = "constant" if last.kind == "numbers" or not last.requires_grad else "op"
    lines = [shown]
    goto, bad = "", False
    if group.place is not None:
        line = places.line_of(group.place)
        goto = places.at(line)
        lines.append(" ".join(filter(None, (places.place(line), shape))))
        lines.append(sentences.plain(line.text, 60))
        named = {(each.path, each.line) for each in finding.lines} if finding else set()
        bad = (line.path, line.line) in named
    elif shape:
        lines.append(shape)
    lines = [each for each in lines if each]
    # The code is read out where it stands in the source.
    return Stop(kind, tuple(lines), ", ".join(lines[:2]), bad, goto)


def _name(node: int, places: Places, say: Text) -> str:
    found = places.diagnosis.watch.nodes[node]
    if found.operation is None:
        return say("explain.page.way.tensor")
    return sentences.plain(places.diagnosis.watch.operations[found.operation].name, 40)
