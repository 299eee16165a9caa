"""The tables behind the charts have the charts' own numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from demos.page.compare.results import _table, numbers
from profiling.analysis.analysis import Analysis, Traced
from profiling.model.words import LANGUAGES, Text, translator
from tests.profiling.charts.conftest import row, table
from tests.profiling.planted import branch, numbered, run_of

SAY = translator("en")
SUMMARY = table(
    row("detach", size=10, step_median_s=0.002, peak_bytes=2048),
    row("detach", size=5, step_median_s=0.001, peak_bytes=1024),
    row("no_grad", size=5, step_median_s=float("nan"), peak_bytes=float("nan")),
)
PARTS = pd.DataFrame(
    [("detach", "saved", "a", 1024), ("detach", "saved", "b", 1024), ("no_grad", "copy", "a", 12)],
    columns=["branch", "kind", "op", "bytes"],
)
CURVES = pd.DataFrame(
    {"branch": "detach", "time_s": [1.0, 1.5, 3.0], "live_bytes": [512, 2048, 1024]}
)
OPS = pd.DataFrame(
    [
        ("detach", "aten::mm", 3, 0.004, 0.002, float("nan")),
        ("detach", "<b>", 1, 0.001, 0.001, 0.005),
        ("no_grad", "aten::mm", 2, 0.004, 0.009, float("nan")),
    ],
    columns=["branch", "name", "count", "total_s", "self_s", "device_s"],
)
NONE = pd.DataFrame()


def cells(html: str) -> list[list[list[str]]]:
    """Return the texts of each table's rows, heads first."""
    return [
        [
            [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", line)]
            for line in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)
        ]
        for found in re.findall("<table.*?</table>", html, re.DOTALL)
    ]


def shown(parts: pd.DataFrame, curves: pd.DataFrame, ops: pd.DataFrame, text: Text) -> str:
    """Return the tables of a run that was analysed so."""
    run = run_of(branch("detach"))
    analysis = Analysis(run, Path())
    (cell,) = analysis.cells
    # What is derived once is kept in these attributes.
    vars(analysis)["summary"] = SUMMARY
    vars(cell).update(peak_parts=parts, traced=Traced(curves, ops))
    return numbers(analysis, cell, text)


def test_every_chart_without_a_table_of_its_own_has_its_numbers_here() -> None:
    sizes, parts, memory, operators = cells(shown(PARTS, CURVES, OPS, SAY))
    assert sizes == [
        ["", "5", "10"],
        ["■detach", "1.00 ms · 1.00 KiB", "2.00 ms · 2.00 KiB"],
        ["★no_grad", "– · –", "–"],
    ]
    assert parts == [
        ["", "saved tensors in the peak", "copied by clone"],
        ["■detach", "2.00 KiB", "–"],
        ["★no_grad", "–", "12 B"],
    ]
    assert memory == [
        ["", "peak", "time of the peak", "at the end"],
        ["■detach", "2.00 KiB", "500 ms", "1.00 KiB"],
    ]
    assert operators == [
        ["", "■detach", "★no_grad"],
        ["aten::mm", "2.00 ms · 3×", "9.00 ms · 2×"],
        ["&lt;b&gt;", "1.00 ms · 5.00 ms · 1×", "–"],
    ]


def test_every_number_stands_under_its_head() -> None:
    run = run_of(numbered("attached"))
    analysis = Analysis(run, Path())
    (cell,) = analysis.cells
    ((heads, row),) = cells(_table(analysis, cell, SAY))
    assert dict(zip(heads, row, strict=True)) == {
        "branch": "●attached",
        "step time, median": "3.00 ms3.00–3.00",
        "ratio to attached": "1.00×",
        "peak": "4.000 KiB",
        "most saved for backward": "3.000 KiB",
        "live after forward": "2.000 KiB",
        "ops": "12",
        "gradients": "✓ w: equal",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_trace_there_are_sizes_alone(language: str) -> None:
    html = shown(NONE, NONE, NONE, translator(language))
    assert len(cells(html)) == 1
    assert translator(language)("behind.sizes") in html
