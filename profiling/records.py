"""The plain, frozen data that crosses every border: worker to app, app to disk, run to chart.

Nothing here knows torch. Every record can be written to JSON and read back without loss. Types with
a pattern or a bound are checked on reading, because a run may come from anybody's file.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec

SCHEMA_VERSION = 2
BASELINE = "attached"
DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "float64", "bfloat16", "float16")

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", max_length=64)]
Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(#[0-9]+)?\Z", max_length=68)]
RelativePath = Annotated[str, msgspec.Meta(pattern=r"^traces/[A-Za-z0-9_-][A-Za-z0-9_.-]*\Z")]
Text = Annotated[str, msgspec.Meta(max_length=100_000)]


class Status(str, Enum):
    """What became of something that was to be measured."""

    OK = "ok"
    EXPECTED_ERROR = "expected_error"
    UNSUPPORTED = "unsupported"
    OUT_OF_MEMORY = "out_of_memory"
    ERROR = "error"


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
        force: Run even what is predicted not to fit in free memory.
    """

    workload: Name
    branches: tuple[Name, ...]
    sizes: tuple[int, ...]
    dtype: Name = "float32"
    device: Name = "auto"
    parameters: dict[Name, int] = {}
    seed: int = 0
    budget_s: float = 2.0
    force: bool = False


class Cell(Record, frozen=True):
    """The unit of measuring: one workload, size, dtype and device, with all its branches.

    Attributes:
        unit: What the size counts, such as ``"batch"``.
        file: Where the workload's code is, if it is not one of ours: ``path/file.py:NAME``.
    """

    workload: Name
    size: int
    dtype: Name
    device: Name
    branches: tuple[Label, ...]
    parameters: dict[Name, int]
    seed: int
    budget_s: float
    force: bool = False
    unit: Name = "batch"
    file: str = ""

    @property
    def baseline(self) -> str:
        """What the others are compared with: ``attached``, or else the first branch."""
        return BASELINE if BASELINE in self.branches else self.branches[0]


class Sample(Record, frozen=True):
    """One raw measured value; medians are derived from these and never stored instead.

    Attributes:
        phase: ``"forward"``, ``"backward"`` or ``"step"`` (both).
        metric: One of those in `profiling.columns.METRICS`.
        unit: ``"s"``, ``"bytes"``, ``"bytes_per_s"`` or ``"count"``.
        index: The round it was taken in; equal indices of two branches are a pair.
        value: None when it could not be measured.
    """

    phase: Name
    metric: Name
    unit: Name
    index: int
    value: float | None


class PeakPart(Record, frozen=True):
    """Bytes alive at the moment of a step's highest memory.

    Attributes:
        kind: One of those in `profiling.traces.peak.KINDS`.
        op: The operator that allocated them, or the backward node that ran it.
    """

    kind: Name
    op: str
    bytes: int


class Reach(Record, frozen=True):
    """Whether the gradient of one parameter group is the one that should hold.

    Attributes:
        tensors: Number of parameters in it.
        with_gradient: How many of them got a gradient.
        expected: Whether the reference gives the group a gradient; None without a reference.
        equal: Whether all gradients equal the reference's, to the dtype's tolerance; None when
            there is nothing to compare.
        max_difference: Largest absolute difference from the reference; None likewise.
    """

    group: Name
    tensors: int
    with_gradient: int
    expected: bool | None
    equal: bool | None
    max_difference: float | None

    @property
    def outcome(self) -> str:
        """``equal``, ``none``, ``missing``, ``unwanted``, ``different`` or ``unchecked``."""
        if self.expected is None:
            return "unchecked"
        if not self.expected:
            return "unwanted" if self.with_gradient else "none"
        if self.with_gradient < self.tensors:
            return "missing"
        return "equal" if self.equal else "different"

    @property
    def right(self) -> bool | None:
        """True when the group got exactly what the reference gives it; None without one."""
        return None if self.expected is None else self.outcome in ("equal", "none")


class Check(Record, frozen=True):
    """One question that the machine answered about its own measuring.

    Attributes:
        name: Key of the question, below ``doctor.check.`` in the locales.
        values: What was found, for the placeholders of its sentence.
    """

    name: Name
    passed: bool
    values: dict[str, str]


class BranchResult(Record, frozen=True):
    """What was measured of one branch in one cell.

    Attributes:
        reason: Locale key of our own explanation, when the status is not ok.
        message: The error's own text, word for word.
        values: What the placeholders of the explanation stand for.
        peak_parts: What the peak consists of; empty where it could not be told.
        scratch: What operators had allocated for themselves at that moment: no prediction sees it.
        source: The code that ran.
        source_sha256: Hash of `source`.
        trace: Path of the Chrome trace, relative to the run's folder.
    """

    branch: Label
    status: Status
    reason: Text = ""
    message: Text = ""
    values: dict[str, str] = {}
    samples: tuple[Sample, ...] = ()
    reach: tuple[Reach, ...] = ()
    peak_parts: tuple[PeakPart, ...] = ()
    scratch: tuple[PeakPart, ...] = ()
    source: Text = ""
    source_sha256: str = ""
    trace: RelativePath | None = None


class CellResult(Record, frozen=True):
    """All branches of one cell, measured, or the reason why there are none.

    Attributes:
        stopped_by: What ended the timing: ``"precision"``, ``"budget"`` or ``"rounds"``.
        warm_up_rounds: Rounds of all branches before the first that counts.
        loops: Steps that one time sample is the mean of.
        others_cpu_share: Share of all processors that other processes used while it was timed.
        parameter_bytes: Parameters and buffers, there before the step.
        input_bytes: Other tensors of the state, there before the step.
    """

    cell: Cell
    status: Status
    results: tuple[BranchResult, ...]
    reason: Text = ""
    message: Text = ""
    values: dict[str, str] = {}
    duration_s: float | None = None
    stopped_by: str = ""
    warm_up_rounds: int | None = None
    loops: int | None = None
    others_cpu_share: float | None = None
    parameter_bytes: int | None = None
    input_bytes: int | None = None


class Run(Record, frozen=True):
    """A comparison: what was asked, where, and what came back so far."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]+\Z", max_length=64)]
    started_utc: Annotated[str, msgspec.Meta(max_length=40)]
    environment: Environment
    request: Request
    cells: tuple[Cell, ...]
    results: tuple[CellResult, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def complete(self) -> bool:
        """Whether every planned cell has been measured."""
        return len(self.results) == len(self.cells)


def ran(branch: str) -> str:
    """Return the branch that a label stands for: ``detach#2`` is ``detach`` asked for again."""
    return branch.partition("#")[0]
