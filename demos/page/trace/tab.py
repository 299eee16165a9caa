"""Tab Trace: opens a profiler trace, shows it, and compares it with another one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from demos.page import common
from demos.page.common import UNQUEUED, words
from demos.page.trace.common import OPENING, Handlers, Visit
from demos.page.trace.diff import DiffPanel
from demos.page.trace.downloads import DownloadsPanel
from demos.page.trace.memory import MemoryPanel
from demos.page.trace.source import Chosen, TracePicker, problem, read_chosen
from demos.page.trace.tables import GpuPanel, OperatorsPanel, PhasesPanel
from demos.page.trace.timeline import TimelinePanel
from profiling.engine.engine import Engine
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.output import trace_views
from profiling.output.trace_views import Opening

# Seconds until the trace of a visitor who left is dropped.
_KEEP_S = 3600.0
_MOST_SESSIONS = 1000


def create_trace_tab(
    page: gr.Blocks, tab: gr.Tab, engine: Engine, run: gr.State, labels: gr.I18n
) -> None:
    """Build the tab and connect its events.

    Args:
        page: The page.
        tab: The tab; opening it offers the traces of the run.
        engine: Reads traces and has the files of the run.
        run: State with the run of the Compare tab.
        labels: Texts of components.
    """
    traces = engine.traces
    key = gr.State(None, time_to_live=_KEEP_S, delete_callback=traces.remove)
    name = gr.State(None)
    with gr.Row(elem_classes="trace-source"):
        source = TracePicker(labels, "trace", "trace.open")
    status = gr.HTML(elem_id="trace-status")
    handlers = Handlers(traces, key, gr.HTML(elem_id="trace-problem"))
    gpus = gr.HTML(elem_id="trace-gpus")
    panels = _Panels(labels)
    panels.connect(handlers, engine, run, name)
    offered = source.offer(tab, run)

    def summed_up(visit: Visit, text: Text) -> dict[Any, Any]:
        try:
            return {gpus: _gpu_summary(visit.ask(trace_views.gpu_summary), text)}
        except Exception as error:
            return {handlers.problem: problem(error, text)}

    def open_trace(
        request: gr.Request,
        previous: str | None,
        measured: Run | None,
        branch: str | None,
        file: str | None,
    ) -> Iterator[dict[Any, Any]]:
        text = words(request)
        try:
            for step in read_chosen(engine, measured, branch, file, text):
                if not isinstance(step, Chosen):
                    yield {handlers.problem: step}
                    continue
                try:
                    visit = Visit(step.trace, common.language(request))
                    found = visit.ask(trace_views.opening, step.name)
                    shown = panels.show(visit, found, text)
                except BaseException:
                    step.trace.close()
                    raise
                traces.remove(previous)
                summary = common.render("trace_summary.html", text, **found._asdict())
                opened = {key: traces.keep(step.trace), name: step.name}
                waiting = _gpu_summary(None, text) if found.is_of_gpu else ""
                shown |= {status: summary, gpus: waiting}
                yield {**opened, handlers.problem: "", **shown}
                if found.is_of_gpu:
                    # It takes as long as the drawing, which comes first.
                    yield {gpus: ""} | summed_up(visit, text)
        except Exception as error:
            # A crafted file can raise almost anything; the previous trace stays open.
            yield {handlers.problem: problem(error, text)}

    # Sessions that have chosen a trace: a first one that comes late must not take its place.
    have_chosen: deque[str | None] = deque(maxlen=_MOST_SESSIONS)

    def open_chosen(request: gr.Request, *given: Any) -> Iterator[dict[Any, Any]]:
        have_chosen.append(request.session_hash)
        yield from open_trace(request, *given)

    def open_first(
        request: gr.Request, previous: str | None, measured: Run | None, *chosen: str | None
    ) -> Iterator[dict[Any, Any]]:
        # A first-time visitor sees a recorded trace.
        branch, file = chosen
        if previous is not None or not branch or file:
            return
        for found in open_trace(request, previous, measured, branch, file):
            if request.session_hash in have_chosen:
                traces.remove(found.get(key))
                return
            yield found

    ends: dict[str, Any] = {
        "inputs": [key, run, *source.inputs],
        "outputs": [key, name, status, handlers.problem, gpus, *panels.components],
        "show_progress": "hidden",
        **OPENING,
    }
    first = offered.then(open_first, api_visibility="private", **ends)
    # Cancels nothing: the first one gives way by itself, and may not be queued yet.
    opening = gr.on(
        source.events,
        open_chosen,
        api_name="open_trace",
        api_visibility="undocumented",
        **ends,
    )
    source.stop([first, opening], handlers.problem)

    def show_hint(request: gr.Request) -> str:
        return common.sentence("trace.empty", words(request))

    page.load(show_hint, None, status, **UNQUEUED)


def _gpu_summary(sections: Sequence[object] | None, text: Text) -> str:
    return common.render("trace_gpu_summary.html", text, sections=sections)


class _Panels:
    """The sub-tabs, hidden until a trace is opened.

    Attributes:
        components: The components that `show` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        self._tab: dict[str, gr.Tab] = {}
        with gr.Tabs(visible=False, elem_id="trace-tabs") as self._tabs:
            with self._add_tab("timeline", labels):
                self._timeline = TimelinePanel(labels)
            with self._add_tab("gpu", labels, visible=False):
                self._gpu = GpuPanel(labels)
            with self._add_tab("memory", labels):
                self._memory = MemoryPanel()
            with self._add_tab("operators", labels):
                self._operators = OperatorsPanel(labels)
            with self._add_tab("phases", labels):
                self._phases = PhasesPanel()
            with self._add_tab("diff", labels):
                self._diff = DiffPanel(labels)
            with self._add_tab("files", labels):
                self._files = DownloadsPanel(labels)
        parts = (self._timeline, self._diff, self._files)
        own = [self._tabs, self._tab["gpu"]]
        self.components = [*own, *(each for part in parts for each in part.components)]

    def _add_tab(self, name: str, labels: gr.I18n, *, visible: bool = True) -> gr.Tab:
        self._tab[name] = gr.Tab(labels(f"trace.tab.{name}"), id=name, visible=visible)
        return self._tab[name]

    def connect(self, handlers: Handlers, engine: Engine, run: gr.State, name: gr.State) -> None:
        """Connect the events of each sub-tab; most sub-tabs are drawn when they are opened."""
        self._timeline.connect(handlers)
        self._memory.connect(handlers, self._tab["memory"])
        self._operators.connect(handlers, self._tab["operators"], self._tabs, self._timeline)
        self._gpu.connect(handlers, self._tab["gpu"], self._tabs, self._timeline)
        self._phases.connect(handlers, self._tab["phases"])
        self._diff.connect(handlers, self._tab["diff"], engine, run, name)
        self._files.connect(handlers, self._timeline)

    def show(self, visit: Visit, found: Opening, text: Text) -> dict[Any, Any]:
        """Return updates that show the timeline of a trace and clear everything else."""
        return {
            self._tabs: gr.update(visible=True, selected="timeline"),
            self._tab["gpu"]: gr.update(visible=found.is_of_gpu),
            **self._timeline.open(visit, found, text),
            **self._diff.cleared(),
            **self._files.cleared(),
        }
