from __future__ import annotations

import functools
import io
import json
import re
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from profiling import catalogue
from profiling.catalogue import LESSONS, WORKLOADS
from profiling.cli import common
from profiling.cli.terminal import print_lesson
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor
from profiling.measure.stepper import run_lesson
from profiling.model.lesson import LessonRequest
from profiling.model.words import Text, table
from tests.profiling.cli.conftest import SMALL


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["--nonsense"], "No such option '--nonsense'."),
        (["list", "--nonsense"], "No such option '--nonsense'."),
        (["lesson"], "Missing argument 'NAME'."),
        (["lesson", "nonsense"], "There is no lesson 'nonsense'."),
        (["lesson", "baseline", "--op", "nonsense"], "'nonsense' is not an op of this lesson."),
        (["lesson", "baseline", "--values", "a"], "Invalid: a"),
        (["lesson", "baseline", "--values", "nan"], "Give 1 to 16 finite numbers"),
        (["lesson", "baseline", "--values", ""], "Give 1 to 16 finite numbers"),
        (["compare"], "Missing option '--workload'."),
        (["compare", "--workload", "nonsense"], "There is no workload 'nonsense'."),
        ([*SMALL, "--branches", ""], "Choose at least one branch"),
        ([*SMALL, "--branches", "attached,nope"], "This workload has no branch 'nope'."),
        ([*SMALL, "--sizes", "a"], "Sizes must be whole numbers"),
        ([*SMALL, "--sizes", ""], "Give 1 to 12 sizes."),
        ([*SMALL, "--sizes", "0"], "Invalid size 0."),
        ([*SMALL, "--dtype", "int64"], "Unsupported dtype 'int64'."),
        ([*SMALL, "--device", "tpu"], "Device 'tpu' is not available. Devices: auto, cpu, "),
        ([*SMALL, "--set", "depth=1"], "This workload has no parameter 'depth'."),
        ([*SMALL, "--set", "depth"], "Invalid: depth"),
        ([*SMALL, "--set", "depth=x"], "Invalid: depth=x"),
        ([*SMALL, "--budget", "0"], "The timing budget must be from 0.05 to 60.0 seconds."),
        ([*SMALL, "--budget", "nan"], "The timing budget must be from 0.05 to 60.0 seconds."),
        ([*SMALL, "--budget", "soon"], "'soon' is not a valid float."),
        ([*SMALL, "--seed", "-1"], "The seed must be a whole number from 0 to 4294967295."),
        ([*SMALL, "--seed", "1.5"], "'1.5' is not a valid integer."),
    ],
)
def test_a_request_that_cannot_be_run_is_one_line_and_code_2(
    arguments: list[str], said: str, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(preferred: str) -> None:
        raise AssertionError("no engine is needed to see that")

    monkeypatch.setattr(common, "Engine", refuse)
    code, out, err = shell(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.endswith("\n")
    assert err.count("\n") == 1


def test_a_device_that_is_not_here_is_code_2(shell: Any, inline: list[Engine]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch has CUDA here")
    code, out, err = shell(*SMALL, "--device", "cuda")
    assert (code, out) == (2, "")
    assert err == "error: Device 'cuda' is not available. Devices: cpu.\n"
    (engine,) = inline
    assert not engine.folder.exists()


def test_without_a_command_help_is_shown_as_it_is_written(shell: Any) -> None:
    code, out, err = shell()
    assert code == 2
    assert "\nCommands:\n" in out + err


def test_help_is_shown(shell: Any) -> None:
    code, out, err = shell("--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: python -m profiling")
    code, out, err = shell("compare", "--help")
    assert (code, err) == (0, "")
    assert "--budget" in out


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


def test_a_lesson_with_other_inputs_as_json(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell(
        "lesson", "detach_then_zero", "--values", "1, 2", "--op", "square", "--json"
    )
    assert (code, err) == (0, "")
    trace = json.loads(out)
    assert trace["request"] == {"name": "detach_then_zero", "values": [1.0, 2.0], "op": "square"}
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


def test_a_worker_that_fails_is_one_line_and_code_1(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(InlineExecutor):
        def submit(self, fn: Any, /, *arguments: Any, **named: Any) -> Any:
            return super().submit(int, "no\nnumber")

    monkeypatch.setattr(common, "Engine", functools.partial(Engine, executor=Broken()))
    for arguments in (SMALL, ["lesson", "baseline"]):
        code, out, err = shell(*arguments)
        assert (code, out) == (1, "")
        assert err.startswith("error: The worker process reported an error: invalid literal")
        assert err.count("\n") == 1


def test_stopping_is_one_line_and_code_1(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(preferred: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(common, "Engine", interrupted)
    # The line break is click's own: it ends the line that the terminal shows ^C in.
    assert shell("lesson", "baseline") == (1, "", "\nerror: stopped\n")
