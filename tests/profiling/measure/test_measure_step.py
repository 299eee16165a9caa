from __future__ import annotations

from typing import Any

import pytest
import torch

from demos.workloads import elementwise
from profiling.catalogue import WORKLOADS
from profiling.measure.step import State
from profiling.model.request import DTYPES
from tests.profiling.planted import cell


def tensors(state: State) -> dict[str, torch.Tensor]:
    """Return every tensor of a state by name, those of modules included."""
    found: dict[str, torch.Tensor] = {}
    for name, value in state.arguments.items():
        if isinstance(value, torch.nn.Module):
            found |= {f"{name}.{key}": each for key, each in value.state_dict().items()}
        elif isinstance(value, torch.Tensor):
            found[name] = value
    return found


def gradients(state: State) -> list[torch.Tensor | None]:
    return [leaf.grad for leaves in state.groups.values() for leaf in leaves]


def computed(result: Any) -> list[torch.Tensor]:
    """Return a step's loss and what its caller keeps, each as a tensor."""
    parts = result if isinstance(result, tuple) else (result,)
    lists = [part if isinstance(part, list) else [part] for part in parts if part is not None]
    return [torch.as_tensor(each) for part in lists for each in part]


def run(state: State, branch: str) -> Any:
    step = state.step(branch)
    step.reset()
    result = step.forward()
    step.backward(result)
    return result


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_same_seed_builds_the_same_state(workload: str) -> None:
    first, second = (tensors(State(cell(workload, seed=3))) for _ in range(2))
    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = tensors(State(cell(workload, seed=4)))
    # Some tensors are the same whatever the seed, such as a layer norm's; no argument is.
    differing = {name for name in first if not torch.equal(first[name], other[name])}
    assert {name.split(".")[0] for name in differing} == {name.split(".")[0] for name in first}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_building_leaves_torchs_own_random_numbers_alone(workload: str) -> None:
    before = torch.get_rng_state()
    State(cell(workload, seed=3))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_dtype_has_the_rounded_numbers_of_float32(workload: str, dtype: str) -> None:
    kind = getattr(torch, dtype)
    exact = tensors(State(cell(workload)))
    state = State(cell(workload, dtype=dtype))
    built = {name: each for name, each in tensors(state).items() if each.is_floating_point()}
    assert {tensor.dtype for tensor in built.values()} == {kind}
    assert all(torch.equal(built[name], exact[name].to(kind)) for name in built)
    results = computed(run(state, "attached"))
    # A looped step gives nothing back.
    expected = set() if workload == "call_alone" else {kind}
    assert {each.dtype for each in results} == expected
    assert {grad.dtype for grad in gradients(state) if grad is not None} <= {kind}


@pytest.mark.parametrize("dtype", DTYPES)
def test_moving_a_leaf_keeps_it_a_leaf(dtype: str) -> None:
    state = State(cell("elementwise", dtype=dtype))
    for leaf in tensors(state).values():
        assert leaf.is_leaf
        assert leaf.requires_grad


def test_only_floating_point_values_change_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(size: int) -> dict[str, torch.Tensor]:
        x, w = torch.randn(size), torch.tensor([2**24 + 1])
        return {"x": x, "w": w, "mask": torch.tensor([True])}

    monkeypatch.setattr(elementwise, "build", build)
    built = State(cell("elementwise", dtype="bfloat16")).arguments
    dtypes = {name: tensor.dtype for name, tensor in built.items()}
    assert dtypes == {"x": torch.bfloat16, "w": torch.int64, "mask": torch.bool}
    assert built["w"].item() == 2**24 + 1


def test_parameters_are_passed_on() -> None:
    state = State(cell("frozen_backbone", size=3, parameters={"depth": 5, "width": 7}))
    assert len(state.groups["encoder"]) == 10
    assert {tuple(leaf.shape) for leaf in state.groups["encoder"]} == {(7, 7), (7,)}
    assert tuple(state.arguments["x"].shape) == (3, 7)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_reset_undoes_what_a_step_left(workload: str) -> None:
    state = State(cell(workload))
    for leaves in state.groups.values():
        for leaf in leaves:
            leaf.grad = torch.ones_like(leaf)
        leaves[0].requires_grad_(False)
    state.step("detach").reset()
    assert gradients(state) == [None] * len(gradients(state))
    assert all(leaf.requires_grad for leaves in state.groups.values() for leaf in leaves)


@pytest.mark.parametrize(
    ("workload", "group"), [("elementwise", "x"), ("frozen_backbone", "encoder")]
)
def test_freezing_lasts_for_its_own_step_only(workload: str, group: str) -> None:
    state = State(cell(workload))
    frozen, attached = state.step("frozen"), state.step("attached")
    frozen.reset()
    assert {leaf.requires_grad for leaf in state.groups[group]} == {False}
    others = [leaf for name, leaves in state.groups.items() if name != group for leaf in leaves]
    assert {leaf.requires_grad for leaf in others} == {True}
    frozen.backward(frozen.forward())
    assert [leaf.grad for leaf in state.groups[group]] == [None] * len(state.groups[group])
    attached.reset()
    assert {leaf.requires_grad for leaf in state.groups[group]} == {True}
    attached.backward(attached.forward())
    assert all(leaf.grad is not None for leaf in state.groups[group])


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_step_repeats_itself_exactly(workload: str) -> None:
    state = State(cell(workload))
    first = run(state, "detach")
    kept = gradients(state)
    second = run(state, "detach")
    for before, after in zip(computed(first), computed(second), strict=True):
        assert torch.equal(before, after)
    for old, new in zip(kept, gradients(state), strict=True):
        if old is None or new is None:
            assert old is new
        else:
            assert old is not new
            assert torch.equal(old, new)


def test_all_branches_work_on_the_same_memory() -> None:
    state = State(cell("frozen_backbone"))
    before = {name: tensor.data_ptr() for name, tensor in tensors(state).items()}
    for branch in ("attached", "frozen", "no_grad"):
        run(state, branch)
    assert {name: tensor.data_ptr() for name, tensor in tensors(state).items()} == before


def test_backward_takes_the_loss_out_of_what_the_caller_keeps() -> None:
    state = State(cell("elementwise"))
    loss, kept = run(state, "detach_kept")
    assert loss.shape == ()
    assert torch.equal(kept, state.arguments["x"].sigmoid())
    assert kept.requires_grad


def test_reference_starts_from_a_clean_state() -> None:
    state = State(cell("frozen_backbone"))
    clean = state.reference()
    state.step("frozen").reset()
    again = state.reference()
    assert clean["encoder"] is None
    assert again["encoder"] is None
    assert clean["head"] is not None
    assert again["head"] is not None
    assert all(torch.equal(a, b) for a, b in zip(clean["head"], again["head"], strict=True))
    assert gradients(state) == [None] * len(gradients(state))


@pytest.mark.parametrize("workload", WORKLOADS)
def test_an_accelerator_gets_the_same_numbers(workload: str, accelerator: str) -> None:
    here, there = (tensors(State(cell(workload, device=kind))) for kind in ("cpu", accelerator))
    assert {tensor.device.type for tensor in there.values()} == {accelerator}
    assert all(torch.equal(here[name], there[name].cpu()) for name in here)
