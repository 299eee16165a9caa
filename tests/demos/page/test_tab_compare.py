"""What the tab Compare says and keeps while a comparison grows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from msgspec.structs import replace

from demos.page.compare.tab import _Handlers
from profiling.engine.engine import Progress
from tests.profiling.planted import branch, cell, run_of


def test_the_run_before_is_let_go_with_the_first_result_and_the_bar_shows_how_far_it_is() -> None:
    before = replace(run_of(branch("detach")), id="before")
    whole = run_of(branch("detach"))
    cells = tuple(cell(size=size) for size in (4, 8, 16))
    grown = [replace(whole, cells=cells, results=whole.results * count) for count in range(3)]
    steps = [
        Progress(grown[0], cells[0], 0.5, False),
        Progress(grown[1], None, 1.0, True),
        Progress(grown[1], cells[1], 1.5, False),
        Progress(grown[2], None, 2.0, True),
    ]
    gone: list[str] = []
    engine = SimpleNamespace(compare=lambda _: iter(steps), run_folder=lambda run: Path(run.id))
    let_go = {"supersede": lambda _, old, new: gone.extend([old.id] if old else [])}
    panel = SimpleNamespace(show=lambda *_: {}, runs=SimpleNamespace(**let_go))
    form = SimpleNamespace(request=lambda: whole.request, stop="stop")
    does = _Handlers(*cast("tuple[Any, ...]", (engine, form, panel, "progress", "run", "")))
    told, kept = [], []
    for updates in does.compare(gr.Request(), before):
        told.append(updates["progress"])
        kept.append((updates.get("run"), [*gone]))
    bars = [html.partition("<progress ")[2].partition(" aria-label")[0] for html in told]
    assert bars == [f'max="3" value="{done}"' for done in (0, 1, 1, 2)]
    assert kept == [(None, []), (grown[1], []), (None, ["before"]), (grown[2], ["before"])]
    assert gone == ["before"]
