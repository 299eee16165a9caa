from __future__ import annotations

import pytest
from msgspec.structs import replace

from profiling.analysis.diff import (
    DiffRow,
    Lone,
    around,
    chart_title,
    diff,
    headline,
    lone_words,
    sections,
)
from profiling.model.run import Run, Status
from profiling.model.words import LANGUAGES, Text, translator
from tests.profiling.analysis.test_diff import finished, measured, run_with
from tests.profiling.planted import GPU_MACHINE, branch, cell, reach, run_of, times

ENGLISH = translator("en")


@pytest.fixture(params=LANGUAGES)
def text(request: pytest.FixtureRequest) -> Text:
    return translator(request.param)


@pytest.fixture
def before() -> Run:
    return run_of(
        measured("attached", 1e-3, 2048),
        measured("detach", 1e-3, 2048),
        measured("no_grad", 1e-3, 2048),
        branch("detach_inplace", status=Status.EXPECTED_ERROR),
    )


@pytest.fixture
def after() -> Run:
    return run_of(
        measured("attached", 5e-4, 3072),
        measured("detach", 1e-3, 2048),
        measured("no_grad", 2e-3, 1024, reach=(reach("x", "unwanted"), reach("w", "equal"))),
        branch("detach_inplace", status=Status.OUT_OF_MEMORY),
        measured("frozen"),
    )


def test_rows_are_in_common_units_with_their_sign(before: Run, after: Run) -> None:
    (section,) = sections(diff(before, after), ENGLISH)
    assert section.title == "elementwise, 4 rows a batch (float32)"
    assert section.rows == [
        DiffRow(
            branch="attached",
            time="1.00 → 0.500 ms",
            ratio="0.500×",
            interval="0.500–0.500",
            verdict="faster",
            peak="2.000 → 3.000 KiB",
            change="+1.00 KiB",
            notes=(),
            saved="1.000 → 1.500 KiB",
        ),
        DiffRow(
            branch="detach",
            time="1.00 → 1.00 ms",
            ratio="1.00×",
            interval="1.00–1.00",
            verdict="no_difference",
            peak="2.000 → 2.000 KiB",
            change="0",
            notes=(),
            saved="1.000 → 1.000 KiB",
        ),
        DiffRow(
            branch="no_grad",
            time="1.00 → 2.00 ms",
            ratio="2.00×",
            interval="2.00–2.00",
            verdict="slower",
            peak="2.000 → 1.000 KiB",
            change="−1.00 KiB",
            notes=("x: none (expected) → unwanted",),
            saved="1.000 → 0.5000 KiB",
        ),
        DiffRow("detach_inplace", "expected error → out of memory", "", "", "", "", "", ()),
    ]


def test_one_side_alone_is_shown_with_the_others_status() -> None:
    lost = branch("attached", status=Status.OUT_OF_MEMORY)
    (row,) = sections(diff(run_of(lost), run_of(measured())), ENGLISH)[0].rows
    assert (row.time, row.peak) == ("out of memory → 1.00 s", "– → 64.00 B")
    (row,) = sections(diff(run_of(lost), run_of(lost)), ENGLISH)[0].rows
    assert (row.time, row.peak) == ("out of memory", "")
    untimed = branch("attached")
    (row,) = sections(diff(run_of(untimed), run_of(measured())), ENGLISH)[0].rows
    assert row.time == "not measured → 1.00 s"


def test_other_code_and_groups_that_one_run_lacks_are_noted() -> None:
    a = run_of(measured(reach=(reach("x", "none"), reach("gone", "equal"))))
    b = run_of(measured(reach=(reach("x", "none"), reach("new", "missing")), source_sha256="b"))
    (row,) = sections(diff(a, b), ENGLISH)[0].rows
    assert row.notes == ("gone: equal → –", "new: – → missing", "code differs")


def test_each_cell_has_a_section_in_units_of_its_own() -> None:
    small, large = cell("frozen_backbone"), cell("frozen_backbone", size=4096, unit="tokens")
    run = run_with(finished(small, measured(seconds=1e-6)), finished(large, measured(seconds=1.0)))
    found = sections(diff(run, run), ENGLISH)
    assert [section.title for section in found] == [
        "frozen_backbone, 4 rows a batch (float32, depth=2 width=8)",
        "frozen_backbone, 4,096 tokens (float32, depth=2 width=8)",
    ]
    assert [section.rows[0].time for section in found] == ["1.00 → 1.00 µs", "1.00 → 1.00 s"]


def test_the_finding_counts_what_is_in_both_and_what_is_not(before: Run, after: Run) -> None:
    assert headline(diff(before, after), ENGLISH) == (
        "Of 3 timed in both runs, B is faster in 1, slower in 1 and no different in 1; "
        "without times to compare: 1; other gradients in `no_grad`; only in B: 1."
    )
    assert headline(diff(after, before), ENGLISH).endswith("; only in A: 1.")
    assert headline(diff(before, before), ENGLISH) == (
        "Of 3 timed in both runs, B is faster in 0, slower in 0 and no different in 3; "
        "without times to compare: 1."
    )


def test_runs_with_nothing_in_common_say_so(before: Run) -> None:
    other = run_with(finished(cell(size=8), measured()))
    assert headline(diff(before, other), ENGLISH) == (
        "The two runs have nothing in common that could be compared."
    )
    assert sections(diff(before, other), ENGLISH) == []


def test_both_languages_have_all_words(before: Run, after: Run, text: Text) -> None:
    changed = replace(
        after,
        environment=replace(GPU_MACHINE, python="3.14.0", platform="Mac", threads=9, commit="b"),
        request=replace(after.request, seed=1, budget_s=9.0),
    )
    found = diff(before, changed)
    assert "{" not in headline(found, text) + str(sections(found, text))
    for difference in diff(before, changed).environment:
        assert text(f"diff.field.{difference.field}")
    for section in sections(found, text):
        for row in section.rows:
            assert row.verdict == "" or text(f"diff.verdict.{row.verdict}")


def test_the_device_is_left_to_the_heads(before: Run) -> None:
    other = replace(
        before,
        environment=GPU_MACHINE,
        cells=(replace(before.cells[0], device="cuda"),),
    )
    found = diff(before, other)
    assert [each.field for each in found.environment] == ["device", "cuda", "driver"]
    assert [each.field for each in around(found)] == ["cuda", "driver"]


def test_what_only_one_has_is_a_line_for_each_cell() -> None:
    here = Lone("side_branch", 1024, "batch", "float32", "cpu", "depth=8")
    there = Lone("mine", 2, "tokens", "float16", "cuda", "")
    branches = [here._replace(branch=name) for name in ("detach", "no_grad")]
    assert lone_words([*branches, there], ENGLISH) == [
        "side_branch, 1,024 rows a batch (float32, cpu, depth=8): `detach`, `no_grad`",
        "mine, 2 tokens (float16, cuda)",
    ]
    assert lone_words([], ENGLISH) == []


def test_times_are_shown_without_an_interval_where_rounds_are_few() -> None:
    few = branch("attached", samples=times([(0.5, 0.5)]))
    (row,) = sections(diff(run_of(few), run_of(few)), ENGLISH)[0].rows
    assert (row.ratio, row.interval, row.verdict) == ("1.00×", "", "")


@pytest.mark.parametrize(
    ("language", "finding", "title", "verdicts"),
    [
        (
            "en",
            "Of 6 timed in both runs, B is faster in 3, slower in 2 and no different in 1.",
            "B is faster than A in 3 of 6, slower in 2",
            ("faster", "slower"),
        ),
        (
            "zh",
            "两次运行都有耗时的 6 项：B 更快 3 项，更慢 2 项，无差别 1 项。",
            "6 项中 B 比 A 快 3 项，慢 2 项",
            ("更快", "更慢"),
        ),
    ],
)
def test_faster_and_slower_are_told_apart_in_each_language(
    language: str, finding: str, title: str, verdicts: tuple[str, str]
) -> None:
    names = ("attached", "detach", "clone_detach", "no_grad", "frozen", "inference_mode")
    taken = (0.5, 0.5, 0.5, 2.0, 2.0, 1.0)
    a = run_of(*(measured(name) for name in names))
    b = run_of(*(measured(name, seconds) for name, seconds in zip(names, taken, strict=True)))
    found, text = diff(a, b), translator(language)
    assert headline(found, text) == finding
    assert chart_title(found.rows, text) == title
    assert (text("diff.verdict.faster"), text("diff.verdict.slower")) == verdicts
