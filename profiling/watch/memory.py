"""Graphs that stay alive longer than the iteration they belong to, and what holds them."""

from __future__ import annotations

import bisect
import gc
import re
import types
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from .flow import Flow, Node, graph
from .record import lines_of
from .sites import UNKNOWN, WATCHER, Site, kind, variables_of

# A graph over this many iterations is no accident: one is at hand, one may be wanted.
_LONG = 2
# Forward passes without a backward pass after which it is asked what they keep, and again after
# twice, four times, eight times as many.
_MANY_FORWARDS = 5
# Iterations that are all looked at; later ones where their number is a power of two.
_EVERY = 16
# Levels of containers between a tensor and a name.
_LEVELS = 3
# Tensors of one line that are asked what holds them.
_MOST_ASKED = 8
# Containers of one level that are followed.
_MOST_FOLLOWED = 50
_CONTAINERS = ("deque", "defaultdict", "dict_values", "cell")
_PUTS = (
    r"\s*(\[[^\]]*\]\s*)*"
    r"(\.(append|extend|add|insert|appendleft|update|setdefault|push|put)\s*\("
    r"|\[[^\]]*\]\s*=[^=]|\+=)"
)


# Tensors by the line and the iteration, or forward pass, that made them.
_Old = dict[Site, dict[int, list[Tensor]]]


class Growing:
    """A line that extends a graph of earlier iterations."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.iterations = 0
        self.last = -1
        self.span = 0
        self.held = False


class Holder(NamedTuple):
    """A name that leads to a tensor, and the code it is local to; None for others."""

    name: str
    code: types.CodeType | None


class Holding(NamedTuple):
    """Tensors of several iterations, or forward passes, that one line has made.

    Attributes:
        iterations: Of how many iterations, or forward passes.
        holders: What holds the oldest.
        puts: Lines that put something into it, as file and number.
        numbers: Keys of autograd's nodes above them; for forward passes only.
    """

    iterations: int
    holders: tuple[Holder, ...]
    puts: tuple[tuple[str, int], ...]
    numbers: frozenset[int] = frozenset()


class Memory:
    """The graphs that stay alive.

    Attributes:
        growing: By the line that extends them.
        held: By the line that made them, from iteration to iteration.
        kept: By the line that made them, from forward pass to forward pass.
    """

    def __init__(self, flow: Flow) -> None:
        """Start with nothing kept."""
        self.growing: dict[Site, Growing] = {}
        self.held: dict[Site, Holding] = {}
        self.kept: dict[Site, Holding] = {}
        self._flow = flow
        self._forwards: list[int] = []
        self._modules: list[int] = []
        self._forwards_at_backward = 0

    def extend(self, node: Node) -> None:
        """Note that a tensor's graph reaches back to an earlier iteration."""
        span = node.iteration - node.oldest
        if span >= _LONG and node.operation is not None:
            growing = self.growing.setdefault(node.operation.site, Growing())
            growing.iterations += node.iteration != growing.last
            growing.last = node.iteration
            growing.span = max(growing.span, span)

    def end_iteration(self, last: bool = False) -> None:
        """Look for tensors of earlier iterations that are alive with their graphs.

        The more iterations there were, the rarer: looking takes as long as much is kept.

        Args:
            last: Whether it is the last iteration.
        """
        iteration = self._flow.iteration
        rare = iteration > _EVERY and iteration & (iteration - 1)
        if iteration < _LONG or (rare and not last):
            return
        found = self._old_tensors()
        if any(len(each) >= _LONG for each in found.values()):
            # What only a cycle holds is no leak.
            gc.collect()
            found = self._old_tensors()
        for site, by_iteration in found.items():
            before = self.held.get(site)
            if len(by_iteration) >= max(_LONG, 2 * before.iterations if before else 0):
                oldest = by_iteration[min(by_iteration)]
                self.held[site] = self._holding(site, len(by_iteration), oldest)
            elif before is not None and len(by_iteration) > before.iterations:
                self.held[site] = before._replace(iterations=len(by_iteration))
        found.clear()

    def begin_forward(self, module: int) -> None:
        """Look for results of earlier forward passes that no backward pass has used yet.

        Args:
            module: Identity of the module that begins: an ensemble is not many batches.
        """
        self._forwards.append(self._flow.clock)
        self._modules.append(module)
        many, rest = divmod(len(self._forwards) - self._forwards_at_backward, _MANY_FORWARDS)
        if rest or not many or many & (many - 1):
            return
        found: _Old = {}
        numbers: dict[Site, set[int]] = {}
        for node, tensor in self._flow.live():
            if node.iteration != self._flow.iteration or not _has_graph(node, tensor):
                continue
            assert node.operation is not None
            site = node.operation.site
            number = bisect.bisect(self._forwards, node.id)
            if number > self._forwards_at_backward:
                found.setdefault(site, {}).setdefault(number, []).append(tensor)
                numbers.setdefault(site, set()).add(self._flow.key(graph(tensor)))
        for site, by_any in found.items():
            of_module = Counter(self._modules[number - 1] for number in by_any)
            most = of_module.most_common(1)[0][0]
            by_forward = {at: each for at, each in by_any.items() if self._modules[at - 1] == most}
            before = self.kept.get(site)
            if len(by_forward) >= max(3, 2 * before.iterations if before else 0):
                oldest = by_forward[min(by_forward)]
                holding = self._holding(site, len(by_forward), oldest)
                self.kept[site] = holding._replace(numbers=frozenset(numbers[site]))

    def backward(self, numbers: Iterable[int]) -> None:
        """Note that a backward pass ran: what it went through was kept for it.

        Args:
            numbers: Keys of autograd's nodes that it went through.
        """
        used = set(numbers)
        self.kept = {site: each for site, each in self.kept.items() if not each.numbers & used}
        self._forwards_at_backward = len(self._forwards)
        if len(self._forwards) > 10_000:
            del self._forwards[:5_000], self._modules[:5_000]
            self._forwards_at_backward = len(self._forwards)

    def _old_tensors(self) -> _Old:
        """Return tensors alive with their graphs, by the line and the iteration that made them."""
        found: _Old = {}
        for node, tensor in self._flow.live():
            if not _has_graph(node, tensor):
                continue
            assert node.operation is not None
            site = node.operation.site
            if node.iteration < self._flow.iteration:
                found.setdefault(site, {}).setdefault(node.iteration, []).append(tensor)
            span = node.iteration - node.oldest
            if span >= _LONG and site in self.growing:
                self.growing[site].held = True
        return found

    def _holding(self, site: Site, count: int, tensors: list[Tensor]) -> Holding:
        holders: tuple[Holder, ...] = ()
        # The others are intermediate results, which only the graph holds.
        for tensor in reversed(tensors[-_MOST_ASKED:]):
            holders = holders or tuple(dict.fromkeys(_holders(tensor)))
        return Holding(count, holders, tuple(_puts(holders, site)))


def _has_graph(node: Node, tensor: Tensor) -> bool:
    return (
        node.kind in ("operation", "alias")
        and node.operation is not None
        and node.operation.site is not UNKNOWN
        and graph(tensor) is not None
    )


def _holders(tensor: Tensor) -> list[Holder]:
    """Return the names of variables, attributes and containers that lead to a tensor."""
    found: list[Holder] = []
    seen = {id(tensor)}
    front: list[Any] = [tensor]
    for _ in range(_LEVELS):
        further: list[Any] = []
        for each in gc.get_referrers(*front):
            if each is not front and each is not further:
                for held in front:
                    found += _names(each, held, further, seen)
        front = further[:_MOST_FOLLOWED]
    return found


def _names(each: Any, held: Any, further: list[Any], seen: set[int]) -> list[Holder]:
    """Return the names that one referrer has for an object.

    Args:
        each: The referrer.
        held: The object.
        further: Gets the referrer if it is a container, which has names of its own.
        seen: Ids of the containers that were met before.
    """
    if isinstance(each, types.FrameType):
        if kind(each.f_code) == WATCHER:
            return []
        local = list(variables_of(each).items())
        return [Holder(name, each.f_code) for name, got in local if got is held]
    if isinstance(each, (dict, list, tuple, set)) or type(each).__name__ in _CONTAINERS:
        is_namespace = isinstance(each, dict) and "__builtins__" in each
        if not is_namespace and id(each) not in seen:
            seen.add(id(each))
            further.append(each)
        if not isinstance(each, dict) or (isinstance(held, Tensor) and not is_namespace):
            return []
        named = [name for name, got in list(each.items()) if got is held]
        return [Holder(name, None) for name in named if isinstance(name, str)]
    if hasattr(each, "__dict__") and not isinstance(each, (type, types.ModuleType)):
        if type(each).__module__.startswith(__name__.rpartition(".")[0]):
            return []
        return [Holder(name, None) for name, got in list(vars(each).items()) if got is held]
    return []


def _puts(holders: Iterable[Holder], site: Site) -> list[tuple[str, int]]:
    """Return the lines that put something into what holds a tensor, as far as the source tells.

    Args:
        holders: What holds it.
        site: Where it was made; attributes and globals are looked for in that file.
    """
    found: list[tuple[str, int]] = []
    for holder in holders:
        code = holder.code or site.code
        if code is None:
            continue
        pattern = re.compile(r"\b" + re.escape(holder.name) + _PUTS)
        first = 0 if holder.code is None else code.co_firstlineno
        for number, line in _lines(code.co_filename):
            place = (code.co_filename, number)
            if number >= first and pattern.search(line) and place not in found:
                found.append(place)
    return found


def _lines(path: str) -> list[tuple[int, str]]:
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return list(enumerate(lines_of(text), 1))
