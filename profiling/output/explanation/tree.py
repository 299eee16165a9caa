"""The modules of a model, from the names of its parameters, and what became of their gradients."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from profiling.analysis.diagnosis import Diagnosis, Fate, sentences
from profiling.analysis.diagnosis.model import PROBLEM
from profiling.model.words import Text
from profiling.output.explanation.ways import Ways

MOST_LEAVES = 400
_MOST_PROBLEMS = 200
_MOST_OPEN = 40
_MOST_DEPTH = 10
_MOST_IN_MODULE = 60

GOOD, BAD, PLAIN = "good", "bad", "plain"
SIGNS = {GOOD: "✓", BAD: "✗", PLAIN: "–"}


class Leaf(NamedTuple):
    """A parameter.

    Attributes:
        number: Its index in the record.
        kind: `GOOD`, `BAD` or `PLAIN`.
        word: What became of its gradient.
        finding: Index of the finding about it; None if all is well.
        way: Number of the drawing that shows its way; None if there is none.
    """

    number: int
    name: str
    full: str
    kind: str
    word: str
    shape: str
    finding: int | None
    way: int | None


@dataclass
class Module:
    """A module and what it holds.

    Attributes:
        name: Its name, or the first and the last of some that are alike.
        alike: How many are alike.
        counts: How many parameters there are of each kind, all levels together.
        leaves: Parameters of its own.
        modules: Modules within it.
        left_out: Parameters within it that are not shown.
        is_open: Whether it is unfolded at first.
    """

    name: str
    alike: int = 1
    counts: Counter[str] = field(default_factory=Counter)
    leaves: list[Leaf] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)
    left_out: int = 0
    is_open: bool = False

    @property
    def kind(self) -> str:
        """The worst kind in it."""
        return BAD if self.counts[BAD] else GOOD if self.counts[GOOD] else PLAIN

    @property
    def sign(self) -> str:
        """The sign of its kind."""
        return SIGNS[self.kind]


class _Branch:
    """A module while the tree is grown."""

    def __init__(self) -> None:
        self.leaves: dict[str, Leaf] = {}
        self.branches: dict[str, _Branch] = {}
        self.counts: Counter[str] = Counter()


def module_tree(diagnosis: Diagnosis, drawn: Ways, say: Text) -> Module:
    """Return the tree of all parameters that have a name."""
    root = _Branch()
    for fate in diagnosis.fates:
        _add(root, fate, diagnosis, drawn, say)
    room = {BAD: _MOST_PROBLEMS, GOOD: MOST_LEAVES, PLAIN: MOST_LEAVES}
    return _folded("", root, room, sum(root.counts.values()) <= _MOST_OPEN)


def _add(root: _Branch, fate: Fate, diagnosis: Diagnosis, drawn: Ways, say: Text) -> None:
    parameter = diagnosis.watch.parameters[fate.parameter]
    full = parameter.names[0]
    *modules, name = full.split(".", _MOST_DEPTH)
    leaf = Leaf(
        number=fate.parameter,
        name=sentences.plain(name),
        full=sentences.plain(full),
        kind=_kind(fate, diagnosis),
        word=say(f"explain.page.state.{_state(fate, diagnosis)}"),
        shape=_shape(parameter.shape),
        finding=fate.finding,
        way=drawn.of(fate.parameter, fate.finding),
    )
    branch = root
    branch.counts[leaf.kind] += 1
    for each in modules:
        branch = branch.branches.setdefault(each, _Branch())
        branch.counts[leaf.kind] += 1
    branch.leaves[f"{name}\0{fate.parameter}"] = leaf


def _state(fate: Fate, diagnosis: Diagnosis) -> str:
    """Return the state as it is said; what no optimizer holds arrives in vain."""
    finding = None if fate.finding is None else diagnosis.findings[fate.finding]
    if finding is not None and finding.cause in ("optimizer_missing", "grad_zeroed"):
        return finding.cause
    return fate.state


def _kind(fate: Fate, diagnosis: Diagnosis) -> str:
    finding = None if fate.finding is None else diagnosis.findings[fate.finding]
    if finding is not None and finding.level == PROBLEM:
        return BAD
    return GOOD if fate.state == "arrives" else PLAIN


def _shape(shape: tuple[int, ...]) -> str:
    shown = " × ".join(map(str, shape[:6]))
    return f"{shown} …" if len(shape) > 6 else shown


def _folded(name: str, branch: _Branch, room: dict[str, int], opens: bool) -> Module:
    """Return a module as it is shown; neighbours that are alike become one."""
    found = Module(
        sentences.plain(name),
        counts=branch.counts,
        is_open=opens or bool(branch.counts[BAD]),
    )
    for leaf in branch.leaves.values():
        if room[leaf.kind] > 0 and len(found.leaves) < _MOST_IN_MODULE:
            room[leaf.kind] -= 1
            found.leaves.append(leaf)
        else:
            found.left_out += 1
    for inner, names in _alike(branch):
        total = sum(inner.counts.values())
        if len(found.modules) >= _MOST_IN_MODULE or not any(
            room[kind] for kind, count in inner.counts.items() if count
        ):
            found.left_out += total * len(names)
            continue
        shown = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
        module = _folded(shown, inner, room, opens)
        module.alike = len(names)
        found.modules.append(module)
    return found


def _alike(branch: _Branch) -> list[tuple[_Branch, list[str]]]:
    """Return the modules within one, with the names of numbered neighbours that are like it."""
    found: list[tuple[_Branch, list[str]]] = []
    last: object = None
    for name, inner in branch.branches.items():
        signature = _signature(inner) if name.isdecimal() else None
        if signature is not None and signature == last:
            found[-1][1].append(name)
        else:
            found.append((inner, [name]))
        last = signature
    return found


def _signature(branch: _Branch) -> object:
    """Return what makes modules look alike, without their names."""
    return (
        tuple((each.name, each.shape, each.kind, each.finding) for each in branch.leaves.values()),
        tuple((name, _signature(each)) for name, each in branch.branches.items()),
    )
