"""The short form of ``python -m benchmarks.faults``: a running page is broken, and goes on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest

from benchmarks import faults, full_disk
from tests.awaiting import finished
from tests.e2e.launching import App, running_app

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
    # The client lets go of connections that a killed server has cut.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def broken() -> Iterator[App]:
    """An app of its own, alone in its temp folder; it must end cleanly for all that befell it."""
    with faults.confined():
        with running_app("--device", "cpu") as app:
            yield app
        assert faults.own_folders() == []


def test_a_worker_that_is_killed_again_and_again_costs_its_request_only(broken: App) -> None:
    killed = finished(faults.kills(broken, 3, 3))  # one of each kind
    assert killed.faults == []
    assert killed.hit.total() + killed.finished == 3
    assert broken.process.poll() is None


@pytest.mark.parametrize("how", ["stop", "leave"])
def test_the_worker_is_free_when_nobody_waits_for_it_any_more(broken: App, how: str) -> None:
    stand = finished(faults.left_alone(broken, how))
    assert stand.faults == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_ended_in_the_middle_leaves_nothing(how: signal.Signals) -> None:
    assert finished(faults.server_ends(how)).faults == []


def test_a_full_disk_is_told_of_and_the_next_run_works() -> None:
    try:
        with (
            full_disk.small_disk(full_disk.DISK_BYTES) as disk,
            faults.confined(disk),
            running_app("--device", "cpu") as app,
        ):
            assert finished(full_disk.disk_full(app, disk)) == []
    except PermissionError as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
