"""What must not import torch or gradio does not, not even through something else."""

from __future__ import annotations

import subprocess
import sys

import pytest

_NO_TORCH = [
    "app",
    "demos.catalogue",
    "demos.locales",
    "demos.tabs.page",
    "profiling.charts.bars",
    "profiling.charts.memory",
    "profiling.charts.operators",
    "profiling.charts.reach",
    "profiling.charts.sizes",
    "profiling.cli",
    "profiling.engine.engine",
    "profiling.engine.plan",
    "profiling.export",
    "profiling.records",
    "profiling.lesson_records",
    "profiling.report",
    "profiling.statistics",
    "profiling.tables",
    "profiling.traces.load",
]
_NO_GRADIO = [name for name in _NO_TORCH if name != "demos.tabs.page"]


def imports(module: str, forbidden: str) -> bool:
    """Whether importing a module in a fresh process brings another one in."""
    code = f"import {module}, sys; sys.exit({forbidden!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert not done.stderr, done.stderr.decode()
    return bool(done.returncode)


@pytest.mark.parametrize("module", _NO_TORCH)
def test_does_not_import_torch(module: str) -> None:
    assert not imports(module, "torch")


@pytest.mark.parametrize("module", _NO_GRADIO)
def test_does_not_import_gradio(module: str) -> None:
    assert not imports(module, "gradio")


def test_the_check_can_fail() -> None:
    assert imports("profiling.measure.step", "torch")
    assert imports("demos.tabs.page", "gradio")


def test_a_page_that_compares_never_loads_torch() -> None:
    code = """
import sys
from profiling.engine.engine import Engine
from profiling.lesson_records import LessonRequest
from profiling.records import Request

if __name__ == "__main__":
    engine = Engine("cpu")
    engine.lesson(LessonRequest("baseline"))
    for progress in engine.compare(Request("elementwise", ("detach",), (4,), budget_s=0.05)):
        pass
    engine.close()
    assert progress.run.results[0].results[0].samples
    sys.exit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
