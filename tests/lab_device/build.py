"""Builds the simulated accelerator: once for each torch and source, in a folder that is kept.

``python -m tests.lab_device.build`` builds it and prints where it is.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

NATIVE = Path(__file__).parent / "native"
# Unoptimised, it is built in a third of the time.
_FLAGS = ("-O0", "-std=c++20", "-fPIC", "-shared", "-w")
_LIBRARIES = ("-ltorch", "-ltorch_cpu", "-lc10")


class CannotBuildError(Exception):
    """There is no compiler here, or it does not build this."""


def is_built() -> bool:
    """Whether there is nothing left to build."""
    return _path().exists()


def library() -> str:
    """Return the library's path, after building it if need be.

    It is tried once in a process, whether it succeeds or not: each test of the device asks.

    Raises:
        CannotBuildError: Why it cannot be built; torch 2.8 has no base class for its allocator.
    """
    tried = _tried()
    if isinstance(tried, CannotBuildError):
        raise tried
    return tried


@functools.cache
def _tried() -> str | CannotBuildError:
    try:
        return _built()
    except CannotBuildError as error:
        return error


def _built() -> str:
    if sys.platform != "linux":
        raise CannotBuildError("the simulated accelerator is built on Linux only")
    path = _path()
    if path.exists():
        return str(path)
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise CannotBuildError("there is no C++ compiler")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                _build(compiler, path)
    except OSError as error:
        raise CannotBuildError(str(error)) from error
    return str(path)


def _build(compiler: str, path: Path) -> None:
    torch = _torch_folder()
    unfinished = path.with_suffix(".part")
    command = [
        *(compiler, *_FLAGS, str(NATIVE / "lab.cpp"), "-o", str(unfinished)),
        *("-isystem", str(torch / "include"), "-L", str(torch / "lib"), *_LIBRARIES),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuildError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    unfinished.replace(path)


@functools.cache
def _key() -> str:
    """Return what tells builds apart: source, flags, torch, and the machine."""
    told = [importlib.metadata.version("torch"), platform.machine(), *_FLAGS, str(_torch_folder())]
    sources = (each.read_text("utf-8") for each in sorted(NATIVE.iterdir()))
    return hashlib.sha256("\n".join([*told, *sources]).encode()).hexdigest()[:16]


def _torch_folder() -> Path:
    """Return torch's folder, without importing it."""
    found = importlib.util.find_spec("torch")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _path() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "detach-lab" / "lab_device" / f"lab-{_key()}.so"


if __name__ == "__main__":
    try:
        print(library())
    except CannotBuildError as error:
        sys.exit(str(error))
