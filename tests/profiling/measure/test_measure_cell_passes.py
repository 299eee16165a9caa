"""What the passes do around measuring: refuse, force, try, and put together what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from demos.workloads import elementwise
from profiling import catalogue
from profiling.measure import prediction
from profiling.measure.cell import measure_cell
from profiling.model.run import Reach, Status
from profiling.model.units import show_bytes
from tests.profiling.measure.cells import (
    ASKED,
    EVERY_METRIC,
    NEEDED,
    SIZE,
    VECTOR,
    Measure,
    metrics,
)
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")


def test_what_will_not_fit_is_refused_and_the_rest_is_measured(
    measure: Measure, tmp_path: Path
) -> None:
    free = NEEDED["detach"]
    finished = measure(ASKED, free)
    attached, detach = finished.results
    assert finished.status is Status.OK
    assert (attached.status, attached.reason) == (Status.OUT_OF_MEMORY, "error.will_not_fit")
    assert attached.values == {
        "needed": show_bytes(NEEDED["attached"]),
        "free": show_bytes(free),
    }
    assert [(each.metric, each.value) for each in attached.samples] == [
        ("predicted", 4 * VECTOR + 8)
    ]
    assert (attached.reach, attached.trace, attached.peak_parts) == ((), None, ())
    assert attached.source == catalogue.workload("elementwise").source("attached").text
    assert (detach.status, metrics(detach)) == (Status.OK, EVERY_METRIC)
    assert [each.outcome for each in detach.reach] == ["none", "equal"]
    assert len(list(tmp_path.rglob("*.json.gz"))) == 1


def test_just_enough_is_enough(measure: Measure) -> None:
    one_less = measure(ASKED, NEEDED["attached"] - 1)
    assert [each.status.value for each in one_less.results] == ["out_of_memory", "ok"]
    enough = measure(ASKED, NEEDED["attached"])
    assert [each.status.value for each in enough.results] == ["ok", "ok"]


def test_where_nothing_fits_nothing_is_built(
    measure: Measure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build: Callable[[int], Any] = elementwise.build
    built = []

    def counted(size: int) -> Any:
        built.append(type(torch.ones(1)) is torch.Tensor)
        return build(size)

    monkeypatch.setattr(elementwise, "build", counted)
    finished = measure(ASKED, 0)
    assert built == [False]  # of fake tensors alone
    assert [each.status.value for each in finished.results] == ["out_of_memory"] * 2
    assert (finished.parameter_bytes, finished.input_bytes) == (2 * VECTOR, 0)
    assert (finished.stopped_by, finished.warm_up_rounds, finished.loops) == ("", None, None)
    assert list(tmp_path.iterdir()) == []


def test_what_will_not_fit_is_run_all_the_same_if_forced(measure: Measure) -> None:
    finished = measure(replace(ASKED, force=True), 0)
    assert [each.status.value for each in finished.results] == ["ok", "ok"]
    assert [metrics(each) for each in finished.results] == [EVERY_METRIC] * 2
    assert [[group.outcome for group in each.reach] for each in finished.results] == [
        ["unwanted", "equal"],
        ["none", "equal"],
    ]


def with_reference(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the computing of the reference raise where its tensors are real."""
    reference: Callable[..., Any] = elementwise.reference

    def raising(x: torch.Tensor, w: torch.Tensor) -> Any:
        if type(x) is torch.Tensor:
            raise error
        return reference(x, w)

    monkeypatch.setattr(elementwise, "reference", raising)


def test_a_reference_that_runs_out_of_memory_costs_the_judgement_alone(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_reference(MemoryError(), monkeypatch)
    finished = measure(replace(ASKED, force=True), 0)
    assert finished.status is Status.OK
    assert [metrics(each) for each in finished.results] == [EVERY_METRIC] * 2
    assert {group.outcome for each in finished.results for group in each.reach} == {"unchecked"}


def test_a_reference_that_raises_anything_else_costs_the_cell(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_reference(ValueError("planted"), monkeypatch)
    finished = measure(replace(ASKED, force=True), 0)
    assert (finished.status, finished.message, finished.results) == (Status.ERROR, "planted", ())


def test_where_the_reference_alone_will_not_fit_gradients_are_not_judged(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def reference(x: torch.Tensor, w: torch.Tensor) -> Any:
        ran.append(type(x) is torch.Tensor)
        loss = (torch.cat([x.sigmoid()] * 9) * torch.cat([w] * 9)).sum()
        return {"x": None, "w": torch.autograd.grad(loss, [w])}

    monkeypatch.setattr(elementwise, "reference", reference)
    finished = measure(ASKED, NEEDED["attached"])
    assert ran == [False]  # with fake tensors alone
    attached, detach = finished.results
    assert (attached.status, detach.status) == (Status.OK, Status.OK)
    assert attached.reach == (
        Reach("x", 1, 1, expected=None, equal=None, max_difference=None),
        Reach("w", 1, 1, expected=None, equal=None, max_difference=None),
    )
    assert [(each.group, each.with_gradient) for each in detach.reach] == [("x", 0), ("w", 1)]
    assert {(each.outcome, each.right) for each in detach.reach} == {("unchecked", None)}


def test_a_prediction_is_kept_beside_the_measured_peak(measure: Measure) -> None:
    for result in measure(ASKED).results:
        values = {each.metric: each.value for each in result.samples}
        assert values["predicted"] == values["peak"]
        assert sum(part.bytes for part in result.peak_parts) == values["peak"]
        assert result.scratch == ()


def test_what_cannot_be_predicted_is_tried(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "TIME_LIMIT_S", -1.0)
    finished = measure(ASKED, 4 * VECTOR)  # what is there before the steps is known
    assert [metrics(each) for each in finished.results] == [EVERY_METRIC[1:]] * 2
    assert finished.parameter_bytes == 2 * VECTOR


def test_a_failing_prediction_costs_nothing_but_itself(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(prediction, "predict", failing)
    finished = measure(ASKED, 0)
    assert [metrics(each) for each in finished.results] == [EVERY_METRIC[1:]] * 2
    assert (finished.parameter_bytes, finished.input_bytes) == (None, None)


def test_a_branch_that_is_asked_for_twice_is_measured_twice(
    measure: Measure, tmp_path: Path
) -> None:
    finished = measure(cell(branches=("attached", "detach", "detach#2")))
    _, first, second = finished.results
    assert (first.branch, second.branch) == ("detach", "detach#2")
    assert (first.source, first.reach) == (second.source, second.reach)
    for metric in EVERY_METRIC[:6]:
        pairs = [
            [each for each in mine.samples if each.metric == metric] for mine in (first, second)
        ]
        assert pairs[0] == pairs[1]
    assert second.trace == "traces/elementwise-detach-2-4-float32-cpu.json.gz"
    assert (tmp_path / second.trace).exists()
    assert first.trace != second.trace


def test_calls_alone_are_looped_and_compared_in_forward(measure: Measure) -> None:
    finished = measure(cell("call_alone", size=8))
    assert finished.loops is not None
    assert finished.loops > 1
    for result in finished.results:
        times = [each for each in result.samples if each.metric == "time"]
        assert {each.phase for each in times} == {"forward"}
    assert [group.outcome for each in finished.results for group in each.reach] == ["none"] * 2


def test_a_preparation_lasts_for_its_own_branch_when_looped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_registered", {})
    (tmp_path / "looped.py").write_text(
        "import torch\n"
        "LOOPED = True\n"
        "def build(size):\n"
        "    return {'w': torch.ones(size, requires_grad=True), 'seen': set()}\n"
        "def ours(w, seen):\n"
        "    seen.add(('ours', w.requires_grad))\n"
        "def prepare_frozen(w, seen):\n"
        "    w.requires_grad_(False)\n"
        "def frozen(w, seen):\n"
        "    seen.add(('frozen', w.requires_grad))\n"
        "    assert seen <= {('ours', True), ('frozen', False)}, 'not as prepared'\n",
        encoding="utf-8",
    )
    spec = str(tmp_path / "looped.py")
    catalogue.register(spec)
    asked = cell("looped", file=spec, branches=("ours", "frozen"), parameters={})
    finished = measure_cell(asked, tmp_path)
    assert [(each.status, each.message) for each in finished.results] == [(Status.OK, "")] * 2


@pytest.mark.cuda
def test_cuda_traces_tell_kernels_copies_and_syncs(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def item(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        h = x.sigmoid()
        h.sum().item()
        return (h.detach() * w).sum()

    monkeypatch.setattr(elementwise, "no_grad", item)
    branches = ("attached", "detach", "clone_detach", "no_grad")
    finished = measure(cell(size=2**22, device="cuda", branches=branches))
    found = {
        result.branch: {each.metric: each.value or 0.0 for each in result.samples}
        for result in finished.results
    }
    assert [each.status for each in finished.results] == [Status.OK] * 4
    assert found["attached"]["kernels"] > found["detach"]["kernels"] > 0
    assert found["detach"]["launches"] > 0
    # Waiting for a number on the host is a copy to it and a wait for that.
    assert found["no_grad"]["syncs"] > found["detach"]["syncs"]
    assert found["no_grad"]["copies"] > found["detach"]["copies"]
    assert "host" in found["detach"]


@pytest.mark.cuda
def test_cuda_clones_copy_no_faster_than_a_plain_copy(measure: Measure) -> None:
    asked = cell(size=2**26, device="cuda", branches=("attached", "clone_detach"))
    attached, cloned = (
        {each.metric: each.value for each in result.samples} for result in measure(asked).results
    )
    assert attached["clone_bandwidth"] is None
    assert cloned["clone_bandwidth"] is not None
    assert cloned["copy_bandwidth"] is not None
    assert 0 < cloned["clone_bandwidth"] <= cloned["copy_bandwidth"] * 1.2


def test_an_accelerators_peaks_have_parts_and_blocks(measure: Measure, accelerator: str) -> None:
    asked = cell(size=SIZE, device=accelerator, branches=("attached",))
    (result,) = measure(asked).results
    values = {each.metric: each.value or 0 for each in result.samples}
    assert values["predicted"] == values["peak"] == 4 * VECTOR + 8
    assert values["block_peak"] % 512 == 0
    assert values["peak"] <= values["block_peak"] <= values["reserved_peak"]
    assert sum(part.bytes for part in result.peak_parts) == values["block_peak"]
