"""Steps that are compiled or run under autocast, measured in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from profiling import catalogue
from profiling.measure import mode
from profiling.measure.cell import measure_cell
from profiling.measure.failure import Failure, attempt
from profiling.model.errors import CompilerError
from profiling.model.run import BranchResult, Notice
from tests.profiling.planted import cell

pytestmark = [
    pytest.mark.usefixtures("small_heap"),
    # Of torch's own modules, which the compiler imports.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]

# A right cut and its baseline, in a step that draws random numbers.
DROPOUT = """\
import torch
from torch import nn

def build(size):
    encoder = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    return {"encoder": encoder, "head": nn.Linear(8, 1), "x": torch.randn(size, 8)}

def groups(encoder, head, x):
    return {"encoder": list(encoder.parameters()), "head": list(head.parameters())}

def reference(encoder, head, x):
    loss = head(encoder(x).detach()).sigmoid().mean()
    return {"encoder": None, "head": torch.autograd.grad(loss, list(head.parameters()))}

def attached(encoder, head, x):
    return head(encoder(x)).sigmoid().mean()

def detach_kept(encoder, head, x):
    h = encoder(x)
    return head(h.detach()).sigmoid().mean(), h
"""


@pytest.fixture
def _compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the compiler keep what it makes in a folder of the test, and forget it afterwards."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    yield
    torch.compiler.reset()


def number(result: BranchResult, metric: str) -> float | None:
    return next((each.value for each in result.samples if each.metric == metric), None)


@pytest.mark.usefixtures("_compiler")
def test_a_compiled_cut_of_what_is_kept_gives_zeros_and_random_numbers_are_those_of_eager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(DROPOUT, encoding="utf-8")
    monkeypatch.setattr(catalogue, "_registered", {})
    branches = catalogue.register(str(file)).branches
    eager, compiled = (
        measure_cell(
            cell("mine", file=str(file), parameters={}, branches=branches, size=16, mode=name),
            tmp_path,
        )
        for name in ("eager", "compiled")
    )
    outcomes = [
        {each.branch: [group.outcome for group in each.reach] for each in finished.results}
        for finished in (eager, compiled)
    ]
    assert outcomes == [
        {"attached": ["unwanted", "equal"], "detach_kept": ["none", "equal"]},
        {"attached": ["unwanted", "equal"], "detach_kept": ["zeros", "equal"]},
    ]
    for before, after in zip(eager.results, compiled.results, strict=True):
        assert number(before, "compile") is None
        assert (number(after, "compile") or 0) > (number(after, "time") or 0)
        # Fake tensors do not take the way of compiled code.
        assert number(before, "predicted") == number(before, "peak")
        assert number(after, "predicted") is None
        assert after.trace == f"traces/mine-{after.branch}-16-float32-compiled-cpu.json.gz"
        assert (tmp_path / after.trace).exists()
    assert compiled.parameter_bytes == eager.parameter_bytes == (72 + 9) * 4


@pytest.mark.parametrize(
    ("branch", "peak", "saved"),
    [
        ("detach", 3_180_800, 2_851_072),
        ("no_grad", 1_083_648, 524_544),
        ("frozen", 1_049_096, 524_544),
    ],
)
def test_autocast_halves_what_is_saved_and_its_weights_are_cast_anew(
    tmp_path: Path, branch: str, peak: int, saved: int
) -> None:
    entry = catalogue.workload("frozen_backbone")
    asked = cell(
        "frozen_backbone",
        size=1024,
        branches=("attached", branch),
        parameters={name: each.default for name, each in entry.parameters.items()},
        mode="autocast",
    )
    _, result = measure_cell(asked, tmp_path).results
    assert (number(result, "peak"), number(result, "predicted")) == (peak, peak)
    assert number(result, "saved") == saved
    # Judged by the precision of bfloat16, in which the correct gradients are computed too.
    (wanted,) = (each for each in result.reach if each.group == "head")
    assert wanted.outcome == "equal"


@pytest.mark.usefixtures("_compiler")
def test_a_graph_break_is_told_with_its_cause() -> None:
    compiled = mode.of_cell(cell(mode="compiled"))

    def breaks(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        torch._dynamo.graph_break()
        return y + 1

    run = compiled.of_step(breaks)
    compiled.begin()
    assert run(torch.ones(2)).tolist() == [3.0, 3.0]
    (notice,) = compiled.notices()
    assert notice.key == "notice.graph_breaks"
    assert (notice.values["count"], notice.values["reason"][:4]) == ("1", "Call")
    compiled.begin()
    run(torch.ones(2))
    assert list[Notice](compiled.notices()) == []


def test_a_compiler_that_counts_nothing_has_nothing_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch._dynamo.utils, "counters")
    compiled = mode.of_cell(cell(mode="compiled"))
    compiled.begin()
    assert list[Notice](compiled.notices()) == []


def test_a_failed_compilation_ends_the_process_and_a_failing_step_does_not() -> None:
    exceptions = torch._dynamo.exc

    def fails(x: torch.Tensor) -> torch.Tensor:
        def refuse() -> None:
            raise exceptions.BackendCompilerFailed(refuse, RuntimeError("no version\n\nmore"), None)

        refuse()
        return x

    with pytest.raises(CompilerError) as told:
        attempt(lambda: fails(torch.ones(1)))
    assert told.value.key == "error.compile_failed"
    assert told.value.values == {"text": "RuntimeError: no version"}

    def runs() -> None:
        raise exceptions.TorchRuntimeError("a view cannot be detached")

    failure = attempt(runs)
    assert isinstance(failure, Failure)
    assert failure.message == "a view cannot be detached"
