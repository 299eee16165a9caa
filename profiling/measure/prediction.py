"""Predicts the peak memory of a step by running it on fake tensors, which have no data.

Torch works out the shape of every result, and so its bytes, but computes and allocates nothing.
The results of operators are counted. What an operator allocates for itself while it computes
(scratch) is not seen, so a measured peak may be higher by that.
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
from types import FrameType
from typing import Any, NamedTuple

import torch

try:
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves
except ImportError:
    # A torch that has them elsewhere: operators cannot be followed, so nothing is predicted.
    TorchDispatchMode = object  # type: ignore[misc, assignment]

from profiling.measure.fake_tensors import FakeMode, fake_mode
from profiling.measure.global_state import kept
from profiling.measure.step import State, Step
from profiling.model.run import Cell, ran

# A step whose operators take longer than this is not predicted.
TIME_LIMIT_S = 5.0

# Their real results are larger than the fake ones, by a workspace of unknown size.
_UNKNOWN_RESULTS = ("aten::mkldnn_rnn_layer", "aten::_cudnn_rnn")

# Autograd sums gradients in place, and fills fresh zeros in place, but not under a dispatch mode.
_SUM = "aten::add"
_ZEROS = ("aten::new_zeros", "aten::zeros")  # The latter in torch 2.8.
_FILLING = ("aten::scatter", "aten::scatter_add", "aten::index_put", "aten::index_add")
_IN_PLACE = frozenset((_SUM, *_ZEROS, *_FILLING))

_DEVICE = torch.ops.prim.device.default

# The function of torch's below which autograd's engine runs.
_ENGINE = "_engine_run_backward"

# Modules of torch's own wrappers around a dispatch mode.
_WRAPPERS = ("torch._dynamo.eval_frame", "torch._compile", __name__)


class Prediction(NamedTuple):
    """The memory that a branch's step is predicted to need above its start.

    Attributes:
        peak_bytes: The peak of the bytes that operators have returned and that are still alive.
        operators: Names of the operators that ran, such as ``"aten::mm"``.
    """

    peak_bytes: int
    operators: frozenset[str]


class Predictions(NamedTuple):
    """The memory that a cell is predicted to need; None for what cannot be predicted.

    Attributes:
        parameter_bytes: Of parameters and buffers.
        input_bytes: Of the other tensors of the state.
        reference: Of computing the correct gradients.
        branches: Of each branch's step; None for one that raises.
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
    """Predict the peak memory of branches without allocating any.

    Args:
        cell: The cell; its state is built from fake tensors.
        branches: The labels to predict; a branch with several labels is predicted once.
        running: Entered with a branch's name while its step runs.

    Raises:
        NotImplementedError: This torch has no function that tells autograd's own operators.
    """
    if not hasattr(torch.autograd.graph, _ENGINE):
        raise NotImplementedError(_ENGINE)
    with warnings.catch_warnings(), fake_mode() as mode:
        warnings.simplefilter("ignore")  # The real run will show the step's warnings.
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


def needed_bytes(predictions: Predictions, step: Prediction | None) -> int:
    """Return the free memory that one step needs before anything of its cell is built.

    That is the state, the gradients that the step's are compared with, and the step itself; what
    could not be predicted counts as nothing.
    """
    parameters = predictions.parameter_bytes or 0
    state = parameters + (predictions.input_bytes or 0)
    return state + parameters + (step.peak_bytes if step is not None else 0)


def warm_up() -> None:
    """Let torch load what the first fake tensor, and the first number read from one, need."""
    with contextlib.suppress(Exception), fake_mode():  # Without one nothing is predicted.
        torch.ones(1, 1).mm(torch.ones(1, 1)).item()


class _Reference:
    """Computes the reference gradients, as a step."""

    def __init__(self, state: State) -> None:
        self._state = state

    def reset(self) -> None:
        """Do nothing."""

    def forward(self) -> Any:
        return self._state.reference()

    def backward(self, result: Any) -> None:
        """Do nothing: forward runs its own backward."""


def _predict(
    state: State, step: Step | _Reference, mode: FakeMode, cell: Cell
) -> Prediction | None:
    try:
        with kept():
            step.reset()
            with _FakeTracker(mode, state.tensors(), cell.device) as tracker:
                result = step.forward()
                step.backward(result)
    except Exception:  # The real run will raise it again.
        return None
    return Prediction(tracker.peak_bytes, frozenset(tracker.operators))


class Tracker(TorchDispatchMode):
    """Tracks the storages that operators return, from allocation to release.

    Attributes:
        peak_bytes: The most bytes that were alive at once.
        live_bytes: The bytes that are alive.
        allocated_bytes: The bytes of all that were made.
        allocations: How many were made.
        operators: Names of the operators that ran.
    """

    def __init__(self, known: Iterable[torch.Tensor], device: str) -> None:
        """Track what is made on a device, but not the storages of tensors that are there before."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = self.live_bytes = self.allocated_bytes = self.allocations = 0
        self.operators: set[str] = set()
        self._kind = torch.device(device).type
        self._known = weakref.WeakSet(tensor.untyped_storage() for tensor in known)
        self._counted: weakref.WeakKeyDictionary[torch.UntypedStorage, weakref.finalize[..., Any]]
        self._counted = weakref.WeakKeyDictionary()
        self._zeros: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False, so as to be called directly: torch's wrapper doubles the time."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call an operator and note what it returns."""
        result = func(*args, **(kwargs or {}))
        self._track(_name(func), args, result)
        return result

    def _track(self, name: str, args: Any, result: Any) -> None:
        self.operators.add(name)
        if name in _IN_PLACE and _called_by_engine():
            self._follow_engine(name, args, result)
        for tensor in (result,) if isinstance(result, torch.Tensor) else tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == self._kind:
                self._note(tensor.untyped_storage())

    def _follow_engine(self, name: str, args: Any, result: torch.Tensor) -> None:
        """Reuse the old storage where autograd works in place if nobody watches."""
        new = result.untyped_storage()
        if name in _ZEROS:
            self._zeros.add(new)
            return
        old = args[0].untyped_storage()
        if old in self._zeros or (name == _SUM and _adds_in_place(args[0], args[1])):
            self._hand_over(old, new)

    def _hand_over(self, old: torch.UntypedStorage, new: torch.UntypedStorage) -> None:
        """Count a new storage in place of the old one."""
        if old in self._counted and old.nbytes() == new.nbytes():
            self._counted.pop(old).detach()
            self._known.add(old)
            self._release_at_end(new)

    def _note(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known or storage in self._counted:
            return
        size = storage.nbytes()
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        self.allocated_bytes += size
        self.allocations += size > 0
        self._release_at_end(storage)

    def _release_at_end(self, storage: torch.UntypedStorage) -> None:
        self._counted[storage] = weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, size: int) -> None:
        self.live_bytes -= size


class _FakeTracker(Tracker):
    """Tracks the storages of fake tensors as if they were real ones."""

    def __init__(self, mode: FakeMode, known: Iterable[torch.Tensor], device: str) -> None:
        super().__init__(known, device)
        self._mode = mode
        self._deadline = time.monotonic() + TIME_LIMIT_S

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is _DEVICE:  # C++ calls it more often than all operators together.
            return args[0].fake_device
        name = _name(func)
        if name.startswith("prim::"):
            # C++ calls these where an exception would end the process.
            return func(*args, **(kwargs or {}))
        if time.monotonic() > self._deadline:
            raise TimeoutError
        if name in _UNKNOWN_RESULTS:
            raise NotImplementedError(name)
        result = self._mode.call(func, args, kwargs or {})
        self._track(name, args, result)
        return result


@functools.cache
def _name(func: Any) -> str:
    """Return an operator's name without its overload's, such as ``"aten::mm"``."""
    name: str = func.name()
    return name.partition(".")[0]


def _called_by_engine() -> bool:
    """Whether autograd's engine itself called the operator, and not a step's Python code.

    It runs the backward of a CPU below the Python code that asked for it, and that of another
    device on a thread of its own, with no Python code above unless a hook or a function has some.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _WRAPPERS:
        frame = frame.f_back
    return frame is None or frame.f_code.co_name == _ENGINE


def _adds_in_place(gradient: torch.Tensor, other: torch.Tensor | float) -> bool:
    """Whether autograd would add to a real gradient in place.

    It does if nothing else refers to its storage: no view's base, and no other node.
    """
    if other is gradient or not isinstance(other, torch.Tensor) or torch.is_grad_enabled():
        return False
    return not gradient._is_view() and _references(gradient) <= _references(other)


def _references(tensor: Any) -> int:
    """Return the number of torch's references to a tensor."""
    return int(tensor._use_count())


def _unique(tensors: Iterable[torch.Tensor]) -> dict[int, int]:
    """Return the bytes of each storage, once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return {storage._cdata: storage.nbytes() for storage in storages}
