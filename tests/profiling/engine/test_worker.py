"""What a worker is like from within: ready to measure, limited, and gone when it should be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from profiling.engine import jobs, process
from profiling.engine.process import ProcessDied, WorkerProcess
from profiling.engine.worker import initialize
from tests.profiling.engine.holding import SOON_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker") / "scratch"


@pytest.fixture(scope="module")
def worker(folder: Path) -> Iterator[WorkerProcess]:
    executor = WorkerProcess(initialize, ("cpu", folder))
    yield executor
    executor.shutdown()


def data_limit() -> tuple[int, int]:
    """Return the limit on this process's data, and what it has now."""
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)[0], psutil.Process().memory_info().data


def modules() -> set[str]:
    return set(sys.modules)


@pytest.mark.skipif(not process.FORKS, reason="what is spawned imports when it has to")
def test_a_worker_has_all_imported_when_it_starts(worker: WorkerProcess) -> None:
    assert "torch" in worker.submit(modules).result()
    with pytest.raises(ProcessDied):
        worker.submit(os._exit, 3).result()
    # From the second one on there is all that measures, too.
    wanted = {"profiling.measure.cell", "profiling.measure.stepper", "torch._dynamo"}
    assert wanted <= worker.submit(modules).result()


def test_a_worker_cannot_take_all_memory(worker: WorkerProcess) -> None:
    limit, used = worker.submit(data_limit).result()
    assert used < limit < used + psutil.virtual_memory().total
    assert [device.kind for device in worker.submit(jobs.detect, "cpu").result().devices] == ["cpu"]


def test_this_process_has_no_such_limit() -> None:
    import resource

    assert data_limit()[0] == resource.RLIM_INFINITY


def test_what_a_killed_worker_has_left_is_gone_when_the_next_one_starts(
    worker: WorkerProcess, folder: Path
) -> None:
    left = Path(worker.submit(tempfile.mkdtemp).result())
    assert left.parent == folder
    with pytest.raises(ProcessDied):
        worker.submit(os._exit, 3).result()
    assert worker.submit(left.exists).result() is False


def told_to_end_in_the_middle_of_an_operator() -> None:
    """Tell this process to end, then compute something that Python cannot interrupt."""
    import torch

    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    large = torch.ones(4000, 4000)
    for _ in range(1000):
        large = large @ large


def test_a_worker_that_is_told_to_end_does_not_finish_its_operator(worker: WorkerProcess) -> None:
    with pytest.raises(ProcessDied):
        worker.submit(told_to_end_in_the_middle_of_an_operator).result(SOON_S)


def oom_score() -> str:
    return Path("/proc/self/oom_score_adj").read_text().strip()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such a score")
def test_a_worker_and_not_the_server_goes_when_the_machine_runs_out_of_memory(
    worker: WorkerProcess,
) -> None:
    assert worker.submit(oom_score).result() == "1000"
    assert oom_score() != "1000"


_SERVER = """
import gc, os, time
from pathlib import Path
from profiling.engine import process
from profiling.engine.process import WorkerProcess
from tests.profiling.engine.holding import hold

if __name__ == "__main__":
    process.FORKS = False
    worker = WorkerProcess(gc.enable)
    print(worker.submit(os.getpid).result(), flush=True)
    worker.submit(hold, Path("begun"))
    while not Path("begun").exists():
        time.sleep(0.01)
    print("working", flush=True)
    time.sleep(600)
"""


def test_a_spawned_worker_ends_with_its_server_in_the_middle_of_a_job(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(_SERVER)
    server = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert server.stdout is not None
    with server.stdout as output:
        worker = psutil.Process(int(output.readline()))
        assert output.readline() == "working\n"
        server.kill()
        server.wait()
    _, alive = psutil.wait_procs([worker], timeout=SOON_S)
    assert alive == []
