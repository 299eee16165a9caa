"""The standard library of Python 3.15 has a package named as ours: both can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiling import __version__

_ROOT = Path(__file__).parents[2]
# Its modules in Python 3.15.
_THEIRS = ("sampling", "tracing")
_STAND_IN = {
    "profiling/__init__.py": "raise ImportError('hidden by ours')",
    "profiling/sampling/__init__.py": "from profiling.sampling import collector",
    "profiling/sampling/collector.py": "from .. import tracing",
    "profiling/tracing/__init__.py": "from profiling.tracing._utils import found",
    "profiling/tracing/_utils.py": "found = 'theirs'",
    "cProfile.py": "from profiling.tracing import found; import profiling.tracing as all_of_it",
}
# Started in our folder, as all that is ours is, by a Python whose standard library is a stand-in.
_AS_3_15 = """
import os, sys
version, file = sys.version_info, os.__file__
sys.version_info, os.__file__ = (3, 15, 0, "final", 0), os.path.join(sys.argv[1], "os.py")
import profiling
sys.version_info, os.__file__ = version, file
sys.path.insert(1, sys.argv[1])
import cProfile, profiling.sampling.collector, profiling.model.units, profiling.traces.table
print(cProfile.found, profiling.__version__, profiling.model.units.show_bytes(1))
print(*(module.__name__ for module in (profiling.sampling, profiling.tracing, profiling.traces)))
"""


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=_ROOT)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return the folder of a stand-in for the standard library of Python 3.15."""
    for name, text in _STAND_IN.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_ours_and_the_standard_librarys_package_are_found_together(library: Path) -> None:
    done = _run("-c", _AS_3_15, library)
    assert done.stdout.splitlines() == [
        f"theirs {__version__} 1 B",
        "profiling.sampling profiling.tracing profiling.traces",
    ], done.stderr


def test_no_module_of_ours_is_named_as_one_of_theirs() -> None:
    ours = {path.stem for path in (_ROOT / "profiling").iterdir()}
    assert ours.isdisjoint(_THEIRS)


@pytest.mark.skipif(sys.version_info < (3, 15), reason="no such package before Python 3.15")
def test_the_profilers_of_this_python_are_found() -> None:
    done = _run("-c", "import profiling.measure, cProfile, profiling.sampling, profiling.tracing")
    assert done.returncode == 0, done.stderr
    theirs = Path(os.__file__).with_name("profiling").glob("[a-z]*")
    assert {path.stem for path in theirs} == set(_THEIRS)
