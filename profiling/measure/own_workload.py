"""Workloads' functions: what they may take and must return, and files of a person's own.

Each rule that is broken names its file and line. A person's own file is trusted: it runs as if the
person had started it.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import torch

from profiling import catalogue
from profiling.catalogue.source import is_name
from profiling.measure.global_state import guarded
from profiling.model.errors import InputError

Groups = dict[str, list[torch.Tensor]]
Reference = dict[str, Sequence[torch.Tensor] | None]

_PREFIX = "_own_workload_"

# Names of the modules that the last file imported.
_imported: list[str] = []


def load(spec: str) -> Any:
    """Run a workload's file and return its module, or the class in it that the spec names.

    The file and the modules beside it that it imports run again for every state that is built:
    files may have changed, and what another state cached, such as fake tensors, must not get into
    this one.

    Args:
        spec: ``path/file.py`` or ``path/file.py:NAME``.

    Raises:
        InputError: Running the file leaves torch's global state changed.
        BaseException: What the file itself raises.
    """
    file, name = catalogue.split(spec)
    module = _run_file(file.resolve())
    return module if name is None else getattr(module, name)


def place_of_error(error: BaseException) -> str | None:
    """Return the innermost line of a person's file in a traceback, as ``file.py:12``, if any."""
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
    if code is None:  # A decorator may return any callable object.
        return getattr(function, "__name__", type(function).__name__)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def arguments_of(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a function takes, in its own order."""
    names = inspect.signature(function).parameters
    return {name: arguments[name] for name in names if name in arguments}


def check_takes(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Check that a function's parameters are among what build returned.

    Raises:
        InputError: One is not.
    """
    for name in inspect.signature(function).parameters:
        if name not in arguments:
            raise InputError(
                "error.own_argument",
                place=place_of(function),
                function=function.__name__,
                name=name,
                allowed=", ".join(arguments),
            )


def check_built(build: Callable[..., Any], built: Any) -> None:
    """Check that build returned a dict of what the steps work on, by name.

    Raises:
        InputError: It did not.
    """
    if not isinstance(built, dict) or not all(isinstance(name, str) for name in built):
        got = type(built).__name__
        raise InputError("error.own_build", place=place_of(build), got=got)


def check_groups(function: Callable[..., Any], groups: Any) -> None:
    """Check that groups returned lists of leaves, by name.

    Raises:
        InputError: It did not.
    """
    leaves = groups.values() if isinstance(groups, dict) and all(map(_is_name, groups)) else [None]
    if not all(isinstance(each, list) and all(map(_is_leaf, each)) for each in leaves):
        raise InputError("error.own_groups", place=place_of(function))


def check_reference(function: Callable[..., Any], reference: Any, groups: Groups) -> None:
    """Check that reference returned known groups, each with None or a gradient for every leaf.

    Raises:
        InputError: It did not.
    """
    if not isinstance(reference, dict) or not all(
        name in groups and (gradients is None or _fit(gradients, groups[name]))
        for name, gradients in reference.items()
    ):
        allowed = ", ".join(groups)
        raise InputError("error.own_reference", place=place_of(function), allowed=allowed)


def check_loss(function: Callable[..., Any], result: Any) -> None:
    """Check that a step returned a loss that backward can start from, or None.

    Raises:
        InputError: It returned something else.
    """
    loss = result[0] if isinstance(result, tuple) and result else result
    got = type(loss).__name__
    if isinstance(loss, torch.Tensor):
        if loss.numel() == 1 and loss.requires_grad:
            return
        got += f"(shape={tuple(loss.shape)}, requires_grad={loss.requires_grad})"
    elif loss is None:
        return
    place, name = place_of(function), function.__name__
    raise InputError("error.own_loss", place=place, function=name, got=got)


def _run_file(path: Path) -> types.ModuleType:
    for name in _imported:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    loader = SourceFileLoader(f"{_PREFIX}{path.stem}", str(path))
    # A module as an import makes it, with a loader: Python 3.15 warns of others in tracebacks.
    module = module_from_spec(ModuleSpec(loader.name, loader, origin=str(path)))
    module.__file__ = str(path)
    before = set(sys.modules)
    # Cached bytecode notices a change of a file beside this one only if a second has passed.
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
    """Whether a module's file lies beside or below a file, and is not an installed package's."""
    file = getattr(sys.modules[name], "__file__", None) or ""
    return path.parent in Path(file).parents and "site-packages" not in file


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and is_name(name)


def _is_leaf(tensor: Any) -> bool:
    return isinstance(tensor, torch.Tensor) and tensor.is_leaf


def _fit(gradients: Any, leaves: list[torch.Tensor]) -> bool:
    shapes = [getattr(gradient, "shape", None) for gradient in gradients]
    return shapes == [leaf.shape for leaf in leaves]
