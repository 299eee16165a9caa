"""The engine with its real worker process: what a person waits for, stops, or sees break."""

from __future__ import annotations

import functools
import gc
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, TimeoutError
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from profiling.engine import cells, jobs
from profiling.engine.engine import Engine, Progress
from profiling.engine.plan import plan
from profiling.engine.process import InlineExecutor, WorkerProcess
from profiling.engine.progress import Notes, RunningBranch
from profiling.measure.graph import branch_graph
from profiling.measure.machine import detect
from profiling.measure.stepper import run_lesson
from profiling.model.errors import InputError, WorkerError
from profiling.model.lesson import LessonRequest
from profiling.model.request import Request
from profiling.model.run import BranchResult, Cell, CellResult, Run, Status
from tests.profiling.engine.holding import begun, gone, hold

LESSON = LessonRequest("detach_then_zero")
SMALL = Request("elementwise", ("attached", "detach"), (4, 8), device="cpu", budget_s=0.05)
ONE_CELL = replace(SMALL, sizes=(4,))


def last_run(steps: Iterator[Progress]) -> Run:
    *_, last = steps
    assert last.run is not None
    return last.run


def test_the_environment_is_the_workers(engine: Engine) -> None:
    found = engine.environment()
    assert found is not None
    assert replace(found, commit=None) == replace(detect("cpu"), commit=None)
    assert engine.environment(0.0) is found


def test_a_lesson_comes_back_from_the_worker(engine: Engine) -> None:
    assert engine.lesson(LESSON) == run_lesson(LESSON)


def test_a_branch_that_makes_no_sense_has_no_graph_and_the_reason_is_told(engine: Engine) -> None:
    with pytest.raises(InputError) as raised:
        engine.graph(Request("side_branch", ("frozen",), (4,), device="cpu"))
    assert raised.value.key == "workload.side_branch.absent.frozen"


def test_a_graph_is_of_the_first_branch_at_the_smallest_size(engine: Engine) -> None:
    request = replace(SMALL, branches=("detach", "attached"), sizes=(8, 4))
    (cell,) = plan(replace(request, branches=("detach",), sizes=(4,)), detect("cpu"))
    found = engine.graph(request)
    assert found == branch_graph(cell)
    assert found.error is None
    (x,) = (node for node in found.graph.nodes if "x" in node.names)
    assert (x.shape, x.gradient) == ((4,), None)


Job = Callable[..., Any]


class Changed(Executor):
    """Has other functions run in the place of some jobs."""

    def __init__(self, executor: Executor, changes: dict[Job, Job]) -> None:
        self.executor = executor
        self.changes = changes

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        return self.executor.submit(self.changes.get(fn, fn), *arguments, **named)


def refuse(*_: Any) -> None:
    raise AssertionError("nothing must be submitted")


def test_bad_requests_are_refused_without_the_worker() -> None:
    kinds = (jobs.run_lesson, jobs.branch_graph, jobs.measure_cell)
    engine = Engine("cpu", Changed(InlineExecutor(), dict.fromkeys(kinds, refuse)))
    with pytest.raises(InputError) as caught:
        engine.lesson(LessonRequest("nonsense"))
    assert caught.value.key == "error.unknown_lesson"
    for device in ("tpu", "cuda"):
        with pytest.raises(InputError) as caught:
            engine.lesson(replace(LESSON, device=device))
        assert caught.value.key == "error.no_such_device"
    with pytest.raises(InputError) as caught:
        next(engine.compare(replace(SMALL, sizes=())))
    assert caught.value.key == "error.size_count"
    for asked in (engine.graph, lambda request: list(engine.compare(request))):
        with pytest.raises(InputError) as caught:
            asked(replace(SMALL, device="cuda"))
        assert caught.value.key == "error.no_such_device"
    with pytest.raises(InputError) as caught:
        engine.graph(replace(SMALL, branches=("nonsense",)))
    assert caught.value.key == "error.unknown_branch"
    assert list(engine.folder.iterdir()) == []
    engine.close()


def test_a_comparison_gives_progress_and_one_result_a_cell_in_order(engine: Engine) -> None:
    steps = list(engine.compare(SMALL))
    runs = [step.run for step in steps if step.run is not None]
    assert len({run.id for run in runs}) == 1
    assert [cell.size for cell in runs[0].cells] == [4, 8]
    new = [step for step in steps if step.is_new]
    assert [len(step.run.results) for step in new if step.run is not None] == [1, 2]
    assert [step.cell for step in new] == [None, None]
    assert steps[-1] is new[-1]
    elapsed = [step.elapsed_s for step in steps]
    assert elapsed == sorted(elapsed)
    for step in steps:
        if step.run is not None and not step.is_new:
            assert step.cell == step.run.cells[len(step.run.results)]
    final = runs[-1]
    assert final.complete
    assert final.request == SMALL
    assert final.environment == engine.environment()
    assert tuple(finished.cell for finished in final.results) == final.cells
    assert {finished.status for finished in final.results} == {Status.OK}
    engine.discard(final)


def test_closing_the_iterator_ends_the_job_and_the_worker_goes_on(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(engine.folder.iterdir())
    steps = engine.compare(SMALL)
    with monkeypatch.context() as patch:
        changes: dict[Job, Job] = {jobs.measure_cell: functools.partial(hold, tmp_path / "begun")}
        patch.setattr(engine, "_measuring", Changed(engine._measuring, changes))
        assert next(step for step in steps if step.cell is not None).cell == cell_of(SMALL)
    pid = begun(tmp_path / "begun")
    steps.close()  # type: ignore[attr-defined]
    assert list(steps) == []
    assert engine.lesson(LESSON) == run_lesson(LESSON)
    assert gone(pid)
    assert set(engine.folder.iterdir()) == before  # of a run without a result nothing is kept


def cell_of(request: Request) -> Cell:
    return plan(request, detect("cpu"))[0]


# What a person can ask of the worker, and the job that it becomes.
KINDS: dict[str, tuple[Callable[..., Any], Callable[[Engine], object]]] = {
    "lesson": (jobs.run_lesson, lambda engine: engine.lesson(LESSON)),
    "graph": (jobs.branch_graph, lambda engine: engine.graph(SMALL)),
    "self-check": (jobs.self_check, lambda engine: engine.self_check()),
    "environment": (jobs.detect, lambda engine: engine.environment()),
    "compare": (jobs.measure_cell, lambda engine: last_run(engine.compare(ONE_CELL))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_killed_costs_its_request_only(
    kind: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, ask = KINDS[kind]
    engine.environment()
    before = files(engine)
    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as person:
        places = {"compare": "_measuring", "lesson": "_lessons", "graph": "_lessons"}
        place = places.get(kind, "_executor")
        held = functools.partial(hold, tmp_path / "begun")
        changed = Changed(getattr(engine, place), {job: held})
        patch.setattr(engine, place, changed)
        if kind == "environment":
            patch.setattr(engine, "_environment", engine._submit_detect())
        asked = person.submit(ask, engine)
        pid = begun(tmp_path / "begun")
        changed.changes.clear()
        psutil.Process(pid).kill()
        if kind == "compare":
            run = asked.result()
            assert isinstance(run, Run)
            (died,) = run.results
            assert (died.status, died.reason, died.results) == (
                Status.ERROR,
                "error.worker_died",
                (),
            )
            engine.discard(run)
        else:
            with pytest.raises(WorkerError) as raised:
                asked.result()
            assert raised.value.key == "error.worker_died"
        assert gone(pid)
        if kind != "self-check":  # It would take half a minute.
            again = ask(engine)
            if isinstance(again, Run):
                assert [each.status for each in again.results] == [Status.OK]
                engine.discard(again)
    assert files(engine) == before


def files(engine: Engine) -> set[Path]:
    """Return what an engine keeps of runs and notes."""
    return {*engine.folder.iterdir(), *engine._notes_folder.iterdir()}


class Manual(Executor):
    """Remembers the cells that are to be measured, and has no results of its own."""

    def __init__(self) -> None:
        self.cells: list[tuple[Cell, Notes, Future[CellResult]]] = []

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        if fn is jobs.detect:
            return InlineExecutor().submit(fn, *arguments)
        assert fn is jobs.measure_cell
        cell, _, notes = arguments
        future: Future[CellResult] = Future()
        self.cells.append((cell, notes, future))
        return future

    def finish(self) -> CellResult:
        """Measure the last cell."""
        cell, _, future = self.cells[-1]
        results = tuple(BranchResult(branch, Status.OK) for branch in cell.branches)
        future.set_result(CellResult(cell, Status.OK, results))
        return future.result()

    def fail(self, error: Exception, branch: str = "", after_s: float = 0.0) -> None:
        """End the last cell's job, and its process with it, while a branch was running."""
        _, notes, future = self.cells[-1]
        if branch:
            notes.write(RunningBranch(branch, after_s))
        future.set_exception(error)


@pytest.fixture
def manual(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Engine, Manual]]:
    monkeypatch.setattr(cells, "HEARTBEAT_S", 0.0)
    executor = Manual()
    engine = Engine("cpu", executor, time_limit_s=10.0)
    yield engine, executor
    engine.close()


def results_of(step: Progress) -> tuple[CellResult, ...]:
    assert step.run is not None
    return step.run.results


def running(engine: Engine, asked: Request) -> Iterator[Progress]:
    """Return the steps of a comparison from the first on in which something runs."""
    steps = engine.compare(asked)
    first = next(steps)
    assert (first.run, first.is_new) == (None, False)
    return steps


def test_nothing_runs_before_the_first_step(manual: tuple[Engine, Manual]) -> None:
    """Who is interrupted while waiting for it has no iterator to close."""
    engine, executor = manual
    steps = running(engine, SMALL)
    assert executor.cells == []
    steps.close()  # type: ignore[attr-defined]
    assert executor.cells == []


def test_the_next_cell_is_submitted_before_a_result_is_shown(
    manual: tuple[Engine, Manual],
) -> None:
    engine, executor = manual
    steps = running(engine, SMALL)
    assert results_of(next(steps)) == ()
    assert [cell.size for cell, *_ in executor.cells] == [4]
    first = executor.finish()
    shown = next(steps)
    assert (shown.is_new, results_of(shown)) == (True, (first,))
    assert [cell.size for cell, *_ in executor.cells] == [4, 8]
    second = executor.finish()
    last = next(steps)
    assert (last.is_new, results_of(last)) == (True, (first, second))
    assert list(steps) == []
    assert len(executor.cells) == 2


def test_what_is_measured_ahead_ends_when_nobody_waits(manual: tuple[Engine, Manual]) -> None:
    engine, executor = manual
    steps = running(engine, SMALL)
    next(steps)
    executor.finish()
    assert next(steps).is_new
    steps.close()  # type: ignore[attr-defined]
    (_, _, first), (_, notes, second) = executor.cells
    assert not first.cancelled()
    assert second.cancelled()
    assert not notes.is_awaited()


DIED, LATE = WorkerError("error.worker_died"), TimeoutError()


@pytest.mark.parametrize(
    ("error", "after_s", "reason"),
    [(DIED, 9.0, "error.branch_died"), (LATE, 5.0, "error.branch_late")],
)
def test_a_branch_at_fault_is_left_out_before_the_next_cell_is_begun(
    manual: tuple[Engine, Manual], error: Exception, after_s: float, reason: str
) -> None:
    engine, executor = manual
    steps = running(engine, replace(SMALL, branches=("detach", "attached", "detach")))
    next(steps)
    executor.fail(error, "detach#2", after_s)
    assert not next(steps).is_new
    cells = [(cell.size, cell.branches) for cell, *_ in executor.cells]
    assert cells == [(4, ("detach", "attached", "detach#2")), (4, ("attached",))]
    executor.finish()
    (result,) = results_of(next(steps))
    assert result.cell.branches == ("detach", "attached", "detach#2")
    assert [(each.branch, each.reason) for each in result.results] == [
        ("detach", reason),
        ("attached", ""),
        ("detach#2", reason),
    ]
    # What is noted of one cell is not taken for another's.
    executor.fail(DIED)
    *_, last = steps
    assert [each.reason for each in results_of(last)] == ["", "error.worker_died"]


@pytest.mark.parametrize(
    ("error", "branch", "reason"),
    [
        (DIED, "", "error.worker_died"),
        (LATE, "", "error.worker_late"),
        (LATE, "detach", "error.worker_late"),  # It began too late to be at fault.
    ],
)
def test_where_no_branch_is_at_fault_the_cell_is(
    manual: tuple[Engine, Manual], error: Exception, branch: str, reason: str
) -> None:
    engine, executor = manual
    steps = running(engine, ONE_CELL)
    next(steps)
    executor.fail(error, branch, after_s=5.1)
    *_, last = steps
    (result,) = results_of(last)
    assert (result.status, result.reason, result.results) == (Status.ERROR, reason, ())
    assert len(executor.cells) == 1


def test_a_size_that_does_not_fit_is_refused_and_the_next_is_measured(engine: Engine) -> None:
    request = Request("frozen_backbone", ("attached",), (10**9, 4), device="cpu", budget_s=0.05)
    too_large, measured = last_run(engine.compare(request)).results
    (refused,) = too_large.results
    assert (refused.status, refused.reason) == (Status.OUT_OF_MEMORY, "error.will_not_fit")
    # 512 bytes a row of input, and eleven activations of that size at the peak.
    assert refused.values["needed"] == "5722 GiB"
    assert refused.values["free"].endswith(" GiB")
    assert [sample.metric for sample in refused.samples] == ["predicted"]
    assert [result.status for result in measured.results] == [Status.OK]


def test_a_size_that_does_not_fit_runs_out_of_memory_if_forced(engine: Engine) -> None:
    request = Request(
        "frozen_backbone", ("attached",), (10**9, 4), device="cpu", budget_s=0.05, force=True
    )
    too_large, measured = last_run(engine.compare(request)).results
    assert (too_large.status, too_large.results) == (Status.OUT_OF_MEMORY, ())
    assert too_large.reason == "error.out_of_memory"
    assert "can't allocate memory: you tried to allocate 512000000000 bytes" in too_large.message
    assert [result.status for result in measured.results] == [Status.OK]


def late(*_: Any) -> None:
    raise TimeoutError


def test_a_job_past_the_time_limit_is_told_to_be_late() -> None:
    engine = Engine("cpu", Changed(InlineExecutor(), {jobs.run_lesson: late}))
    with pytest.raises(WorkerError) as caught:
        engine.lesson(LESSON)
    assert caught.value.key == "error.worker_late"
    engine.close()


def fail(*_: Any) -> None:
    raise ValueError("planted")


def test_an_error_in_a_job_is_told_in_its_own_words() -> None:
    kinds = (jobs.run_lesson, jobs.branch_graph, jobs.measure_cell)
    engine = Engine("cpu", Changed(InlineExecutor(), dict.fromkeys(kinds, fail)))
    for ask in (lambda: engine.lesson(LESSON), lambda: engine.graph(SMALL)):
        with pytest.raises(WorkerError) as caught:
            ask()
        assert caught.value.key == "error.worker_failed"
        assert caught.value.values == {"text": "planted"}
    (result,) = last_run(engine.compare(ONE_CELL)).results
    assert (result.status, result.reason) == (Status.ERROR, "error.step_failed")
    assert result.message == "planted"
    engine.close()


def test_a_worker_that_cannot_start_says_so_each_time_it_is_asked() -> None:
    attempts = itertools.count()

    def broken(*_: Any) -> None:
        raise OSError(f"planted {next(attempts)}")

    engine = Engine("cpu", Changed(InlineExecutor(), {jobs.detect: broken}))
    for attempt in (1, 2):
        with pytest.raises(WorkerError) as caught:
            list(engine.compare(SMALL))
        assert caught.value.key == "error.worker_failed"
        assert caught.value.values == {"text": f"planted {attempt}"}
    engine.close()


@pytest.fixture
def quick_engine() -> Iterator[Engine]:
    """An engine that measures nothing, in no time."""
    engine = Engine("cpu", Changed(InlineExecutor(), {jobs.measure_cell: at_once}))
    yield engine
    engine.close()


def at_once(cell: Cell, *_: Any) -> CellResult:
    results = tuple(BranchResult(branch, Status.OK) for branch in cell.branches)
    return CellResult(cell, Status.OK, results)


def test_closing_deletes_all_files(quick_engine: Engine) -> None:
    run = last_run(quick_engine.compare(ONE_CELL))
    assert quick_engine.run_folder(run).is_dir()
    quick_engine.close()
    assert not quick_engine.folder.parent.exists()


def test_closing_ends_the_worker() -> None:
    executor = WorkerProcess(gc.enable)
    Engine("cpu", executor).close()
    with pytest.raises(RuntimeError):
        executor.submit(os.getpid)


def test_every_run_has_an_id_of_its_own(quick_engine: Engine) -> None:
    first, second = (last_run(quick_engine.compare(ONE_CELL)) for _ in range(2))
    assert first.id != second.id
    assert first.id[:8] == first.started_utc[:10].replace("-", "")
    assert {path.name for path in quick_engine.folder.iterdir()} == {first.id, second.id}
