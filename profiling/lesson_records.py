"""The plain, frozen data of a lesson: what is asked, and what happened line by line."""

from __future__ import annotations

from enum import Enum

from profiling.records import Record


class Verdict(str, Enum):
    """How a claim fared when it was checked."""

    HOLDS = "holds"
    HOLDS_PARTLY = "holds_partly"
    WRONG = "wrong"


class TensorState(Record, frozen=True):
    """One named tensor at one moment of a lesson.

    Attributes:
        values: The numbers, row by row, at most `profiling.measure.lesson.SHOWN_VALUES`.
        grad: The same of ``.grad``; None when it is None.
        storage: Small number, equal for names that share memory.
        version: The version counter; None for inference tensors, which have none.
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
    version: int | None


class LessonStep(Record, frozen=True):
    """The tensors as they stood after a line of the lesson had run."""

    line: int
    tensors: tuple[TensorState, ...]


class LessonError(Record, frozen=True):
    """The error that a lesson raised, word for word, and the line that raised it."""

    type: str
    text: str
    line: int


class ClaimResult(Record, frozen=True):
    """One claim of the article, decided by what just happened.

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
    steps: tuple[LessonStep, ...]
    claims: tuple[ClaimResult, ...]
    error: LessonError | None = None
