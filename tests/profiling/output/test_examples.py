"""The scripts behind the examples: what the records hold is what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.watched import SCRIPTS, watched, without_machine
from profiling.analysis.diagnosis import diagnose
from profiling.model.watch import load_watch
from profiling.output import explanation

NAMES = sorted(explanation.examples())


def test_every_script_has_a_record_with_its_text() -> None:
    texts = {path.stem: path.read_text("utf-8") for path in SCRIPTS.glob("*.py")}
    records = {name: load_watch(path) for name, path in explanation.examples().items()}
    assert {name: watch.files[0].text for name, watch in records.items()} == texts
    assert all(without_machine(watch) == watch for watch in records.values())


@pytest.mark.parametrize(
    "name",
    [
        "weights_from_numbers",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in NAMES
            if each != "weights_from_numbers"
        ),
    ],
)
def test_watching_it_again_finds_the_same(name: str, tmp_path: Path) -> None:
    again = diagnose(watched(SCRIPTS / f"{name}.py", tmp_path))
    known = diagnose(load_watch(explanation.examples()[name]))
    assert again.findings == known.findings
    assert again.fates == known.fates


def test_a_graph_spans_no_more_iterations_than_ran() -> None:
    watch = load_watch(explanation.examples()["running_loss"])
    (leak,) = diagnose(watch).problems
    assert leak.values["span"] == watch.counts.steps == 7
