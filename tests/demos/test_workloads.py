"""Every branch of every workload: the code that is shown, and the gradients it gives."""

from __future__ import annotations

import builtins
import dis
import importlib
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest
import torch

from demos import catalogue
from demos.workloads import WORKLOADS
from profiling.measure.reach import gradient_reach
from profiling.measure.step import State, load
from profiling.records import DTYPES
from tests.profiling.planted import cell

RIGHT = {
    "elementwise": {"x": "none", "w": "equal"},
    "side_branch": {"trunk": "equal", "main": "equal", "side": "equal"},
    "frozen_backbone": {"encoder": "none", "head": "equal"},
}
# The baseline cuts nothing, and so gives the wrong gradient to what lies before the cut.
ATTACHED = {
    "elementwise": {"x": "unwanted"},
    "side_branch": {"trunk": "different"},
    "frozen_backbone": {"encoder": "unwanted"},
}
RAISING = {("side_branch", "detach_inplace")}
RUNNING = [
    (name, branch)
    for name in WORKLOADS
    for branch in catalogue.workload(name).branches
    if branch in catalogue.workload(name).sources
]


def functions(name: str) -> dict[str, Callable[..., Any]]:
    """Return every function of a workload that is shown."""
    module = load(name)
    branches = [branch for workload, branch in RUNNING if workload == name]
    prepared = [f"prepare_{branch}" for branch in branches if hasattr(module, f"prepare_{branch}")]
    return {each: getattr(module, each) for each in (*branches, *prepared, "reference")}


SHOWN = [(name, function) for name in WORKLOADS for function in functions(name)]


def globals_used(code: CodeType) -> set[str]:
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= globals_used(constant)
    return names


@pytest.mark.parametrize(("name", "function"), SHOWN)
def test_shown_code_can_be_pasted(name: str, function: str) -> None:
    found = functions(name)[function]
    assert inspect.isfunction(found)
    assert not hasattr(found, "__wrapped__")
    assert found.__module__ == f"demos.workloads.{name}"
    assert found.__qualname__ == function
    assert found.__closure__ is None
    assert found.__doc__ is None
    assert found.__defaults__ is None
    assert found.__annotations__ == {}
    text = inspect.getsource(found)
    assert text.startswith(f"def {function}(")
    assert len(text.splitlines()) <= 15
    assert globals_used(found.__code__) <= {"torch", *vars(builtins)}


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_shown_function_takes_what_build_makes(name: str) -> None:
    module = importlib.import_module(f"demos.workloads.{name}")
    made = list(State(cell(name)).arguments)
    for function in (*functions(name).values(), module.groups):
        assert list(inspect.signature(function).parameters) == made
    entry = catalogue.workload(name)
    assert list(inspect.signature(module.build).parameters) == ["size", *entry.parameters]


def outcomes(state: State, run: Callable[[], None]) -> dict[str, str]:
    reference = state.reference()
    run()
    found = gradient_reach(state.groups, reference)
    assert all(each.max_difference == 0 for each in found if each.outcome == "equal")
    return {each.group: each.outcome for each in found}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "branch"), RUNNING)
def test_gradients_are_exactly_the_right_ones(name: str, branch: str, dtype: str) -> None:
    state = State(cell(name, dtype=dtype))
    step = state.step(branch)

    def run() -> None:
        step.reset()
        step.backward(step.forward())

    if (name, branch) in RAISING:
        with pytest.raises(RuntimeError) as caught:
            run()
        assert catalogue.workload(name).raises[branch] in str(caught.value)
        return
    expected = RIGHT[name] | (ATTACHED[name] if branch == "attached" else {})
    assert outcomes(state, run) == expected


def test_only_the_branches_that_are_known_to_raise_are_said_to() -> None:
    said = {(name, branch) for name in WORKLOADS for branch in catalogue.workload(name).raises}
    assert said == RAISING


def test_references_agree_with_the_formulas() -> None:
    state = State(cell("elementwise", size=16, dtype="float64"))
    (grad,) = state.reference()["w"] or ()
    x = state.arguments["x"].detach()
    torch.testing.assert_close(grad, 1 / (1 + torch.exp(-x)))
    state = State(cell("frozen_backbone", dtype="float64", parameters={"depth": 1, "width": 3}))
    encoder, head, x = (state.arguments[key] for key in ("encoder", "head", "x"))
    with torch.no_grad():
        hidden = head[0](encoder(x)).clamp(min=0)
    *_, weight, bias = state.reference()["head"] or ()
    torch.testing.assert_close(weight, hidden.mean(0, keepdim=True))
    assert bias.tolist() == [1.0]


def test_the_side_head_never_trains_the_trunk() -> None:
    state = State(cell("side_branch", dtype="float64"))
    trunk, main, x = (state.arguments[key] for key in ("trunk", "main", "x"))
    alone = torch.autograd.grad(main(trunk(x)).mean(), list(trunk.parameters()))
    for name, branch in RUNNING:
        if name == "side_branch" and branch not in ("attached", "detach_inplace"):
            step = state.step(branch)
            step.reset()
            step.backward(step.forward())
            for parameter, grad in zip(trunk.parameters(), alone, strict=True):
                assert torch.equal(parameter.grad, grad), branch


@pytest.mark.parametrize(("name", "branch"), RUNNING)
def test_pasted_text_does_what_the_branch_does(name: str, branch: str) -> None:
    notebook: dict[str, Any] = {"torch": torch}
    exec(catalogue.workload(name).sources[branch].text, notebook)
    pasted, shipped = State(cell(name, seed=5)), State(cell(name, seed=5))
    prepare = notebook.get(f"prepare_{branch}")
    step = shipped.step(branch)
    step.reset()
    if prepare is not None:
        prepare(**pasted.arguments)
    runs: tuple[Callable[[], Any], ...] = (
        lambda: notebook[branch](**pasted.arguments),
        step.forward,
    )
    losses, errors = [], []
    for run in runs:
        try:
            result = run()
            losses.append(result[0] if isinstance(result, tuple) else result)
            step.backward(result)
        except RuntimeError as error:
            errors.append(str(error))
    assert torch.equal(losses[0], losses[1])
    assert len(errors) == (2 if (name, branch) in RAISING else 0)
    assert len(set(errors)) <= 1
    for group, leaves in pasted.groups.items():
        for mine, theirs in zip(leaves, shipped.groups[group], strict=True):
            if mine.grad is None or theirs.grad is None:
                assert mine.grad is theirs.grad
            else:
                assert torch.equal(mine.grad, theirs.grad)


@pytest.mark.parametrize("name", WORKLOADS)
def test_all_branches_compute_the_same_loss(name: str) -> None:
    state = State(cell(name, size=6, dtype="float64"))
    losses = {}
    for workload, branch in RUNNING:
        if workload == name:
            step = state.step(branch)
            step.reset()
            result = step.forward()
            losses[branch] = (result[0] if isinstance(result, tuple) else result).item()
    assert len(set(losses.values())) == 1, losses
