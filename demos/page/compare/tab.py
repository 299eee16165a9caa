"""The Compare tab: choose a workload and branches, measure them, view and save the results."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from demos.page import common
from demos.page.common import ON_LESSONS, ON_WORKER, PRIVATE, UNQUEUED, queue_full, words
from demos.page.compare.form import Form
from demos.page.compare.results import Panel, Place
from demos.page.compare.saved_runs import Beside
from demos.page.links import usual_comparison
from demos.page.recorded import RecordedRun, recorded_run, source_words
from profiling.engine.engine import Engine, Progress, time_left_s
from profiling.graphs import dot, svg
from profiling.graphs.fold import BRANCH_BOXES
from profiling.model.errors import DetachLabError, InputError, WorkerError
from profiling.model.graph import BranchGraph
from profiling.model.request import COMPILED, Request
from profiling.model.run import Run
from profiling.model.words import Text

# The run that was shown when the page was left, as `links.js` keeps it.
_LEFT = "() => labLink.left()"
_AND_LEFT = "(...inputs) => [...inputs.slice(0, -1), labLink.left()]"
# Seconds after which the files of a visitor who left are deleted.
_KEEP_S = 3600.0


def create_branch_graph(engine: Engine, form: Form, labels: gr.I18n) -> None:
    """Create the view of a branch's backward graph and connect its events."""
    with gr.Accordion(labels("compare.graph"), open=False, elem_id="compare-graph"):
        with gr.Row(equal_height=True):
            branch = gr.Dropdown(
                form.offered(),
                label=labels("compare.graph_branch"),
                elem_id="compare-graph-branch",
            )
            run = gr.Button(
                labels("compare.graph_draw"), scale=0, min_width=120, elem_id="compare-graph-run"
            )
        view = gr.HTML(elem_id="compare-graph-view")

    def offer(workload: str | None) -> Any:
        try:
            offered = form.offered(workload) if workload else []
        except InputError:  # It is said beside the form.
            offered = []
        return gr.update(choices=offered, value=offered[0]) if offered else gr.skip()

    def draw(request: gr.Request, branch: str, *inputs: Any) -> str:
        text = words(request)
        try:
            asked = form.request(inputs[0], [branch], *inputs[2:])
            found = engine.graph(asked)
        except DetachLabError as error:
            return common.problem(error, text)
        return _drawn(found, asked, text)

    form.workload.change(offer, form.workload, branch, **UNQUEUED)
    run.click(
        draw,
        [branch, *form.inputs],
        view,
        api_name="branch_graph",
        api_visibility="undocumented",
        show_progress="minimal",
        **ON_LESSONS,
    )


def _drawn(found: BranchGraph, asked: Request, text: Text) -> str:
    return common.render(
        "branch_graph.html",
        text,
        graph=svg.svg(found.graph, text, BRANCH_BOXES),
        dot=dot.dot(found.graph),
        name=f"{asked.workload}-{asked.branches[0]}",
        error=found.error,
        size=min(asked.sizes),
    )


class CompareTab(NamedTuple):
    """The parts of the tab that the rest of the page uses.

    Attributes:
        run: State with the displayed run, or None.
        form: The form.
    """

    run: gr.State
    form: Form


def create_compare_tab(
    page: gr.Blocks, tab: gr.Tab, engine: Engine, labels: gr.I18n, begin: gr.State
) -> CompareTab:
    """Create the tab and connect its events.

    Args:
        page: The page.
        tab: The tab.
        engine: Engine that measures.
        labels: Texts of components.
        begin: State that starts a comparison when it changes.
    """
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            form = Form(engine.preferred, labels)
        with gr.Column(scale=3, min_width=320):
            progress = gr.HTML(elem_id="compare-progress")
            beside = Beside(labels)
            create_branch_graph(engine, form, labels)
            panel = Panel(labels)
    discard = functools.partial(panel.runs.discard, engine)
    run = gr.State(None, time_to_live=_KEEP_S, delete_callback=discard)
    # The workload whose recorded run is displayed.
    recorded = gr.State("")
    does = _Handlers(engine, form, panel, progress, run, recorded)
    stopper = [progress, form.stop]
    starts = gr.on([form.run.click, begin.change], does.wait, None, stopper, **UNQUEUED)
    comparing = starts.then(
        does.compare,
        [run, *form.inputs],
        [run, *stopper, *panel.components],
        api_name="show_compare",
        api_visibility="undocumented",
        **ON_WORKER,
        # Gradio's own line says how many are before one.
        show_progress="minimal",
        show_progress_on=progress,
    )
    panel.downloads.wire(engine, panel.analyses, progress, run)
    beside.wire(engine, panel, progress, run, comparing)
    # What is cancelled counts as failed, too: Stop says so before and after it. Of an event that
    # follows another Gradio forgets what it cancels.
    stopping = form.stop.click(does.stop, None, stopper, cancels=[comparing], **UNQUEUED)
    stopping.then(does.stop, None, stopper, **UNQUEUED)
    comparing.failure(does.refuse, progress, stopper, **UNQUEUED)
    comparing.success(lambda: gr.Button(interactive=False), None, form.stop, **UNQUEUED)
    shown = [progress, *panel.components]
    for part in panel.places:
        part.input(does.turn, [run, recorded, *panel.places], shown, **UNQUEUED)
    form.workload.change(does.describe, [form.workload, form.shown], form.described, **UNQUEUED)
    left = gr.Textbox(visible=False)
    for event in (tab.select, form.workload.change):
        event(
            does.show_recorded,
            [run, recorded, form.workload, left],
            [recorded, *panel.components],
            js=_AND_LEFT,
            **UNQUEUED,
        )
    page.load(does.invite, None, progress, **UNQUEUED).then(
        does.restore, left, [run, progress, *panel.components], js=_LEFT, **PRIVATE
    )
    return CompareTab(run, form)


class _Handlers:
    """Event handlers of the tab."""

    def __init__(
        self,
        engine: Engine,
        form: Form,
        panel: Panel,
        progress: gr.HTML,
        run: gr.State,
        recorded: gr.State,
    ) -> None:
        self._engine = engine
        self._form = form
        self._panel = panel
        self._progress = progress
        self._run = run
        self._recorded_of = recorded

    def compare(
        self, request: gr.Request, previous: Run | None, *inputs: Any
    ) -> Iterator[dict[Any, Any]]:
        text = words(request)
        try:
            asked = self._form.request(*inputs)
            for step in self._engine.compare(asked):
                running = {
                    self._progress: _progress(step, text),
                    self._form.stop: gr.Button(interactive=True),
                }
                yield running | self._new(step, text)
                if step.is_new and step.run is not None:
                    self._panel.runs.supersede(self._engine, previous, step.run)
                    previous = None
        except (DetachLabError, OSError) as error:
            yield {self._progress: common.problem(error, text)}

    def _new(self, step: Progress, text: Text) -> dict[Any, Any]:
        if step.run is None or not step.is_new:
            return {}
        shown = self._panel.show(step.run, self._engine.run_folder(step.run), None, text)
        return {self._run: step.run, **shown}

    def show_recorded(
        self,
        run: Run | None,
        shown: str,
        workload: str | None,
        left: str | None,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Show the recorded run of the chosen workload until one's own is there."""
        is_kept = run is not None or self._panel.is_kept(self._engine, left or "")
        if is_kept or not workload or shown == workload:
            return {self._recorded_of: gr.skip()}
        found = self._recorded(workload)
        if found is None:
            return {self._recorded_of: ""} | self._panel.hidden()
        return {self._recorded_of: workload} | self._show(found, None, words(request))

    def _recorded(self, workload: str) -> RecordedRun | None:
        try:
            machine = self._engine.environment(0.0)
        except WorkerError:  # The header says so.
            machine = None
        return recorded_run(workload, machine)

    def _show(self, found: RecordedRun, place: Place | None, text: Text) -> dict[Any, Any]:
        where = source_words(found, text)
        return self._panel.show(found.run, found.path.parent, place, text, where)

    def turn(
        self,
        run: Run | None,
        recorded: str,
        size: int | None,
        mode: str | None,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Show the cell of another size or mode."""
        if size is None:
            return {self._panel.size: gr.skip()}
        place = size, mode
        found = self._recorded(recorded) if run is None and recorded else None
        if found is not None:
            return self._show(found, place, words(request))
        # A session that was not used for long is given up for others', and its run with it.
        if run is None or not self._engine.run_folder(run).exists():
            return {self._progress: common.sentence("progress.gone", words(request))}
        try:
            return self._panel.show(run, self._engine.run_folder(run), place, words(request))
        except Exception:  # A run from a file may hold a trace that no chart can be drawn of.
            return {
                self._progress: common.problem(InputError("error.trace_unusable"), words(request))
            }

    def describe(self, workload: str, shown: str, request: gr.Request) -> dict[Any, Any]:
        # What a link has put there is described already.
        if workload == shown:
            return {self._form.about: gr.skip()}
        text = words(request)
        try:
            return self._form.describe(usual_comparison(workload), text)
        except InputError as error:  # A file of one's own may have changed since the start.
            return {self._form.about: common.problem(error, text)}

    def invite(self, request: gr.Request) -> str:
        return common.sentence("compare.empty", words(request))

    def restore(self, key: str | None, request: gr.Request) -> dict[Any, Any]:
        """Show again what was shown when the page was left in the same browser tab."""
        try:
            run = self._panel.kept(self._engine, key or "")
            if run is None:
                return {self._progress: gr.skip()}
            shown = self._panel.show(run, self._engine.run_folder(run), None, words(request))
        except (DetachLabError, OSError):  # Its files are just being deleted.
            return {self._progress: gr.skip()}
        return {
            self._run: run,
            self._progress: common.sentence("progress.restored", words(request)),
            **shown,
        }

    def wait(self, request: gr.Request) -> tuple[str, Any]:
        return self._waiting(request), gr.Button(interactive=True)

    def refuse(self, shown: str, request: gr.Request) -> tuple[Any, Any]:
        """Report a full queue if the event failed before it began."""
        said = queue_full(request) if shown == self._waiting(request) else gr.skip()
        return said, gr.Button(interactive=False)

    def stop(self, request: gr.Request) -> tuple[str, Any]:
        return common.sentence("progress.stopped", words(request)), gr.Button(interactive=False)

    def _waiting(self, request: gr.Request) -> str:
        return common.sentence("progress.waiting", words(request))


def _progress(step: Progress, text: Text) -> str:
    elapsed = f"{step.elapsed_s:.1f}"
    if step.run is None:
        key = "progress.lending" if step.lent_s else "progress.starting"
        return common.sentence(key, text, seconds=step.lent_s, elapsed=elapsed)
    done, total = len(step.run.results), len(step.run.cells)
    if step.is_reading:
        return common.sentence("progress.reading", text, elapsed=elapsed)
    if step.cell is None and done == total:
        return common.sentence("progress.done", text, elapsed=elapsed)
    cell = step.run.cells[min(done, total - 1)]
    values = {"size": cell.extent, "done": done, "total": total, "elapsed": elapsed}
    key = "progress.lent" if step.lent_s else "progress.running"
    sentence = text(key, seconds=step.lent_s, **values)
    if cell.mode == COMPILED:
        sentence += text("progress.compiling")
    left_s = None if step.lent_s else time_left_s(step)
    if left_s is not None:
        sentence += text("progress.left", seconds=f"{left_s:.0f}")
    return common.render(
        "progress.html", text, sentence=sentence, failed=False, done=done, total=total
    )
