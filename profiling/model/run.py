"""Finds what cannot be in a run that was measured, beyond what the records' types rule out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Annotated

import msgspec

from profiling.model.metrics import METRICS, UNITS
from profiling.model.record import Label, Name, Record, RelativePath, Text
from profiling.model.request import EAGER, SETTINGS, Number, Request, Settings, mode_word

SCHEMA_VERSION = 2
BASELINE = "attached"
MAX_CELLS = 100
MAX_BRANCHES = 100
MAX_GROUPS = 100
MAX_ROUNDS = 10_000
MAX_TRACE_NAME = 200
# Whole numbers up to here are exact as floats.
MAX_NUMBER = 2**53


class Status(str, Enum):
    """What became of something that was to be measured."""

    OK = "ok"
    EXPECTED_ERROR = "expected_error"
    UNSUPPORTED = "unsupported"
    OUT_OF_MEMORY = "out_of_memory"
    ERROR = "error"


class DeviceInfo(Record, frozen=True):
    """A device that can be measured on.

    Attributes:
        kind: What torch calls its kind, such as ``"cpu"`` or ``"cuda"``.
        name: The maker's name of it.
        memory_bytes: Memory of the device (of the machine, for a CPU).
        dtypes: Names of the floating point dtypes that a probe could compute with.
        index: Which of several devices of its kind it is.
        compiler: What `torch.compile` compiles with for it; empty where that is not installed.
    """

    kind: str
    name: str
    memory_bytes: int
    dtypes: tuple[str, ...]
    index: int = 0
    compiler: str = ""

    @property
    def spec(self) -> str:
        """What a request and a cell call it, such as ``"cuda"`` or ``"cuda:1"``."""
        return f"{self.kind}:{self.index}" if self.index else self.kind


class Environment(Record, frozen=True):
    """Where a result comes from.

    Attributes:
        devices: The devices found, the one used by default first.
        cuda: Version of CUDA that torch was built with, if it was.
        cuda_state: Locale key that says why an accelerator is used or not.
        driver: Highest CUDA version that the installed driver supports, or another driver's own.
        threads: Intra-op threads of torch on the CPU.
        commit: Git commit of this project, if it runs from a checkout.
        state_values: What the placeholders of `cuda_state` stand for.
        backend: What torch was built with to use the first device, such as ``"ROCm 6.4"``.
        flags: Settings of torch that change how fast or how exactly it computes.
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
    state_values: dict[str, str] = msgspec.field(default_factory=dict)
    backend: str = ""
    flags: dict[str, str] = msgspec.field(default_factory=dict)

    def device(self, name: str) -> DeviceInfo | None:
        """Return a device by its kind, with an index or without, if the machine has it."""
        names = (name, name.removesuffix(":0"))
        return next((device for device in self.devices if device.spec in names), None)


class Cell(Settings, frozen=True):
    """The unit of measuring: one workload, size, dtype, mode and device, with all its branches.

    Attributes:
        mode: How the steps are run: one of `profiling.model.request.MODES`.
        unit: What the size counts, such as ``"batch"``.
        file: Where the workload's code is, if it is not one of ours: ``path/file.py:NAME``.
    """

    workload: Name
    size: int
    branches: tuple[Label, ...]
    unit: Name = "batch"
    file: str = ""
    mode: Name = EAGER

    @property
    def computation(self) -> str:
        """How it is computed, such as ``"float32"`` or ``"float32 compiled"``."""
        return f"{self.dtype} {mode_word(self.mode)}".rstrip()

    @property
    def extent(self) -> str:
        """Its size and, unless it is the usual one, its mode, such as ``"1,024 (compiled)"``."""
        mode = mode_word(self.mode)
        return f"{self.size:,} ({mode})" if mode else f"{self.size:,}"

    @property
    def baseline(self) -> str:
        """What the others are compared with: ``attached``, or else the first branch."""
        return BASELINE if BASELINE in self.branches else self.branches[0]


class Sample(Record, frozen=True):
    """One raw measured value; medians are derived from these and never stored instead.

    Attributes:
        phase: ``"forward"``, ``"backward"`` or ``"step"`` (both).
        metric: One of `profiling.model.metrics.METRICS`.
        unit: That of the metric.
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
        kind: One of those in `profiling.traces.memory.KINDS`.
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
        equal: Whether the relative error is within the dtype's tolerance; None when there is
            nothing to compare.
        max_difference: Largest absolute difference from the reference; None likewise, and where it
            is not finite.
        relative_error: L2 norm of the difference over that of the reference; None likewise, and in
            runs of earlier versions.
        zeros: How many of the gradients that it got are zero in every element.
    """

    group: Name
    tensors: int
    with_gradient: int
    expected: bool | None
    equal: bool | None
    max_difference: float | None
    relative_error: float | None = None
    zeros: int = 0

    @property
    def outcome(self) -> str:
        """What became of the gradient.

        ``equal``, ``none``, ``missing``, ``unwanted``, ``zeros`` (unwanted, and all are zero),
        ``different`` or ``unchecked``.
        """
        if self.expected is None:
            return "unchecked"
        if not self.expected:
            if not self.with_gradient:
                return "none"
            return "zeros" if self.zeros == self.with_gradient else "unwanted"
        if self.with_gradient < self.tensors:
            return "missing"
        return "equal" if self.equal else "different"

    def beside(self, baseline: Reach | None) -> str:
        """Return the outcome or, where it was not checked, how it compares with the baseline.

        Whether a gradient is there needs no reference: ``absent`` if fewer parameters got one than
        in the baseline, ``extra`` if more did.
        """
        if self.outcome != "unchecked" or baseline is None:
            return self.outcome
        more = self.with_gradient - baseline.with_gradient
        return "unchecked" if more == 0 else "extra" if more > 0 else "absent"

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


class Notice(Record, frozen=True):
    """What a person should know of a result that is there all the same.

    Attributes:
        key: Locale key of its sentence, such as ``"notice.launch_bound"``.
        values: What the placeholders of the sentence stand for.
    """

    key: Text
    values: dict[str, str] = msgspec.field(default_factory=dict)


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
        notices: What a person should know of it.
    """

    branch: Label
    status: Status
    reason: Text = ""
    message: Text = ""
    values: dict[str, str] = msgspec.field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    reach: tuple[Reach, ...] = ()
    peak_parts: tuple[PeakPart, ...] = ()
    scratch: tuple[PeakPart, ...] = ()
    source: Text = ""
    source_sha256: str = ""
    trace: RelativePath | None = None
    notices: tuple[Notice, ...] = ()


class CellResult(Record, frozen=True):
    """All branches of one cell, measured, or the reason why there are none.

    Attributes:
        stopped_by: What ended the timing: ``"precision"``, ``"budget"`` or ``"rounds"``.
        warm_up_rounds: Rounds of all branches before the first that counts.
        loops: Steps that one time sample is the mean of.
        others_cpu_share: Share of all processors that other processes used while it was timed.
        parameter_bytes: Parameters and buffers, there before the step.
        input_bytes: Other tensors of the state, there before the step.
        notices: What a person should know of all its branches.
        environment: Where it was measured, if that is another machine than the run's.
    """

    cell: Cell
    status: Status
    results: tuple[BranchResult, ...]
    reason: Text = ""
    message: Text = ""
    values: dict[str, str] = msgspec.field(default_factory=dict)
    duration_s: float | None = None
    stopped_by: str = ""
    warm_up_rounds: int | None = None
    loops: int | None = None
    others_cpu_share: float | None = None
    parameter_bytes: int | None = None
    input_bytes: int | None = None
    notices: tuple[Notice, ...] = ()
    environment: Environment | None = None


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

    def environment_of(self, cell: Cell) -> Environment:
        """Return where a cell was measured; of one that was not yet, where the others were."""
        found = (each.environment for each in self.results if each.cell == cell)
        return next(found, None) or self.environment


def ran(branch: str) -> str:
    """Return the branch that a label stands for: ``detach#2`` is ``detach`` asked for again."""
    return branch.partition("#")[0]


def first_fault(run: Run) -> str | None:
    """Return where a run contradicts itself, such as ``results[0].cell``; None if nowhere."""
    return next(_faults(run), None)


def _faults(run: Run) -> Iterator[str]:
    if run.schema_version < 1:
        yield "schema_version"
    if any(_setting_faults(run.request)):
        yield "request"
    if not 1 <= len(run.cells) <= MAX_CELLS or not _distinct(map(_identity, run.cells)):
        yield "cells"
    for place, cell in enumerate(run.cells):
        yield from (f"cells[{place}].{fault}" for fault in _cell_faults(cell))
    if not _distinct(_identity(finished.cell) for finished in run.results):
        yield "results"
    for place, finished in enumerate(run.results):
        if finished.cell not in run.cells:
            yield f"results[{place}].cell"
        yield from (f"results[{place}].{fault}" for fault in _cell_result_faults(finished))


def _identity(cell: Cell) -> tuple[str, int, str, str, str]:
    """Return what tells the cells of one run apart, the key of its tables."""
    return cell.workload, cell.size, cell.dtype, cell.mode, cell.device


def _cell_faults(cell: Cell) -> Iterator[str]:
    if not 1 <= cell.size <= MAX_NUMBER:
        yield "size"
    if not 1 <= len(cell.branches) <= MAX_BRANCHES or not _distinct(cell.branches):
        yield "branches"
    if not all(abs(value) <= MAX_NUMBER for value in cell.parameters.values()):
        yield "parameters"
    yield from _setting_faults(cell)


def _setting_faults(settings: Settings) -> Iterator[str]:
    for name, setting in SETTINGS.items():
        if isinstance(setting, Number) and not _is_amount(getattr(settings, name)):
            yield name


def _cell_result_faults(finished: CellResult) -> Iterator[str]:
    for name in ("duration_s", "warm_up_rounds", "loops", "parameter_bytes", "input_bytes"):
        if not _is_amount(getattr(finished, name)):
            yield name
    if (finished.others_cpu_share or 0.0) > 1.0 or not _is_amount(finished.others_cpu_share):
        yield "others_cpu_share"
    labels = [result.branch for result in finished.results]
    if not _distinct(labels):
        yield "results"
    for place, result in enumerate(finished.results):
        if result.branch not in finished.cell.branches:
            yield f"results[{place}].branch"
        yield from (f"results[{place}].{fault}" for fault in _branch_faults(result))


def _branch_faults(result: BranchResult) -> Iterator[str]:
    if not _distinct((each.phase, each.metric, each.index) for each in result.samples):
        yield "samples"
    for name, places in (
        ("samples", _wrong(map(_is_sample, result.samples))),
        ("reach", _wrong(map(_is_reach, result.reach))),
        ("peak_parts", _wrong(map(_is_part, result.peak_parts))),
        ("scratch", _wrong(_is_amount(part.bytes) for part in result.scratch)),
    ):
        yield from (f"{name}[{place}]" for place in places)
    if len(result.reach) > MAX_GROUPS or not _distinct(each.group for each in result.reach):
        yield "reach"
    if result.trace is not None and len(result.trace) > MAX_TRACE_NAME:
        yield "trace"


def _is_part(part: PeakPart) -> bool:
    """Whether a part of a peak is possible: what a step frees of what was there is negative."""
    return _is_amount(-part.bytes if part.kind == "released" else part.bytes)


def _is_sample(sample: Sample) -> bool:
    metric, value = METRICS.get(sample.metric), sample.value
    if not 0 <= sample.index < MAX_ROUNDS or (metric and sample.unit != metric.unit):
        return False
    if value is None:
        return True
    if metric and metric.signed:
        value = abs(value)
    # A metric that is unknown here may come from a newer version: its unit says what it counts.
    return _is_amount(value) and (not UNITS.get(sample.unit, False) or value == int(value))


def _is_reach(reach: Reach) -> bool:
    counted = 0 <= reach.zeros <= reach.with_gradient <= reach.tensors <= MAX_NUMBER
    return counted and _is_amount(reach.max_difference) and _is_amount(reach.relative_error)


def _is_amount(value: float | None) -> bool:
    """Tell whether a value is missing, or a number from 0 on that is finite and not absurd."""
    return value is None or (math.isfinite(value) and 0 <= value <= MAX_NUMBER)


def _wrong(checks: Iterable[bool]) -> list[int]:
    return [place for place, right in enumerate(checks) if not right]


def _distinct(items: Iterable[object]) -> bool:
    listed: Sequence[object] = list(items)
    return len(set(listed)) == len(listed)
