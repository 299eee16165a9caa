"""The engine with its real worker process: what a person waits for, stops, or sees break."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from profiling.engine.engine import Engine, Progress
from profiling.engine.executors import InlineExecutor, WorkerProcess
from profiling.engine.plan import plan
from profiling.measure.graph import branch_graph
from profiling.measure.machine import detect
from profiling.measure.stepper import run_lesson
from profiling.model.errors import InputError, WorkerError
from profiling.model.lesson import LessonRequest
from profiling.model.run import Request, Run, Status

LESSON = LessonRequest("detach_then_zero")
SMALL = Request("elementwise", ("attached", "detach"), (4, 8), device="cpu", budget_s=0.05)
LONG = replace(SMALL, sizes=(20_000_000, 4), budget_s=30.0)


def workers() -> list[psutil.Process]:
    """Return the worker processes of this one."""
    children = psutil.Process().children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def ready_worker(engine: Engine) -> psutil.Process:
    """Return the engine's process once it is waiting for work."""
    engine.lesson(LESSON)
    (process,) = workers()
    return process


def measuring(steps: Iterator[Progress]) -> Progress:
    """Go on until a cell has been worked on for a while."""
    return next(step for step in steps if step.cell is not None and not step.is_new)


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


def test_bad_requests_are_refused_without_the_worker() -> None:
    class Refusing(Executor):
        def submit(self, fn: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
            if arguments[0] == "detect":
                return InlineExecutor().submit(fn, *arguments, **named)
            raise AssertionError("nothing must be submitted")

    engine = Engine("cpu", Refusing())
    with pytest.raises(InputError) as caught:
        engine.lesson(LessonRequest("nonsense"))
    assert caught.value.key == "error.unknown_lesson"
    with pytest.raises(InputError) as caught:
        next(engine.compare(replace(SMALL, sizes=())))
    assert caught.value.key == "error.size_count"
    for asked in (engine.graph, lambda request: next(engine.compare(request))):
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


def test_closing_the_iterator_ends_the_job_and_the_worker_goes_on(engine: Engine) -> None:
    process = ready_worker(engine)
    steps = engine.compare(LONG)
    stopped = measuring(steps)
    assert stopped.run is not None
    steps.close()  # type: ignore[attr-defined]
    assert list(steps) == []
    assert engine.lesson(LESSON) == run_lesson(LESSON)
    _, alive = psutil.wait_procs([process], timeout=20)
    assert alive == []
    assert len(workers()) == 1
    engine.discard(stopped.run)


@pytest.mark.parametrize("within_a_branch", [True, False])
def test_a_worker_that_dies_costs_the_branch_or_else_the_cell_that_it_ran(
    engine: Engine, within_a_branch: bool
) -> None:
    process = ready_worker(engine)
    steps = engine.compare(replace(LONG, budget_s=1.0))
    begun = measuring(steps)
    assert begun.run is not None
    assert begun.cell == replace_size(engine, 20_000_000)
    kill_while(process, engine.run_folder(begun.run), runs_branch=within_a_branch)
    run = last_run(steps)
    died, measured = run.results
    assert died.cell == begun.cell
    if within_a_branch:
        assert died.status is Status.OK
        outcomes = sorted((each.status.value, each.reason) for each in died.results)
        assert outcomes == [("error", "error.branch_died"), ("ok", "")]
    else:
        assert (died.status, died.reason, died.results) == (Status.ERROR, "error.worker_died", ())
    assert measured.status is Status.OK
    assert [result.status for result in measured.results] == [Status.OK, Status.OK]
    assert run.complete
    assert not list(engine.run_folder(run).glob("branch"))
    engine.discard(run)


def kill_while(process: psutil.Process, folder: Path, *, runs_branch: bool) -> None:
    """Kill a worker at a moment when it has noted that a branch runs, or when it has not."""
    while True:
        process.suspend()
        if (folder / "branch").exists() is runs_branch:
            process.kill()
            return
        process.resume()
        time.sleep(0.001)


def replace_size(engine: Engine, size: int) -> Any:
    environment = engine.environment()
    assert environment is not None
    return plan(replace(LONG, sizes=(size,), budget_s=1.0), environment)[0]


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


class Late(Executor):
    """Sends a job that takes too long in the place of measuring ones."""

    def __init__(self) -> None:
        self.worker = WorkerProcess(gc.enable, (), time_limit_s=1.0)

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        if arguments[0] == "detect":
            return InlineExecutor().submit(fn, *arguments, **named)
        return self.worker.submit(time.sleep, 600)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        self.worker.shutdown(wait)


def test_a_job_past_the_time_limit_is_late_and_the_next_one_runs() -> None:
    executor = Late()
    engine = Engine("cpu", executor)
    try:
        with pytest.raises(WorkerError) as caught:
            engine.lesson(LESSON)
        assert caught.value.key == "error.worker_late"
        assert executor.worker.submit(os.getpid).result() != os.getpid()
        (result,) = last_run(engine.compare(replace(SMALL, sizes=(4,)))).results
        assert (result.status, result.reason) == (Status.ERROR, "error.worker_late")
    finally:
        engine.close()


def test_an_error_in_a_job_is_told_in_its_own_words() -> None:
    class Failing(InlineExecutor):
        def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
            job = fn if arguments[0] == "detect" else self.fail
            return super().submit(job, *arguments, **named)

        def fail(self, *_: Any) -> None:
            raise ValueError("planted")

    engine = Engine("cpu", Failing())
    try:
        with pytest.raises(WorkerError) as caught:
            engine.lesson(LESSON)
        assert (caught.value.key, caught.value.values) == (
            "error.worker_failed",
            {"text": "planted"},
        )
        with pytest.raises(WorkerError) as caught:
            engine.graph(SMALL)
        assert caught.value.values == {"text": "planted"}
        (result,) = last_run(engine.compare(replace(SMALL, sizes=(4,)))).results
        assert (result.status, result.reason) == (Status.ERROR, "error.step_failed")
        assert result.message == "planted"
    finally:
        engine.close()


def test_a_worker_that_cannot_start_says_so_each_time_it_is_asked() -> None:
    class Broken(InlineExecutor):
        attempts = 0

        def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
            Broken.attempts += 1
            return super().submit(os.stat, "/nonexistent/place")

    engine = Engine("cpu", Broken())
    for attempt in (2, 3):
        with pytest.raises(WorkerError) as caught:
            next(engine.compare(SMALL))
        assert caught.value.key == "error.worker_failed"
        assert Broken.attempts == attempt
    engine.close()


def test_closing_deletes_all_files() -> None:
    engine = Engine("cpu", InlineExecutor())
    run = last_run(engine.compare(replace(SMALL, sizes=(4,))))
    assert engine.run_folder(run).is_dir()
    engine.close()
    assert not engine.folder.exists()


def test_closing_ends_the_worker() -> None:
    executor = WorkerProcess(gc.enable)
    Engine("cpu", executor).close()
    with pytest.raises(RuntimeError):
        executor.submit(os.getpid)


def test_every_run_has_an_id_of_its_own() -> None:
    engine = Engine("cpu", InlineExecutor())
    request = replace(SMALL, sizes=(4,), branches=("attached",))
    first, second = (last_run(engine.compare(request)) for _ in range(2))
    assert first.id != second.id
    assert first.id[:8] == first.started_utc[:10].replace("-", "")
    assert {path.name for path in engine.folder.iterdir()} == {first.id, second.id}
    engine.close()
