"""Runs a person's script as Python would, watched."""

from __future__ import annotations

import atexit
import builtins
import importlib.machinery
import importlib.util
import os
import sys
import threading
import types
from pathlib import Path
from typing import Any

from . import record
from .build import build
from .names import name_running, name_variables
from .session import Enough, Session
from .tracebacks import clean

# Iterations after which a record is written meanwhile, for a script that is killed later.
_MEANWHILE = {1, 2, 3, 5, 10, 100, 1_000, 10_000}


def main(arguments: list[str]) -> None:
    """Run a script and exit as it does.

    Args:
        arguments: The record's path, the most steps (0 for all), ``values`` or ``fast``,
            ``script`` or ``module``, its path or name, and its own arguments.
    """
    file, steps, values, form, target, *own = arguments
    session = Session(
        values=values == "values",
        most_steps=int(steps) or None,
        on_iteration=lambda iteration: _meanwhile(iteration),
    )
    runner = _Script(target, own) if form == "script" else _Module(target, own)
    command = (target, *own)
    parent = os.getpid()
    path = Path(file).absolute()

    def write(failure: BaseException | None = None, complete: bool = True) -> None:
        with session.unwatched(), session.guarded("record"):
            name_variables(session.parameters, runner.variables)
            name_running(session.parameters, sys._getframe(), failure)
            text = record.encode(build(session, command, failure, complete))
            partial = Path(f"{path}.part")
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)

    def _meanwhile(iteration: int) -> None:
        # A child that the script has forked is not watched.
        if iteration in _MEANWHILE and os.getpid() == parent:
            write(complete=False)

    failure: BaseException | None = None
    code: Any = 0
    session.start()
    try:
        runner.run()
    except Enough:
        pass
    except SystemExit as error:
        code = error.code
    except BaseException as error:
        failure = error
        code = 1
    if os.getpid() != parent:
        # A child that the script has forked, and that came out of it.
        _finish(failure, code)

    def end() -> None:
        if os.getpid() == parent:
            session.stop()
            write(failure)

    if session.stopped or not _others():
        end()
    else:
        # Python waits for these threads before it calls what was registered last.
        write(failure, complete=False)
        atexit.register(end)
    _finish(failure, code)


def _others() -> bool:
    """Return whether threads are left that Python waits for before it ends."""
    own = threading.current_thread()
    return any(each is not own and not each.daemon for each in threading.enumerate())


def _finish(failure: BaseException | None, code: Any) -> None:
    """End as Python does after an error, or with the script's own exit code."""
    if failure is not None:
        clean(failure)
        if isinstance(failure, KeyboardInterrupt):
            # Python itself ends such a process by the signal.
            shown, hook = failure.__traceback__, sys.excepthook
            sys.excepthook = lambda kind, error, _: hook(kind, error.with_traceback(shown), shown)
            raise failure
        sys.excepthook(type(failure), failure, failure.__traceback__)
        sys.exit(1)
    sys.exit(code)


class _Script:
    """A file, run as ``python FILE`` runs it."""

    def __init__(self, path: str, arguments: list[str]) -> None:
        # Absolute, as Python makes it, so that it is right after a change of folder.
        self._path = str(Path(path).absolute())
        self._module = _fresh_main()
        sys.argv[:] = [path, *arguments]
        _put_on_path(Path(path).resolve().parent)

    @property
    def variables(self) -> dict[str, Any]:
        return vars(self._module)

    def run(self) -> None:
        self._module.__file__ = self._path
        source = Path(self._path).read_bytes()
        exec(compile(source, self._path, "exec", dont_inherit=True), self.variables)


class _Module:
    """A module, run as ``python -m NAME`` runs it."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self._name = name
        self._module = _fresh_main()
        sys.argv[:] = [name, *arguments]
        _put_on_path(Path.cwd())

    @property
    def variables(self) -> dict[str, Any]:
        return vars(self._module)

    def run(self) -> None:
        spec = _spec_of(self._name)
        sys.argv[0] = spec.origin or self._name
        self._module.__file__ = spec.origin
        self._module.__spec__ = spec
        self._module.__package__ = spec.parent
        self._module.__loader__ = spec.loader
        loader: Any = spec.loader
        exec(loader.get_code(spec.name), self.variables)


def _spec_of(name: str) -> importlib.machinery.ModuleSpec:
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    if spec is None or spec.loader is None:
        print(f"{sys.executable}: No module named {name}", file=sys.stderr)
        sys.exit(1)
    return spec


def _put_on_path(folder: Path) -> None:
    """Let a script import from a folder, unless Python was told to leave it out."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path.insert(0, str(folder))


def _fresh_main() -> types.ModuleType:
    module = types.ModuleType("__main__")
    vars(module).update(__builtins__=builtins, __annotations__={}, __cached__=None)
    sys.modules["__main__"] = module
    return module
