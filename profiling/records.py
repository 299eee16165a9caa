"""The plain, frozen data that crosses every border: worker to app, app to disk, run to chart.

Nothing here knows torch. Every record can be written to JSON and read back without loss.
"""

from __future__ import annotations

from enum import Enum

import msgspec

SCHEMA_VERSION = 1
BASELINE = "attached"
DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "float64", "bfloat16", "float16")


class Status(str, Enum):
    """What became of something that was to be measured."""

    OK = "ok"
    EXPECTED_ERROR = "expected_error"
    UNSUPPORTED = "unsupported"
    OUT_OF_MEMORY = "out_of_memory"
    ERROR = "error"


class Verdict(str, Enum):
    """How a claim fared when it was checked."""

    HOLDS = "holds"
    HOLDS_PARTLY = "holds_partly"
    WRONG = "wrong"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all records: immutable, compared by value."""


class DeviceInfo(Record, frozen=True):
    """A device that can be measured on: ``"cpu"`` or ``"cuda"``.

    Attributes:
        name: The maker's name of it.
        memory_bytes: Memory of the device (of the machine, for a CPU).
        dtypes: Names of the floating point dtypes that a probe could compute with.
    """

    kind: str
    name: str
    memory_bytes: int
    dtypes: tuple[str, ...]


class Environment(Record, frozen=True):
    """Where a result comes from.

    Attributes:
        devices: The devices found, the one used by default first.
        cuda: Version of CUDA that torch was built with, if it was.
        cuda_state: Locale key that says why CUDA is used or not.
        driver: Highest CUDA version that the installed driver supports.
        threads: Intra-op threads of torch on the CPU.
        commit: Git commit of this project, if it runs from a checkout.
    """

    torch: str
    cuda: str | None
    cuda_state: str
    driver: str | None
    python: str
    platform: str
    threads: int
    commit: str | None
    devices: tuple[DeviceInfo, ...]

    def device(self, kind: str) -> DeviceInfo | None:
        """Return the device of that kind, if the machine has one."""
        return next((device for device in self.devices if device.kind == kind), None)


class Request(Record, frozen=True):
    """What a person asks to compare; checked by `profiling.engine.plan`.

    Attributes:
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        parameters: Values of the workload's own parameters; absent ones keep their defaults.
        budget_s: Seconds of timed steps for one cell, all its branches together.
    """

    workload: str
    branches: tuple[str, ...]
    sizes: tuple[int, ...]
    dtype: str = "float32"
    device: str = "auto"
    parameters: dict[str, int] = {}
    seed: int = 0
    budget_s: float = 2.0


class Cell(Record, frozen=True):
    """The unit of measuring: one workload, size, dtype and device, with all its branches."""

    workload: str
    size: int
    dtype: str
    device: str
    branches: tuple[str, ...]
    parameters: dict[str, int]
    seed: int
    budget_s: float

    @property
    def baseline(self) -> str:
        """What the others are compared with: ``attached``, or else the first branch."""
        return BASELINE if BASELINE in self.branches else self.branches[0]


class Sample(Record, frozen=True):
    """One raw measured value; medians are derived from these and never stored instead.

    Attributes:
        phase: ``"forward"``, ``"backward"`` or ``"step"`` (both).
        metric: ``time``, ``peak``, ``live``, ``saved``, ``allocated``, ``allocations``, ``ops``.
        unit: ``"s"``, ``"bytes"`` or ``"count"``.
        index: The round it was taken in; equal indices of two branches are a pair.
        value: None when it could not be measured.
    """

    phase: str
    metric: str
    unit: str
    index: int
    value: float | None


class Reach(Record, frozen=True):
    """Whether the gradient of one parameter group is the one that should hold.

    Attributes:
        tensors: Number of parameters in it.
        with_gradient: How many of them got a gradient.
        expected: Whether the reference gives the group a gradient.
        equal: Whether all gradients equal the reference's, to the dtype's tolerance; None when
            there is nothing to compare.
        max_difference: Largest absolute difference from the reference; None likewise.
    """

    group: str
    tensors: int
    with_gradient: int
    expected: bool
    equal: bool | None
    max_difference: float | None

    @property
    def outcome(self) -> str:
        """``equal``, ``none``, ``missing``, ``unwanted`` or ``different``."""
        if not self.expected:
            return "unwanted" if self.with_gradient else "none"
        if self.with_gradient < self.tensors:
            return "missing"
        return "equal" if self.equal else "different"

    @property
    def right(self) -> bool:
        """True when the group got exactly what the reference gives it."""
        return self.outcome in ("equal", "none")


class BranchResult(Record, frozen=True):
    """What was measured of one branch in one cell.

    Attributes:
        reason: Locale key of our own explanation, when the status is not ok.
        message: The error's own text, word for word.
        source: The code that ran.
        source_sha256: Hash of `source`.
        trace: Path of the Chrome trace, relative to the run's folder.
    """

    branch: str
    status: Status
    reason: str = ""
    message: str = ""
    samples: tuple[Sample, ...] = ()
    reach: tuple[Reach, ...] = ()
    source: str = ""
    source_sha256: str = ""
    trace: str | None = None


class CellResult(Record, frozen=True):
    """All branches of one cell, measured, or the reason why there are none.

    Attributes:
        stopped_by: What ended the timing: ``"precision"``, ``"budget"`` or ``"rounds"``.
    """

    cell: Cell
    status: Status
    results: tuple[BranchResult, ...]
    reason: str = ""
    message: str = ""
    duration_s: float | None = None
    stopped_by: str = ""


class Run(Record, frozen=True):
    """A comparison: what was asked, where, and what came back so far."""

    id: str
    started_utc: str
    environment: Environment
    request: Request
    cells: tuple[Cell, ...]
    results: tuple[CellResult, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def complete(self) -> bool:
        """Whether every planned cell has been measured."""
        return len(self.results) == len(self.cells)


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


def ran(branch: str) -> str:
    """Return the branch that a label stands for: ``detach#2`` is ``detach`` asked for again."""
    return branch.partition("#")[0]
