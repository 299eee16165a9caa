"""Names of parameters, from the variables that lead to them."""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from . import sharding
from .flow import is_trained
from .sites import USER, kind, variables_of
from .training import Parameters

# Containers and objects between a variable and a module.
_LEVELS = 3
# Longer containers are not looked through.
_MOST_ITEMS = 200


def name_models(parameters: Parameters, models: Iterable[nn.Module]) -> None:
    """Name the parameters of some models."""
    models = list(models)
    for number, model in enumerate(models):
        name = "model" if len(models) == 1 else f"model{number}"
        names = _Names(parameters)
        names.add(name, model)
        names.add_pieces()


def name_variables(parameters: Parameters, variables: dict[str, Any]) -> None:
    """Name the parameters and leaves that variables lead to."""
    names = _Names(parameters)
    for name, value in list(variables.items()):
        if not name.startswith("__"):
            names.add(name, value)
    names.add_pieces()


def name_running(
    parameters: Parameters, frame: types.FrameType | None, error: BaseException | None = None
) -> None:
    """Name what the variables of running functions lead to, the outermost function's first.

    Args:
        parameters: All parameters.
        frame: The innermost frame.
        error: An error whose functions were running, too.
    """
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    frames.reverse()
    trace = None if error is None else error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    own = [each for each in frames if kind(each.f_code) == USER]
    for each in own:
        name_variables(parameters, each.f_globals)
    for each in own:
        if each.f_code.co_flags & inspect.CO_OPTIMIZED:
            name_variables(parameters, variables_of(each))


class _Names:
    """Walks from variables to modules and leaves."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._seen: set[int] = set()
        self._flat: list[tuple[str, Tensor]] = []

    def add(self, name: str, value: Any, depth: int = 0) -> None:
        if isinstance(value, nn.Module):
            self._add_module(name, value)
        elif isinstance(value, Tensor):
            if is_trained(value):
                self._name(value, name, "")
        elif depth < _LEVELS and id(value) not in self._seen:
            self._seen.add(id(value))
            for label, each in _inside(value):
                self.add(label.format(name), each, depth + 1)

    def add_pieces(self) -> None:
        """Name what flat parameters hold and no module names at the moment."""
        for prefix, flat in self._flat:
            described = sharding.described(flat)
            for piece, (name, _) in zip(self._parameters.pieces(flat), described, strict=True):
                if not piece.names:
                    piece.names.append(".".join(part for part in (prefix, name) if part))

    def _add_module(self, name: str, module: nn.Module) -> None:
        if id(module) in self._seen:
            return
        self._seen.add(id(module))
        for path, each in module.named_modules():
            kind = type(each).__name__
            for whole, own in sharding.stand_ins(each):
                self._parameters.of(whole).stands_for = self._parameters.of(own)
            for key, parameter in each._parameters.items():
                if parameter is not None:
                    self._name(parameter, ".".join(p for p in (name, path, key) if p), kind)
            if self._parameters.is_only_evaluated(each):
                for parameter in each.parameters():
                    self._parameters.of(parameter).only_evaluated = True
            for key, value in list(vars(each).items()):
                # Modules and leaves that a module keeps without registering them.
                if not key.startswith("_") and isinstance(value, (list, tuple, dict, Tensor)):
                    self.add(".".join(p for p in (name, path, key) if p), value, 1)

    def _name(self, tensor: Tensor, name: str, kind: str) -> None:
        if sharding.is_flat(tensor):
            self._flat.append((name.rpartition(".")[0], tensor))
            return
        known = self._parameters.of(tensor)
        known.requires_grad = tensor.requires_grad
        if name not in known.names:
            known.names.append(name)
        known.module = known.module or kind


def _inside(value: Any) -> list[tuple[str, Any]]:
    """Return what is in a container or an object, each with a pattern for its name."""
    if isinstance(value, (list, tuple)):
        if len(value) >= _MOST_ITEMS:
            return []
        return [("{}" + f"[{number}]", each) for number, each in enumerate(value)]
    if isinstance(value, dict):
        if len(value) >= _MOST_ITEMS:
            return []
        return [("{}[" + _escaped(repr(key)) + "]", each) for key, each in list(value.items())]
    skipped = (type, types.ModuleType, types.FunctionType)
    if hasattr(value, "__dict__") and not isinstance(value, skipped):
        with contextlib.suppress(Exception):
            return [("{}." + _escaped(key), each) for key, each in list(vars(value).items())]
    return []


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
