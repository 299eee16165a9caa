from __future__ import annotations

import io
import json
import re
import sys
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from profiling import catalogue
from profiling.catalogue import LESSONS, WORKLOADS
from profiling.catalogue.search import MAX_LETTERS, find
from profiling.cli.terminal import print_lesson
from profiling.engine.engine import Engine
from profiling.measure.stepper import run_lesson
from profiling.model.lesson import LessonRequest, LessonTrace
from profiling.model.words import Text, table

NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes bytes the standard input."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    return give


def test_list_names_everything(shell: Any) -> None:
    code, out, err = shell("list")
    assert (code, err) == (0, "")
    for name in (*LESSONS, *WORKLOADS, "clone_detach", "--set depth=8 --set width=128"):
        assert name in out


def test_list_as_json(shell: Any) -> None:
    code, out, err = shell("list", "--json")
    assert (code, err) == (0, "")
    listed = json.loads(out)
    assert list(listed) == ["lessons", "workloads"]
    assert list(listed["lessons"]) == list(LESSONS)
    assert list(listed["workloads"]) == list(WORKLOADS)
    side = listed["workloads"]["side_branch"]
    assert side["branches"] == [
        *("attached", "detach", "clone_detach", "detach_clone", "detach_inplace", "no_grad"),
        "inference_mode",
    ]
    assert list(side["absent"]) == ["detach_inline", "detach_kept", "frozen"]
    assert side["absent"]["frozen"].startswith("Freezing the trunk")
    assert (side["size"], side["sizes"]) == ("batch", [256, 1024, 4096])
    assert side["parameters"] == {"depth": 8, "width": 128}


def test_find_an_error_in_words(shell: Any) -> None:
    code, out, err = shell("find", f"RuntimeError: {NO_GRAD_FN}")
    assert (code, err) == (0, "")
    first, second, *_ = out.splitlines()
    title = table("en")["lesson.backward_through_detached.title"]
    assert first == f"backward_through_detached: {title} (explains this error)"
    assert second == f"    error: {NO_GRAD_FN}"
    assert out.count(f"error: {NO_GRAD_FN}") == len(find(NO_GRAD_FN, "en"))


def test_find_words_in_words(shell: Any) -> None:
    code, out, err = shell("find", "deepcopy non-leaf protocol")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("deepcopy_of_non_leaf: ")
    assert lines[0].endswith(" (matches these words)")
    words = table("en")
    assert f"    title: {words['lesson.deepcopy_of_non_leaf.title']}" in lines
    assert f"    question: {words['lesson.deepcopy_of_non_leaf.question']}" in lines
    assert len(lines) == len(set(lines))


def test_found_as_json(shell: Any) -> None:
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


def test_find_from_the_standard_input(shell: Any, standard_input: Any) -> None:
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


def test_a_search_too_long_is_one_line_and_code_2(shell: Any, standard_input: Any) -> None:
    standard_input(b"a" * (MAX_LETTERS + 1))
    code, out, err = shell("find", "-")
    assert (code, out) == (2, "")
    assert err.startswith("error: The text is too long: at most 20,000 characters.")


def test_find_without_a_text(shell: Any) -> None:
    code, out, err = shell("find")
    assert (code, out, err) == (2, "", "error: Missing argument 'TEXT'.\n")


def test_a_lesson_in_words(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell("lesson", "detach_then_zero")
    assert (code, err) == (0, "")
    source = catalogue.lesson("detach_then_zero").parts["lesson"]
    first, *_, last = source.text.splitlines()
    number = source.first_line + source.text.count("\n")
    assert f" {source.first_line:4} {first}\n" in out
    assert f"!{number:4} {last}\n" in out
    assert out.count("\n!") == 1
    assert last == "    out.sum().backward()"
    assert "RuntimeError: one of the variables needed for gradient computation has been" in out
    assert "c = [0.0000, 0.0000, 0.0000]  .grad = None\n" in out
    assert out.count("[holds] ") == 4
    (engine,) = inline
    assert not engine.folder.exists()


def test_a_lesson_with_a_wrong_and_a_right_part_in_words(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell("lesson", "data_or_detach")
    assert (code, err) == (0, "")
    before, wrong, right = re.split("(?:Wrong|Correct) code:\n", out)
    assert before.startswith(table("en")["lesson.data_or_detach.title"])
    parts = catalogue.lesson("data_or_detach").parts
    assert f" {parts['wrong'].first_line:4} def wrong():\n" in wrong
    assert f" {parts['right'].first_line:4} def right():\n" in right
    assert "def right" not in wrong
    assert "x = [1.0000, 2.0000, 3.0000]  .grad = [0.1966, 0.1600, 0.1600]\n" in wrong
    assert "x = [1.0000, 2.0000, 3.0000]  .grad = [0.1966, 0.1050, 0.0452]\n" in right
    assert right.count("[wrong] ") == right.count("[holds partly] ") == 1


def test_what_a_lesson_prints_is_shown_as_it_is_before_its_tensors(english: Text) -> None:
    trace = run_lesson(LessonRequest("baseline"))
    (part,) = trace.parts
    first, *others = part.steps
    printed = replace(part, steps=(replace(first, printed="[b]one[/b]\ntwo\n"), *others))
    written = io.StringIO()
    print_lesson(replace(trace, parts=(printed,)), Console(file=written, width=80), english)
    assert "\n\n[b]one[/b]\ntwo\na = [1.0000, 2.0000, 3.0000]" in written.getvalue()


def test_a_lessons_tensors_elsewhere_are_marked(english: Text) -> None:
    (part,) = run_lesson(LessonRequest("baseline")).parts
    *steps, end = part.steps
    first, *others = end.tensors
    moved = replace(end, tensors=(replace(first, device="cuda:0"), *others))
    trace = LessonTrace(LessonRequest("baseline"), (replace(part, steps=(*steps, moved)),), ())
    written = io.StringIO()
    print_lesson(trace, Console(file=written, width=80), english)
    (a, out) = [line for line in written.getvalue().splitlines() if ".grad = " in line]
    assert a.startswith("a = [1.0000")
    assert a.endswith("  (cuda:0)")
    assert out.endswith("  .grad = None")


def test_a_lesson_that_needs_the_cpu_says_so(shell: Any, inline: list[Engine]) -> None:
    reason = table("en")["lesson.numpy_needs_detach.device"]
    code, out, _ = shell("lesson", "numpy_needs_detach", "--device", "cuda")
    assert (code, out.count(f"\n\n{reason}\n\n")) == (0, 1)
    code, out, _ = shell("lesson", "numpy_needs_detach", "--json")
    assert (code, json.loads(out)["device_reason"]) == (0, reason)
    assert [engine.preferred for engine in inline] == ["cpu", "cpu"]


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("cuda", "Device 'cuda' is not available. Devices: cpu."),
        ("tpu", "Device 'tpu' is not available."),
    ],
)
def test_a_lesson_on_a_device_that_is_not_here(
    device: str, said: str, shell: Any, inline: list[Engine]
) -> None:
    code, out, err = shell("lesson", "baseline", "--device", device)
    assert (code, out) == (2, "")
    assert said in err


def test_a_lesson_with_other_inputs_as_json(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell(
        "lesson", "detach_then_zero", "--values", "1, 2", "--op", "square", "--json"
    )
    assert (code, err) == (0, "")
    trace = json.loads(out)
    assert trace["request"] == {
        "name": "detach_then_zero",
        "values": [1.0, 2.0],
        "op": "square",
        "device": "cpu",
    }
    (part,) = trace["parts"]
    assert (part["name"], part["error"], part["cut_off"]) == ("lesson", None, False)
    assert trace["verdicts"] == {
        "both_change": "holds",
        "noticed": "holds",
        "raises": "wrong",
        "would_be_wrong": "wrong",
    }
    assert len(part["steps"]) == 5
    tensors = {tensor["name"]: tensor for tensor in part["steps"][-1]["tensors"]}
    assert tensors["a"]["grad"] == [2.0, 4.0]
    assert tensors["out"]["storage"] == tensors["c"]["storage"]
    assert tensors["out"]["counter"] == tensors["c"]["counter"]
