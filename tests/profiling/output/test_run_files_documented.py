from __future__ import annotations

import re

import pytest

from profiling.analysis.statistics import SUMMARY
from profiling.model.metrics import METRICS
from profiling.model.run import Status
from profiling.model.words import LANGUAGES, translator
from profiling.output import run_files


def test_keys_come_first_in_every_file() -> None:
    for file in run_files.FILES.values():
        assert list(file.columns)[:6] == ["workload", "branch", "size", "dtype", "mode", "device"]


def test_the_columns_of_the_summary_only_ever_grow() -> None:
    """A script that reads summary.csv relies on these names."""
    assert {column.name for column in SUMMARY} >= {
        *("rounds", "stopped_by", "warm_up_rounds", "loops", "others_cpu_share"),
        *("step_median_s", "step_p25_s", "step_p75_s"),
        *("forward_median_s", "backward_median_s", "host_median_s"),
        *("baseline", "ratio", "ratio_low", "ratio_high", "p_value", "verdict"),
        *("peak_bytes", "predicted_peak_bytes", "live_bytes", "saved_bytes"),
        *("allocated_bytes", "allocations", "block_peak_bytes", "reserved_peak_bytes"),
        *("ops", "kernels", "launches", "copies", "syncs"),
        *("clone_bytes_per_s", "copy_bytes_per_s"),
        *("scratch", "gradients", "gradients_right"),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_is_described(language: str) -> None:
    say = translator(language)
    described = set(
        re.findall("`([a-z_]+)`", say(run_files.FILES["summary.csv"].columns["status"]))
    )
    assert described == {status.value for status in Status}


@pytest.mark.parametrize(("language", "end"), [("en", "."), ("zh", "。")])
def test_the_readme_has_a_table_row_for_every_column_in_order(language: str, end: str) -> None:
    say = translator(language)
    text = run_files.readme(say)
    sections = re.split("^## ", text, flags=re.MULTILINE)
    assert sections[0] == say("readme.introduction") + "\n\n"
    heads = [section.partition("\n")[0] for section in sections[1:]]
    assert heads == [*run_files.FILES, say("readme.metrics")]
    metrics = {name: f"column.metric.{name}" for name in METRICS}
    tables = [
        *((file.rows, file.columns) for file in run_files.FILES.values()),
        ("readme.metric", metrics),
    ]
    for section, (rows, described) in zip(sections[1:], tables, strict=True):
        assert say(rows) in section
        names = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
        assert names == list(described)
        for meaning in map(say, described.values()):
            assert meaning in section
            assert "|" not in meaning
            assert meaning.endswith(end)
    assert text.endswith("|\n")
