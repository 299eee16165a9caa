"""What docs/workloads.md says of workloads of one's own is what happens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from profiling import catalogue, cli
from profiling.catalogue import source
from profiling.cli import common
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor
from profiling.model.content import CONTENT
from profiling.model.words import translator

DOCUMENT = (CONTENT.parent / "docs" / "workloads.md").read_text("utf-8")
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_registered", {})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return a function that runs a command line."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return cli.main(arguments), *capsys.readouterr()

    return run


def example() -> str:
    (found,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert isinstance(found, str)
    return found


def test_the_example_runs_as_it_stands(shell: Shell, tmp_path: Path) -> None:
    assert len([line for line in example().splitlines() if line]) <= 20
    Path("distil.py").write_text(example(), encoding="utf-8")
    (command,) = re.findall(r"^python -m profiling (.*)$", DOCUMENT, re.MULTILINE)
    options = ["--budget", "0.05", "--device", "cpu", "--out", "out", "--json"]
    code, out, err = shell(*command.split(), *options)
    assert (code, err) == (0, "")
    rows = {(row["branch"], row["size"]): row for row in json.loads(out)["summary"]}
    assert sorted(rows) == [("attached", 32), ("attached", 128), ("detach", 32), ("detach", 128)]
    for size in (32, 128):
        assert rows["attached", size]["gradients"] == "teacher:unwanted;student:equal"
        assert rows["detach", size]["gradients"] == "teacher:none;student:equal"
    run = json.loads(Path("out/run.json").read_text("utf-8"))
    assert {cell["file"] for cell in run["cells"]} == {"distil.py"}
    assert run["results"][0]["results"][0]["source"].startswith("def attached(")


def test_a_class_runs_too(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Inline(Engine):
        def __init__(self, preferred: str, **limits: Any) -> None:
            super().__init__(preferred, InlineExecutor(), **limits)

    monkeypatch.setattr(common, "Engine", Inline)
    head, body = example().split("SIZES", 1)
    body = "".join(f"    {line}\n" for line in f"SIZES{body}".splitlines())
    Path("steps.py").write_text(f"{head}class Distil:\n{body}", encoding="utf-8")
    options = ["--sizes", "4", "--budget", "0.05", "--device", "cpu", "--set", "width=3"]
    code, out, err = shell("compare", "--workload", "steps.py:Distil", "--limit", "60", *options)
    assert (code, err) == (0, "")
    assert out.startswith("Distil, 4 rows a batch")
    assert "Wrong gradients: `attached`." in out


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (
            "steps.py",
            "error: steps.py:1: SIZES must be a literal: positive whole numbers,"
            " such as (64, 256).",
        ),
        ("gone.py", "error: Cannot read 'gone.py': No such file or directory."),
        ("steps.py:Gone", "error: steps.py has no top-level class 'Gone'. Classes: –."),
    ],
)
def test_a_broken_rule_is_one_line_and_exit_code_2(shell: Shell, spec: str, line: str) -> None:
    Path("steps.py").write_text(
        "SIZES = 3\ndef build(size): ...\ndef ours(): ...\n", encoding="utf-8"
    )
    assert shell("compare", "--workload", spec) == (2, "", f"{line}\n")


def test_a_limit_must_be_a_time(shell: Shell) -> None:
    code, out, err = shell("compare", "--workload", "elementwise", "--limit", "0")
    assert (code, out) == (2, "")
    assert err == "error: Invalid value for '--limit': 0.0 is not in the range x>=1.0.\n"


def test_every_constant_and_function_is_described() -> None:
    described = set(re.findall(r"^\| `([A-Za-z_]+)", DOCUMENT, re.MULTILINE))
    wanted = {*source._CONSTANT_TYPES, *source._RESERVED, source.preparation("BRANCH")} - {"ABSENT"}
    assert described == wanted


def test_what_it_quotes_is_what_is_said() -> None:
    say = translator("en")
    detach, steps = {"function": "detach", "place": "steps.py:18"}, "steps.py:"
    quoted = [
        say("error.own_constant.SIZES", place=f"{steps}5"),
        say("error.own_build_takes", place=f"{steps}9", expected="build(size, width)"),
        say("error.own_no_build", place=f"{steps}1"),
        say("error.own_raised", place=f"{steps}10", error="IndexError"),
        say("error.own_build", place=f"{steps}7", got="list"),
        say("error.own_argument", **detach, name="y", allowed="teacher, student, x"),
        say("error.own_loss", **detach, got="float"),
        say("error.changed_arguments", place=f"{steps}18: detach", what="student"),
        say("error.changed_state", place=f"{steps}18: detach", what="torch.set_grad_enabled"),
        say("error.branch_died").partition(". ")[0],
        say("error.branch_late").partition(". ")[0],
    ]
    assert [sentence for sentence in quoted if sentence not in DOCUMENT] == []
