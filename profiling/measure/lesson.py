"""Runs a lesson and watches it: the tensors after every line, the true error, the claims.

The lesson's own function is called as it stands; a trace function notes its local tensors
whenever a new line begins. Nothing is hooked into autograd, so what is seen is what happens
without being watched.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator, Mapping
from types import FrameType, SimpleNamespace
from typing import Any

import torch

from demos import catalogue
from profiling.lesson_records import (
    ClaimResult,
    LessonError,
    LessonRequest,
    LessonStep,
    LessonTrace,
    TensorState,
)

SHOWN_VALUES = 8


def run_lesson(request: LessonRequest) -> LessonTrace:
    """Run a lesson on checked inputs.

    Args:
        request: The lesson's name and inputs; checked by `profiling.engine.plan.check_lesson`.
    """
    entry = catalogue.lesson(request.name)
    module = importlib.import_module(f"demos.lessons.{request.name}")
    values = entry.values if request.values is None else request.values
    arguments: dict[str, Any] = {}
    if values is not None:
        arguments["values"] = list(values)
    if entry.op is not None:
        # The text comes from our own table, never from a visitor.
        arguments["op"] = eval(catalogue.OPS[request.op or entry.op])
    watcher = _Watcher(module.lesson.__code__)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        error = watcher.call(module.lesson, arguments)
    seen = SimpleNamespace(**watcher.final, error=error.text if error else None)
    claims = tuple(ClaimResult(claim, checks) for claim, checks in module.claims(seen).items())
    return LessonTrace(request, tuple(watcher.steps), claims, error)


class _Watcher:
    """Notes the local tensors of one function after each of its lines."""

    def __init__(self, code: Any) -> None:
        self.steps: list[LessonStep] = []
        self.final: dict[str, Any] = {}
        self._code = code
        self._line: int | None = None
        self._storages: dict[int, int] = {}
        self._numbers = itertools.count(1)

    def call(self, function: Any, arguments: dict[str, Any]) -> LessonError | None:
        outer = sys.gettrace()
        sys.settrace(self._enter)
        try:
            function(**arguments)
        except Exception as error:
            return LessonError(type(error).__name__, str(error), self._line or 0)
        finally:
            sys.settrace(outer)
        return None

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._watch if frame.f_code is self._code else None

    def _watch(self, frame: FrameType, event: str, _: Any) -> Any:
        if event in ("line", "return") and self._line is not None:
            self._note(frame)
        if event == "line":
            self._line = frame.f_lineno
        elif event == "return":
            self.final = dict(frame.f_locals)
        return self._watch

    def _note(self, frame: FrameType) -> None:
        named = dict(_named_tensors(frame.f_locals))
        addresses = {name: tensor.untyped_storage().data_ptr() for name, tensor in named.items()}
        # Memory that no name holds any more may be given to a later tensor under its old address.
        self._storages = {
            address: number
            for address, number in self._storages.items()
            if address in addresses.values()
        }
        for address in addresses.values():
            if address not in self._storages:
                self._storages[address] = next(self._numbers)
        states = tuple(
            _state(name, tensor, self._storages[addresses[name]]) for name, tensor in named.items()
        )
        self.steps.append(LessonStep(self._line or 0, states))


def _named_tensors(names: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield local tensors, and the parameters of local modules under their dotted names."""
    for name, value in names.items():
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, torch.nn.Module):
            for inner, parameter in value.named_parameters():
                yield f"{name}.{inner}", parameter


def _state(name: str, tensor: torch.Tensor, storage: int) -> TensorState:
    # Reading .grad of any other non-leaf makes torch warn.
    grad = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    return TensorState(
        name=name,
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        values=_numbers(tensor),
        requires_grad=tensor.requires_grad,
        is_leaf=tensor.is_leaf,
        grad_fn=None if tensor.grad_fn is None else tensor.grad_fn.name(),
        grad=None if grad is None else _numbers(grad),
        storage=storage,
        version=None if tensor.is_inference() else tensor._version,
    )


def _numbers(tensor: torch.Tensor) -> tuple[float, ...]:
    flat = tensor.detach().reshape(-1)[:SHOWN_VALUES]
    return tuple(float(value) for value in flat.tolist())
