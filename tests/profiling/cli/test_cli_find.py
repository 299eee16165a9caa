from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from profiling.catalogue.search import MAX_LETTERS, find
from profiling.model.words import table

NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes bytes the standard input."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    return give


def test_an_error_in_words(shell: Any) -> None:
    code, out, err = shell("find", f"RuntimeError: {NO_GRAD_FN}")
    assert (code, err) == (0, "")
    first, second, *_ = out.splitlines()
    title = table("en")["lesson.backward_through_detached.title"]
    assert first == f"backward_through_detached: {title} (explains this error)"
    assert second == f"    error: {NO_GRAD_FN}"
    assert out.count(f"error: {NO_GRAD_FN}") == len(find(NO_GRAD_FN, "en"))


def test_words_in_words(shell: Any) -> None:
    code, out, err = shell("find", "deepcopy non-leaf protocol")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("deepcopy_of_non_leaf: ")
    assert lines[0].endswith(" (matches these words)")
    words = table("en")
    assert f"    title: {words['lesson.deepcopy_of_non_leaf.title']}" in lines
    assert f"    question: {words['lesson.deepcopy_of_non_leaf.question']}" in lines
    assert len(lines) == len(set(lines))


def test_as_json(shell: Any) -> None:
    code, out, err = shell("find", NO_GRAD_FN, "--json")
    assert (code, err) == (0, "")
    first, *others = json.loads(out)["found"]
    key = "lesson.backward_through_detached"
    words = {word: table("en")[f"{key}.{word}"] for word in ("title", "question", "rule")}
    assert first == {"lesson": "backward_through_detached", "fit": "whole", **words}
    assert len(others) == len(find(NO_GRAD_FN, "en")) - 1 > 0


def test_the_lesson_whose_question_quotes_the_error_is_the_first() -> None:
    hit, *others = find(NO_GRAD_FN, "en")
    whole = (0, len(NO_GRAD_FN))
    assert (hit.lesson, hit.fit.value) == ("backward_through_detached", "whole")
    assert (hit.letters, hit.nearness) == (56, 0.0)
    (mark,) = hit.marks
    assert (mark.field.value, mark.text) == ("error", NO_GRAD_FN)
    assert (mark.query, mark.place) == (whole, whole)
    assert 1 > hit.quoted > max(other.quoted for other in others)


def test_from_the_standard_input(shell: Any, standard_input: Any) -> None:
    standard_input(f"Zeile \xff\n{NO_GRAD_FN}\n".encode("latin-1"))
    code, out, err = shell("find", "-")
    assert (code, err) == (0, "")
    assert out.startswith("backward_through_detached: ")
    standard_input("梯度 None\n".encode())
    assert shell("find", "-").code == 0


def test_nothing_found_is_a_sentence_and_code_1(shell: Any, standard_input: Any) -> None:
    for text in ("hello world", "", "KeyError: 'x'"):
        code, out, err = shell("find", text)
        assert (code, out, err) == (1, f"{table('en')['find.nothing']}\n", "")
    standard_input(b"")
    assert shell("find", "-").code == 1
    code, out, err = shell("find", "hello world", "--json")
    assert (code, json.loads(out), err) == (1, {"found": []}, "")


def test_too_long_is_one_line_and_code_2(shell: Any, standard_input: Any) -> None:
    standard_input(b"a" * (MAX_LETTERS + 1))
    code, out, err = shell("find", "-")
    assert (code, out) == (2, "")
    assert err.startswith("error: The text is too long: at most 20,000 characters.")


def test_without_a_text(shell: Any) -> None:
    code, out, err = shell("find")
    assert (code, out, err) == (2, "", "error: Missing argument 'TEXT'.\n")
