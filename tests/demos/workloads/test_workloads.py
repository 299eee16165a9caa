"""Every branch of every workload: the code that is shown, and the gradients it gives."""

from __future__ import annotations

import builtins
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.measure.gradients import gradient_reach
from profiling.measure.step import State, Step, load
from profiling.model.request import DTYPES
from profiling.model.run import Cell
from tests.demos.pasting import globals_used
from tests.profiling.planted import SMALL, cell

# What every branch gives each group, unless WRONG says otherwise.
RIGHT = {
    "elementwise": {"x": "none", "w": "equal"},
    "side_branch": {"trunk": "equal", "main": "equal", "side": "equal"},
    "frozen_backbone": {"encoder": "none", "head": "equal"},
    "frozen_middle": {"stem": "equal", "middle": "none", "head": "equal"},
    "gan_discriminator": {"generator": "none", "discriminator": "equal"},
    "gan_generator": {"generator": "equal", "discriminator": "none"},
    "truncated_bptt": {"cell": "equal", "head": "equal"},
    "target_network": {"online": "equal", "predictor": "equal", "target": "none"},
    "straight_through": {"encoder": "equal", "decoder": "equal"},
    "loss_logging": {"model": "equal"},
    "evaluation_logging": {"model": "none"},
    "feature_cache": {"model": "none"},
    "transformer_backbone": {"encoder": "none", "head": "equal"},
    "call_alone": {"h": "none"},
    "split_backward": {"trunk": "equal", "head": "equal"},
    "grad_cache": {"encoder": "equal"},
    "recycling": {"block": "equal", "head": "equal"},
    "lora_checkpoint": {"base": "none", "lora": "equal", "head": "equal"},
    "maml": {"model": "equal"},
    "dpo_reference": {"policy": "equal", "ref": "none"},
    "vq_vae": {"encoder": "equal", "decoder": "equal", "codebook": "equal"},
    "actor_critic": {"actor": "equal", "critic": "equal"},
}
WRONG = {
    ("elementwise", "attached"): {"x": "unwanted"},
    ("side_branch", "attached"): {"trunk": "different"},
    ("frozen_backbone", "attached"): {"encoder": "unwanted"},
    ("frozen_middle", "attached"): {"middle": "unwanted"},
    ("frozen_middle", "detach"): {"stem": "missing"},
    ("frozen_middle", "no_grad"): {"stem": "missing"},
    ("frozen_middle", "inference_mode"): {"stem": "missing"},
    ("gan_discriminator", "attached"): {"generator": "unwanted"},
    ("gan_generator", "attached"): {"discriminator": "unwanted"},
    ("gan_generator", "detach"): {"generator": "missing", "discriminator": "unwanted"},
    ("truncated_bptt", "attached"): {"cell": "different"},
    ("target_network", "attached"): {"target": "unwanted"},
    ("straight_through", "attached"): {"encoder": "different"},
    ("transformer_backbone", "attached"): {"encoder": "unwanted"},
    ("split_backward", "detach"): {"trunk": "missing"},
    ("grad_cache", "small_batches"): {"encoder": "different"},
    ("recycling", "attached"): {"block": "different"},
    ("lora_checkpoint", "attached"): {"base": "unwanted"},
    ("lora_checkpoint", "detach"): {"lora": "different"},
    ("lora_checkpoint", "no_grad"): {"lora": "different"},
    ("lora_checkpoint", "reentrant"): {"lora": "missing"},
    ("maml", "attached"): {"model": "different"},
    ("dpo_reference", "attached"): {"ref": "unwanted"},
    ("vq_vae", "attached"): {"encoder": "different", "codebook": "different"},
    ("vq_vae", "one_term"): {"encoder": "different", "codebook": "different"},
    ("actor_critic", "attached"): {"critic": "different"},
    ("actor_critic", "detach_value"): {"critic": "missing"},
}
RAISING = {
    ("side_branch", "detach_inplace"),
    ("gan_generator", "no_grad"),
    ("gan_generator", "inference_mode"),
    ("truncated_bptt", "carried"),
}
# Workloads whose branches add up in another order than the reference does.
REORDERED = ("split_backward", "grad_cache", "vq_vae")
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


def small(name: str, **values: Any) -> Cell:
    """Return a small cell of a workload."""
    parameters = {key: SMALL[key] for key in catalogue.workload(name).parameters}
    return cell(name, **({"parameters": parameters} | values))


def run(step: Step) -> Any:
    """Reset a step and run it, forward and backward; return what forward returned."""
    step.reset()
    result = step.forward()
    step.backward(result)
    return result


def numbers(result: Any) -> list[float]:
    """Return what a step computed: its loss, or else what its caller keeps, if anything."""
    loss, kept = result if isinstance(result, tuple) else (result, None)
    found = kept if loss is None else loss
    if found is None:
        return []
    if isinstance(found, list):
        found = torch.stack(found)
    return torch.as_tensor(found, dtype=torch.float64).flatten().tolist()


SHOWN = [(name, function) for name in WORKLOADS for function in functions(name)]


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
    made = list(State(small(name)).arguments)
    for function in (*functions(name).values(), module.groups):
        assert list(inspect.signature(function).parameters) == made
    entry = catalogue.workload(name)
    assert list(inspect.signature(module.build).parameters) == ["size", *entry.parameters]


# In the short check every branch in float64, and those of two training steps in every dtype: one
# that adds gradients up over chunks, and one whose branches differ by a whole loss.
MEASURED = [
    pytest.param(name, branch, dtype, marks=() if is_short else pytest.mark.long)
    for name, branch in RUNNING
    for dtype in DTYPES
    for is_short in [dtype == "float64" or name in ("truncated_bptt", "side_branch")]
]


@pytest.mark.parametrize(("name", "branch", "dtype"), MEASURED)
def test_gradients_are_exactly_the_right_ones(name: str, branch: str, dtype: str) -> None:
    state = State(small(name, dtype=dtype))
    reference, step = state.reference(), state.step(branch)
    if (name, branch) in RAISING:
        with pytest.raises(RuntimeError) as caught:
            run(step)
        assert catalogue.workload(name).raises[branch] in str(caught.value)
        return
    run(step)
    found = {each.group: each for each in gradient_reach(state.groups, reference)}
    expected = RIGHT[name] | WRONG.get((name, branch), {})
    if (name, branch) == ("truncated_bptt", "attached"):
        # One backward adds up the head's gradient in another order than one for every chunk.
        head = found.pop("head")
        assert head.outcome == expected.pop("head") or dtype in ("bfloat16", "float16")
    assert {group: each.outcome for group, each in found.items()} == expected
    if name not in REORDERED:
        assert all(each.max_difference == 0 for each in found.values() if each.outcome == "equal")


def test_only_the_branches_that_are_known_to_raise_are_said_to() -> None:
    said = {(name, branch) for name in WORKLOADS for branch in catalogue.workload(name).raises}
    assert said == RAISING
    assert set(WRONG) <= set(RUNNING) - RAISING


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
            run(state.step(branch))
            for parameter, grad in zip(trunk.parameters(), alone, strict=True):
                assert torch.equal(parameter.grad, grad), branch


@pytest.mark.parametrize(("name", "branch"), RUNNING)
def test_pasted_text_does_what_the_branch_does(name: str, branch: str) -> None:
    notebook: dict[str, Any] = {"torch": torch}
    exec(catalogue.workload(name).sources[branch].text, notebook)
    pasted, shipped = State(small(name, seed=5)), State(small(name, seed=5))
    prepare = notebook.get(f"prepare_{branch}")
    step = shipped.step(branch)
    step.reset()
    if prepare is not None:
        prepare(**pasted.arguments)
    runs: tuple[Callable[[], Any], ...] = (
        lambda: notebook[branch](**pasted.arguments),
        step.forward,
    )
    computed, errors = [], []
    for forward in runs:
        try:
            result = forward()
            computed.append(numbers(result))
            step.backward(result)
        except RuntimeError as error:
            errors.append(str(error))
    assert len(computed) == (0 if branch == "carried" else 2)  # which raises before it returns
    assert computed[:1] == computed[1:]
    assert len(errors) == (2 if (name, branch) in RAISING else 0)
    assert len(set(errors)) <= 1
    for group, leaves in pasted.groups.items():
        for mine, theirs in zip(leaves, shipped.groups[group], strict=True):
            if mine.grad is None or theirs.grad is None:
                assert mine.grad is theirs.grad
            else:
                assert torch.equal(mine.grad, theirs.grad)


@pytest.mark.parametrize("name", WORKLOADS)
def test_all_branches_compute_the_same_numbers(name: str) -> None:
    state = State(small(name, size=6, dtype="float64"))
    computed = {}
    for workload, branch in RUNNING:
        # The first raises before it returns, the second has another loss.
        if workload == name and branch not in ("carried", "small_batches"):
            step = state.step(branch)
            step.reset()
            computed[branch] = numbers(step.forward())
    expected = pytest.approx(computed["attached"], rel=1e-14)  # sums in another order
    assert all(found == expected for found in computed.values()), computed
