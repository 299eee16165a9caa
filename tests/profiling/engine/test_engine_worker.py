from __future__ import annotations

import sys

import pytest

from profiling.engine.executors import WorkerProcess
from profiling.engine.worker import call, initialize

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")


def data_limit() -> tuple[int, int]:
    """Return the limit on this process's data, and what it has now."""
    import resource

    import psutil

    return resource.getrlimit(resource.RLIMIT_DATA)[0], psutil.Process().memory_info().data


def is_imported(module: str) -> bool:
    return module in sys.modules


def test_a_worker_has_torch_ready_and_cannot_take_all_memory() -> None:
    import psutil

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
