"""Over many steps the watcher keeps no more than over a few."""

from __future__ import annotations

import gc
import weakref

import psutil
import pytest
import torch
from torch import Tensor, nn

from profiling.watch import watch
from profiling.watch.session import Session


def train(session: Session, steps: int, kept: list[weakref.ref[Tensor]]) -> None:
    model = nn.Sequential(
        nn.Linear(4, 8), nn.ReLU(inplace=True), nn.BatchNorm1d(8), nn.Linear(8, 1)
    )
    optimizer = torch.optim.AdamW(model.parameters())
    x = torch.randn(16, 4)
    for _ in range(steps):
        optimizer.zero_grad()
        hidden = model(x)
        loss = hidden.pow(2).mean()
        loss.backward()
        optimizer.step()
        kept.append(weakref.ref(hidden))
        assert loss.item() >= 0


def tables(session: Session) -> dict[str, int]:
    """Return the sizes of the watcher's tables."""
    found = {}
    for part in (session.flow, session.saved, session.memory, session.passes, session.scalars):
        for name, value in vars(part).items():
            if isinstance(value, (dict, list, set)):
                found[f"{type(part).__name__}.{name}"] = len(value)
    return found


def watched(steps: int) -> tuple[dict[str, int], int]:
    """Return the sizes of the tables after some steps, and how many tensors are alive."""
    session, kept = Session(), []  # type: ignore[var-annotated]
    session.start()
    train(session, steps, kept)
    session.stop()
    gc.collect()
    return tables(session), len([each for each in kept if each() is not None])


def test_tables_do_not_grow_with_the_steps() -> None:
    (few, alive), (many, still_alive) = watched(12), watched(48)
    assert alive == still_alive == 0
    grown = {name: (few[name], many[name]) for name in few if many[name] > few[name] + 8}
    # What is bounded by a number of its own: numbers by `.item()`, passes, forward passes.
    bounded = {"Scalars._by_id", "Scalars._by_value", "Passes.kept", "Memory._forwards"}
    assert set(grown) <= bounded | {"Memory._modules", "Passes._freed"}, grown


@pytest.mark.long
def test_ten_thousand_steps_take_little_memory() -> None:
    session, kept = Session(), []  # type: ignore[var-annotated]
    session.start()
    train(session, 1_000, kept)
    before = psutil.Process().memory_info().rss
    for _ in range(9):
        kept.clear()
        train(session, 1_000, kept)
    grown = psutil.Process().memory_info().rss - before
    session.stop()
    assert grown < 64 * 2**20


def test_nothing_is_kept_alive_after_the_watch() -> None:
    with watch() as seen:
        model = nn.Linear(4, 1)
        x = torch.randn(8, 4)
        loss = model(x).mean()
        loss.backward()
    alive = [weakref.ref(each) for each in (model.weight, x, loss)]
    storages = [each.untyped_storage()._weak_ref() for each in (model.weight, x, loss)]
    del model, x, loss
    gc.collect()
    assert [each() for each in alive] == [None, None, None]
    assert all(torch.UntypedStorage._expired(each) for each in storages)
    assert seen.record is not None
