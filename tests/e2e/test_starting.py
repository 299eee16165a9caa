"""Starting and stopping the app, as from a shell."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from tests.e2e.launching import ROOT, App, free_port, running_app


def _wait_for_line(app: App, start: str) -> str:
    for _ in range(600):
        for line in app.lines:
            if line.startswith(start):
                return line
        time.sleep(0.1)
    raise AssertionError("\n".join(app.lines))


@pytest.mark.parametrize(
    ("device", "reason"), [("cpu", "CPU only (--device cpu)."), ("auto", "CUDA")]
)
def test_says_address_and_device_and_ends_cleanly(device: str, reason: str) -> None:
    with running_app("--device", device) as app:
        with urllib.request.urlopen(app.url, timeout=20) as answer:
            assert answer.status == 200
        assert reason in _wait_for_line(app, "Measured on")
        children = psutil.Process(app.process.pid).children(recursive=True)
        assert children
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_a_port_in_use_is_one_clear_line(app: App) -> None:
    port = app.url.rstrip("/").rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "app.py", "--port", port, "--device", "cpu"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: cannot listen on 127.0.0.1:{port}")


_PAGE_WITHOUT_WORKER = """
import urllib.request
from concurrent.futures import Executor, Future
from demos.page import page
from profiling.engine.engine import Engine

class NeverReady(Executor):
    def submit(self, fn, /, *arguments, **named):
        return Future()

engine = Engine("cpu", NeverReady())
blocks = page.build(engine)
blocks.launch(server_port=PORT, prevent_thread_lock=True, quiet=True, **page.launch_options())
with urllib.request.urlopen(blocks.local_url, timeout=20) as answer:
    assert answer.status == 200
assert engine.environment(0.0) is None
engine.close()
"""


def test_the_page_answers_while_the_worker_is_still_starting() -> None:
    code = _PAGE_WITHOUT_WORKER.replace("PORT", str(free_port()))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
