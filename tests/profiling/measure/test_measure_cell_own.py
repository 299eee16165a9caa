"""Workloads of one's own, measured: what a broken one costs, and whom."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from profiling import catalogue
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.measure.cell import measure_cell
from profiling.model.content import CONTENT
from profiling.model.errors import InputError
from profiling.model.request import Request
from profiling.model.run import BranchResult, CellResult, Status
from profiling.model.words import translator
from tests.profiling.planted import MACHINE, cell

pytestmark = pytest.mark.usefixtures("small_heap")

BUILD = """\
import torch

def build(size):
    return {"w": torch.ones(size, requires_grad=True)}

def ours(w):
    return w.sum()

"""
Measurer = Callable[..., CellResult]


@pytest.fixture(autouse=True)
def _no_own_workloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_registered", {})


@pytest.fixture
def measure(tmp_path: Path) -> Measurer:
    """Return a function that writes a workload and measures its branches in this process."""

    def measure(text: str, **values: Any) -> CellResult:
        (tmp_path / "mine.py").write_text(text, encoding="utf-8")
        spec = str(tmp_path / "mine.py")
        catalogue._registered.clear()
        branches = catalogue.register(spec).branches
        asked = cell("mine", file=spec, **({"branches": branches, "parameters": {}} | values))
        return measure_cell(asked, tmp_path)

    return measure


def told(result: BranchResult | CellResult) -> tuple[str, str]:
    """Return our explanation of a failure and the error's own text."""
    return translator("en")(result.reason, **result.values), result.message


def test_a_workload_of_ones_own_is_measured_like_ours(measure: Measurer) -> None:
    result = measure(BUILD + "def reference(w):\n    return {'w': [torch.ones_like(w)]}\n")
    assert result.status is Status.OK
    (ours,) = result.results
    assert (ours.status, ours.branch) == (Status.OK, "ours")
    assert [each.outcome for each in ours.reach] == ["equal"]
    assert ours.source == "def ours(w):\n    return w.sum()"
    assert {"peak", "saved", "time", "ops"} <= {sample.metric for sample in ours.samples}
    assert ours.trace == "traces/mine-ours-4-float32-cpu.json.gz"


def test_without_a_reference_nothing_is_judged(measure: Measurer) -> None:
    (ours,) = measure(BUILD).results
    assert [(each.outcome, each.right) for each in ours.reach] == [("unchecked", None)]


BROKEN_STEPS = {
    "raises": (
        "def theirs(w):\n    return w.sum() / 0 + [][1]\n",
        "mine.py:10 raised IndexError.",
        "list index out of range",
    ),
    "leaves": (
        "def theirs(w):\n    raise SystemExit(3)\n",
        "mine.py:10 raised SystemExit.",
        "3",
    ),
    "says nothing": (
        "def theirs(w):\n    raise KeyError\n",
        "mine.py:10 raised KeyError.",
        "KeyError",
    ),
    "takes": (
        "def theirs(w, v):\n    return w.sum()\n",
        "mine.py:9: theirs takes 'v', but build returns only: w.",
        "",
    ),
    "returns": (
        "def theirs(w):\n    return w.sum().item()\n",
        "mine.py:9: theirs must return loss, (loss, kept) or None; the loss must have one element"
        " and require grad. It returned float.",
        "'float' object has no attribute 'backward'",
    ),
    "changes": (
        "def theirs(w):\n    torch.set_default_dtype(torch.float64)\n    return w.sum()\n",
        "mine.py:9: theirs did not restore torch's global state: torch.set_default_dtype."
        " Change it only inside a with block, and set no seed.",
        "",
    ),
    "updates": (
        "def theirs(w):\n    w.detach().add_(1)\n",
        "mine.py:9: theirs changed its arguments in place: w. Every branch must start from the"
        " same state.",
        "",
    ),
    "prepares": (
        "def theirs(w):\n    pass\ndef prepare_theirs(w):\n    raise ValueError('planted')\n",
        "mine.py:12 raised ValueError.",
        "planted",
    ),
}


@pytest.mark.parametrize("name", BROKEN_STEPS)
def test_a_broken_step_costs_its_branch_alone(measure: Measurer, name: str) -> None:
    text, explanation, message = BROKEN_STEPS[name]
    ours, theirs = measure(BUILD + text).results
    assert (ours.status, theirs.status) == (Status.OK, Status.ERROR)
    assert told(theirs) == (explanation, message)
    assert theirs.reach == ()
    assert theirs.trace is None


@pytest.mark.parametrize("error", ["ValueError", "SystemExit"])
def test_a_step_that_fails_only_while_it_is_timed_has_its_line_told(
    measure: Measurer, error: str
) -> None:
    text = BUILD + (
        "CALLS = []\n"
        "def theirs(w):\n"
        "    CALLS.append(1)\n"
        "    if len(CALLS) > 5:\n"
        f"        raise {error}('planted')\n"
        "    return w.sum()\n"
    )
    ours, theirs = measure(text).results
    assert (ours.status, theirs.status) == (Status.OK, Status.ERROR)
    assert told(theirs) == (f"mine.py:13 raised {error}.", "planted")
    # It was checked, and its memory was measured.
    assert [each.outcome for each in theirs.reach] == ["unchecked"]
    assert {each.metric for each in theirs.samples} >= {"peak", "saved"}
    assert "time" not in {each.metric for each in theirs.samples}


BROKEN_FILES = {
    "raises": ("1 / 0\n" + BUILD, "mine.py:1 raised ZeroDivisionError.", "division by zero"),
    "imports": (
        "import no_such_module\n" + BUILD,
        "mine.py:1 raised ModuleNotFoundError.",
        "No module named 'no_such_module'",
    ),
    "leaves": ("import sys\nsys.exit()\n" + BUILD, "mine.py:2 raised SystemExit.", "SystemExit"),
    "changes": (
        "import torch\ntorch.set_num_threads(torch.get_num_threads() + 1)\n" + BUILD,
        "mine.py did not restore torch's global state: torch.set_num_threads."
        " Change it only inside a with block, and set no seed.",
        "",
    ),
    "cannot build": (
        "def build(size):\n    return {'w': w}\ndef ours(w):\n    pass\n",
        "mine.py:2 raised NameError.",
        "name 'w' is not defined",
    ),
    "builds": (
        "def build(size):\n    pass\ndef ours(w):\n    pass\n",
        "mine.py:1: build must return a dict of the branches' arguments by name; it returned"
        " NoneType.",
        "",
    ),
    "reference": (
        BUILD + "def reference(w):\n    return w\n",
        "mine.py:9: reference must return a dict that maps some of these groups to None or to one"
        " gradient per tensor: w.",
        "",
    ),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_file_costs_its_cell(measure: Measurer, name: str) -> None:
    text, explanation, message = BROKEN_FILES[name]
    result = measure(text)
    assert (result.status, result.results) == (Status.ERROR, ())
    assert told(result) == (explanation, message)
    assert measure(BUILD).status is Status.OK


def test_an_error_that_is_meant_is_expected(measure: Measurer) -> None:
    text = "RAISES = {'theirs': 'does not require grad'}\n" + BUILD
    _, theirs = measure(text + "def theirs(w):\n    return w.detach().sum()\n").results
    assert theirs.status is Status.EXPECTED_ERROR
    assert told(theirs) == (
        "Expected error: RAISES names it.",
        "element 0 of tensors does not require grad and does not have a grad_fn",
    )


def test_a_file_that_broke_after_it_was_registered(measure: Measurer, tmp_path: Path) -> None:
    asked = measure(BUILD).cell
    (tmp_path / "mine.py").write_text("def (", encoding="utf-8")
    result = measure_cell(asked, tmp_path)
    assert result.status is Status.ERROR
    place = tmp_path / "mine.py"
    assert told(result) == (f"{place}:1: invalid Python: invalid syntax.", "")


def test_a_branch_that_went_after_it_was_asked_for(measure: Measurer) -> None:
    result = measure(BUILD, branches=("ours", "gone"))
    assert result.status is Status.ERROR
    assert told(result) == ("This workload has no branch 'gone'. Branches: ours.", "")


def test_tensors_of_the_files_own_are_real_when_it_is_measured(measure: Measurer) -> None:
    text = BUILD + "_CACHE = []\ndef cached(w):\n    if not _CACHE:\n"
    text += "        _CACHE.append(torch.ones(4))\n    return (w * _CACHE[0]).sum()\n"
    assert [each.status for each in measure(text).results] == [Status.OK, Status.OK]


def test_what_a_step_prints_is_kept_out_of_json(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    text = BUILD + "print('hello')\ndef prints(w):\n    print('hello')\n    return w.sum()\n"
    text += "def echoes(w):\n    import os\n    os.system('echo hello')\n    return w.sum()\n"
    path.write_text(text, encoding="utf-8")
    command = [*(sys.executable, "-m", "profiling", "compare", "--workload", str(path), "--json")]
    command += ["--sizes", "4", "--budget", "0.05", "--device", "cpu"]
    root = CONTENT.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hello" not in done.stdout
    assert "hello" in done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert [row["branch"] for row in summary] == ["ours", "prints", "echoes"]


def test_only_what_was_registered_can_be_asked_for(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n" + BUILD, encoding="utf-8")
    for name in (str(path), f"{path}:Mine", "mine.py", "mine"):
        request = Request(name, ("ours",), (4,))
        with pytest.raises(InputError) as caught:
            next(engine.compare(request))
        assert caught.value.key == "error.unknown_workload"
        with pytest.raises(InputError):
            plan.plan(request, MACHINE)
    assert not (tmp_path / "ran").exists()
