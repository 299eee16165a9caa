"""What is said of a size that was measured in several modes."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from profiling.analysis import modes
from profiling.analysis.analysis import Analysis
from profiling.analysis.findings import headline
from profiling.model.run import BranchResult, CellResult, Run, Sample, Status
from profiling.model.words import Text, translator
from tests.profiling.planted import branch, cell, reach, run_of, times

SAY = translator("en")
KIB = 1024


def counted(
    name: str, peak: int, saved: int, outcome: str = "none", seconds: float = 1e-3, **values: int
) -> BranchResult:
    """Return a branch with these bytes, whose steps all take equally long."""
    samples = [
        Sample("step", "peak", "bytes", 0, peak),
        Sample("forward", "saved", "bytes", 0, saved),
        Sample("step", "allocated", "bytes", 0, values.get("allocated", peak)),
        Sample("step", "allocations", "count", 0, values.get("allocations", 3)),
    ]
    if "compile_ms" in values:
        samples.append(Sample("step", "compile", "s", 0, values["compile_ms"] / 1000))
    groups = (reach("head", "equal"), reach("encoder", outcome))
    steps = times([(seconds / 2, seconds / 2)] * 6)
    return branch(name, samples=(*samples, *steps), reach=groups)


def run_in_modes(**branches: tuple[BranchResult, ...]) -> Run:
    """Return a run of one size with these branches in each mode."""
    names = tuple(each.branch for each in next(iter(branches.values())))
    cells = [cell(branches=names, mode=name) for name in branches]
    results = tuple(
        CellResult(each, Status.OK, found)
        for each, found in zip(cells, branches.values(), strict=True)
    )
    return replace(run_of(branch("detach")), cells=tuple(cells), results=results)


RUN = run_in_modes(
    eager=(
        counted("attached", 64 * KIB, 32 * KIB, "unwanted"),
        counted("detach", 60 * KIB, 32 * KIB),
        counted("detach_kept", 64 * KIB, 32 * KIB),
        counted("no_grad", 20 * KIB, 8 * KIB),
        counted("inference_mode", 20 * KIB, 8 * KIB),
    ),
    compiled=(
        counted("attached", 64 * KIB, 32 * KIB, "unwanted", 5e-4, compile_ms=2500),
        counted("detach", 16 * KIB, 8 * KIB, compile_ms=300),
        counted("detach_kept", 70 * KIB, 32 * KIB, "zeros", 2e-3, compile_ms=400),
        counted("no_grad", 16 * KIB, 8 * KIB, compile_ms=200),
        branch("inference_mode", status=Status.ERROR, reason="error.compile_failed"),
    ),
)


def test_what_the_compiler_changed_is_said_and_laid_side_by_side() -> None:
    (found,) = modes.modes(Analysis(RUN, Path()))
    assert modes.title(found, SAY) == "Compiled beside eager, 4 rows a batch"
    assert modes.sentences(found, SAY) == [
        "`detach`, `no_grad` become one and the same: "
        "equal peaks (16.0 KiB), saved bytes and allocations.",
        "Peaks fall in `detach`, `no_grad`; most in `detach`, from 60.0 KiB to 16.0 KiB.",
        "The peak of `detach_kept` rises from 64.0 KiB to 70.0 KiB.",
        "Steps are faster in `attached`: 0.500× the time in eager.",
        "Steps are slower in `detach_kept`: 2.00× the time in eager.",
        "`detach_kept`: `encoder` gets zeros where eager gives None. An optimizer takes zeros for "
        "a gradient: weight decay and momentum move these parameters.",
        "`inference_mode` cannot be run; the table of this mode has the error.",
    ]
    rows = [(each.row.branch, each.row.peak, each.compile) for each in modes.rows(found, SAY)]
    assert rows == [
        ("attached", "64.00 → 64.00 KiB", "2.50 s"),
        ("detach", "60.00 → 16.00 KiB", "0.300 s"),
        ("detach_kept", "64.00 → 70.00 KiB", "0.400 s"),
        ("no_grad", "20.00 → 16.00 KiB", "0.200 s"),
        ("inference_mode", "20.00 KiB → –", ""),
    ]


def test_zeros_are_no_correct_gradient_and_the_headline_names_the_mode(text: Text) -> None:
    _, compiled = Analysis(RUN, Path()).cells
    assert compiled.findings.wrong == ("attached", "detach_kept")
    assert "float32 compiled" in headline(compiled.findings, compiled.finished.cell, text)


def test_nothing_is_said_of_one_mode_and_that_nothing_changed_of_two_alike() -> None:
    assert modes.modes(Analysis(run_of(branch("detach")), Path())) == []
    same = (counted("attached", KIB, KIB, "unwanted"), counted("detach", KIB, KIB))
    (found,) = modes.modes(Analysis(run_in_modes(eager=same, autocast=same), Path()))
    assert modes.sentences(found, SAY) == ["Peaks, gradients and times are as in eager."]


def test_a_cell_is_found_by_its_size_and_mode() -> None:
    analysis = Analysis(RUN, Path())
    eager, compiled = analysis.cells
    assert analysis.modes == ("eager", "compiled")
    assert analysis.cell() is eager
    assert analysis.cell(4, "compiled") is compiled
    assert analysis.cell(99, "compiled") is compiled
    assert analysis.cell(4, "autocast") is eager
    assert list(analysis.over_sizes("compiled")["mode"].unique()) == ["compiled"]
    assert list(analysis.findings("compiled")) == [4]
