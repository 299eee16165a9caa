"""Reads functions and constants out of a Python file's text, without running it."""

from __future__ import annotations

import ast
import importlib.util
import textwrap
from pathlib import Path
from typing import NamedTuple

from profiling.errors import InputError


class Function(NamedTuple):
    """A function as it stands in its file.

    Attributes:
        text: Its lines, without what surrounds them and with their indentation removed.
        first_line: Number of its first line in the file.
        parameters: Names of its parameters.
        is_plain: Whether all can be given by name or by position, and no others can.
    """

    text: str
    first_line: int
    parameters: tuple[str, ...]
    is_plain: bool


class Constant(NamedTuple):
    """What a name is set to, unevaluated, and the line where."""

    node: ast.expr
    line: int


class Namespace(NamedTuple):
    """The top level of a file, or the body of a class in it.

    Attributes:
        file: The file, as it is to be named to a person.
        line: Its first line in the file.
        doc: Its docstring.
    """

    file: str
    line: int
    doc: str
    functions: dict[str, Function]
    constants: dict[str, Constant]

    def place(self, line: int | None = None) -> str:
        """Name a line of the file, or the first of the namespace, as ``file.py:12``."""
        return f"{self.file}:{self.line if line is None else line}"


def read(path: Path, file: str, name: str | None = None) -> Namespace:
    """Read a file.

    Args:
        path: Where it is.
        file: What to call it.
        name: The class whose body to read; the file's top level unless given.

    Raises:
        InputError: The file cannot be read, is not Python, or has no such class.
    """
    try:
        text = importlib.util.decode_source(path.read_bytes())
        tree = ast.parse(text)
    except OSError as error:
        raise InputError("error.own_unreadable", file=file, text=error.strerror) from None
    except SyntaxError as error:
        place = f"{file}:{error.lineno or 1}"
        raise InputError("error.own_syntax", place=place, text=error.msg) from None
    except ValueError as error:  # Not text at all.
        raise InputError("error.own_syntax", place=f"{file}:1", text=str(error)) from None
    node = tree if name is None else _class(tree, file, name)
    lines = text.split("\n")
    functions = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    return Namespace(
        file=file,
        line=getattr(node, "lineno", 1),
        doc=ast.get_docstring(node) or "",
        functions={each.name: _function(each, lines) for each in functions},
        constants=_constants(node),
    )


def _class(tree: ast.Module, file: str, name: str) -> ast.ClassDef:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if name not in classes:
        allowed = ", ".join(classes) or "–"
        raise InputError("error.own_no_class", file=file, name=name, allowed=allowed)
    return classes[name]


def _function(node: ast.FunctionDef, lines: list[str]) -> Function:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    takes = node.args
    return Function(
        text=textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno])),
        first_line=first,
        parameters=tuple(each.arg for each in (*takes.posonlyargs, *takes.args, *takes.kwonlyargs)),
        is_plain=not (takes.posonlyargs or takes.vararg or takes.kwonlyargs or takes.kwarg),
    )


def _constants(node: ast.Module | ast.ClassDef) -> dict[str, Constant]:
    found: dict[str, Constant] = {}
    for each in node.body:
        if isinstance(each, ast.Assign):
            targets, value = each.targets, each.value
        elif isinstance(each, ast.AnnAssign) and each.value is not None:
            targets, value = [each.target], each.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = Constant(value, each.lineno)
    return found
