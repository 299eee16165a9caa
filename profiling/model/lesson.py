"""Records of a lesson: the request, and the state after each statement."""

from __future__ import annotations

from enum import Enum

from profiling.model.graph import Graph
from profiling.model.record import DeviceName, Record


class Verdict(str, Enum):
    """Verdict on a claim."""

    HOLDS = "holds"
    HOLDS_PARTLY = "holds_partly"
    WRONG = "wrong"


class TensorState(Record, frozen=True):
    """A named tensor after one step of a lesson.

    Attributes:
        values: The first `profiling.measure.snapshot.SHOWN_VALUES` values in row-major order.
        grad: The same of ``.grad``; None if ``.grad`` is None.
        storage: Small number, the same for names that share a storage.
        storage_bytes: Size of the storage.
        version: The version counter; None for inference tensors, which have none.
        counter: Small number, the same for names that share a version counter; None for inference
            tensors.
        made_in: Mode that it was created in: ``"grad"``, ``"no_grad"`` or ``"inference"``.
        device: Where its memory is, as torch writes it, such as ``"cuda:0"``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    values: tuple[float, ...]
    requires_grad: bool
    is_leaf: bool
    grad_fn: str | None
    grad: tuple[float, ...] | None
    storage: int
    storage_bytes: int
    version: int | None
    counter: int | None
    made_in: str = "grad"
    device: str = "cpu"

    @property
    def elsewhere(self) -> str:
        """Its device if that is not the CPU, which goes without saying; else empty."""
        return "" if self.device == "cpu" else self.device


class ValueState(Record, frozen=True):
    """A named value that is not a tensor.

    Attributes:
        text: Its repr, shortened.
        storage: Number of the storage that it shares with tensors, as a NumPy array can; else None.
    """

    name: str
    text: str
    storage: int | None = None


class LessonStep(Record, frozen=True):
    """The state after a statement has run.

    Attributes:
        line: Line number of the statement in its file.
        function: The inner function that contains it; empty for the lesson itself.
        grad_mode: ``"grad"``, ``"no_grad"`` or ``"inference"``.
        printed: Its output and warnings.
        graph: The backward graph of all named tensors.
        left_out: Number of tensors left out because there are too many.
    """

    line: int
    function: str
    grad_mode: str
    tensors: tuple[TensorState, ...]
    values: tuple[ValueState, ...]
    printed: str
    graph: Graph
    left_out: int = 0


class LessonError(Record, frozen=True):
    """The error that a lesson raised, unchanged, and its line number."""

    type: str
    text: str
    line: int


class PartTrace(Record, frozen=True):
    """The steps of one function of a lesson.

    Attributes:
        name: ``"lesson"``, ``"wrong"``, ``"right"`` or ``"playground"``.
        cut_off: Whether it took more steps than are kept.
    """

    name: str
    steps: tuple[LessonStep, ...]
    error: LessonError | None = None
    cut_off: bool = False


class ClaimResult(Record, frozen=True):
    """A claim and the result of each of its assertions.

    Attributes:
        checks: Whether each assertion was true, by name.
    """

    claim: str
    checks: dict[str, bool]

    @property
    def verdict(self) -> Verdict:
        """``HOLDS`` if all assertions are true, ``WRONG`` if none is, else ``HOLDS_PARTLY``."""
        if all(self.checks.values()):
            return Verdict.HOLDS
        return Verdict.HOLDS_PARTLY if any(self.checks.values()) else Verdict.WRONG


class LessonRequest(Record, frozen=True):
    """A lesson, the inputs and the device to run it with; None uses the lesson's own inputs.

    Attributes:
        device: As a comparison names it. Of what ran, it is the device that it ran on.
    """

    name: str
    values: tuple[float, ...] | None = None
    op: str | None = None
    device: DeviceName = "cpu"


class LessonTrace(Record, frozen=True):
    """The result of a lesson: the steps of its functions and its claims."""

    request: LessonRequest
    parts: tuple[PartTrace, ...]
    claims: tuple[ClaimResult, ...]
