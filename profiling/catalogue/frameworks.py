"""The scenarios that are written in other frameworks as well, and their code."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from profiling.catalogue import Source
from profiling.catalogue.source import Namespace, read
from profiling.model.content import CONTENT

_FOLDER = CONTENT / "frameworks"


def file(framework: str) -> Path:
    """Return the file that has a framework's code."""
    return _FOLDER / f"{framework}.py"


@functools.cache
def _read(name: str) -> Namespace:
    path = file(name)
    return read(path, path.relative_to(CONTENT.parent).as_posix())


def _names(constant: str) -> tuple[str, ...]:
    names: tuple[str, ...] = ast.literal_eval(_read("__init__").constants[constant].node)
    return names


# In display order. A scenario has the name of the lesson that shows it in PyTorch.
FRAMEWORKS = _names("FRAMEWORKS")
SCENARIOS = _names("SCENARIOS")


def title(framework: str) -> str:
    """Return a framework's name as it is written."""
    return str(ast.literal_eval(_read(framework).constants["NAME"].node))


def snippet(framework: str, scenario: str) -> Source:
    """Return the code of a scenario in a framework."""
    space = _read(framework)
    found = space.functions[scenario]
    return Source(found.text, found.first_line, space.file)
