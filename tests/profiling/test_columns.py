from __future__ import annotations

import re

import pytest

from profiling.analysis import metrics
from profiling.model.run import Status
from profiling.model.words import LANGUAGES, translator
from profiling.traces.table import COLUMNS


def test_keys_come_first_in_every_file() -> None:
    for _, described in metrics.FILES.values():
        assert list(described)[:5] == ["workload", "branch", "size", "dtype", "device"]


def test_every_column_of_a_trace_is_described() -> None:
    assert list(metrics.TRACE_EVENTS)[5:] == list(COLUMNS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_is_described(language: str) -> None:
    say = translator(language)
    described = set(re.findall("`([a-z_]+)`", say(metrics.SUMMARY["status"])))
    assert described == {status.value for status in Status}


@pytest.mark.parametrize(("language", "end"), [("en", "."), ("zh", "。")])
def test_the_readme_has_a_table_row_for_every_column_in_order(language: str, end: str) -> None:
    say = translator(language)
    text = metrics.readme(say)
    sections = re.split("^## ", text, flags=re.MULTILINE)
    assert sections[0] == say("readme.introduction") + "\n\n"
    heads = [section.partition("\n")[0] for section in sections[1:]]
    assert heads == [*metrics.FILES, say("readme.metrics")]
    tables = [*metrics.FILES.values(), ("readme.metric", metrics.METRICS)]
    for section, (rows, described) in zip(sections[1:], tables, strict=True):
        assert say(rows) in section
        names = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
        assert names == list(described)
        for meaning in map(say, described.values()):
            assert meaning in section
            assert "|" not in meaning
            assert meaning.endswith(end)
    assert text.endswith("|\n")
