"""What is predicted without running a step, beside what the same step then really allocates."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint

from demos import catalogue
from demos.workloads import WORKLOADS, elementwise, frozen_backbone
from profiling.measure import prediction
from profiling.measure.memory import Memory, measure_memory
from profiling.measure.prediction import Prediction, Predictions, predict
from profiling.measure.step import State, Step
from profiling.records import Cell
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

DTYPES = ("float32", "bfloat16")
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


def measured(step: Step, predicted: Prediction, device: str = "cpu") -> Memory:
    step.reset()
    step.backward(step.forward())
    return measure_memory(step, device, predicted)


def check(predicted: Prediction | None, step: Step) -> int:
    """Check a prediction against the step's measured peak, and return by how much it is less.

    A prediction knows what operators return. So it is never above the peak, and it is below it by
    no more than what was alive at the peak and no operator returned: an operator's own scratch,
    and the scalar tensors that Python numbers become on the way to an operator.
    """
    assert predicted is not None
    found = measured(step, predicted)
    peak = int(found.samples[0].value or 0)
    unseen = sum(part.bytes for part in found.scratch)
    unseen += sum(part.bytes for part in found.parts if part.op == "python")
    assert 0 <= peak - predicted.peak_bytes <= unseen, (peak, predicted.peak_bytes, found)
    return peak - predicted.peak_bytes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("workload", "branch"), RUNNING)
def test_every_branch_needs_what_was_predicted(workload: str, branch: str, dtype: str) -> None:
    predictions, state = predicted_and_built(workload, dtype)
    check(predictions.branches[branch], state.step(branch))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_reference_needs_what_was_predicted(workload: str, dtype: str) -> None:
    predictions, state = predicted_and_built(workload, dtype)
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


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("attached", 23_069_196),
        ("detach", 20_971_520),
        ("detach_inline", 18_874_368),
        ("detach_kept", 23_069_196),
        ("no_grad", 8_389_132),
        ("frozen", 8_389_132),
    ],
)
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


Function = Callable[[torch.Tensor, torch.Tensor], Any]


def square(x: torch.Tensor) -> torch.Tensor:
    return x.sigmoid().view(8, 8)


def gradients_that_meet(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    h = x.sigmoid()
    return (h.exp() * h.sin() * h.cos()).sum()


def gradients_that_meet_in_views(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x.view(8, 8).max(1)[0].sum() + x.view(4, 16).max(1)[0].sum()


def gradients_that_are_shared(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    a, b = x.view(8, 8), w.view(8, 8)
    return a.t().max(1)[0].sum() + (a + b).max(1)[0].sum()


def the_same_gradient_twice(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    a = x.view(8, 8)
    both = a + a
    return both.max(1)[0].sum()


def gradients_that_meet_in_a_graph(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    a = x.view(8, 8)
    loss = a.max(1)[0].sum() + a.max(0)[0].sum()
    (grad,) = torch.autograd.grad(loss, [a], create_graph=True)
    return grad.sum() * w.sum()


def a_broadcast(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return (square(x) + x[:8].expand(8, 8)).sum()


def backward_called_twice(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    x.exp().sum().backward()
    return x.sin().sum()


def no_loss(x: torch.Tensor, w: torch.Tensor) -> None:
    for _ in range(3):
        (x.sigmoid() * w).sum().backward()


def the_highest_of_rows(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return square(x).max(1)[0].sum()


def chosen_rows(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return square(x)[torch.tensor([0, 0, 3])].exp().sum()


def selected_rows(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return square(x).index_select(0, torch.tensor([0, 0, 3])).exp().sum()


def gathered(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return square(x).gather(1, torch.zeros(8, 1, dtype=torch.long)).exp().sum()


def replaced_rows(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    h = square(x)
    return h.index_put((torch.tensor([0, 3]),), w[:16].view(2, 8)).exp().sum()


def changed_in_place(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    h = x.exp() + w
    h[:8] = 0
    return h.relu_().sum()


def with_numbers(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return ((x * 2 + 1) * w / 3).sum()


def with_a_number_read(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    h = x.sigmoid()
    return (h * w).sum() + h.sum().item()


def with_a_kept_list(x: torch.Tensor, w: torch.Tensor) -> Any:
    h = x.sigmoid()
    return (h * w).sum(), [h, h.detach().clone()]


@pytest.mark.parametrize(
    "function",
    [
        gradients_that_meet,
        gradients_that_meet_in_views,
        gradients_that_are_shared,
        gradients_that_meet_in_a_graph,
        the_same_gradient_twice,
        a_broadcast,
        backward_called_twice,
        no_loss,
        the_highest_of_rows,
        chosen_rows,
        selected_rows,
        gathered,
        replaced_rows,
        changed_in_place,
        with_numbers,
        with_a_number_read,
        with_a_kept_list,
    ],
)
def test_a_step_with(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise, "detach", function)
    asked = cell(size=64, branches=("detach",))
    predicted = predict(asked, asked.branches).branches["detach"]
    # Beside the tensors of 256 bytes it may miss numbers and a scratch of a few bytes alone.
    assert check(predicted, State(asked).step("detach")) < 64


def planted(function: Function, monkeypatch: pytest.MonkeyPatch) -> Predictions:
    """Predict a cell whose second branch is another function."""
    monkeypatch.setattr(elementwise, "detach", function)
    return predict(cell(), ("attached", "detach", "no_grad"))


def only_detach_is_unknown(found: Predictions) -> bool:
    return [each is None for each in found.branches.values()] == [False, True, False]


def test_a_step_that_raises_is_not_predicted() -> None:
    asked = cell("side_branch", branches=("attached", "detach_inplace", "detach"))
    assert only_detach_is_unknown(predict(asked, asked.branches))


def test_control_flow_that_depends_on_data_is_not_predicted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return x.sum() if x.sum() > 0 else w.sum()

    assert only_detach_is_unknown(planted(function, monkeypatch))


def test_shapes_that_depend_on_data_are_not_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return x[x > 0].exp().sum()

    assert only_detach_is_unknown(planted(function, monkeypatch))


def test_a_preparation_that_raises_costs_its_own_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(x: torch.Tensor, w: torch.Tensor) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(elementwise, "prepare_detach", prepare, raising=False)
    assert only_detach_is_unknown(predict(cell(), ("attached", "detach", "no_grad")))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="another operator is used")
def test_an_operator_with_a_workspace_of_unknown_size_is_not_predicted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", torch.nn.LSTM(1, 8)(x.view(-1, 1, 1))[0].sum())

    assert only_detach_is_unknown(planted(function, monkeypatch))


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


def test_a_copied_module_belongs_to_the_same_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    same = []

    def function(encoder: Any, head: Any, x: torch.Tensor) -> Any:
        copied = copy.deepcopy(head)
        mine, theirs = head[0].weight, copied[0].weight
        same.append(getattr(mine, "fake_mode", None) is getattr(theirs, "fake_mode", None))
        return head(x).mean() + copied(x).mean()

    monkeypatch.setattr(frozen_backbone, "detach", function)
    asked = cell("frozen_backbone", size=64, branches=("detach",))
    predicted = predict(asked, asked.branches).branches["detach"]
    # With a second fake mode, memory is freed twice sooner or later.
    assert same == [True]
    check(predicted, State(asked).step("detach"))


def test_what_checkpointing_stores_beside_operators_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", checkpoint(torch.sigmoid, x, use_reentrant=False).sum())

    monkeypatch.setattr(elementwise, "detach", function)
    asked = cell(branches=("detach",))
    predicted = predict(asked, asked.branches).branches["detach"]
    assert predicted is not None
    found = measured(State(asked).step("detach"), predicted)
    random_state = torch.get_rng_state().nbytes
    assert (found.samples[0].value or 0) - predicted.peak_bytes >= random_state


def test_a_prediction_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(1)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return (x.sigmoid() * w).sum()

    usual = predict(cell(), ["no_grad"]).branches["no_grad"]
    before = torch.get_rng_state()
    found = planted(function, monkeypatch)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32
    assert type(torch.ones(1)) is torch.Tensor
    assert only_detach_is_unknown(found)
    assert found.branches["no_grad"] == usual


def test_a_state_that_cannot_be_built_is_an_error_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(size: int) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(elementwise, "build", build)
    with pytest.raises(ValueError, match="planted"):
        predict(cell(), ["attached"])
    assert type(torch.ones(1)) is torch.Tensor


@pytest.mark.cuda
@pytest.mark.parametrize(("workload", "branch"), RUNNING)
def test_cuda_needs_at_least_what_was_predicted(workload: str, branch: str) -> None:
    asked = cell(workload, size=64, device="cuda", branches=(branch,))
    predicted = predict(asked, asked.branches).branches[branch]
    assert predicted is not None
    found = measured(State(asked).step(branch), predicted, "cuda")
    assert predicted.peak_bytes <= (found.samples[0].value or 0)


@pytest.mark.cuda
def test_cuda_elementwise_by_hand() -> None:
    asked = cell(size=1000, device="cuda")
    predicted = predict(asked, ["attached"]).branches["attached"]
    assert predicted is not None
    assert predicted.peak_bytes == 4 * 4000 + 2 * 4
    found = measured(State(asked).step("attached"), predicted, "cuda")
    assert found.samples[0].value == predicted.peak_bytes
