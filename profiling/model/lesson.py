"""The plain, frozen data of a lesson: what is asked, and what happened statement by statement."""

from __future__ import annotations

from enum import Enum

from profiling.model.graph import Graph
from profiling.model.run import Record


class Verdict(str, Enum):
    """How a claim fared when it was checked."""

    HOLDS = "holds"
    HOLDS_PARTLY = "holds_partly"
    WRONG = "wrong"


class TensorState(Record, frozen=True):
    """One named tensor at one moment of a lesson.

    Attributes:
        values: The numbers, row by row, at most `profiling.measure.states.SHOWN_VALUES`.
        grad: The same of ``.grad``; None when it is None.
        storage: Small number, equal for names that share memory.
        storage_bytes: Size of that memory.
        version: The version counter; None for inference tensors, which have none.
        counter: Small number, equal for names that share one version counter; None likewise.
        made_in: ``"grad"``, ``"no_grad"`` or ``"inference"``: the mode it was made in.
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


class ValueState(Record, frozen=True):
    """A name that stands for something else than a tensor.

    Attributes:
        text: It, as Python prints it, short.
        storage: Number of the memory it shares with tensors, as an array of numpy may; else None.
    """

    name: str
    text: str
    storage: int | None = None


class LessonStep(Record, frozen=True):
    """What is there after a statement has run.

    Attributes:
        line: First line of the statement, as numbered in its file.
        function: The inner function it stands in; empty for the lesson itself.
        grad_mode: ``"grad"``, ``"no_grad"`` or ``"inference"``.
        printed: What it printed, and what it was warned of.
        graph: The backward graph of everything that has a name.
        left_out: Tensors that are not here because there are too many.
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
    """The error that a lesson raised, word for word, and the line that raised it."""

    type: str
    text: str
    line: int


class PartTrace(Record, frozen=True):
    """What happened when one function of a lesson ran.

    Attributes:
        name: ``"lesson"``, ``"wrong"`` and ``"right"``, or ``"playground"``.
        cut_off: Whether it took more steps than are kept.
    """

    name: str
    steps: tuple[LessonStep, ...]
    error: LessonError | None = None
    cut_off: bool = False


class ClaimResult(Record, frozen=True):
    """One claim, decided by what just happened.

    Attributes:
        checks: Name of each assertion and whether it was true.
    """

    claim: str
    checks: dict[str, bool]

    @property
    def verdict(self) -> Verdict:
        """Holds when every assertion is true, wrong when none is, else holds partly."""
        if all(self.checks.values()):
            return Verdict.HOLDS
        return Verdict.HOLDS_PARTLY if any(self.checks.values()) else Verdict.WRONG


class LessonRequest(Record, frozen=True):
    """A lesson and the inputs to run it with; None keeps the lesson's own."""

    name: str
    values: tuple[float, ...] | None = None
    op: str | None = None


class LessonTrace(Record, frozen=True):
    """What happened when a lesson ran."""

    request: LessonRequest
    parts: tuple[PartTrace, ...]
    claims: tuple[ClaimResult, ...]
