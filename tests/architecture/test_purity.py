"""What must not import torch or gradio does not, not even through something else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What the worker alone imports.
_WORKER = re.compile(
    r"profiling\.measure(\.(?!device$).*)?|demos\.workloads\..*|demos\.lessons\..*"
)
# What runs in a person's own process; its records are read without torch.
_WATCHER = re.compile(r"profiling\.watch\.(?!record$).*")
_PAGE = re.compile(r"demos\.page(\..*)?")


def modules() -> list[str]:
    """Return the names of all our modules that can be imported, the app itself included."""
    files = [path for room in ("demos", "profiling") for path in (ROOT / room).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    return ["app", *sorted(names)]


_NO_TORCH = [
    name for name in modules() if not (_WORKER.fullmatch(name) or _WATCHER.fullmatch(name))
]
_NO_GRADIO = [name for name in _NO_TORCH if not _PAGE.fullmatch(name)]


def imports(names: list[str], forbidden: str) -> list[str]:
    """Return what of modules, imported in turn in a fresh process, first brings another one in."""
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module(name)
    if {forbidden!r} in sys.modules:
        sys.exit(name)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr.split()


def test_nothing_but_what_the_worker_runs_imports_torch() -> None:
    assert len(_NO_TORCH) > 50
    assert imports(_NO_TORCH, "torch") == []


def test_nothing_but_the_page_imports_gradio() -> None:
    assert len(_NO_GRADIO) > 40
    assert imports(_NO_GRADIO, "gradio") == []


def test_the_check_can_fail() -> None:
    assert imports(["json", "doctest"], "unittest") == ["doctest"]
    assert imports(["json"], "unittest") == []
