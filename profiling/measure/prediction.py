"""Predicts a step's highest memory without running it, from tensors that have no data.

The step runs with fake tensors: torch works out every result's shape and so its bytes, and computes
and allocates nothing. Counted are the results of operators; what an operator allocates for itself
while it computes (scratch) cannot be seen this way and is what a measured peak may have more.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from profiling.measure.fake import FakeMode, fake_mode
from profiling.measure.global_state import kept
from profiling.measure.step import State, Step
from profiling.model.run import Cell, ran

# A step with more operators than can be gone through in this time is not predicted.
TIME_LIMIT_S = 5.0

# What these return has another size than their fake results: a workspace that only they know.
_UNKNOWN_RESULTS = ("aten::mkldnn_rnn_layer", "aten::_cudnn_rnn")

# Autograd adds gradients that meet in place, and fills fresh zeros in place, if tensors are real.
_SUM = "aten::add"
_ZEROS = "aten::new_zeros"
_FILLING = ("aten::scatter", "aten::scatter_add", "aten::index_put", "aten::index_add")
_IN_PLACE = frozenset((_SUM, _ZEROS, *_FILLING))

_DEVICE = torch.ops.prim.device.default

# Where torch's own wrappers around a dispatch mode are.
_WRAPPERS = ("torch._dynamo.eval_frame", "torch._compile", __name__)


class Prediction(NamedTuple):
    """What a branch's step is predicted to need above its start.

    Attributes:
        peak_bytes: The highest memory, as the sum of what operators return and is still alive.
        operators: Names of the operators that ran, such as ``"aten::mm"``.
    """

    peak_bytes: int
    operators: frozenset[str]


class Predictions(NamedTuple):
    """What a cell is predicted to need.

    Attributes:
        parameter_bytes: Parameters and buffers; None if it cannot be told.
        input_bytes: The other tensors of the state; None likewise.
        reference: For the gradients that should hold; None if it cannot be told.
        branches: For each branch; None if it cannot be told, as for a step that raises.
    """

    parameter_bytes: int | None
    input_bytes: int | None
    reference: Prediction | None
    branches: dict[str, Prediction | None]


def predict(
    cell: Cell,
    branches: Sequence[str],
    running: Callable[[str], AbstractContextManager[object]] = contextlib.nullcontext,
) -> Predictions:
    """Predict the highest memory of branches without allocating any.

    Args:
        cell: The cell; its state is built from fake tensors.
        branches: The labels to predict; a branch that was asked for again is predicted once.
        running: Is entered with a branch while its step runs.
    """
    with warnings.catch_warnings(), fake_mode() as mode:
        warnings.simplefilter("ignore")  # What the step warns of, its real run will tell.
        state = State(cell)
        resident = _unique(state.resident())
        inputs = _unique(state.tensors())
        names = dict.fromkeys(map(ran, branches))
        predictions = {}
        for name in names:
            with running(name):
                predictions[name] = _predict(state, state.step(name), mode, cell)
        reference = _predict(state, _Reference(state), mode, cell)
    return Predictions(
        parameter_bytes=sum(resident.values()),
        input_bytes=sum(size for key, size in inputs.items() if key not in resident),
        reference=reference,
        branches={label: predictions[ran(label)] for label in branches},
    )


def warm_up() -> None:
    """Have torch load what its first fake tensor needs, and its first number read from one."""
    with fake_mode():
        torch.ones(1, 1).mm(torch.ones(1, 1)).item()


class _Reference:
    """The computing of the reference as a step."""

    def __init__(self, state: State) -> None:
        self._state = state

    def reset(self) -> None:
        """Nothing precedes it."""

    def forward(self) -> Any:
        return self._state.reference()

    def backward(self, result: Any) -> None:
        """Its backward is part of it."""


def _predict(
    state: State, step: Step | _Reference, mode: FakeMode, cell: Cell
) -> Prediction | None:
    try:
        with kept():
            step.reset()
            with _Tracker(mode, state.tensors(), cell.device) as tracker:
                result = step.forward()
                step.backward(result)
    except Exception:  # Whatever stops it here will be told by the real run.
        return None
    return Prediction(tracker.peak_bytes, frozenset(tracker.operators))


class _Tracker(TorchDispatchMode):
    """Follows the storages that operators return from their making to their end."""

    def __init__(self, mode: FakeMode, known: Iterable[torch.Tensor], device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = 0
        self.operators: set[str] = set()
        self._mode = mode
        self._device = device
        self._live_bytes = 0
        self._deadline = time.monotonic() + TIME_LIMIT_S
        self._known = weakref.WeakSet(tensor.untyped_storage() for tensor in known)
        self._counted: weakref.WeakKeyDictionary[torch.UntypedStorage, weakref.finalize[..., Any]]
        self._counted = weakref.WeakKeyDictionary()
        self._zeros: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Be called directly: nothing here is compiled, and torch's wrapper costs as much again."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is _DEVICE:  # C++ asks for it more often than for all operators together.
            return args[0].fake_device
        name = _name(func)
        if name.startswith("prim::"):
            # Such as prim::device, which C++ asks for where an exception would end the process.
            return func(*args, **(kwargs or {}))
        if time.monotonic() > self._deadline:
            raise TimeoutError
        if name in _UNKNOWN_RESULTS:
            raise NotImplementedError(name)
        result = self._mode.call(func, args, kwargs or {})
        self.operators.add(name)
        if name in _IN_PLACE and _called_by_engine():
            self._follow_engine(name, args, result)
        for tensor in (result,) if isinstance(result, torch.Tensor) else tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == self._device:
                self._note(tensor.untyped_storage())
        return result

    def _follow_engine(self, name: str, args: Any, result: torch.Tensor) -> None:
        """Let the new take the old's place where autograd works in place if tensors are real."""
        new = result.untyped_storage()
        if name == _ZEROS:
            self._zeros.add(new)
            return
        old = args[0].untyped_storage()
        if old in self._zeros or (name == _SUM and _adds_in_place(args[0], args[1])):
            self._hand_over(old, new)

    def _note(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known or storage in self._counted:
            return
        self._live_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self._live_bytes)
        self._release_at_end(storage)

    def _hand_over(self, old: torch.UntypedStorage, new: torch.UntypedStorage) -> None:
        """Count a new storage as the old one going on."""
        if old in self._counted and old.nbytes() == new.nbytes():
            self._counted.pop(old).detach()
            self._known.add(old)
            self._release_at_end(new)

    def _release_at_end(self, storage: torch.UntypedStorage) -> None:
        self._counted[storage] = weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, size: int) -> None:
        self._live_bytes -= size


@functools.cache
def _name(func: Any) -> str:
    """Return an operator's name without its overload's, such as ``"aten::mm"``."""
    name: str = func.name()
    return name.partition(".")[0]


def _called_by_engine() -> bool:
    """Whether the operator comes from autograd's engine itself, and not from a step's Python."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _WRAPPERS:
        frame = frame.f_back
    return frame.f_code.co_name == "_engine_run_backward"


def _adds_in_place(gradient: torch.Tensor, other: torch.Tensor | float) -> bool:
    """Whether autograd would add to a real gradient in place.

    It does where nothing else refers to its memory: no view's base, and no other node.
    """
    if other is gradient or not isinstance(other, torch.Tensor) or torch.is_grad_enabled():
        return False
    return not gradient._is_view() and _references(gradient) <= _references(other)


def _references(tensor: Any) -> int:
    """Return how many places of torch's refer to a tensor."""
    return int(tensor._use_count())


def _unique(tensors: Iterable[torch.Tensor]) -> dict[int, int]:
    """Return the bytes of each storage once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return {storage._cdata: storage.nbytes() for storage in storages}
