from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest

from profiling.cli import common
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor
from tests.profiling.cli.conftest import SMALL


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


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("compare --workload elementwise --out {}/here", "Not a directory"),
        ("graph elementwise detach --out {}/here.svg", "Not a directory"),
        ("trace recorded:cpu-1-thread.side_branch.detach --out {}", "File exists"),
        ("report baseline --out no/such/folder.html", "No such file or directory"),
        ("diff recorded:cpu-2-cores.elementwise recorded:cpu-2-cores.elementwise --out .", "Is a"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.touch()
    code, out, err = shell(*command.format(file).split())
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: Cannot write .+: {reason}.*\. Choose another place\.\n", err)
    assert [*tmp_path.iterdir()] == [file]


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
