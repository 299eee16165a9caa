"""Runs scripts plain and watched, and tells everything that differs.

Run: ``python -m tests.profiling.watch.twice SCRIPT ...``; it prints what differs, as JSON.
Each run is a fork of one process that has torch, which saves its start.
"""

from __future__ import annotations

import atexit
import builtins
import hashlib
import importlib
import importlib.util
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo

_ROOT = Path(__file__).parents[3]
_WATCH = _ROOT / "profiling/watch"
# A bound for what never ends.
_SECONDS = 120
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


def main(paths: list[str]) -> None:
    """Print what differs, by script."""
    torch.set_num_threads(1)
    watched = _runner()
    found = {path: differences(str(Path(path).resolve()), watched) for path in paths}
    print(json.dumps(found))


def differences_of(scripts: Sequence[Path]) -> dict[str, Any]:
    """Return what differs, by script, as a process of its own tells it; empty if nothing does."""
    command = [sys.executable, "-m", "tests.profiling.watch.twice", *map(str, scripts)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found) == len(scripts)
    return {path: each for path, each in found.items() if each}


def differences(path: str, watched: Callable[[str, str], None]) -> dict[str, Any]:
    """Return what differs between a plain and a watched run: name to (plain, watched)."""
    # Not a TemporaryDirectory, which the end of a fork would remove.
    folder = tempfile.mkdtemp()
    try:
        plain = _run(lambda: _plain(path), Path(folder, "plain"), path)
        record = Path(folder, "watch.json")
        other = _run(lambda: watched(str(record), path), Path(folder, "watched"), path)
        found = {
            name: (plain.get(name), other.get(name))
            for name in sorted({*plain, *other})
            if plain.get(name) != other.get(name)
        }
        if not record.exists():
            found["record"] = ("", "none")
        elif notes := json.loads(record.read_text())["watch"].get("notes"):
            found["notes"] = ([], notes)
        return found
    finally:
        shutil.rmtree(folder)


def _runner() -> Callable[[str, str], None]:
    """Load the watcher as its own command does, under the name that it has there."""
    name = "detach_lab_watch"
    spec = importlib.util.spec_from_file_location(
        name, _WATCH / "__init__.py", submodule_search_locations=[str(_WATCH)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    script = importlib.import_module(f"{name}.script")
    importlib.import_module(f"{name}.build")

    def run(record: str, path: str) -> None:
        script.main([record, "0", "values", "script", path])

    return run


def _plain(path: str) -> None:
    """Run a script as Python does."""
    main = types.ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __annotations__={}, __cached__=None, __file__=path)
    sys.modules["__main__"] = main
    sys.argv[:] = [path]
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        exec(compile(Path(path).read_bytes(), path, "exec", dont_inherit=True), vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__
        assert trace is not None
        error.__traceback__ = trace.tb_next
        sys.excepthook(type(error), error, trace.tb_next)
        sys.exit(1)


def _run(run: Callable[[], None], folder: Path, path: str) -> dict[str, Any]:
    """Return what a run in a forked process leaves behind."""
    folder.mkdir()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _in_child(run, folder, path)
    _, status = os.waitpid(child, 0)
    found: dict[str, Any] = {"status": status}
    for name in ("out", "err"):
        text = (folder / name).read_text(errors="replace")
        found[name] = _ADDRESS.sub("0x", text)
    state = folder / "state"
    return {**found, **(json.loads(state.read_text()) if state.exists() else {})}


def _in_child(run: Callable[[], None], folder: Path, path: str) -> None:
    code = 70
    try:
        signal.alarm(_SECONDS)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        os.chdir(folder)
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        code = 0
        try:
            run()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            if not isinstance(error.code, int) and error.code is not None:
                print(error.code, file=sys.stderr)
        threading._shutdown()  # type: ignore[attr-defined]
        (folder / "state").write_text(json.dumps(_state()))
        atexit._run_exitfuncs()
    finally:
        for each in (sys.stdout, sys.stderr):
            if not each.closed:
                each.flush()
        os._exit(code)


def _state() -> dict[str, Any]:
    """Return what a script leaves in memory: random states, and its leaves with their gradients."""
    state: dict[str, Any] = {
        "random": _digest(pickle.dumps(random.getstate())),
        "numpy": _digest(pickle.dumps(np.random.get_state())),
        "torch": _digest(torch.get_rng_state().numpy().tobytes()),
        "modes": [torch.is_grad_enabled(), torch.is_inference_mode_enabled()],
        "path": sys.path[1:],
    }
    for name, value in list(vars(sys.modules["__main__"]).items()):
        if isinstance(value, torch.nn.Module):
            for key, tensor in [*value.named_parameters(), *value.named_buffers()]:
                state[f"{name}.{key}"] = _tensor(tensor)
        elif isinstance(value, torch.Tensor):
            state[name] = _tensor(value)
    return state


def _tensor(tensor: torch.Tensor) -> list[Any]:
    gradient = tensor.grad if tensor.is_leaf else None
    version = -1 if tensor.is_inference() else tensor._version
    return [
        str(tensor.dtype),
        tensor.requires_grad,
        version,
        _values(tensor),
        None if gradient is None else [_values(gradient), gradient._version],
    ]


def _values(tensor: torch.Tensor) -> str:
    try:
        plain = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
        return _digest(plain.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    except (RuntimeError, NotImplementedError, ValueError, TypeError) as error:
        return type(error).__name__


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
    main(sys.argv[1:])
