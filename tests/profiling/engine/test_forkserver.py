"""Workers are forked from a process that has torch: what that must not do, and how it all ends."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from profiling.engine import process
from profiling.engine.files import OwnFolder
from profiling.engine.process import ProcessDied, WorkerProcess
from tests.profiling.engine.holding import SOON_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["forked", "spawned"])
def worker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerProcess]:
    monkeypatch.setattr(process, "FORKS", request.param == "forked")
    executor = WorkerProcess(gc.enable)
    yield executor
    executor.shutdown()


def servers() -> list[psutil.Process]:
    """Return the fork servers of this process."""
    found = []
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # It may have ended.
            found += [each] if "forkserver" in str(each.cmdline()) else []
    return found


def wait_for_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=SOON_S)
    assert alive == []


def test_a_worker_has_the_environment_and_the_folder_of_when_it_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, worker: WorkerProcess
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert worker.submit(os.getcwd).result(SOON_S) == str(tmp_path)
    assert worker.submit(os.getenv, "HOME").result() is None
    assert worker.submit(tempfile.gettempdir).result() == str(tmp_path)


def test_a_worker_can_compute_with_many_threads_and_start_processes(
    worker: WorkerProcess,
) -> None:
    assert worker.submit(_sum_of_product).result(SOON_S) == 300.0**3
    assert worker.submit(subprocess.check_output, ["echo", "x"]).result() == b"x\n"
    # A shell that ends badly is told so, which it is not where children are forgotten at once.
    assert worker.submit(os.system, "exit 3").result() == 3 << 8


def _sum_of_product() -> float:
    import torch

    large = torch.ones(300, 300, requires_grad=True)
    (large @ large).sum().backward()
    return float((large.detach() @ large.detach()).sum())


def test_the_death_of_the_fork_server_costs_the_job_at_hand_and_no_other() -> None:
    executor = WorkerProcess(gc.enable)
    try:
        worker = psutil.Process(executor.submit(os.getpid).result(SOON_S))
        (server,) = servers()
        assert worker.parent() == server
        running = executor.submit(time.sleep, 600)
        waiting = executor.submit(os.getpid)
        while not running.running():
            time.sleep(0.01)
        server.kill()
        with pytest.raises(ProcessDied):
            running.result(SOON_S)
        assert psutil.Process(waiting.result(SOON_S)).parent() in servers()
        wait_for_end([server, worker])
        assert len(servers()) == 1
    finally:
        executor.shutdown()


# A torch that never comes to an end, in the place of the real one.
_STUCK = (
    "import pathlib, time\npathlib.Path(__file__).with_name('begun').touch()\ntime.sleep(600)\n"
)
_CLOSING = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from profiling.engine.engine import Engine
engine = Engine("cpu")
while not Path(sys.argv[1], "begun").exists():
    assert engine.environment(0.01) is None
engine.close()
"""


def test_a_page_can_be_closed_while_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(_STUCK)
    subprocess.run([sys.executable, "-c", _CLOSING, str(tmp_path)], cwd=ROOT, check=True)
    wait_for_end([each for each in psutil.process_iter() if _mentions(each, tmp_path)])


def _mentions(process: psutil.Process, path: Path) -> bool:
    try:
        return str(path) in str(process.cmdline())
    except psutil.Error:
        return False


_PAGE = """
import os, signal, sys, threading, time
from pathlib import Path
from profiling.engine.engine import Engine
from profiling.engine.playground import Playground
from profiling.model.lesson import LessonRequest

# Where the tests run in the background of a shell, interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Without a main guard: nothing of this file is run again.
engine, playground, begun = Engine("cpu"), Playground(), Path(sys.argv[1])
engine.lesson(LessonRequest("baseline"))
# Once it has begun, no other thread of its process runs again.
endless = f"open({str(begun)!r}, 'w')\\nimport re\\nre.match('(a+)+$', 'a' * 60 + 'b')"
threading.Thread(target=playground.step, args=(endless,), daemon=True).start()
busy = engine._executor.submit(time.sleep, 600)
while not (busy.running() and begun.exists()):
    time.sleep(0.01)
print("working", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_whatever_ends_a_page_ends_all_its_processes(
    how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "page.py"
    script.write_text(_PAGE)
    temp = tmp_path / "temp"
    temp.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temp)}
    page = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "begun")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert page.stdout is not None
    try:
        assert page.stdout.readline() == "working\n"
        processes = psutil.Process(page.pid).children(recursive=True)
        assert len(processes) == 3  # the fork server, a worker and a playground
        page.send_signal(how)
        page.wait(SOON_S)
        wait_for_end(processes)
    finally:
        page.kill()
        page.communicate()
    # What a page could not tidy up, the next one does.
    for folder in temp.iterdir():
        os.utime(folder, (0, 0))
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    OwnFolder().delete()
    # A torch as old as 2.8 makes a folder when it is imported, and leaves it when it is killed.
    left = [each for each in temp.iterdir() if not list(each.glob("_remote_module_*"))]
    assert left == []


# Makes a torch that believes to know CUDA, and tells whether anybody asks it for devices.
_PRELOADING = """
import os, sys, threading, warnings
asked = []
def asking(name, answer):
    def ask(*arguments):
        asked.append(name)
        return answer
    return ask
if "import_torch" in sys.argv:
    import torch
    torch.version.cuda = "12.8"
    torch.cuda._is_compiled = lambda: True
    torch._C._cuda_getCurrentRawStream = asking("stream", 0)
    torch._C._cuda_getDeviceCount = asking("driver", 0)
    for name, answer in {"is_available": False, "device_count": 0, "_lazy_init": None}.items():
        setattr(torch.cuda, name, asking(name, answer))
from profiling.engine import worker
for name in sys.argv[1:]:
    getattr(worker, name)()
assert threading.active_count() == 1, threading.enumerate()
warnings.simplefilter("error")  # Python warns of a fork beside other threads.
if os.fork() == 0:
    os._exit(0)
threads = len(os.listdir("/proc/self/task"))
assert threads == 1, threads
assert asked == [], asked
assert ("torch" in sys.modules) == ("import_torch" in sys.argv)
"""


@pytest.mark.parametrize("imports", [("import_torch", "import_measuring"), ("import_traces",)])
def test_before_a_fork_there_is_neither_a_thread_nor_a_question_to_the_driver(
    imports: tuple[str, ...],
) -> None:
    subprocess.run([sys.executable, "-c", _PRELOADING, *imports], cwd=ROOT, check=True)
