"""The words: complete in both languages, and every key that the code says exists."""

from __future__ import annotations

import ast
import functools
import json
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from demos import catalogue
from demos.locales import DEFAULT, LANGUAGES, table, translator
from demos.workloads import BRANCHES, WORKLOADS
from profiling.lesson_records import Verdict
from profiling.records import Status

ROOT = Path(catalogue.__file__).parents[1]
FILES = sorted(
    path
    for path in (ROOT / "app.py", *(ROOT / "demos").rglob("*.py"), *(ROOT / "profiling").rglob("*"))
    if path.suffix == ".py" and path.parent.name not in ("lessons", "workloads")
)
FILES += sorted((ROOT / "demos" / "lessons").glob("__init__.py"))
TEMPLATES = sorted((ROOT / "demos" / "tabs" / "templates").glob("*.html"))
# Functions whose first argument is a key.
SAYING = {
    "text",
    "say",
    "_say",
    "labels",
    "own_labels",
    "_sentence",
    "InputError",
    "WorkerError",
    "DetachLabError",
}


def placeholders(sentence: str) -> Counter[tuple[str, str, str]]:
    """Return every placeholder of a sentence with its conversion and format."""
    return Counter(
        (field, conversion or "", form or "")
        for _, field, form, conversion in string.Formatter().parse(sentence)
        if field is not None
    )


def called_name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def pattern(node: ast.expr) -> str | None:
    """Return the regular expression of a literal key, or None if it is not one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w.-]+"
            for part in node.values
        )
    return None


@functools.cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in FILES}


def said() -> Iterator[tuple[str, ast.Call, str]]:
    """Yield every call that says a literal key: where, the call and the key's pattern."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) in SAYING and node.args:
                found = pattern(node.args[0])
                if found is not None:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node, found


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


def test_every_key_that_the_code_says_exists() -> None:
    keys = list(table("en"))
    missing = [
        (where, found)
        for where, _, found in said()
        if not any(re.fullmatch(found, key) for key in keys)
    ]
    assert missing == []
    assert sum(1 for _ in said()) > 50


def test_the_code_gives_every_placeholder_of_what_it_says() -> None:
    for where, call, _ in said():
        if any(keyword.arg is None for keyword in call.keywords):
            continue  # **values: given where the error was made
        if not isinstance(call.args[0], ast.Constant):
            continue
        key = str(call.args[0].value)
        needed = {field for field, _, _ in placeholders(table("en")[key])}
        assert needed <= {keyword.arg for keyword in call.keywords}, (where, key)


def test_labels_are_said_by_the_browser_and_so_have_no_placeholders() -> None:
    for where, call, found in said():
        if called_name(call) in ("labels", "own_labels"):
            for key in (key for key in table("en") if re.fullmatch(found, key)):
                assert not placeholders(table("en")[key]), (where, key)


def test_every_key_named_anywhere_in_the_code_exists() -> None:
    areas = {key.partition(".")[0] for key in table("en")}
    files = {path.name for path in ROOT.joinpath("demos").rglob("*.*")}
    nodes = [node for tree in trees().values() for node in ast.walk(tree)]
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    named = {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant)
        and id(node) not in parts
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", node.value)
        and node.value.partition(".")[0] in areas
    }
    known = set(table("en"))
    prefixes = {".".join(key.split(".")[:end]) for key in known for end in range(1, 6)}
    assert sorted(named - known - prefixes - files) == []
    assert {"error.worker_died", "environment.cuda_found", "error.out_of_memory"} <= named


def test_every_key_that_a_template_says_exists() -> None:
    count = 0
    for path in TEMPLATES:
        for argument in re.findall(
            r"\btext\(([^()]*(?:\([^()]*\)[^()]*)*)\)", path.read_text("utf-8")
        ):
            literal = re.match(r"""(["'])([\w.]+)\1(\s*~)?""", argument)
            if literal is None:
                continue  # begins with a name: key ~ ".title"
            count += 1
            keys = [
                key
                for key in table("en")
                if key == literal[2] or (literal[3] and key.startswith(literal[2]))
            ]
            assert keys, (path.name, argument)
            given = set(re.findall(r"(\w+)=", argument))
            for key in keys:
                assert {field for field, _, _ in placeholders(table("en")[key])} <= given
    assert count > 15


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
    outcomes = {"equal", "none", "missing", "unwanted", "different", "unchecked"}
    assert area("reach") == outcomes
    assert area("environment") == {
        "cuda_found",
        "cuda_not_asked",
        "cuda_not_built",
        "cuda_no_gpu",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_branches_named_in_a_text_exist(language: str) -> None:
    for key, sentence in table(language).items():
        if key.startswith(("workload.", "finding.")):
            for word in re.findall(r"`([a-z_]+)`", sentence):
                assert word in BRANCHES, key


def test_translators() -> None:
    assert DEFAULT == LANGUAGES[0] == "en"
    english, chinese = (translator(language) for language in LANGUAGES)
    assert english("verdict.wrong") == "wrong"
    assert chinese("verdict.wrong") == "错误"
    assert english("error.size_range", size=-1, high=1000000) == (
        "Size -1 is not possible. Give whole numbers from 1 to 1,000,000."
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
