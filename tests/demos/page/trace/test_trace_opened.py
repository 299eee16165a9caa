"""A trace that was opened, and its files."""

from __future__ import annotations

import gc
from pathlib import Path

from tests.demos.page.trace.making import opened


def test_the_files_of_a_trace_go_with_it(tmp_path: Path) -> None:
    trace = opened(1)
    folder = trace.folder_in(tmp_path)
    (folder / "a.csv").write_text("a", "utf-8")
    assert trace.folder_in(tmp_path) == folder
    del trace
    gc.collect()
    assert not folder.exists()


def test_a_trace_ends_with_its_last_event() -> None:
    assert opened(2).end_s == 1.0
    assert opened(0).end_s == 0.0
