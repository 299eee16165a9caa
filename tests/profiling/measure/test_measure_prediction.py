"""What is predicted of our workloads, beside what the same steps then really allocate."""

from __future__ import annotations

import functools
from typing import cast

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from demos.workloads import elementwise
from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.measure import prediction
from profiling.measure.device import get
from profiling.measure.prediction import Prediction, Predictions, needed_bytes, predict
from profiling.measure.step import State, Step
from profiling.model.run import Cell
from tests.profiling.measure.cells import FROZEN_BACKBONE_PEAKS
from tests.profiling.measure.predicting import check, measured
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

# Low precision has other operators; two training steps stand for all in the short check.
ASKED = [
    pytest.param(workload, dtype, marks=() if is_short else pytest.mark.long)
    for workload in WORKLOADS
    for dtype, is_short in (
        ("float32", True),
        ("bfloat16", workload in ("frozen_backbone", "straight_through")),
    )
]
RUNNING = [
    (workload, branch)
    for workload in WORKLOADS
    for branch in catalogue.workload(workload).branches
    if branch not in catalogue.workload(workload).absent
    and branch not in catalogue.workload(workload).raises
]


def smallest(workload: str, dtype: str) -> Cell:
    """Return a cell of every branch that runs, at the smallest size that is offered."""
    entry = catalogue.workload(workload)
    branches = tuple(branch for name, branch in RUNNING if name == workload)
    return cell(workload, size=entry.sizes[0], dtype=dtype, branches=branches)


@functools.cache
def predicted_and_built(workload: str, dtype: str) -> tuple[Predictions, State]:
    asked = smallest(workload, dtype)
    return predict(asked, asked.branches), State(asked)


@pytest.mark.parametrize(("workload", "dtype"), ASKED)
def test_every_branch_and_reference_needs_what_was_predicted(workload: str, dtype: str) -> None:
    predictions, state = predicted_and_built(workload, dtype)
    assert tuple(predictions.branches) == smallest(workload, dtype).branches
    for branch, predicted in predictions.branches.items():
        check(predicted, state.step(branch))
    check(predictions.reference, cast("Step", prediction._Reference(state)))


@pytest.mark.parametrize("workload", WORKLOADS)
def test_what_is_there_before_a_step_is_counted(workload: str) -> None:
    predictions, state = predicted_and_built(workload, "float32")
    resident = {each.untyped_storage().data_ptr(): each for each in state.resident()}
    others = {each.untyped_storage().data_ptr(): each for each in state.tensors()}
    assert predictions.parameter_bytes == sum(
        each.untyped_storage().nbytes() for each in resident.values()
    )
    assert predictions.input_bytes == sum(
        each.untyped_storage().nbytes() for key, each in others.items() if key not in resident
    )


def test_what_is_there_before_a_step_by_hand() -> None:
    found = predict(cell("frozen_backbone", size=16), ())
    layer, column = 8 * 8 + 8, 8 + 1
    assert found.parameter_bytes == (3 * layer + column) * 4
    assert found.input_bytes == 16 * 8 * 4
    assert found.branches == {}


@pytest.mark.parametrize(("branch", "expected"), FROZEN_BACKBONE_PEAKS)
def test_a_frozen_backbone_to_the_byte(branch: str, expected: int) -> None:
    asked = cell("frozen_backbone", size=4096, parameters={"depth": 8, "width": 128})
    found = predict(asked, [branch]).branches[branch]
    assert found is not None
    assert found.peak_bytes == expected


@pytest.mark.parametrize(
    ("dtype", "width"), [("float32", 4), ("float64", 8), ("bfloat16", 2), ("float16", 2)]
)
def test_elementwise_by_hand(dtype: str, width: int) -> None:
    vector, scalar = 100 * width, width
    found = predict(cell(size=100, dtype=dtype), ("attached", "detach", "clone_detach")).branches
    assert {name: each and each.peak_bytes for name, each in found.items()} == {
        "attached": 4 * vector + 2 * scalar,
        "detach": 2 * vector + 2 * scalar,
        "clone_detach": 3 * vector + scalar,
    }
    assert found["detach"] is not None
    assert {"aten::sigmoid", "aten::detach", "aten::mul", "aten::sum"} <= found["detach"].operators
    assert "aten::clone" not in found["detach"].operators


def test_what_fits_nowhere_is_predicted() -> None:
    size = 10**13
    found = predict(cell(size=size), ["attached"])
    assert found.parameter_bytes == 2 * 4 * size
    assert found.branches["attached"] is not None
    assert found.branches["attached"].peak_bytes == 4 * 4 * size + 2 * 4


def test_nothing_of_a_steps_size_is_allocated() -> None:
    asked = cell("frozen_backbone", size=10_000, parameters={"depth": 2, "width": 500})
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as session:
        found = predict(asked, asked.branches)
    assert found.branches["detach"] is not None
    assert found.branches["detach"].peak_bytes > 10_000 * 500 * 4
    # What is allocated is the state of the random numbers, which is put back.
    assert max(event.cpu_memory_usage for event in session.events()) < 10_000


def test_what_takes_too_long_is_not_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction, "TIME_LIMIT_S", -1.0)
    found = predict(cell(), ("attached", "detach"))
    assert found.branches == {"attached": None, "detach": None}
    assert found.reference is None
    assert found.parameter_bytes == 2 * 4 * 4


def test_a_branch_that_is_asked_for_twice_is_predicted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return (x.sigmoid() * w).sum()

    monkeypatch.setattr(elementwise, "detach", function)
    found = predict(cell(), ("detach", "detach#2")).branches
    assert list(found) == ["detach", "detach#2"]
    assert found["detach"] == found["detach#2"] is not None
    assert len(calls) == 1


def test_a_module_is_predicted_again_and_again() -> None:
    asked = cell("frozen_backbone", size=7, parameters={"depth": 1, "width": 13})
    first, second = (predict(asked, ["detach"]) for _ in range(2))
    assert first == second
    assert first.branches["detach"] is not None


@pytest.mark.parametrize(("workload", "branch"), RUNNING)
def test_an_accelerator_needs_at_least_what_was_predicted(
    workload: str, branch: str, accelerator: str
) -> None:
    asked = cell(workload, size=64, device=accelerator, branches=(branch,))
    predicted = predict(asked, asked.branches).branches[branch]
    assert predicted is not None
    found = measured(State(asked).step(branch), predicted, accelerator)
    peak = found.samples[0].value or 0
    assert predicted.peak_bytes <= peak
    # Its kernels have no scratch; attention is composed of operators that have.
    if accelerator == "lab" and workload != "transformer_backbone":
        assert predicted.peak_bytes == peak


def test_an_accelerators_elementwise_by_hand(accelerator: str) -> None:
    asked = cell(size=1000, device=accelerator)
    predicted = predict(asked, ["attached"]).branches["attached"]
    assert predicted is not None
    assert predicted.peak_bytes == 4 * 4000 + 2 * 4
    found = measured(State(asked).step("attached"), predicted, accelerator)
    assert found.samples[0].value == predicted.peak_bytes


def test_more_is_free_here_than_a_small_step_needs() -> None:
    predictions = predict(cell("frozen_backbone"), ["attached"])
    assert get("cpu").free_bytes() > needed_bytes(predictions, predictions.branches["attached"]) > 0


def test_needed_are_the_state_the_gradients_to_compare_with_and_the_step() -> None:
    step = Prediction(10_000, frozenset())
    predictions = Predictions(100, 20, None, {})
    assert needed_bytes(predictions, step) == 100 + 20 + 100 + 10_000
    assert needed_bytes(predictions, None) == 100 + 20 + 100


def test_what_could_not_be_predicted_counts_as_nothing() -> None:
    nothing = Predictions(None, None, None, {})
    assert needed_bytes(nothing, None) == 0
    assert needed_bytes(nothing, Prediction(7, frozenset())) == 7
