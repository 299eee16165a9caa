from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from demos.lessons import LESSONS
from demos.workloads import WORKLOADS
from profiling.cli import opening
from profiling.engine.engine import Engine
from profiling.engine.executors import InlineExecutor
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
        (["lesson", "baseline", "--values", "a"], "this is not: a"),
        (["lesson", "baseline", "--values", "nan"], "Give between 1 and 16 finite numbers"),
        (["lesson", "baseline", "--values", ""], "Give between 1 and 16 finite numbers"),
        (["compare"], "Missing option '--workload'."),
        (["compare", "--workload", "nonsense"], "There is no workload 'nonsense'."),
        ([*SMALL, "--branches", ""], "Choose at least one branch"),
        ([*SMALL, "--branches", "attached,nope"], "This workload has no branch 'nope'."),
        ([*SMALL, "--sizes", "a"], "Sizes must be whole numbers"),
        ([*SMALL, "--sizes", ""], "Give between 1 and 12 sizes."),
        ([*SMALL, "--sizes", "0"], "Size 0 is not possible."),
        ([*SMALL, "--dtype", "int64"], "'int64' is not a dtype that can be compared."),
        ([*SMALL, "--device", "tpu"], "There is no device 'tpu' here. Devices: auto, cpu, cuda."),
        ([*SMALL, "--set", "depth=1"], "This workload has no parameter 'depth'."),
        ([*SMALL, "--set", "depth"], "this is not: depth"),
        ([*SMALL, "--set", "depth=x"], "this is not: depth=x"),
        ([*SMALL, "--budget", "0"], "The time budget must be between 0.05 and 60.0 seconds."),
        ([*SMALL, "--budget", "nan"], "The time budget must be between 0.05 and 60.0 seconds."),
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

    monkeypatch.setattr(opening, "Engine", refuse)
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
    assert err == "error: There is no device 'cuda' here. Devices: cpu.\n"
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
    assert "     9 lesson" not in out
    assert "    9 def lesson(values, op):\n" in out
    assert "!  14     out.sum().backward()\n" in out
    assert "RuntimeError: one of the variables needed for gradient computation has been" in out
    assert "c = [0.0000, 0.0000, 0.0000]  .grad = None\n" in out
    assert out.count("[holds] ") == 4
    (engine,) = inline
    assert not engine.folder.exists()


def test_a_lesson_with_other_inputs_as_json(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell(
        "lesson", "detach_then_zero", "--values", "1, 2", "--op", "square", "--json"
    )
    assert (code, err) == (0, "")
    trace = json.loads(out)
    assert trace["request"] == {"name": "detach_then_zero", "values": [1.0, 2.0], "op": "square"}
    assert trace["error"] is None
    assert trace["verdicts"] == {
        "both_change": "holds",
        "noticed": "holds",
        "raises": "wrong",
        "would_be_wrong": "wrong",
    }
    tensors = {tensor["name"]: tensor for tensor in trace["steps"][-1]["tensors"]}
    assert tensors["a"]["grad"] == [2.0, 4.0]
    assert tensors["out"]["storage"] == tensors["c"]["storage"]


def test_a_worker_that_fails_is_one_line_and_code_1(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(InlineExecutor):
        def submit(self, fn: Any, /, *arguments: Any, **named: Any) -> Any:
            return super().submit(int, "no\nnumber")

    monkeypatch.setattr(opening, "Engine", functools.partial(Engine, executor=Broken()))
    for arguments in (SMALL, ["lesson", "baseline"]):
        code, out, err = shell(*arguments)
        assert (code, out) == (1, "")
        assert err.startswith("error: The measuring process reported an error: invalid literal")
        assert err.count("\n") == 1


def test_stopping_is_one_line_and_code_1(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(preferred: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "Engine", interrupted)
    # The line break is click's own: it ends the line that the terminal shows ^C in.
    assert shell("lesson", "baseline") == (1, "", "\nerror: stopped\n")
