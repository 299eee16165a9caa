"""Operators of the simulated accelerator give what the CPU gives."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.measure.gradients import gradient_reach
from profiling.measure.step import State
from tests.lab_device import lab
from tests.profiling.planted import cell

pytestmark = pytest.mark.lab

# The largest relative error of a gradient. The transformer's attention is computed in another way
# than on the CPU; everything else is equal to the bit.
BOUNDS = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 5e-2, "float16": 1e-2}
DTYPES = [
    pytest.param(each, marks=() if each == "float32" else pytest.mark.long) for each in BOUNDS
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_branch_gives_the_gradients_that_the_cpu_gives(workload: str, dtype: str) -> None:
    entry = catalogue.workload(workload)
    here, there = (State(cell(workload, dtype=dtype, device=kind)) for kind in ("cpu", "lab"))
    for branch in entry.branches:
        if branch in entry.absent or branch in entry.raises:
            continue
        found = []
        for state in (here, there):
            state.step(branch).check()
            found.append([leaf.grad for leaves in state.groups.values() for leaf in leaves])
            state.step(branch).reset()
        for mine, theirs in zip(*found, strict=True):
            assert (mine is None) == (theirs is None)
            if mine is not None and theirs is not None:
                assert theirs.device.type == "lab"
                error = (mine - theirs.cpu()).double().norm()
                bound = BOUNDS[dtype] if workload == "transformer_backbone" else 0.0
                assert error <= bound * mine.double().norm()
    reference = there.reference()
    there.step("attached").check()
    assert len(gradient_reach(there.groups, reference)) == len(there.groups)


@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("bias", [True, False])
def test_recurrent_layers(kind: Any, bias: bool) -> None:
    here = kind(3, 4, num_layers=2, bias=bias)
    there = copy.deepcopy(here).to("lab")
    x = torch.randn(5, 2, 3)
    for layer, given in ((here, x), (there, x.to("lab"))):
        layer(given)[0].pow(2).sum().backward()
    for mine, theirs in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad.cpu())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("affine", [True, False])
def test_a_layer_norm_keeps_at_least_float32(dtype: torch.dtype, affine: bool) -> None:
    here = torch.nn.LayerNorm(6, elementwise_affine=affine, dtype=dtype)
    there = copy.deepcopy(here).to("lab")
    x = torch.randn(4, 6, dtype=dtype)
    found = []
    for layer, given in ((here, x), (there, x.to("lab"))):
        given.requires_grad_()
        layer(given).pow(2).sum().backward()
        found.append([given.grad, *(each.grad for each in layer.parameters())])
    for mine, theirs in zip(*found, strict=True):
        assert mine is not None
        assert theirs is not None
        assert torch.equal(mine, theirs.cpu())
    _, *kept = torch.native_layer_norm(x.to("lab"), [6], there.weight, there.bias, there.eps)
    assert {each.dtype for each in kept} == {torch.promote_types(dtype, torch.float32)}


@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions(transposed: bool) -> None:
    kind: Any = torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d
    here = kind(4, 6, 3, stride=2, padding=1, groups=2)
    there = copy.deepcopy(here).to("lab")
    x = torch.randn(2, 4, 7, 7)
    results = [layer(given) for layer, given in ((here, x), (there, x.to("lab")))]
    torch.testing.assert_close(results[0], results[1].cpu())
    for result in results:
        result.pow(2).sum().backward()
    for mine, theirs in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad.cpu())


OPERATORS: list[Callable[[torch.Tensor], Any]] = [
    lambda x: torch.isclose(x, x + 1e-9),
    lambda x: torch.allclose(x, x),
    lambda x: torch.abs(x, out=torch.empty(0, device=x.device)),
    lambda x: torch.mm(x, x, out=torch.empty(0, device=x.device)),
    lambda x: torch.max(x, dim=1).indices,
    lambda x: x[x > 0],
    lambda x: x[torch.tensor([1, 0])],
    lambda x: x.index_put((torch.tensor([0]),), torch.zeros((), device=x.device)),
    lambda x: torch.cat([x, x.t()], 1),
    lambda x: x.clone().t_().mul_(2).add_(x),
    lambda x: x.unfold(0, 2, 1).sum(-1),
    lambda x: torch.view_as_real(torch.complex(x, x)),
    lambda x: x.sort(descending=True).values,
    lambda x: torch.linalg.svdvals(x),
    lambda x: torch.nn.functional.scaled_dot_product_attention(x[None], x[None], x[None]),
    lambda x: torch.nn.functional.cross_entropy(x, torch.arange(3, device=x.device)),
    lambda x: torch.nn.functional.layer_norm(x, (3,)),
    lambda x: copy.deepcopy(x),
    lambda x: x.to(torch.float16),
    lambda x: torch._foreach_add([x, x], 1.0)[1],
    lambda x: x.half().resize_(2, 2).float(),
    lambda x: torch.empty(0, device=x.device).set_(x.untyped_storage()).sum(),
]


@pytest.mark.parametrize("at", range(len(OPERATORS)))
def test_an_operator(at: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 3)
    mine, theirs = (OPERATORS[at](each) for each in (x, x.to("lab")))
    if isinstance(mine, torch.Tensor):
        assert theirs.device.type == "lab"
        torch.testing.assert_close(mine, theirs.cpu())
    else:
        assert mine == theirs


def test_views_share_memory_and_count_versions() -> None:
    x = torch.zeros(2, 2, device="lab")
    x.t()[0].fill_(1)
    assert x.tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert x._version == 1


def test_a_changed_tensor_is_noticed_by_autograd() -> None:
    x = torch.ones(2, device="lab", requires_grad=True)
    y = x.sigmoid()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_tensors_of_two_devices_are_refused() -> None:
    x = torch.ones(2, device="lab")
    assert (x + torch.tensor(1.0)).tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match=r"at least two devices, lab:0 and cpu!"):
        x + torch.ones(2)


def test_random_numbers_come_from_the_devices_own_state() -> None:
    torch.manual_seed(3)
    first = torch.randn(3, device="lab").tolist()
    torch.manual_seed(3)
    assert torch.randn(3, device="lab").tolist() == first
    own = torch.lab.default_generators[0]  # type: ignore[attr-defined]
    before = own.get_state()
    torch.rand(3, device="lab")
    assert not torch.equal(own.get_state(), before)
    own.set_state(before)
    generator = torch.Generator(device="lab").manual_seed(3)
    assert torch.randn(3, device="lab", generator=generator).tolist() == first
    assert torch.equal(own.get_state(), before)
    with pytest.raises(RuntimeError, match="Expected a 'lab' device type for generator"):
        torch.randn(3, device="lab", generator=torch.Generator())


def test_drawing_on_the_device_leaves_the_cpus_state_alone() -> None:
    before = torch.get_rng_state()
    torch.randn(3, device="lab")
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_torchs_accelerator_here() -> None:
    found = torch.accelerator.current_accelerator()
    assert found is not None
    assert found.type == "lab"
    assert lab.is_installed()
