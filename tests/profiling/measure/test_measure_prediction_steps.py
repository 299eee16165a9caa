"""What is predicted of steps of every kind, and what of them is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from demos.workloads import elementwise, frozen_backbone
from profiling.measure import prediction
from profiling.measure.prediction import Predictions, predict
from profiling.measure.step import State
from tests.profiling.measure.predicting import check, measured
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

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


def frame(module: str, function: str, below: Any = None) -> Any:
    """Return what stands for a Python frame, with the frame that called it."""
    code = SimpleNamespace(co_name=function)
    return SimpleNamespace(f_globals={"__name__": module}, f_code=code, f_back=below)


STEP = frame("mine", "backward")
ENGINE = frame("torch.autograd.graph", "_engine_run_backward", frame("torch", "backward"))


@pytest.mark.parametrize(
    ("caller", "is_engine"),
    [
        (ENGINE, True),
        # A device's backward runs on a thread of its own, on which there is no Python.
        (None, True),
        # A hook or a function of the step's own may be called on that thread.
        (STEP, False),
        (frame("mine", "backward", ENGINE), False),
    ],
)
def test_backward_is_told_from_a_steps_own_code_on_any_thread(
    caller: Any, is_engine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = frame("torch._compile", "inner", caller)
    dispatched = frame(prediction.__name__, "__torch_dispatch__", wrapped)
    monkeypatch.setattr(prediction, "sys", SimpleNamespace(_getframe=lambda depth: dispatched))
    assert prediction._called_by_engine() is is_engine
