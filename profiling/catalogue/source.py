"""Reads the file of a lesson or workload from its text, without running it.

Built-in workloads and a user's own follow the same rules; errors name the line.
"""

from __future__ import annotations

import ast
import importlib.util
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from profiling.model.errors import InputError, short
from profiling.model.record import Name

_SIZES = tuple[Annotated[int, msgspec.Meta(ge=1)], ...]
_CONSTANT_TYPES: dict[str, Any] = {
    "SIZE": Name,
    "SIZES": Annotated[_SIZES, msgspec.Meta(min_length=1)],
    "PARAMETERS": dict[Name, tuple[int, int, int]],
    "RAISES": dict[str, str],
    "ABSENT": tuple[str, ...],
    "LOOPED": bool,
}
_RESERVED = ("build", "groups", "reference")
_PREPARE = "prepare_"
_PARTS = (("lesson",), ("wrong", "right"))


class Function(NamedTuple):
    """A function in a file.

    Attributes:
        text: Its lines, dedented.
        first_line: Number of its first line in the file.
        parameters: Names of its parameters.
        is_plain: Whether all parameters are positional-or-keyword, without ``*`` and ``**``.
    """

    text: str
    first_line: int
    parameters: tuple[str, ...]
    is_plain: bool


class Constant(NamedTuple):
    """The unevaluated value of a name, and its line."""

    node: ast.expr
    line: int


class Namespace(NamedTuple):
    """The top level of a file, or the body of a class in it.

    Attributes:
        file: The file name for error messages.
        line: Number of its first line in the file.
        doc: Its docstring.
    """

    file: str
    line: int
    doc: str
    functions: dict[str, Function]
    constants: dict[str, Constant]

    def place(self, line: int | None = None) -> str:
        """Return a line of the file as ``file.py:12``; by default, its first line."""
        return f"{self.file}:{self.line if line is None else line}"


def read(path: Path, file: str, name: str | None = None) -> Namespace:
    """Read a file.

    Args:
        path: Its path.
        file: Its name in error messages.
        name: The class whose body to read; None reads the top level of the file.

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


class Parameter(msgspec.Struct, frozen=True):
    """An integer parameter of a workload, and its range."""

    default: int
    low: int
    high: int


class Constants(NamedTuple):
    """The constants of a workload, with defaults for those that it does not set."""

    size: str
    sizes: tuple[int, ...]
    parameters: dict[str, Parameter]
    raises: dict[str, str]
    absent: tuple[str, ...]
    looped: bool


def parts(space: Namespace) -> tuple[str, ...]:
    """Return the functions of a lesson: ``lesson``, or ``wrong`` and ``right``."""
    return next(names for names in _PARTS if set(names) <= space.functions.keys())


def branches(space: Namespace) -> tuple[str, ...]:
    """Return a workload's branches in the order of their definition.

    Raises:
        InputError: There is no ``build`` or no branch, or a function breaks a rule.
    """
    public = {name: each for name, each in space.functions.items() if not name.startswith("_")}
    if "build" not in public:
        raise InputError("error.own_no_build", place=space.place())
    found = tuple(
        name for name in public if name not in _RESERVED and not name.startswith(_PREPARE)
    )
    if not found:
        raise InputError("error.own_no_branch", place=space.place())
    for name, function in public.items():
        _check_function(space, name, function, found)
    return found


def constants(space: Namespace, offered: Iterable[str]) -> Constants:
    """Return a workload's constants.

    Args:
        space: The file or class.
        offered: The branches.

    Raises:
        InputError: One is no literal or has the wrong type, or ``build`` does not take the
            parameters.
    """
    given = {name: _literal(space, name) for name in _CONSTANT_TYPES if name in space.constants}
    parameters = {
        name: Parameter(*numbers) for name, numbers in given.get("PARAMETERS", {}).items()
    }
    if not all(each.low <= each.default <= each.high for each in parameters.values()):
        raise constant_error(space, "PARAMETERS")
    if not set(given.get("RAISES", {})) <= set(offered):
        raise constant_error(space, "RAISES")
    build = space.functions["build"]
    if not build.parameters or sorted(build.parameters[1:]) != sorted(parameters):
        expected = ", ".join(("size", *parameters))
        place = space.place(build.first_line)
        raise InputError("error.own_build_takes", place=place, expected=f"build({expected})")
    return Constants(
        size=given.get("SIZE", "batch"),
        sizes=given.get("SIZES", (64, 256, 1024)),
        parameters=parameters,
        raises=given.get("RAISES", {}),
        absent=given.get("ABSENT", ()),
        looped=given.get("LOOPED", False),
    )


def preparation(branch: str) -> str:
    """Return the name of the function that prepares a branch's step."""
    return f"{_PREPARE}{branch}"


def constant_error(space: Namespace, name: str) -> InputError:
    """Return the error for an invalid constant."""
    place = space.place(space.constants[name].line)
    return InputError(f"error.own_constant.{name}", place=place)


def is_name(text: str) -> bool:
    """Return whether a text is a valid name for a workload, branch or parameter."""
    try:
        msgspec.convert(text, Name)
    except msgspec.ValidationError:
        return False
    return True


def _check_function(
    space: Namespace, name: str, function: Function, found: tuple[str, ...]
) -> None:
    place = space.place(function.first_line)
    for each in (name, *function.parameters):
        if not is_name(each):
            raise InputError("error.own_name", place=place, name=short(each))
    if not function.is_plain:
        raise InputError("error.own_takes", place=place, function=name)
    if name.startswith(_PREPARE) and name not in map(preparation, found):
        allowed = ", ".join(found)
        raise InputError("error.own_prepare", place=place, function=name, allowed=allowed)


def _literal(space: Namespace, name: str) -> Any:
    try:
        value = ast.literal_eval(space.constants[name].node)
        return msgspec.convert(value, _CONSTANT_TYPES[name])
    except (ValueError, TypeError, SyntaxError):
        raise constant_error(space, name) from None
