"""Values that left torch as Python numbers: does the source carry them back into tensors?"""

from __future__ import annotations

import ast
import contextlib
import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from profiling.analysis.diagnosis.facts import Facts
from profiling.watch.record import Operation

_STEERS = re.compile(r"\s*(if|elif|while|assert)\b|.*\bif\b.*\belse\b")
_FROM_ARRAYS = {"torch.from_numpy", "torch.tensor", "torch.as_tensor"}
# Constructors that no function mode sees, and what feeds them.
_UNSEEN = re.compile(
    r"\b(Tensor|FloatTensor|DoubleTensor|LongTensor|HalfTensor|Variable|from_numpy|frombuffer"
    r"|array|asarray|float|sum|map)\s*\("
)


class Bridge(NamedTuple):
    """Numbers that left torch, and a tensor that was built from them.

    Attributes:
        left: The node of the numbers.
        rebuilt: The node that was built.
        by_name: Whether the source carries a name from the one to the other; else it is a guess.
    """

    left: int
    rebuilt: int
    by_name: bool


def bridge(facts: Facts, numbers: list[int]) -> Bridge | None:
    """Return how some numbers come back into the computation of a loss; None if they do not."""
    for by_name in (True, False):
        for left in numbers:
            for rebuilt in _candidates(facts, left):
                operation = facts.operation_of(rebuilt)
                assert operation is not None
                if by_name:
                    fits = _carries(facts, left, operation)
                else:
                    fits = operation.name in _FROM_ARRAYS
                if fits:
                    return Bridge(left, rebuilt, by_name)
    return None


def only_steers(facts: Facts, numbers: list[int]) -> bool:
    """Return whether numbers are used in conditions only."""
    return bool(numbers) and all(_STEERS.match(_text(facts, each)) for each in numbers)


def feeds_unseen_constructor(facts: Facts, node: int) -> bool:
    """Return whether a line hands values to a constructor that is not seen."""
    return bool(_UNSEEN.search(_text(facts, node)))


def _candidates(facts: Facts, left: int) -> Iterator[int]:
    """Yield the nodes behind a loss that were built from numbers later in the same iteration."""
    start = facts.node(left)
    for number in range(len(facts.watch.backward)):
        facts.spend(len(facts.behind(number)))
        for each in sorted(facts.behind(number)):
            node = facts.node(each)
            operation = facts.operation_of(each)
            if (
                operation is not None
                and operation.takes_numbers
                and node.clock > start.clock
                and node.iteration == start.iteration
            ):
                yield each


def _text(facts: Facts, node: int) -> str:
    operation = facts.operation_of(node)
    line = None if operation is None else facts.line(operation.site, "cut")
    return "" if line is None else line.text


def _carries(facts: Facts, left: int, operation: Operation) -> bool:
    made = facts.operation_of(left)
    if made is None:
        return False
    start, end = facts.line(made.site, "cut"), facts.line(operation.site, "cut")
    if start is None or end is None:
        return False
    text = "\n".join(facts.texts.get(start.path, ()))
    facts.spend(len(text) // 100)
    try:
        return end.path == start.path and end.line in reached_lines(text, start.line)
    except (RecursionError, MemoryError):
        return False


@functools.lru_cache(maxsize=256)
def reached_lines(text: str, line: int) -> frozenset[int]:
    r"""Return the lines that use, by name, what the statement at a line assigns.

    Args:
        text: The source of a file.
        line: The number of the line.

    Example:
        >>> sorted(reached_lines("a = f()\nb = a + 1\nc = 2\nprint(b)", 1))
        [1, 2, 4]
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    function = _function_at(tree, line)
    names: set[str] = set()
    lines: set[int] = set()
    for statement in _statements(function.body):
        head = _head(statement)
        first, last = head.lineno, head.end_lineno or head.lineno
        reads = {ast.unparse(e) for e in ast.walk(head) if isinstance(e, (ast.Name, ast.Attribute))}
        if first <= line <= last or (names & reads and first > line):
            lines.update(range(first, last + 1))
            names |= _assigned(statement)
            if isinstance(statement, ast.Return):
                lines.update(_calls_of(tree, function))
    return frozenset(lines)


def _function_at(
    tree: ast.Module, line: int
) -> ast.Module | ast.FunctionDef | ast.AsyncFunctionDef:
    found: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef = tree
    for each in ast.walk(tree):
        if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if each.lineno <= line <= (each.end_lineno or each.lineno) and (
            isinstance(found, ast.Module) or each.lineno >= found.lineno
        ):
            found = each
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for each in body:
        if isinstance(each, (ast.FunctionDef, ast.ClassDef)):
            continue
        yield each
        for name in ("body", "orelse", "finalbody", "handlers"):
            inner = getattr(each, name, [])
            if isinstance(inner, list):
                yield from _statements([s for s in inner if isinstance(s, ast.stmt)])


def _head(statement: ast.stmt) -> ast.stmt | ast.expr:
    """Return the part of a compound statement that stands on its first line."""
    if not hasattr(statement, "body"):
        return statement
    found = getattr(statement, "test", None) or getattr(statement, "iter", None)
    return found if isinstance(found, ast.expr) else ast.copy_location(ast.Pass(), statement)


def _assigned(statement: ast.stmt) -> set[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign, ast.For)):
        targets = [statement.target]
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        # What a method is called on may have taken the values in, as a list does by append.
        function = statement.value.func
        if isinstance(function, ast.Attribute):
            targets = [function.value]
    found = set()
    for target in targets:
        for each in ast.walk(target):
            if isinstance(each, (ast.Name, ast.Attribute)):
                with contextlib.suppress(ValueError):
                    found.add(ast.unparse(each))
    return found - {"self"}


def _calls_of(
    tree: ast.Module, function: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef
) -> set[int]:
    """Return the lines of a file that call a function by its name."""
    name = getattr(function, "name", None)
    return {
        each.lineno
        for each in ast.walk(tree)
        if isinstance(each, ast.Call)
        and name is not None
        and getattr(each.func, "id", getattr(each.func, "attr", None)) == name
    }
