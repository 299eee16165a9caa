"""The watcher beside what else takes part in a training: the same results, no trouble, no alarm."""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from profiling.analysis.diagnosis import diagnose
from profiling.model.watch import read_watch
from profiling.watch import watch
from profiling.watch.record import Watch, encode
from tests.profiling.watch import compositions

CASES = [
    pytest.param(each, marks=pytest.mark.long if each is compositions.exported else ())
    for name, each in vars(compositions).items()
    if inspect.isfunction(each)
    and each.__module__ == compositions.__name__
    and not inspect.signature(each).parameters
    and not name.startswith("_")
    and name != "mlp"
]


def _run(case: Callable[[], Any]) -> list[Any]:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*case(), torch.get_rng_state()]


def _same(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) else bool(a == b)


def _record(seen: Any) -> Watch:
    assert seen.record is not None
    assert seen.record.notes == ()
    read_watch(encode(seen.record).encode(), "seen")
    return seen.record  # type: ignore[no-any-return]


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.__name__)
def test_a_training_is_the_same_when_watched(case: Callable[[], Any]) -> None:
    plain = _run(case)
    with watch() as seen:
        watched = _run(case)
    assert len(plain) == len(watched)
    assert all(map(_same, plain, watched))
    record = _record(seen)
    assert record.counts.backward > 0
    assert record.compiled == (case is compositions.compiled)
    assert [each.cause for each in diagnose(record).problems] == []


def test_two_watches_see_the_same() -> None:
    model = compositions.mlp()
    with watch(model) as outer, watch(model) as inner:
        model(compositions.X).sum().backward()
    for seen in (outer, inner):
        assert [each.arrivals for each in _record(seen).parameters] == [1] * 4


@pytest.mark.parametrize("pool", [True, False])
def test_a_cut_in_a_thread_is_named_at_its_line(pool: bool) -> None:
    encoder, head = nn.Linear(4, 4), nn.Linear(4, 1)
    found: list[Tensor] = []

    def encode(x: Tensor) -> Tensor:
        hidden = encoder(x)
        found.append(hidden.detach())  # the cut
        return found[-1]

    with watch(nn.ModuleList([encoder, head])) as seen:
        if pool:
            with ThreadPoolExecutor(2) as threads:
                parts = list(threads.map(encode, compositions.X.split(3)))
        else:
            thread = threading.Thread(target=encode, args=(compositions.X,))
            thread.start()
            thread.join()
            parts = found
        head(torch.cat(parts)).sum().backward()
    problem = next(iter(diagnose(_record(seen)).problems))
    source, first = inspect.getsourcelines(encode)
    cut = first + next(number for number, line in enumerate(source) if "# the cut" in line)
    assert (problem.cause, problem.lines[0].line) == ("detach", cut)
    assert problem.parameters == (0, 1)


PRIVATE = [
    (torch._C._autograd, "_top_saved_tensors_default_hooks"),
    (torch._C._functorch, "peek_interpreter_stack"),
    (warnings, "_showwarnmsg"),
    (torch.autograd, "_engine_run_backward"),
]


@pytest.mark.parametrize(("owner", "name"), PRIVATE, ids=[name for _, name in PRIVATE])
def test_a_private_name_may_be_missing(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = compositions.mlp()
    loss = model(compositions.X).sum()
    monkeypatch.delattr(owner, name)
    with watch(model) as seen:
        model(compositions.X)
        if name != "_engine_run_backward":
            loss.backward()
    assert seen.record is not None
    assert len(seen.record.notes) == (name == "_engine_run_backward")
