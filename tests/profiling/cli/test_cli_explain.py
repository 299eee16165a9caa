"""The command explain on real scripts: it reports what was seen, and changes nothing of them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from profiling import cli
from profiling.analysis.diagnosis import Diagnosis
from profiling.cli import explain as command
from profiling.watch import record
from tests.harness import running

ROOT = Path(__file__).parents[3]

TRAINING = """
import torch
from torch import nn

model = nn.Linear(6, 1)
weighter = nn.Sequential(nn.Linear(6, 1), nn.Sigmoid())
opt = torch.optim.SGD([*model.parameters(), *weighter.parameters()], lr=0.1)


def step():
    x = torch.randn(4, 6)
    w = weighter(x).squeeze(1).tolist()
    w = torch.tensor([v / sum(w) for v in w])
    opt.zero_grad()
    (model(x).squeeze(1) * w).sum().backward()
    opt.step()

"""
# Line of the tolist() in it.
CUT = 12


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def explain(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Return a function that writes a script and explains it, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(code: str, *options: str) -> Ended:
        Path("train.py").write_text(code, encoding="utf-8")
        capfd.readouterr()
        given = cli.main(["explain", "train.py", *options])
        out, err = capfd.readouterr()
        return Ended(given, out, err)

    return run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a record of two steps."""
    folder = tmp_path_factory.mktemp("recorded")
    script = folder / "train.py"
    script.write_text(f"{TRAINING}for _ in range(2):\n    step()\n", encoding="utf-8")
    path = folder / "watch.json"
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.main(["explain", str(script), "--record", str(path)]) == 0
    return path


AS_PYTHON = (
    TRAINING
    + r"""
import multiprocessing, os, pickle, sys
from torch.utils.data import DataLoader, TensorDataset


class Mine:
    def __init__(self):
        self.value = 7


def add(queue):
    queue.put(os.getpid() != parent and torch.ones(2).sum().item())


if __name__ == "__main__":
    parent = os.getpid()
    print(sys.argv, __name__, __file__, sys.path[0], os.getcwd(), sys.stdin.read(), "é")
    print(pickle.loads(pickle.dumps(Mine())).value, Mine.__module__)
    queue = multiprocessing.get_context("fork").SimpleQueue()
    process = multiprocessing.get_context("fork").Process(target=add, args=(queue,))
    process.start()
    print(queue.get())
    process.join()
    loader = DataLoader(TensorDataset(torch.arange(4.0)), batch_size=2, num_workers=2)
    print([batch[0].tolist() for batch in loader])
    child = os.fork()
    if not child:
        print("child", flush=True)
        sys.exit(5)
    print("child ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    step()
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\xff\xfe no text\r\n")
    print("to stderr", file=sys.stderr)
    sys.exit(3)
"""
)


def test_a_script_runs_as_python_runs_it(tmp_path: Path) -> None:
    # Its letters are not UTF-8.
    script = tmp_path / "sub" / "train.py"
    script.parent.mkdir()
    script.write_bytes(f"# -*- coding: latin-1 -*-\n{AS_PYTHON}".encode("latin-1"))
    environment = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}

    def run(*command: str) -> subprocess.CompletedProcess[bytes]:
        return running.run([sys.executable, *command], tmp_path, environment, b"typed in")

    arguments = ["--lr", "0.1", "--", "-x"]
    plain = run("sub/train.py", *arguments)
    watched = run("-m", "profiling", "explain", "sub/train.py", "--", *arguments)
    assert plain.returncode == watched.returncode == 3
    assert watched.stdout.startswith(plain.stdout)
    assert watched.stderr == plain.stderr == b"to stderr\n"
    assert plain.stdout.count(b"\n") == 7
    report = watched.stdout[len(plain.stdout) :].decode("utf-8")
    assert report.startswith("1 backward, 1 optimizer step, ")
    # The line of the coding comes before.
    assert f"sub/train.py:{CUT + 1}   w = weighter(x)" in report


def test_a_script_that_raises_gets_its_report_with_the_error_first(explain: Any) -> None:
    script = f"{TRAINING}step()\ntorch.ones(2).backward()\n"
    code, out, err = explain(script, "--json")
    plain = running.run([sys.executable, "train.py"], Path.cwd())
    assert code == plain.returncode == 1
    assert err == plain.stderr.decode()
    found = json.loads(out)
    assert found["error"].startswith("Error: RuntimeError: element 0 of tensors does not")
    assert {each["cause"] for each in found["findings"]} == {"tolist", "no_graph"}


def test_a_script_that_is_killed_is_explained_as_far_as_it_was_seen(explain: Any) -> None:
    end = "import os, signal\nstep()\nstep()\nos.kill(os.getpid(), signal.SIGKILL)\n"
    code, out, _ = explain(TRAINING + end)
    assert code == 128 + signal.SIGKILL
    lines = out.splitlines()
    assert lines[0].startswith("2 backward, 2 optimizer steps, ")
    assert lines[1].startswith("The script was ended from outside or by os._exit(): ")
    assert f"train.py:{CUT}   " in out


def test_what_ends_before_anything_was_recorded_is_one_sentence(explain: Any) -> None:
    code, out, err = explain("import os\nos._exit(4)\n")
    assert (code, out) == (2, "")
    assert err == "error: The script ended with code 4 before anything was recorded.\n"


def test_a_syntax_error_is_pythons_own_and_one_sentence(explain: Any) -> None:
    code, out, err = explain("import torch\nfor each in\n")
    assert code == 1
    assert out == "Nothing was watched: Python could not compile train.py.\n"
    assert err.startswith(f'  File "{Path.cwd()}/train.py", line 2\n    for each in\n')
    assert err.endswith("SyntaxError: invalid syntax\n")


def test_an_endless_module_of_another_interpreter_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "own-python"
    python.write_text(f'#!/bin/sh\nexport BY=own\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "part.py").write_text(TRAINING)
    code = (
        "import os, sys\nfrom . import part\nprint(os.environ['BY'], sys.argv[1:], __package__)\n"
    )
    (package / "__main__.py").write_text(f"{code}while True:\n    part.step()\n")
    monkeypatch.chdir(tmp_path)
    options = ["--module", "--python", str(python), "--steps", "3", "--fail-on", "problem"]
    assert cli.main(["explain", "package", *options, "--", "--lr", "1"]) == 1
    out = capfd.readouterr().out
    assert out.startswith("own ['--lr', '1'] package\n3 backward, 3 optimizer steps, ")
    assert out.splitlines()[1].endswith("; stopped after 3 steps")
    assert f"package/part.py:{CUT}   " in out


@contextlib.contextmanager
def endless(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Explain a script that trains for ever, and wait until it does."""
    script = folder / "train.py"
    script.write_text(f"{TRAINING}step()\nprint('ready', flush=True)\nwhile True:\n    step()\n")
    # What runs in the background of a shell ignores Ctrl-C, and so would all that it starts.
    listening = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL)"
    command = [sys.executable, "-m", "profiling", "explain", str(script), "--steps", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", f"{listening}; os.execv(sys.executable, {command!r})"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # Without a terminal, whose Ctrl-C would reach the script by itself.
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            # The script as well, which would train for ever.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_an_interrupt_reaches_the_script_and_the_report_still_comes(tmp_path: Path) -> None:
    with endless(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGINT
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("KeyboardInterrupt\n")
    assert "profiling" not in err
    assert "\nStopped by Ctrl-C\n" in out
    assert f"train.py:{CUT}   " in out


def test_a_record_is_explained_without_running_anything(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recorded.parent)
    assert cli.main(["explain", "watch.json"]) == 0
    english = capsys.readouterr().out
    assert english.splitlines()[1:3] == [
        "Gradients: 2 of 4 parameters get one; 2 do not and should",
        "  ✗ weighter.0.{weight, bias}          likely: turned into Python numbers; what is built "
        "from them reaches the loss",
    ]
    assert cli.main(["explain", "watch.json", "--lang", "zh", "--fail-on", "problem"]) == 1
    assert "梯度：4 个参数中有 2 个得到梯度；2 个应当得到而没有得到" in capsys.readouterr().out
    assert cli.main(["explain", "watch.json", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["parameters"] if each["state"] == "none"] == [
        "weighter.0.weight",
        "weighter.0.bias",
    ]
    (finding,) = found["findings"]
    assert finding["lesson"] == "rebuilt_from_numbers"
    assert finding["parameters"] == ["weighter.0.weight", "weighter.0.bias"]
    assert finding["lines"][0]["line"] == CUT
    assert cli.main(["explain", "watch.json", "--", "--lr", "1"]) == 2


def test_the_report_is_also_written_as_a_file(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[int, str, Path]] = []

    def write(diagnosis: Diagnosis, lang: str, file: Path, *, as_json: bool) -> None:
        written.append((len(diagnosis.problems), lang, file))

    monkeypatch.setattr(command, "_write", write)
    file = tmp_path / "report.html"
    assert cli.main(["explain", str(recorded), "--out", str(file), "--lang", "zh"]) == 0
    assert written == [(1, "zh", file)]


def test_the_readme_shows_what_is_printed(explain: Any) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    code, shown = re.findall(r"```(?:python)?\n(.*?)```", readme, re.DOTALL)[:2]
    command, _, report = shown.partition("\n")
    assert command == "$ python -m profiling explain train.py"
    ended = explain(code)
    # How long it took differs.
    assert re.sub(r"[\d.]+ s;", "", ended.out) == re.sub(r"[\d.]+ s;", "", report)


def wrapper(path: Path, does: str) -> str:
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (f'exec "{sys.executable}" -I -S "$@"', "has no torch. Name the interpreter"),
        ("echo detach-lab 3.11 2.7.1+cu118", "has torch 2.7.1+cu118; explain needs 2.8 or newer."),
        ("echo detach-lab 3.9 2.8.0", "is Python 3.9; explain needs 3.10 or newer."),
        ("echo hello", "is not a Python interpreter that can be started."),
    ],
)
def test_an_interpreter_that_cannot_watch_is_one_sentence(
    does: str, said: str, explain: Any, tmp_path: Path
) -> None:
    code, out, err = explain("", "--python", wrapper(tmp_path / "python", does))
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.py"], "error: Cannot read file missing.py.\n"),
        (["."], "error: . is a folder. Give a script, or a package with --module.\n"),
        (
            ["train.py", "--python", "no-such-python"],
            "error: no-such-python is not a Python interpreter that can be started.\n",
        ),
        (
            ["train.py", "--record", "no/such/folder.json"],
            "error: Cannot write no/such/folder.json: No such file or directory. "
            "Choose another place.\n",
        ),
        (
            ["train.py", "--out", "no/such/folder.html"],
            "error: Cannot write no/such/folder.html: No such file or directory. "
            "Choose another place.\n",
        ),
        (["train.py", "--steps", "-1"], "error: Invalid value for '--steps': -1 is not in"),
        (["other.json"], "error: other.json is not a watch record, which"),
        (["cut.json"], "error: cut.json is not JSON, or is truncated.\n"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").touch()
    Path("other.json").write_text('{"a": 1}')
    Path("cut.json").write_text(f'{{"format":"{record.FORMAT}","version":1,"wat')
    assert cli.main(["explain", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cut.json",
        "other.json",
        "train.py",
    ]
