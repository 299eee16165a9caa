"""Tab Trace: open a profiler's trace and look at it, by itself or beside another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos.page import common
from demos.page.common import LOOKING, words
from demos.page.trace.common import Acts
from demos.page.trace.diff import DiffPanel
from demos.page.trace.downloads import FilesPanel
from demos.page.trace.memory import MemoryPanel
from demos.page.trace.opened import Opened, Shelf
from demos.page.trace.source import Source, problem, reading
from demos.page.trace.tables import OperatorsPanel, PhasesPanel
from demos.page.trace.timeline import TimelinePanel
from profiling.engine.engine import Engine
from profiling.model.run import Run
from profiling.model.units import time_unit
from profiling.model.words import Text

# Seconds after which the trace of a visitor who left is let go.
_KEEP_S = 3600.0


def create_trace_tab(
    page: gr.Blocks, tab: gr.Tab, engine: Engine, run: gr.State, labels: gr.I18n
) -> None:
    """Build the tab and wire it.

    Args:
        page: The page.
        tab: The tab itself; opening it offers the traces of the run.
        engine: Reads traces, and has the run's files.
        run: The run on the Compare tab.
        labels: The texts of components.
    """
    shelf = Shelf()
    key = gr.State(None, time_to_live=_KEEP_S, delete_callback=shelf.drop)
    with gr.Row(elem_classes="trace-source"):
        source = Source(labels, "trace", "trace.open")
    status = gr.HTML(elem_id="trace-status")
    acts = Acts(shelf, key, gr.HTML(elem_id="trace-problem"))
    panels = _Panels(labels)
    panels.wire(acts, engine, run)
    offered = source.offer(tab, run)

    def open_trace(
        request: gr.Request,
        previous: str | None,
        measured: Run | None,
        branch: str | None,
        file: str | None,
    ) -> Iterator[dict[Any, Any]]:
        text = words(request)
        try:
            for step in reading(engine, measured, branch, file, text):
                if not isinstance(step, Opened):
                    yield {acts.problem: step}
                    continue
                shown = panels.show(step, text)
                shelf.drop(previous)
                told = {acts.problem: "", status: _summary(step, text)}
                yield {key: shelf.put(step), **told, **shown}
        except Exception as error:
            # What a made-up file can raise has no list; the trace before stays as it was.
            yield {acts.problem: problem(error, text)}

    def open_first(
        request: gr.Request, previous: str | None, measured: Run | None, *chosen: str | None
    ) -> Iterator[dict[Any, Any]]:
        # Whoever comes for the first time has something to look at.
        branch, file = chosen
        if previous is None and branch and not file:
            yield from open_trace(request, previous, measured, branch, file)

    ends: dict[str, Any] = {
        "inputs": [key, run, *source.inputs],
        "outputs": [key, status, acts.problem, *panels.components],
        "concurrency_id": "worker",
        "show_progress": "hidden",
    }
    gr.on(
        source.asked,
        open_trace,
        api_name="open_trace",
        api_visibility="undocumented",
        concurrency_limit=1,
        **ends,
    )
    offered.then(open_first, api_visibility="private", **ends)

    def invite(request: gr.Request) -> str:
        return common.sentence("trace.empty", words(request))

    page.load(invite, None, status, **LOOKING)


class _Panels:
    """The sub-tabs, hidden until a trace is opened.

    Attributes:
        components: All that `show` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        self._tab: dict[str, gr.Tab] = {}
        with gr.Tabs(visible=False, elem_id="trace-tabs") as self._tabs:
            with self._named("timeline", labels):
                self._timeline = TimelinePanel(labels)
            with self._named("memory", labels):
                self._memory = MemoryPanel()
            with self._named("operators", labels):
                self._operators = OperatorsPanel(labels)
            with self._named("phases", labels):
                self._phases = PhasesPanel()
            with self._named("diff", labels):
                self._diff = DiffPanel(labels)
            with self._named("files", labels):
                self._files = FilesPanel(labels)
        parts = (self._timeline, self._diff, self._files)
        self.components = [self._tabs, *(each for part in parts for each in part.components)]

    def _named(self, name: str, labels: gr.I18n) -> gr.Tab:
        self._tab[name] = gr.Tab(labels(f"trace.tab.{name}"), id=name)
        return self._tab[name]

    def wire(self, acts: Acts, engine: Engine, run: gr.State) -> None:
        """Say what happens in each; what depends on the trace is drawn when it is looked at."""
        self._timeline.wire(acts)
        self._memory.wire(acts, self._tab["memory"])
        self._operators.wire(acts, self._tab["operators"], self._tabs, self._timeline)
        self._phases.wire(acts, self._tab["phases"])
        self._diff.wire(acts, self._tab["diff"], engine, run)
        self._files.wire(acts, engine, self._timeline)

    def show(self, opened: Opened, text: Text) -> dict[Any, Any]:
        """Return updates that show a trace's timeline, and nothing of the trace before."""
        return {
            self._tabs: gr.update(visible=True, selected="timeline"),
            **self._timeline.open(opened, text),
            **self._diff.cleared(),
            **self._files.cleared(),
        }


def _summary(opened: Opened, text: Text) -> str:
    """Say what was opened, and what a person should know of it."""
    unit = time_unit([opened.end_s])
    told = text(
        "trace.summary",
        name=opened.name,
        count=f"{len(opened.events):,}",
        length=unit.show(opened.end_s),
        lanes=len(opened.timeline.lanes),
    )
    lacking = [
        text(f"trace.lacks.{kind}")
        for kind in ("kernel", "memory", "shapes", "stack")
        if kind not in opened.trace.kinds
    ]
    notices = [text(notice, **values) for notice, values in opened.trace.notices]
    return common.render("trace_summary.html", text, told=told, lacking=lacking, notices=notices)
