"""Runs the file of a person's own workload and finds the line in it where an error came from.

The file is trusted: it runs as if the person had started it.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from profiling import catalogue
from profiling.measure.global_state import guarded

_PREFIX = "_own_workload_"

# Names of the modules that came in with the last file.
_imported: list[str] = []


def load(spec: str) -> Any:
    """Run a workload's file and return its module, or the class in it that the spec names.

    It runs anew for every state that is built, together with the modules beside it that it
    imports: files may have changed meanwhile, and a cache filled by another state, such as one of
    tensors without data, must not reach this one.

    Args:
        spec: ``path/file.py`` or ``path/file.py:NAME``.

    Raises:
        InputError: Running the file leaves torch's global state changed.
        BaseException: What the file itself raises.
    """
    file, name = catalogue.split(spec)
    module = _run(file.resolve())
    return module if name is None else getattr(module, name)


def place(error: BaseException) -> str | None:
    """Return the last line of such a file that an error passed, as ``file.py:12``, if any."""
    found = None
    traceback = error.__traceback__
    while traceback is not None:
        if str(traceback.tb_frame.f_globals.get("__name__", "")).startswith(_PREFIX):
            file = Path(traceback.tb_frame.f_code.co_filename).name
            found = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found


def place_of(function: Callable[..., Any]) -> str:
    """Return where a function is defined, as ``file.py:12``."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:  # What a decorator made of it may be any object that can be called.
        return getattr(function, "__name__", type(function).__name__)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _run(path: Path) -> types.ModuleType:
    for name in _imported:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    module = types.ModuleType(f"{_PREFIX}{path.stem}")
    module.__file__ = str(path)
    before = set(sys.modules)
    # A cache of compiled code would tell a changed file beside this one apart by the second only.
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.parent))
    try:
        with guarded(path.name, seed=0):
            exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), vars(module))
    finally:
        sys.path.remove(str(path.parent))
        sys.dont_write_bytecode = writes_bytecode
        _imported[:] = [
            name for name in sys.modules if name not in before and _is_beside(name, path)
        ]
    return module


def _is_beside(name: str, path: Path) -> bool:
    """Whether a module's file lies beside or below a file, and is not that of a package."""
    file = getattr(sys.modules[name], "__file__", None) or ""
    return path.parent in Path(file).parents and "site-packages" not in file
