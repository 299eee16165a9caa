"""The watcher beside data parallel training, on one rank."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import torch
import torch.distributed as dist
from torch import nn

from profiling.analysis.diagnosis import diagnose
from profiling.watch import sharding, watch

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="this torch has no gloo"
)
X = torch.linspace(-1, 1, 24).reshape(6, 4)


@pytest.fixture(autouse=True)
def _one_rank() -> Iterator[None]:
    store: Any = vars(dist)["HashStore"]()
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class Net(nn.Module):
    """An encoder whose output is cut off, and a head."""

    def __init__(self, cut: bool) -> None:
        super().__init__()
        self.encoder, self.head, self.cut = nn.Linear(4, 4), nn.Linear(4, 1), cut

    def forward(self, x: torch.Tensor) -> Any:
        hidden = self.encoder(x)
        if self.cut:
            hidden = hidden.detach()  # the cut
        return self.head(hidden)


def ddp(model: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)


def fsdp2(model: nn.Module) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    sharded: Any = fully_shard(model, mesh=dist.device_mesh.init_device_mesh("cpu", (1,)))
    return cast("nn.Module", sharded)


def fsdp2_of_each(model: nn.Module) -> nn.Module:
    for each in model.children():
        fsdp2(each)
    return fsdp2(model)


def fsdp1(model: nn.Module, **options: Any) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel

    # With one rank it says that it does not shard.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FullyShardedDataParallel(model, device_id=torch.device("cpu"), **options)


def fsdp1_with_originals(model: nn.Module) -> nn.Module:
    return fsdp1(model, use_orig_params=True)


def fsdp1_of_each(model: nn.Module) -> nn.Module:
    from torch.distributed.fsdp.wrap import ModuleWrapPolicy

    return fsdp1(model, use_orig_params=True, auto_wrap_policy=ModuleWrapPolicy({nn.Linear}))


WRAPS = [ddp, fsdp2, fsdp2_of_each, fsdp1, fsdp1_with_originals, fsdp1_of_each]


def train(wrap: Callable[[nn.Module], nn.Module], cut: bool) -> tuple[Any, list[torch.Tensor]]:
    torch.manual_seed(0)
    model = wrap(Net(cut))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model(X).pow(2).mean().backward()
        optimizer.step()
    return model, [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("wrap", WRAPS, ids=lambda each: each.__name__)
def test_a_replica_trains_the_same(wrap: Callable[[nn.Module], nn.Module]) -> None:
    plain = train(wrap, cut=False)[1]
    with watch() as seen:
        model, watched = train(wrap, cut=False)
    assert all(torch.equal(_whole(a), _whole(b)) for a, b in zip(plain, watched, strict=True))
    assert seen.record is not None
    assert seen.record.notes == ()
    found = diagnose(seen.record)
    assert found.problems == ()
    assert [each.state for each in found.fates] == ["arrives"] * 4
    del model


@pytest.mark.parametrize("wrap", WRAPS, ids=lambda each: each.__name__)
def test_a_cut_in_a_replica_is_named(wrap: Callable[[nn.Module], nn.Module]) -> None:
    with watch() as seen:
        model, _ = train(wrap, cut=True)
    assert seen.record is not None
    (problem,) = diagnose(seen.record).problems
    assert problem.cause == "detach"
    assert ["# the cut" in each.text for each in problem.lines] == [True]
    names = [seen.record.parameters[each].names[0] for each in problem.parameters]
    assert [name.partition("encoder.")[2] for name in names] == ["weight", "bias"]
    del model


@pytest.mark.parametrize("wrap", [fsdp1, fsdp1_with_originals], ids=lambda each: each.__name__)
def test_a_private_name_of_a_flat_parameter_may_be_missing(
    wrap: Callable[[nn.Module], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding, "_FLAT", (*sharding._FLAT, "missing"))
    with watch() as seen:
        model, _ = train(wrap, cut=True)
    assert seen.record is not None
    assert seen.record.notes == ()
    assert any(each.names for each in seen.record.parameters)
    del model


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor that may be sharded as a plain one."""
    full: Any = getattr(tensor, "full_tensor", None)
    return tensor if full is None else full()
