"""A record, indexed for the questions that a diagnosis asks."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable

from profiling.analysis.diagnosis.model import Line
from profiling.watch.record import Node, Operation, Parameter, Place, Watch, lines_of

# Steps of all searches through a record together: a bound for one that was made to take for ever.
_MOST_STEPS = 12_000_000


class Exhausted(Exception):  # noqa: N818 - no error: it ends a search
    """A record takes more steps to search than are taken."""


class Facts:
    """A record with its indices.

    Attributes:
        watch: The record.
        users: The nodes that were computed from each node.
        made: The nodes that are the value of each parameter.
        has_optimizer: Whether there was an optimizer.
        training: The optimizers that hold a parameter which is not frozen.
    """

    def __init__(self, watch: Watch) -> None:
        """Index a record."""
        self.watch = watch
        self.users: dict[int, list[int]] = defaultdict(list)
        self.made: dict[int, list[int]] = defaultdict(list)
        for number, node in enumerate(watch.nodes):
            for source in node.sources:
                self.users[source].append(number)
            if node.parameter is not None:
                self.made[node.parameter].append(number)
        self.has_optimizer = bool(watch.optimizers)
        # The fewest cuts between tensors and a loss, by pass; kept for `paths.cuts_left`.
        self.cuts_left: dict[int, dict[int, int]] = {}
        self.training = {
            optimizer
            for each in watch.parameters
            if each.requires_grad or each.arrivals
            for optimizer in each.optimizers
        }
        self._behind: dict[int, frozenset[int]] = {}
        self._left = _MOST_STEPS

    def spend(self, steps: int) -> None:
        """Count the steps of a search.

        Raises:
            Exhausted: There were too many.
        """
        self._left -= steps
        if self._left < 0:
            raise Exhausted

    def node(self, number: int) -> Node:
        """Return a node."""
        return self.watch.nodes[number]

    def parameter(self, number: int) -> Parameter:
        """Return a parameter."""
        return self.watch.parameters[number]

    def operation_of(self, number: int) -> Operation | None:
        """Return the operation that made a node; None if it was not seen."""
        made = self.watch.nodes[number].operation
        return None if made is None else self.watch.operations[made]

    def behind(self, number: int) -> frozenset[int]:
        """Return the nodes that a backward pass's roots were computed from, and these."""
        found = self._behind.get(number)
        if found is None:
            found = frozenset(self.sources(self.watch.backward[number].roots))
            self._behind[number] = found
        return found

    def sources(self, ends: Iterable[int]) -> set[int]:
        """Return nodes and all that they were computed from."""
        found = set(ends)
        stack = list(found)
        while stack:
            node = self.watch.nodes[stack.pop()]
            for each in (*node.sources, *node.kept):
                if each not in found:
                    found.add(each)
                    stack.append(each)
        return found

    def is_used(self, parameter: int) -> list[int]:
        """Return the nodes computed from a parameter, other than those that only set its value."""
        found = []
        for each in self.made[parameter]:
            for user in self.users[each]:
                operation = self.operation_of(user)
                if self.node(user).parameter == parameter or operation is None:
                    continue
                if operation.name == "nn.Parameter" and not self.users[user]:
                    continue
                found.append(user)
        return found

    def trained_by(self, node: int) -> list[int]:
        """Return the named parameters that autograd's graph connects a tensor to."""
        found = {node}
        stack = [node]
        while stack:
            for each in self.watch.nodes[stack.pop()].kept:
                if each not in found:
                    found.add(each)
                    stack.append(each)
        numbers = {self.watch.nodes[each].parameter for each in found}
        return sorted(
            each
            for each in numbers
            if each is not None
            and self.parameter(each).requires_grad
            and self.parameter(each).names
        )

    # Lines

    def line(self, site: int | None, role: str) -> Line | None:
        """Return the line of a site; None if it is not known."""
        if site is None:
            return None
        found = self.watch.sites[site]
        place = found.own or found.library
        if place is None:
            return None
        inside = None
        if found.own is not None and found.library is not None:
            inside = (self.watch.files[found.library.file].path, found.library.line)
        return self._line(place, role, inside)

    def definition(self, site: int | None, role: str) -> Line | None:
        """Return the line of the function that a decorator of torch's wraps at a site."""
        place = None if site is None else self.watch.sites[site].decorated
        return None if place is None else self._line(place, role)

    def lines(self, sites: Iterable[int | None], role: str) -> list[Line]:
        """Return the lines of sites, each once."""
        return unique(line for site in sites if (line := self.line(site, role)) is not None)

    def text_at(self, path: str, line: int) -> str:
        """Return a line of an own file; empty if it is not known."""
        lines = self.texts.get(path, ())
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""

    @functools.cached_property
    def texts(self) -> dict[str, list[str]]:
        """The lines of own files, by path."""
        return {
            each.path: lines_of(each.text) for each in self.watch.files if each.text is not None
        }

    def _line(self, place: Place, role: str, inside: tuple[str, int] | None = None) -> Line:
        path = self.watch.files[place.file].path
        return Line(path, place.line, self.text_at(path, place.line), role, inside)


def unique(lines: Iterable[Line]) -> list[Line]:
    """Return lines, each place once."""
    found: dict[tuple[str, int], Line] = {}
    for each in lines:
        found.setdefault((each.path, each.line), each)
    return list(found.values())
