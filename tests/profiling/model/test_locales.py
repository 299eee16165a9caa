"""The words: complete in both languages."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from profiling import catalogue
from profiling.catalogue import BRANCHES, WORKLOADS
from profiling.model import words as locales
from profiling.model.content import CONTENT
from profiling.model.lesson import Verdict
from profiling.model.run import Status
from profiling.model.words import DEFAULT, LANGUAGES, table, translator
from tests.profiling.model.placeholders import placeholders

ROOT = CONTENT.parent


def test_languages_have_the_same_keys_in_the_same_files_and_order() -> None:
    folders = [ROOT / "demos" / "locales" / language for language in LANGUAGES]
    names = [sorted(path.name for path in folder.iterdir()) for folder in folders]
    assert names[0] == names[1]
    for name in names[0]:
        english, chinese = (json.loads((folder / name).read_text("utf-8")) for folder in folders)
        assert list(english) == list(chinese)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_given_twice(language: str) -> None:
    keys: list[str] = []
    for path in (ROOT / "demos" / "locales" / language).glob("*.json"):
        pairs = json.loads(path.read_text("utf-8"), object_pairs_hook=list)
        keys += [key for key, _ in pairs]
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    assert len(keys) == len(table(language))


def test_languages_have_the_same_placeholders() -> None:
    english, chinese = table("en"), table("zh")
    different = [
        key
        for key in english
        if {field for field, _, _ in placeholders(english[key])}
        != {field for field, _, _ in placeholders(chinese[key])}
    ]
    assert different == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_and_backticks_come_in_pairs(language: str) -> None:
    for key, sentence in table(language).items():
        assert sentence.strip(), key
        assert sentence.count("`") % 2 == 0, key


def test_chinese_is_written_in_chinese() -> None:
    # The same in every language are names of files, of attributes and of branches.
    names = {*BRANCHES, "dtype"}
    english, chinese = table("en"), table("zh")
    for key in english:
        if english[key] == chinese[key] and not key.startswith(("tensor.", "download.")):
            plain = re.sub(r"\{[^}]*\}", "", english[key])
            assert set(re.findall("[a-z_]{3,}", plain)) <= names, key
        elif english[key] != chinese[key] and not re.search(r"[\u4e00-\u9fff]", chinese[key]):
            plain = re.sub(r"\{[^}]*\}|`[^`]*`", "", chinese[key])
            assert len(re.findall("[A-Za-z]{2,}", plain)) <= 2, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_workload_and_branch_has_its_words(language: str) -> None:
    needed = {f"branch.{branch}" for branch in BRANCHES}
    for name in WORKLOADS:
        entry = catalogue.workload(name)
        needed |= {f"workload.{name}.title", f"workload.{name}.about"}
        needed |= {entry.absent_reason(branch) for branch in entry.absent}
        needed |= {f"workload.{name}.raises.{branch}" for branch in entry.raises}
    area = ("workload.", "branch.")
    assert {key for key in table(language) if key.startswith(area)} == needed
    for name in WORKLOADS:
        entry = catalogue.workload(name)
        needed = {f"parameter.{parameter}" for parameter in entry.parameters}
        needed |= {f"{prefix}.{entry.size}" for prefix in ("size", "compare.sizes", "axis.size")}
        assert needed <= set(table(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_verdict_and_outcome_has_its_word(language: str) -> None:
    def area(name: str) -> set[str]:
        start = f"{name}."
        return {key[len(start) :] for key in table(language) if key.startswith(start)}

    assert area("status") == {status.value for status in Status}
    assert area("verdict") == {verdict.value for verdict in Verdict}
    outcomes = {"equal", "none", "missing", "unwanted", "zeros", "different"}
    outcomes |= {"unchecked", "absent", "extra"}
    assert area("reach") == outcomes
    assert {"cuda_found", "cuda_not_asked", "cuda_not_built", "cuda_no_gpu"} < area("environment")


@pytest.mark.parametrize("language", LANGUAGES)
def test_branches_named_in_a_text_exist(language: str) -> None:
    for key, sentence in table(language).items():
        if key.startswith(("workload.", "finding.")):
            for word in re.findall(r"`([a-z_]+)`", sentence):
                assert word in BRANCHES, key


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 lessons"),
        (1, "1 lesson"),
        (2, "2 lessons"),
        (11, "11 lessons"),
        ("1", "1 lesson"),
        ("1,001", "1,001 lessons"),
    ],
)
def test_a_count_chooses_its_plural(
    monkeypatch: pytest.MonkeyPatch, count: object, words: str
) -> None:
    monkeypatch.setattr(locales, "table", lambda language: {"n": "{n} {n:lesson|lessons}"})
    assert locales._translator.__wrapped__("en")("n", n=count) == words


def test_plurals_are_chosen_by_the_count_before_them() -> None:
    for key, sentence in table("en").items():
        for field, _, form in placeholders(sentence):
            if "|" in form:
                assert form.count("|") == 1, key
                assert sentence.index(f"{{{field}") < sentence.index(f"{{{field}:{form}}}"), key
    assert not [key for key, sentence in table("zh").items() if "|" in sentence]


def test_a_noun_after_a_count_has_its_singular() -> None:
    # What a comparison shows is worded elsewhere.
    elsewhere = ("finding.", "chart.", "diff.finding", "diff.chart", "trace.diff.title")
    said = {key: text for key, text in table("en").items() if not key.startswith(elsewhere)}
    counts = {
        field for text in said.values() for field, _, form in placeholders(text) if "|" in form
    }
    assert {"count", "total", "threads"} <= counts
    assert {
        key: noun
        for key, text in said.items()
        for field, noun in re.findall(r"\{(\w+)(?::,)?\} ([A-Za-z]+)", text)
        if field in counts and noun.endswith("s")
    } == {}


def test_translators() -> None:
    assert DEFAULT == LANGUAGES[0] == "en"
    english, chinese = (translator(language) for language in LANGUAGES)
    assert english("verdict.wrong") == "wrong"
    assert chinese("verdict.wrong") == "错误"
    assert english("error.size_range", size=-1, high=1000000) == (
        "Invalid size -1. Give whole numbers from 1 to 1,000,000."
    )
    assert english("error.unknown_op", name="{x}", allowed="{y}") == (
        "'{x}' is not an op of this lesson. Ops: {y}."
    )
    for unknown in (None, "", "fr", "zh-CN", "../en"):
        assert translator(unknown)("verdict.wrong") == "wrong"
    with pytest.raises(KeyError):
        english("no.such.key")
    with pytest.raises(KeyError):
        english("error.size_range")
