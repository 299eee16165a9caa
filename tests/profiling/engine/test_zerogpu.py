"""ZeroGPU: how long a GPU is asked for, what a refusal says, and what one lent call does."""

from __future__ import annotations

import contextvars
import gzip
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from profiling.engine import jobs, zerogpu
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor, ProcessDied
from profiling.engine.progress import Notes
from profiling.engine.zerogpu import ZeroGpu, _duration, lent_s, on_zero_gpu, refusal, run_lent
from profiling.measure import cell as measuring
from profiling.measure import machine, reading
from profiling.measure.device import KINDS
from profiling.model.errors import DeviceLostError, InputError, WorkerError
from profiling.model.lesson import LessonRequest, LessonTrace
from profiling.model.recording import RecordedRun, Recording
from profiling.model.request import Request
from profiling.model.run import BranchResult, Cell, CellResult, Status
from profiling.traces.table import load_trace
from tests.profiling.engine.test_engine import Changed
from tests.profiling.measure.test_measure_cell_device import Counting
from tests.profiling.planted import GPU_MACHINE

SMALL = Request("elementwise", ("attached", "detach"), (4, 8), budget_s=0.05)


class Lender(InlineExecutor):
    """Lends what is here, and remembers what for."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Any, ...]] = []

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.jobs.append((fn, *arguments))
        return super().submit(fn, *arguments, **named)


class TakenBack(Lender):
    """Ends a call after some cells, as when the time is up."""

    def __init__(self, finished: int) -> None:
        super().__init__()
        self.finished = finished

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        recorded: RecordedRun = super().submit(fn, *arguments).result()
        done = recorded.recordings[: self.finished]
        arguments[2].write(replace(recorded, recordings=done))
        future: Future[Any] = Future()
        future.set_exception(WorkerError("error.gpu_ended"))
        return future


@pytest.fixture
def quick_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have cells measured at once, with nothing found."""

    def record(cell: Cell, *_: Any) -> Recording:
        results = tuple(BranchResult(each, Status.OK) for each in cell.branches)
        return Recording(CellResult(cell, Status.OK, results))

    monkeypatch.setattr(measuring, "record_cell", record)


@pytest.fixture
def lender() -> Lender:
    return Lender()


@pytest.fixture
def lent(lender: Lender) -> Iterator[Engine]:
    """An engine whose worker and whose lent GPU are both right here."""
    engine = Engine("auto", InlineExecutor(), lender=lender)
    yield engine
    engine.close()


def test_a_comparison_is_one_call_whatever_its_sizes(lent: Engine, lender: Lender) -> None:
    *_, last = lent.compare(SMALL)
    assert [job[:2] for job in lender.jobs] == [(jobs.compare, SMALL)]
    run = last.run
    assert run is not None
    assert run.complete
    assert [finished.status for finished in run.results] == [Status.OK] * 2
    assert (last.is_new, last.cell, last.lent_s) == (True, None, 17)
    folder = lent.run_folder(run)
    assert lender.jobs[0][2] == folder
    traces = {result.trace for finished in run.results for result in finished.results}
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == traces


@pytest.mark.usefixtures("quick_cells")
def test_nothing_is_lent_for_what_needs_no_gpu(lent: Engine, lender: Lender) -> None:
    assert lent.lends
    for device in ("cpu", "auto"):
        assert lent.lesson(LessonRequest("baseline", device=device)).request.device == "cpu"
    trace = lent.lesson(LessonRequest("numpy_needs_detach", device="cuda"))
    assert trace.request.device == "cpu"
    lent.graph(replace(SMALL, device="cuda"))
    *_, last = lent.compare(replace(SMALL, device="cpu"))
    assert last.run is not None
    assert last.run.complete
    assert last.lent_s == 0
    assert lender.jobs == []


def test_a_lesson_is_one_call_if_its_device_is_asked_for(
    lent: Engine, lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is lent is here.
    monkeypatch.setattr(machine, "detect", lambda preferred: GPU_MACHINE)
    monkeypatch.setattr(jobs, "run_lesson", lambda request: LessonTrace(request, (), ()))
    request = LessonRequest("baseline", device="cuda")
    assert lent.lesson(request).request == request
    assert lender.jobs == [(jobs.run_lent_lesson, request)]
    with pytest.raises(InputError) as caught:
        lent.lesson(replace(request, device="xpu"))
    assert caught.value.key == "error.no_such_device"


def test_a_lent_device_that_a_lesson_costs_ends_its_process(
    lent: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(request: LessonRequest) -> LessonTrace:
        raise DeviceLostError("error.device_lost", text="planted")

    class Ended(BaseException):
        """The process has ended."""

    def end() -> None:
        raise Ended

    monkeypatch.setattr(machine, "detect", lambda preferred: GPU_MACHINE)
    monkeypatch.setattr(jobs, "run_lesson", lose)
    monkeypatch.setattr(jobs, "end_process", end)
    with pytest.raises(Ended):
        jobs.run_lent_lesson(LessonRequest("baseline", device="cuda"))


def test_a_request_that_takes_too_long_is_refused_before_anything_is_asked_for(
    lent: Engine, lender: Lender
) -> None:
    with pytest.raises(InputError) as caught:
        next(lent.compare(replace(SMALL, budget_s=60.0)))
    assert (caught.value.key, caught.value.values) == (
        "error.gpu_too_long",
        {"needed": 136, "high": 120},
    )
    assert lender.jobs == []
    assert list(lent.folder.iterdir()) == []


def test_what_the_lent_device_cannot_do_is_told_and_leaves_nothing(
    lent: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError) as caught:
        list(lent.compare(replace(SMALL, device="cuda")))
    assert caught.value.key == "error.no_such_device"
    assert list(lent.folder.iterdir()) == []


class Held(InlineExecutor):
    """Lends until it is told otherwise, and notes what is there of traces when it gives back."""

    def __init__(self) -> None:
        self.given_back = False
        self.traces: list[str] = []
        self.future: Future[Any] = Future()
        self.answer: Any = None

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.answer = super().submit(fn, *arguments, **named).result()
        self.traces = sorted(path.name for path in arguments[1].rglob("*.json*"))
        return self.future

    def give_back(self) -> None:
        self.given_back = True
        self.future.set_result(self.answer)


def test_traces_are_read_and_compressed_after_the_gpu_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = Held()

    def late(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            assert held.given_back
            return function(*arguments, **named)

        return call

    monkeypatch.setattr(reading, "load_trace", late(load_trace))
    monkeypatch.setattr(gzip, "compress", late(gzip.compress))
    monkeypatch.setitem(KINDS, "cpu", Counting)
    engine = Engine("auto", InlineExecutor(), lender=held)
    steps = engine.compare(SMALL)
    lent = next(steps)
    while lent.run is None or not lent.is_new:
        lent = next(steps)
    assert held.traces == [
        f"elementwise-{branch}-{size}-float32-cpu.json"
        for branch in SMALL.branches
        for size in SMALL.sizes
    ]
    assert lent.run.complete
    # What needs no trace is shown already.
    told = [each for finished in lent.run.results for each in finished.results]
    assert {each.trace for each in told} == {None}
    for each in told:
        assert {"peak", "time"} <= {sample.metric for sample in each.samples}
        assert "ops" not in {sample.metric for sample in each.samples}
    held.give_back()
    while not lent.is_reading:
        lent = next(steps)
    *_, last = [lent, *steps]
    assert (last.is_new, last.is_reading) == (True, False)
    assert last.run is not None
    folder = engine.run_folder(last.run)
    for finished in last.run.results:
        for result in finished.results:
            assert "ops" in {sample.metric for sample in result.samples}
            assert sum(part.bytes for part in result.peak_parts) > 0
            assert result.trace is not None
            assert result.trace.endswith(".json.gz")
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*.json*")}
    assert kept == {each.trace for cell in last.run.results for each in cell.results}
    engine.close()


def test_a_worker_that_ends_while_it_reads_costs_the_traces_alone() -> None:
    def end(*_: Any) -> None:
        raise ProcessDied

    engine = Engine("auto", Changed(InlineExecutor(), {jobs.read_cell: end}), lender=Lender())
    *_, last = engine.compare(replace(SMALL, sizes=(4,)))
    assert last.run is not None
    (finished,) = last.run.results
    for result in finished.results:
        assert (result.status, result.trace) == (Status.OK, None)
        assert "time" in {sample.metric for sample in result.samples}
        (notice,) = result.notices
        assert notice.key == "notice.trace_failed"
        assert notice.values == {
            "branch": result.branch,
            "text": "the process ended before it answered",
        }
    engine.close()


@pytest.mark.usefixtures("quick_cells")
def test_what_was_finished_before_the_gpu_was_taken_back_is_kept() -> None:
    engine = Engine("auto", InlineExecutor(), lender=TakenBack(1))
    *_, last = engine.compare(SMALL)
    assert last.run is not None
    first, second = last.run.results
    assert first.status is Status.OK
    assert (second.status, second.reason) == (Status.ERROR, "error.gpu_ended")
    assert second.cell.size == 8
    engine.close()


@pytest.mark.usefixtures("quick_cells")
def test_a_gpu_that_was_taken_back_before_anything_was_finished_is_an_error() -> None:
    engine = Engine("auto", InlineExecutor(), lender=TakenBack(0))
    with pytest.raises(WorkerError) as caught:
        list(engine.compare(SMALL))
    assert caught.value.key == "error.gpu_ended"
    assert list(engine.folder.iterdir()) == []
    engine.close()


def test_closing_the_iterator_says_that_nobody_waits_any_more() -> None:
    asked: list[Notes] = []

    class Never(Executor):
        def submit(self, fn: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
            asked.append(arguments[2])
            return Future()

    engine = Engine("auto", InlineExecutor(), lender=Never())
    steps = engine.compare(SMALL)
    assert [next(steps).lent_s for _ in range(2)] == [17, 17]
    assert [notes.is_awaited() for notes in asked] == [True]
    steps.close()  # type: ignore[attr-defined]
    assert [notes.is_awaited() for notes in asked] == [False]
    engine.close()


def test_what_nobody_waits_for_is_not_measured(tmp_path: Path) -> None:
    folder = tmp_path / "unwanted"
    folder.mkdir()
    run = jobs.compare(SMALL, folder, Notes(tmp_path / "gone")).run
    assert run.id == "unwanted"
    assert [cell.size for cell in run.cells] == [4, 8]
    assert run.results == ()


@pytest.mark.usefixtures("quick_cells")
def test_each_finished_cell_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    monkeypatch.setattr(Notes, "write", lambda _, note: noted.append(len(note.recordings)))
    recorded = jobs.compare(SMALL, tmp_path, Notes(tmp_path))
    assert noted == [0, 1, 2]
    assert recorded.run.complete


@pytest.mark.parametrize(
    ("title", "message", "key", "values"),
    [
        (
            "ZeroGPU quota exceeded",
            "You have exceeded your free ZeroGPU quota (39s requested vs. 12s left). "
            "Try again in 3:21:10. ",
            "error.gpu_quota",
            {"requested": "39", "left": "12", "wait": "3:21:10"},
        ),
        (
            "ZeroGPU quota exceeded",
            "You have exceeded your ZeroGPU runs limit. ",
            "error.gpu_runs",
            {},
        ),
        (
            "ZeroGPU quota exceeded",
            "Space app has reached its GPU limit. Try re-running outside of examples if it "
            "happened after clicking one",
            "error.gpu_unknown_visitor",
            {},
        ),
        (
            "ZeroGPU illegal duration",
            "The requested GPU duration (180s) is larger than the maximum allowed",
            "error.gpu_duration",
            {"requested": "180"},
        ),
        (
            "ZeroGPU queue timeout",
            "No GPU was available after 60s. Retry later",
            "error.gpu_busy",
            {},
        ),
        ("ZeroGPU client error", "No GPU was available", "error.gpu_busy", {}),
        (
            "ZeroGPU pending credits exceeded",
            "You have too many ZeroGPU credits allocated to running tasks.",
            "error.gpu_pending",
            {},
        ),
        ("ZeroGPU worker error", "GPU task aborted", "error.gpu_ended", {}),
        (
            "ZeroGPU client error",
            "Expired ZeroGPU proxy token",
            "error.gpu_refused",
            {"text": "ZeroGPU client error: Expired ZeroGPU proxy token"},
        ),
    ],
)
def test_a_refusal_is_said_in_our_own_words(
    title: str, message: str, key: str, values: dict[str, str]
) -> None:
    class GradioError(Exception):
        def __init__(self) -> None:
            super().__init__(message)
            self.title, self.message = title, message

    found = refusal(GradioError())
    assert (found.key, found.values) == (key, values)


def test_an_error_that_is_none_of_theirs_is_told_as_it_is() -> None:
    found = refusal(RuntimeError("ZeroGPU API /schedule error: 500"))
    assert found.key == "error.gpu_refused"
    assert "/schedule error: 500" in str(found.values["text"])


def test_the_seconds_asked_for_follow_from_the_request() -> None:
    assert lent_s(SMALL) == 17  # 10 + 2 × (0.05 + 2 × 1.5) = 16.1, rounded up
    assert lent_s(replace(SMALL, sizes=(4, 4))) == 14  # a size asked for twice is measured once
    assert lent_s(replace(SMALL, branches=("attached",) * 4, sizes=(1, 2, 3), budget_s=2.0)) == 34
    assert lent_s(replace(SMALL, budget_s=52.0)) == 120
    assert lent_s(replace(SMALL, modes=("eager", "autocast"))) == 23  # twice as many cells
    with pytest.raises(InputError, match="gpu_compiled"):
        lent_s(replace(SMALL, modes=("compiled",)))
    assert lent_s(LessonRequest("baseline", device="cuda")) == 15
    with pytest.raises(InputError, match=r"gpu_too_long.*121"):
        lent_s(replace(SMALL, budget_s=52.1))


@pytest.mark.parametrize(
    ("value", "is_one"), [("true", True), ("1", True), ("T", True), ("false", False), ("", False)]
)
def test_zero_gpu_is_known_by_the_variable_that_spaces_reads(
    value: str, is_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not on_zero_gpu()
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert on_zero_gpu() is is_one


def test_errors_come_back_as_data_because_their_text_would_be_lost() -> None:
    assert run_lent(int, "12").result == 12
    refused = run_lent(_raise, InputError("error.values", high=1)).error
    assert isinstance(refused, InputError)
    assert refused.values == {"high": 1}
    failed = run_lent(_raise, ValueError("planted")).error
    assert failed is not None
    assert (failed.key, failed.values) == ("error.worker_failed", {"text": "planted"})


def _raise(error: Exception) -> None:
    raise error


_visitor: contextvars.ContextVar[str] = contextvars.ContextVar("visitor", default="nobody")


def test_a_job_is_asked_for_in_the_visitors_context_for_its_own_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, int]] = []

    def lend(task: Callable[..., Any], *, duration: Callable[..., int]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            asked.append((_visitor.get(), duration(*arguments)))
            return task(*arguments)

        return call

    spaces = ModuleType("spaces")
    spaces.GPU = lend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    lender: Executor = ZeroGpu()
    token = _visitor.set("somebody")
    future = lender.submit(_joined, SMALL, "folder")
    _visitor.reset(token)
    assert future.result() == "elementwise folder"
    assert asked == [("somebody", 17)]
    failed = lender.submit(_joined, SMALL, "")
    with pytest.raises(InputError):
        failed.result()


def _joined(request: Request, folder: str) -> str:
    if not folder:
        raise InputError("error.no_branches", allowed="")
    return f"{request.workload} {folder}"


@pytest.mark.parametrize(("factor", "asked"), [(1, 17), (1.5, 12), (0.5, 34), (0, 17)])
def test_what_the_hardware_multiplies_by_is_taken_off_what_is_asked_for(
    factor: float, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = ModuleType("spaces.zero.client")
    client.get_duration_seconds = lambda duration, size: duration.seconds * factor
    for name in ("spaces", "spaces.zero"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, client.__name__, client)
    assert _duration(print, SMALL) == asked


def test_without_the_factor_as_much_is_asked_for_as_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "spaces", ModuleType("spaces"))
    assert _duration(print, SMALL) == lent_s(SMALL) == 17


def test_what_measures_is_imported_before_anything_is_lent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    package: Any = ModuleType("spaces")
    package.GPU = lambda task, duration: order.append("lent")
    monkeypatch.setitem(sys.modules, "spaces", package)
    monkeypatch.setattr(zerogpu, "import_measuring", lambda: order.append("imported"))
    ZeroGpu()
    assert order == ["imported", "lent"]
