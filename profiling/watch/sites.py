"""Where in the person's own code something happens."""

from __future__ import annotations

import inspect
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

USER, LIBRARY, TORCH, OPTIMIZER, WATCHER = range(5)

_WATCHER = str(Path(__file__).resolve().parent)
_TORCH = str(Path(torch.__file__).resolve().parent)
_STANDARD = tuple(
    {str(Path(sysconfig.get_paths()[each]).resolve()) for each in ("stdlib", "platstdlib")}
)
_PACKAGES = ("/site-packages/", "/dist-packages/")

# By the name of the file: code objects of two files may be equal.
_kinds: dict[str, int] = {}


class Site:
    """A line of the person's own code, and what of libraries lies below it.

    Attributes:
        code: The innermost code of the person's own; None if there is none.
        line: Its line.
        library: The innermost code outside torch, if that is a library's; else None.
        library_line: Its line.
        decorated: Code of the person's own function that torch's decorator for grad mode wraps, if
            that decorator is between here and the line.
        copying: Whether a parameter is being copied by ``copy.deepcopy``.
    """

    __slots__ = ("code", "copying", "decorated", "library", "library_line", "line")

    def __init__(
        self,
        code: CodeType | None,
        line: int,
        library: CodeType | None,
        library_line: int,
        decorated: CodeType | None,
        copying: bool,
    ) -> None:
        """Store what was found."""
        self.code = code
        self.line = line
        self.library = library
        self.library_line = library_line
        self.decorated = decorated
        self.copying = copying

    @property
    def place(self) -> tuple[str, int] | None:
        """File and line: the person's own, else the library's, else None."""
        if self.code is not None:
            return self.code.co_filename, self.line
        if self.library is not None:
            return self.library.co_filename, self.library_line
        return None


UNKNOWN = Site(None, 0, None, 0, None, False)

# One object for each site, so that sites are compared by identity and take no memory over time.
_sites: dict[tuple[object, ...], Site] = {}


def kind(code: CodeType) -> int:
    """Return whose code it is: `USER`, `LIBRARY`, `TORCH`, `OPTIMIZER` or `WATCHER`."""
    name = code.co_filename
    found = _kinds.get(name)
    if found is None:
        found = _kinds[name] = _kind_of_file(name)
    return found


def here(depth: int = 1) -> Site:
    """Return the site of the code that is running.

    Args:
        depth: How many frames to skip.
    """
    frame: FrameType | None = sys._getframe(depth)
    library: CodeType | None = None
    library_line = 0
    decorated: CodeType | None = None
    copying = False
    while frame is not None:
        code = frame.f_code
        whose = _kinds.get(code.co_filename)
        if whose is None:
            whose = kind(code)
        if whose == USER:
            return _interned(code, frame.f_lineno, library, library_line, decorated, copying)
        if whose == LIBRARY:
            if library is None:
                library, library_line = code, frame.f_lineno
        elif whose == TORCH:
            if code.co_name == "__deepcopy__":
                copying = True
            elif code.co_name == "decorate_context" and decorated is None:
                wrapped = getattr(variables_of(frame).get("func"), "__code__", None)
                if wrapped is not None and kind(wrapped) in (USER, LIBRARY):
                    decorated = wrapped
        frame = frame.f_back
    return _interned(None, 0, library, library_line, decorated, copying)


def definition(code: CodeType) -> Site:
    """Return the site of a function's first line."""
    return _interned(code, code.co_firstlineno, None, 0, None, False)


def variables_of(frame: FrameType) -> dict[str, Any]:
    """Return the local variables of a function that is running, without keeping them alive."""
    values = frame.f_locals
    found = dict(values)
    if frame.f_code.co_flags & inspect.CO_OPTIMIZED and type(values) is dict:
        # Before Python 3.13 a frame keeps this copy, and what is in it, until it ends.
        values.clear()
    return found


def caller_of_torch(frame: FrameType | None) -> FrameType | None:
    """Return the frame that called torch's function which the watcher passes on.

    Args:
        frame: A frame of the watcher.
    """
    while frame is not None and kind(frame.f_code) == WATCHER:
        frame = frame.f_back
    if frame is not None and frame.f_code.co_name == "handle_torch_function":
        # What called that is the Python function which is being passed on.
        frame = frame.f_back
        frame = None if frame is None else frame.f_back
    return frame


def _interned(
    code: CodeType | None,
    line: int,
    library: CodeType | None,
    library_line: int,
    decorated: CodeType | None,
    copying: bool,
) -> Site:
    # Each site holds its code, so that no other takes its id.
    key = (id(code), line, id(library), library_line, id(decorated), copying)
    found = _sites.get(key)
    if found is None:
        found = _sites[key] = Site(code, line, library, library_line, decorated, copying)
    return found


def _kind_of_file(name: str) -> int:
    if name.startswith("<frozen") or name == "<string>":
        return LIBRARY
    if name.startswith("<"):
        return USER
    path = str(Path(name).resolve())
    if path.startswith(_WATCHER):
        return WATCHER
    if path.startswith(_TORCH):
        return OPTIMIZER if path.startswith(str(Path(_TORCH, "optim"))) else TORCH
    posix = Path(path).as_posix()
    if path.startswith(_STANDARD) or any(each in posix for each in _PACKAGES):
        return LIBRARY
    return USER
