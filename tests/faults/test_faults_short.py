"""The short form of ``python -m benchmarks.faults``: a running page is app, and goes on."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.awaiting import finished
from tests.harness import breaking, filling
from tests.harness.launching import App, running_app

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
    # The client lets go of connections that a killed server has cut.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_a_worker_that_is_killed_again_and_again_costs_its_request_only(app: App) -> None:
    killed = finished(breaking.kills(app, 3, 3))  # one of each kind
    assert killed.faults == []
    assert killed.hit.total() + killed.finished == 3
    assert app.process.poll() is None


@pytest.mark.parametrize("how", ["stop", "leave"])
def test_the_worker_is_free_when_nobody_waits_for_it_any_more(app: App, how: str) -> None:
    stand = finished(breaking.left_alone(app, how))
    assert stand.faults == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_ended_in_the_middle_leaves_nothing(how: signal.Signals) -> None:
    assert finished(breaking.server_ends(how)).faults == []


def test_a_full_disk_is_told_of_and_the_next_run_works() -> None:
    try:
        with (
            filling.small_disk(filling.DISK_BYTES) as disk,
            running_app("--device", "cpu", temp=disk) as app,
        ):
            assert finished(filling.disk_full(app, disk)) == []
    except PermissionError as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
