"""Steps of one's own that end the measuring process, or never end: what they cost, and whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from profiling import catalogue
from profiling.engine.engine import Engine
from profiling.model.request import Request
from profiling.model.run import Run, Status
from tests.profiling.measure.test_measure_cell_own import BUILD


@pytest.fixture(autouse=True)
def _no_own_workloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_registered", {})


def last_run(engine: Engine, request: Request) -> Run:
    *_, last = engine.compare(request)
    assert last.run is not None
    return last.run


def asked_of(tmp_path: Path, text: str, *branches: str) -> Request:
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    catalogue.register(str(tmp_path / "mine.py"))
    return Request("mine", branches, (4,), device="cpu", budget_s=0.05)


# What ends the process only where tensors have data, and so not when memory is predicted.
DIES = "def dies(w):\n    import os\n    os._exit(3 if w.tolist() else 0)\n"
CRASHES = "def crashes(w):\n    import ctypes\n    w.tolist()\n    ctypes.string_at(0)\n"
KILLS = "def kills(w):\n    import os\n    if w.tolist():\n        os.kill(os.getpid(), 9)\n"


# After this the process that runs it has a device that fails at everything.
LOSES = """
class Lost:
    spec = "lost"
    def generators(self):
        return []
    def synchronize(self):
        raise RuntimeError("lost")
def loses(w):
    from profiling.measure import device
    if w.tolist():
        device.in_use = lambda: [Lost()]
        raise RuntimeError("device-side assert triggered")
"""

# Where tensors have none it goes on, and so when memory is predicted.
LOOPS = "def loops(w):\n    while True:\n        pass\n"


@pytest.mark.parametrize(
    ("text", "branch"), [(DIES, "dies"), (CRASHES, "crashes"), (KILLS, "kills")]
)
def test_a_step_that_ends_the_process_costs_its_branch_alone(
    engine: Engine, tmp_path: Path, text: str, branch: str
) -> None:
    request = asked_of(tmp_path, BUILD + text, branch, "ours", branch)
    (cell_result,) = last_run(engine, request).results
    assert cell_result.status is Status.OK
    assert cell_result.cell.branches == (branch, "ours", f"{branch}#2")
    assert [(each.branch, each.status, each.reason) for each in cell_result.results] == [
        (branch, Status.ERROR, "error.branch_died"),
        ("ours", Status.OK, ""),
        (f"{branch}#2", Status.ERROR, "error.branch_died"),
    ]
    assert {each.metric for each in cell_result.results[1].samples} >= {"peak", "time"}


def test_a_step_that_costs_the_device_costs_its_branch_alone_and_nobody_later(
    engine: Engine, tmp_path: Path
) -> None:
    request = asked_of(tmp_path, BUILD + LOSES, "ours", "loses")
    for _ in range(2):
        (finished,) = last_run(engine, request).results
        assert [(each.branch, each.status, each.reason) for each in finished.results] == [
            ("ours", Status.OK, ""),
            ("loses", Status.ERROR, "error.branch_lost_device"),
        ]
        assert finished.results[1].message == "device-side assert triggered"
    alone = asked_of(tmp_path, BUILD, "ours")
    (finished,) = last_run(engine, alone).results
    assert [each.status for each in finished.results] == [Status.OK]


def test_a_step_that_costs_the_device_while_it_is_timed_costs_its_branch_alone(
    engine: Engine, tmp_path: Path
) -> None:
    late = LOSES.replace("if w.tolist():", "CALLS.append(1)\n    if len(CALLS) > 5:").replace(
        "def loses(w):", "CALLS = []\ndef loses(w):"
    )
    request = asked_of(tmp_path, f"{BUILD}{late}    return w.sum()\n", "ours", "loses")
    (finished,) = last_run(engine, request).results
    assert [each.reason for each in finished.results] == ["", "error.branch_lost_device"]


# A view that is an inference tensor meets the compiler: from then on `torch.ones(2) + 1` fails.
POISONS = """
def poisons(w):
    with torch.inference_mode():
        _, part = w.chunk(2)
        known = part * 2
    return (w * known.clone().sum()).sum()
"""


def test_a_step_that_cannot_be_compiled_costs_its_branch_alone_and_nobody_later(
    engine: Engine, tmp_path: Path
) -> None:
    text = f"{BUILD}{POISONS}\ndef later(w):\n    return (w * 3).sum()\n"
    request = asked_of(tmp_path, text, "ours", "poisons", "later")
    run = last_run(engine, replace(request, modes=("compiled", "eager")))
    assert [(each.cell.mode, each.status) for each in run.results] == [
        ("compiled", Status.OK),
        ("eager", Status.OK),
    ]
    compiled, eager = ([each.reason for each in found.results] for found in run.results)
    assert compiled == ["", "error.compile_failed", ""]
    assert "inference tensor" in run.results[0].results[1].message
    assert eager == ["", "", ""]


def test_a_cell_of_which_every_branch_ends_the_process(engine: Engine, tmp_path: Path) -> None:
    (cell_result,) = last_run(engine, asked_of(tmp_path, BUILD + DIES, "dies")).results
    assert [each.reason for each in cell_result.results] == ["error.branch_died"]


def test_a_step_that_ends_the_process_while_it_is_timed_costs_its_cell(
    engine: Engine, tmp_path: Path
) -> None:
    text = BUILD + (
        "import os\n"
        "CALLS = []\n"
        "def dies(w):\n"
        "    CALLS.append(1)\n"
        "    if len(CALLS) > 5:\n"
        "        os._exit(3)\n"
        "    return w.sum()\n"
    )
    (died,) = last_run(engine, asked_of(tmp_path, text, "ours", "dies")).results
    assert (died.status, died.reason) == (Status.ERROR, "error.worker_died")


def test_a_step_without_an_end_costs_its_branch_alone(tmp_path: Path) -> None:
    # Within half of it the cell has to come to the branch.
    engine = Engine("cpu", time_limit_s=12.0)
    try:
        (cell_result,) = last_run(
            engine, asked_of(tmp_path, BUILD + LOOPS, "ours", "loops")
        ).results
        ours, loops = cell_result.results
        assert ours.status is Status.OK
        assert "time" in {sample.metric for sample in ours.samples}
        assert (loops.status, loops.reason) == (Status.ERROR, "error.branch_late")
    finally:
        engine.close()
