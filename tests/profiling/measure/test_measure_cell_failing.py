"""What a branch costs that fails on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from demos.workloads import elementwise
from profiling.measure import timing
from profiling.model.run import Notice, Status
from tests.profiling.measure.cells import (
    EVERY_METRIC,
    Measure,
    metrics,
)
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")


class Failing:
    """A branch that works until it is told to fail, and from then on as often as told."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.armed = False
        self._step: Callable[..., Any] = elementwise.detach

    def __call__(self, x: torch.Tensor, w: torch.Tensor) -> Any:
        if self.armed and self.left:
            self.left -= 1
            raise ValueError("planted")
        return self._step(x, w)


def arm(failing: Failing, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a branch, put in the place of ``no_grad``, fail just before or after it is timed."""
    # A function, because a step's arguments are told from its signature.
    monkeypatch.setattr(elementwise, "no_grad", lambda x, w: failing(x, w))
    time_steps = timing.time_steps

    def timed(*arguments: Any, **options: Any) -> timing.Timed:
        failing.armed = when == "before"
        result = time_steps(*arguments, **options)
        failing.armed = True
        return result

    monkeypatch.setattr(timing, "time_steps", timed)


def test_a_branch_that_fails_while_timed_is_left_out_of_the_rest(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(Failing(1), "before", monkeypatch)
    finished = measure(cell(branches=("attached", "no_grad", "detach")))
    attached, failed, detach = finished.results
    assert (failed.status, failed.reason, failed.message) == (
        Status.ERROR,
        "error.step_failed",
        "planted",
    )
    assert metrics(failed) == [each for each in EVERY_METRIC if each != "time"]
    assert (failed.trace, [each.outcome for each in failed.reach]) == (None, ["none", "equal"])
    assert [metrics(each) for each in (attached, detach)] == [EVERY_METRIC] * 2
    assert finished.stopped_by in ("budget", "precision")


@pytest.mark.parametrize(("times", "traced"), [(1, True), (2, False)])
def test_a_branch_whose_trace_fails_keeps_its_time_and_memory(
    times: int, traced: bool, measure: Measure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first branch runs once more, outside of any trace, before all are traced."""
    arm(Failing(times), "after", monkeypatch)
    failed, detach = measure(cell(branches=("no_grad", "detach"))).results
    assert (failed.status, metrics(failed)) == (Status.OK, EVERY_METRIC)
    assert (failed.trace is not None) is traced
    lost = Notice("notice.trace_failed", {"branch": "no_grad", "text": "planted"})
    assert failed.notices == (() if traced else (lost,))
    assert (detach.status, metrics(detach), detach.notices) == (Status.OK, EVERY_METRIC, ())
    assert len(list(tmp_path.rglob("*.json.gz"))) == 1 + traced
