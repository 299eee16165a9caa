from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from profiling.engine.executors import WorkerProcess
from profiling.engine.process import ProcessDied
from profiling.engine.worker import call, initialize

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")


def data_limit() -> tuple[int, int]:
    """Return the limit on this process's data, and what it has now."""
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)[0], psutil.Process().memory_info().data


def is_imported(module: str) -> bool:
    return module in sys.modules


def test_a_worker_has_torch_ready_and_cannot_take_all_memory() -> None:
    worker = WorkerProcess(initialize, ("cpu",))
    try:
        assert worker.submit(is_imported, "torch").result()
        limit, used = worker.submit(data_limit).result()
        assert used < limit < used + psutil.virtual_memory().total
        kinds = [device.kind for device in worker.submit(call, "detect", "cpu").result().devices]
        assert kinds == ["cpu"]
    finally:
        worker.shutdown()


def test_this_process_has_no_such_limit() -> None:
    import resource

    assert data_limit()[0] == resource.RLIM_INFINITY


def test_what_a_killed_worker_has_left_is_gone_when_the_next_one_starts(tmp_path: Path) -> None:
    worker = WorkerProcess(initialize, ("cpu", str(tmp_path / "scratch")))
    try:
        left = Path(worker.submit(tempfile.mkdtemp).result())
        assert left.parent == tmp_path / "scratch"
        with pytest.raises(ProcessDied):
            worker.submit(os._exit, 3).result()
        assert worker.submit(left.exists).result() is False
    finally:
        worker.shutdown()


_SERVER = """
import gc, os, time
from profiling.engine.process import ProcessDied
from profiling.engine.executors import WorkerProcess
from profiling.engine.worker import initialize

if __name__ == "__main__":
    worker = WorkerProcess(initialize, ("cpu",))
    print(worker.submit(os.getpid).result(), flush=True)
    working = worker.submit(time.sleep, 600)
    while not working.running():
        time.sleep(0.01)
    print("working", flush=True)
    time.sleep(600)
"""


def test_a_worker_ends_with_its_server_in_the_middle_of_a_job(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(_SERVER)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    server = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert server.stdout is not None
    with server.stdout as output:
        worker = psutil.Process(int(output.readline()))
        assert output.readline() == "working\n"
        server.kill()
        server.wait()
    _, alive = psutil.wait_procs([worker], timeout=20)
    assert alive == []


def told_to_end_in_the_middle_of_an_operator() -> None:
    """Tell this process to end, then compute something that Python cannot interrupt."""
    import torch

    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    large = torch.ones(4000, 4000)
    for _ in range(1000):
        large = large @ large


def test_a_worker_that_is_told_to_end_does_not_finish_its_operator() -> None:
    worker = WorkerProcess(initialize, ("cpu",))
    try:
        with pytest.raises(ProcessDied) as ended:
            worker.submit(told_to_end_in_the_middle_of_an_operator).result(60)
        assert ended.value.exitcode == -signal.SIGTERM
    finally:
        worker.shutdown()


def oom_score() -> str:
    return Path("/proc/self/oom_score_adj").read_text().strip()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such a score")
def test_a_worker_and_not_the_server_goes_when_the_machine_runs_out_of_memory() -> None:
    worker = WorkerProcess(initialize, ("cpu",))
    try:
        assert worker.submit(oom_score).result() == "1000"
        assert oom_score() != "1000"
    finally:
        worker.shutdown()
