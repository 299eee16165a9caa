"""Runs the tests marked ``lab`` in a process of their own, which has the simulated accelerator.

A process cannot get rid of it, and it would be torch's accelerator in all other tests. So the first
such test starts one more pytest, which runs all of them; what it reports is reported here, test by
test, as if they had run here. The hooks are called by the conftest of all tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import pytest

from tests.lab_device.build import CannotBuildError, is_built, library

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
_SITE = Path(__file__).parent / "site"
# Where the inner pytest is told which tests to run, and where it reports.
_TESTS, _REPORTS = "LAB_DEVICE_TESTS", "LAB_DEVICE_REPORTS"
_IS_LAB = re.compile(r"^tests/lab_device/|[\[-]lab[]-]")


def is_inside() -> bool:
    """Whether this process has the device."""
    return _REPORTS in os.environ


def is_of_lab(nodeid: str) -> bool:
    """Whether a test is one of those that run in the process with the device."""
    return _IS_LAB.search(nodeid) is not None


def environment() -> dict[str, str]:
    """Return the variables with which any process of ours has the device."""
    path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(_SITE), *filter(None, [path])])}


def why_not() -> str | None:
    """Return why the tests of the device cannot run here; None if they can."""
    try:
        library()
    except CannotBuildError as error:
        return str(error)
    return None


class _Inner:
    """The pytest that has the device."""

    def __init__(self, tests: list[str]) -> None:
        reading, writing = os.pipe()
        self._output = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        files = list(dict.fromkeys(each.partition("::")[0] for each in tests))
        with tempfile.NamedTemporaryFile("w", delete=False, encoding="utf-8") as listed:
            json.dump(tests, listed)
        self._listed = Path(listed.name)
        with os.fdopen(writing, "w"):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "", *files],
                cwd=ROOT,
                env={
                    **{name: value for name, value in os.environ.items() if "XDIST" not in name},
                    **environment(),
                    _TESTS: listed.name,
                    _REPORTS: str(writing),
                },
                pass_fds=[writing],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
            )
        self._reports: IO[str] = os.fdopen(reading, encoding="utf-8")

    def reports_of(self, test: str) -> Iterator[dict[str, Any]]:
        """Yield what is reported of the next test, which is this one.

        Raises:
            RuntimeError: The process has ended.
        """
        for line in self._reports:
            report: dict[str, Any] = json.loads(line)
            assert report["nodeid"] == test, (report["nodeid"], test)
            yield report
            if report["when"] == "teardown":
                return
        code = self._process.wait()
        self._output.seek(0)
        raise RuntimeError(f"the process ended with {code}:\n{self._output.read()[-4000:]}")

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reports.close()
        self._output.close()
        self._listed.unlink(missing_ok=True)


class Delegating:
    """Replays reports of the inner pytest in an outer one."""

    def __init__(self) -> None:
        """Start nothing before the first test."""
        self._inner: _Inner | None = None
        self._building: subprocess.Popen[bytes] | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start building the device, so that it is there when the first test needs it."""
        if any(is_of_lab(each.nodeid) for each in session.items) and not is_built():
            self._building = subprocess.Popen(
                [sys.executable, "-m", "tests.lab_device.build"],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # Who needs it tries again, and tells why not.
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Report what the inner pytest says of a test; None if the test is not one of its."""
        if not is_of_lab(item.nodeid) or why_not() is not None:
            return None
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        read = _reported(item, "call", lambda: list(self._started(item).reports_of(item.nodeid)))
        if read is None:
            self._end()  # The next test starts another one.
        for data in read or ():
            report = hook.pytest_report_from_serializable(config=item.config, data=data)
            hook.pytest_runtest_logreport(report=report)
        # What earlier tests left set up is not for the next one.
        state: Any = item.session._setupstate
        _reported(item, "teardown", lambda: state.teardown_exact(nextitem))
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_unconfigure(self) -> None:
        """End what has been started."""
        self._end()
        if self._building is not None:
            self._building.wait()

    def _end(self) -> None:
        if self._inner is not None:
            self._inner.end()
            self._inner = None

    def _started(self, item: pytest.Item) -> _Inner:
        if self._inner is None:
            every = [each.nodeid for each in item.session.items]
            self._inner = _Inner(
                [each for each in every[every.index(item.nodeid) :] if is_of_lab(each)]
            )
        return self._inner


class Reporting:
    """Writes down the reports of an inner pytest."""

    def __init__(self, config: pytest.Config) -> None:
        """Open what the outer one reads."""
        self._config = config
        self._tests: list[str] = json.loads(Path(os.environ[_TESTS]).read_text("utf-8"))
        self._reports = os.fdopen(int(os.environ[_REPORTS]), "w", encoding="utf-8")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that are asked for, in their order."""
        known = {item.nodeid: item for item in items}
        items[:] = [known[test] for test in self._tests]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a report down."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with contextlib.suppress(BrokenPipeError):
            self._reports.write(json.dumps(data) + "\n")
            self._reports.flush()


def _reported(item: pytest.Item, when: Any, action: Callable[[], T]) -> T | None:
    """Return what an action returns; if it raises, report that as the test's failure."""
    call = pytest.CallInfo.from_call(action, when, reraise=(pytest.exit.Exception,))
    if call.excinfo is None:
        return call.result
    report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    item.ihook.pytest_runtest_logreport(report=report)
    return None
