"""Texts in tables are kept in one way, whether pyarrow is installed, as on Spaces, or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.analysis.statistics import summary
from profiling.analysis.tables import samples
from profiling.traces.diff import trace_diff
from profiling.traces.operators import GROUPINGS, operator_calls
from profiling.traces.table import read_trace
from tests.profiling.planted import event, run_of, timed, write_trace

_ROOT = Path(__file__).parents[3]
# Where tables are made first in a process of the worker's, the shell's and the page's.
_ROOMS = ("profiling.measure.cell", "profiling.cli.trace", "demos.page.page")
_WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
from pathlib import Path
from profiling.traces.diff import trace_diff
from profiling.traces.table import read_trace
some, none = (read_trace(Path(path)).events for path in sys.argv[1:])
print(len(trace_diff(none, none)), *trace_diff(some, none)["only_in"])
"""


def _run(code: str, *arguments: object) -> list[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=_ROOT
    ).stdout.split()


def _kept(table: pd.DataFrame) -> dict[str, str]:
    """Return how the texts of a table are kept, by column."""
    dtypes: dict[Any, Any] = {**table.dtypes, "the index": table.index.dtype}
    texts = {
        name: each.categories.dtype if isinstance(each, pd.CategoricalDtype) else each
        for name, each in dtypes.items()
    }
    return {name: each.storage for name, each in texts.items() if hasattr(each, "storage")}


@pytest.fixture
def traces(tmp_path: Path) -> tuple[Path, Path]:
    """Return a trace of an operator and a kernel, and one of neither."""
    some = write_trace(tmp_path / "some.json", [event("op", 0), event("k", 1, cat="kernel")])
    return some, write_trace(tmp_path / "none.json", [event("other", 0, cat="trace")])


@pytest.mark.parametrize("room", _ROOMS)
def test_texts_are_kept_in_one_way_wherever_tables_are_made(room: str) -> None:
    asked = "print(pandas.get_option('mode.string_storage'))"
    assert _run(f"import {room}, pandas; {asked}") == ["python"]


def test_no_table_keeps_texts_as_arrow_does(traces: tuple[Path, Path]) -> None:
    pytest.importorskip("pyarrow")
    some, none = (read_trace(path).events for path in traces)
    tables = [some, none, operator_calls(some)]
    tables += [trace_diff(some, none, by) for by in GROUPINGS]
    run = run_of(timed("attached", [1.0, 2.0]))
    tables += [samples(run), summary(run)]
    kept = [_kept(table) for table in tables]
    # Before pandas 3 a text is an object.
    assert bool(kept[0]) == (pd.Series(["a text"]).dtype != "object")
    assert {way for columns in kept for way in columns.values()} <= {"python"}, kept


def test_traces_without_operators_are_compared_with_and_without_pyarrow(
    traces: tuple[Path, Path],
) -> None:
    some, none = (read_trace(path).events for path in traces)
    assert trace_diff(none, none).empty
    assert trace_diff(some, none)["only_in"].to_list() == ["a", "a"]
    assert _run(_WITHOUT_PYARROW, *traces) == ["0", "a", "a"]
