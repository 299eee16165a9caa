"""What lessons end with: a recorded run, and memory over a step from its traces."""

from __future__ import annotations

import re

import pytest

from demos.page.recorded import COMPARED, measurement, recorded_costs
from profiling import catalogue
from profiling.charts.style import branch_style
from profiling.model.words import LANGUAGES, translator
from profiling.output.saved_runs import RecordedCurves, StepCurve, recorded_curves

MEASURED = sorted({catalogue.lesson(name).measured for name in catalogue.LESSONS} - {""})


def drawn(html: str) -> dict[str, str]:
    """Return the branch of each line in the chart of memory, and its colour."""
    lines = re.findall(r'<path d="[^"]+" stroke="(#\w+)"><title>(\w+)</title>', html)
    return {branch: color for color, branch in lines}


@pytest.mark.parametrize("workload", MEASURED)
def test_memory_over_a_step_has_the_peaks_of_the_recorded_run(workload: str) -> None:
    costs = recorded_costs(workload, None, COMPARED)
    assert costs is not None
    peaks = costs.cell.summary.set_index("branch")["peak_bytes"].dropna()
    recorded = recorded_curves(costs.recorded.path)
    assert recorded is not None
    curves = recorded.curves
    assert {curve.branch: max(curve.live_bytes) for curve in curves} == {
        branch: peak for branch, peak in peaks.items() if peak
    }
    for curve in curves:
        assert len(curve.since_s) == len(curve.live_bytes)
        assert curve.since_s[0] == 0.0
        assert list(curve.since_s) == sorted(curve.since_s)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chart_has_a_line_for_each_branch_of_the_table(language: str) -> None:
    text = translator(language)
    html = measurement("gan_discriminator", None, text)
    assert drawn(html) == {branch: branch_style(branch).color for branch in COMPARED}
    assert text("measured.memory") in html
    assert "11.0 MiB" in html
    # A chart of one line would compare nothing.
    assert drawn(measurement("call_alone", None, text)) == {}
    assert text("measured.memory") not in measurement("call_alone", None, text)


def test_a_line_keeps_its_height_until_memory_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = (
        StepCurve("attached", (0.0, 0.5, 1.0), (2048, 4096, 0)),
        StepCurve("detach", (0.0, 0.25), (1024, 0)),
    )
    made = RecordedCurves("A machine", "2.13.0", 2, "2026-12-01T10:00:00Z", curves)
    monkeypatch.setattr("profiling.output.saved_runs.recorded_curves", lambda _: made)
    html = measurement("gan_discriminator", None, translator("en"))
    assert re.findall(r'<path d="(M[^"]+)" stroke', html) == [
        "M0 150H0.0V75.0H160.0V0.0H320.0V150.0",
        "M0 150H0.0V112.5H80.0V150.0",
    ]
    assert "0 to 4.00 KiB, in 1.00 s" in html
    # Not when and where the run beside it was recorded.
    assert "Traced on 2026-12-01 (A machine, 2 threads, torch 2.13.0)." in html
