"""Knows every lesson and workload from its file's text, without importing torch.

The page and the shell must list and show them before the worker has torch ready, and the page's
process never imports torch at all; the worker alone imports the files and runs them.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

import msgspec

from demos.lessons import LESSONS
from demos.workloads import BRANCHES, WORKLOADS
from profiling.errors import InputError, short

_DEMOS = Path(__file__).parent

# The ops a lesson can be run with: the text is what is shown and what the worker evaluates.
OPS = {
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "exp": "torch.exp",
    "relu": "torch.relu",
    "square": "torch.square",
    "mul2": "lambda t: t * 2",
}


class Source(msgspec.Struct, frozen=True):
    """A function as it stands in its file.

    Attributes:
        text: The function's lines, without what surrounds it.
        first_line: Number of its first line in the file.
        file: The file's path below the project's folder.
    """

    text: str
    first_line: int
    file: str


class LessonEntry(msgspec.Struct, frozen=True):
    """What a lesson's file says.

    Attributes:
        values: The numbers it runs with unless others are given; None if it takes none.
        op: The op it runs with unless another is given; None if it takes none.
    """

    name: str
    source: Source
    values: tuple[float, ...] | None
    op: str | None


class Parameter(msgspec.Struct, frozen=True):
    """A whole number a workload is built with, and its allowed range."""

    default: int
    low: int
    high: int


class WorkloadEntry(msgspec.Struct, frozen=True):
    """What a workload's file says.

    Attributes:
        size: What its size counts: ``"elements"`` or ``"batch"``.
        sizes: Sizes that show something on a usual machine.
        branches: Every branch that can be asked for, in display order; the absent ones too.
        absent: Branches that make no sense here; `absent_reason` is their locale key.
        raises: Branches that are meant to fail, and a part of the error's text.
        sources: Code of each branch that runs: its preparation, if any, and its step.
    """

    name: str
    size: str
    sizes: tuple[int, ...]
    parameters: dict[str, Parameter]
    branches: tuple[str, ...]
    absent: tuple[str, ...]
    raises: dict[str, str]
    sources: dict[str, Source]
    reference: Source

    def absent_reason(self, branch: str) -> str:
        """Return the locale key of why the workload has no such branch."""
        return f"workload.{self.name}.absent.{branch}"


@functools.cache
def lesson(name: str) -> LessonEntry:
    """Read a lesson's file.

    Raises:
        InputError: There is no lesson of that name.
    """
    if name not in LESSONS:
        raise InputError("error.unknown_lesson", name=short(name), allowed=", ".join(LESSONS))
    functions, constants = _read(_DEMOS / "lessons" / f"{name}.py")
    values = constants.get("VALUES")
    return LessonEntry(
        name=name,
        source=functions["lesson"],
        values=None if values is None else tuple(float(value) for value in values),
        op=constants.get("OP"),
    )


@functools.cache
def workload(name: str) -> WorkloadEntry:
    """Read a workload's file.

    Raises:
        InputError: There is no workload of that name.
    """
    if name not in WORKLOADS:
        raise InputError("error.unknown_workload", name=short(name), allowed=", ".join(WORKLOADS))
    functions, constants = _read(_DEMOS / "workloads" / f"{name}.py")
    absent = tuple(constants.get("ABSENT", ()))
    offered = tuple(branch for branch in BRANCHES if branch in functions)
    return WorkloadEntry(
        name=name,
        size=constants["SIZE"],
        sizes=tuple(constants["SIZES"]),
        parameters={key: Parameter(*spec) for key, spec in constants.get("PARAMETERS", {}).items()},
        branches=tuple(branch for branch in BRANCHES if branch in offered or branch in absent),
        absent=absent,
        raises=constants.get("RAISES", {}),
        sources={branch: _with_preparation(functions, branch) for branch in offered},
        reference=functions["reference"],
    )


def _with_preparation(functions: dict[str, Source], branch: str) -> Source:
    """Join a branch's step and the preparation that runs before each of its steps."""
    step, prepare = functions[branch], functions.get(f"prepare_{branch}")
    if prepare is None:
        return step
    return Source(f"{prepare.text}\n\n\n{step.text}", prepare.first_line, step.file)


def _read(path: Path) -> tuple[dict[str, Source], dict[str, Any]]:
    """Return the functions and the literal constants at the top level of a file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    functions: dict[str, Source] = {}
    constants: dict[str, Any] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            body = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            file = path.relative_to(_DEMOS.parent).as_posix()
            functions[node.name] = Source(body, node.lineno, file)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = ast.literal_eval(node.value)
    return functions, constants
