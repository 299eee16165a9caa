"""Tab Compare: choose a workload and branches, measure them, see and keep the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from demos import catalogue
from demos.locales import Text
from demos.tabs import views
from demos.tabs.results import Panel
from demos.tabs.visitor import words
from demos.workloads import BRANCHES, WORKLOADS
from profiling.engine import plan
from profiling.engine.engine import Engine, Progress
from profiling.errors import DetachLabError, InputError
from profiling.records import BASELINE, DEVICES, DTYPES, Request, Run

# Seconds after which the files of a visitor who left are deleted.
_KEEP_S = 3600.0
_PARAMETERS = tuple(
    dict.fromkeys(name for each in WORKLOADS for name in catalogue.workload(each).parameters)
)
_FIRST = "frozen_backbone"
_CHOSEN = (BASELINE, "detach", "clone_detach", "no_grad", "frozen")


def create_compare_tab(page: gr.Blocks, engine: Engine, labels: gr.I18n) -> None:
    """Build the tab and wire it to the engine."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            form = _Form(engine.preferred, labels)
        with gr.Column(scale=3, min_width=320):
            progress = gr.HTML(elem_id="compare-progress")
            panel = Panel(labels)
    run = gr.State(None, time_to_live=_KEEP_S, delete_callback=_discarder(engine))
    does = _Handlers(engine, form, panel, progress, run)
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    comparing = form.run.click(does.wait, None, progress, queue=False, **quiet).then(
        does.compare,
        [run, *form.inputs],
        [run, progress, *panel.components],
        api_name="compare",
        concurrency_id="worker",
        concurrency_limit=1,
        show_progress="hidden",
    )
    form.stop.click(does.stop, None, progress, cancels=[comparing], **quiet)
    panel.size.input(does.resize, [run, panel.size], [progress, *panel.components], **quiet)
    for event in (form.workload.change, page.load):
        event(does.describe, form.workload, form.described, **quiet)
    page.load(does.invite, None, progress, **quiet)


class _Handlers:
    """What the tab's events do."""

    def __init__(
        self, engine: Engine, form: _Form, panel: Panel, progress: gr.HTML, run: gr.State
    ) -> None:
        self._engine = engine
        self._form = form
        self._panel = panel
        self._progress = progress
        self._run = run

    def compare(
        self, request: gr.Request, previous: Run | None, *inputs: Any
    ) -> Iterator[dict[Any, Any]]:
        text = words(request)
        try:
            asked = _request(*inputs)
            for step in self._engine.compare(asked):
                yield {self._progress: _progress(step, asked, text)} | self._new(step, text)
                if step.is_new and previous is not None:
                    self._engine.discard(previous)
                    previous = None
        except DetachLabError as error:
            yield {self._progress: _failure(error, text)}

    def _new(self, step: Progress, text: Text) -> dict[Any, Any]:
        if step.run is None or not step.is_new:
            return {}
        shown = self._panel.show(step.run, self._engine.run_folder(step.run), None, text)
        return {self._run: step.run, **shown}

    def resize(self, run: Run | None, size: int | None, request: gr.Request) -> dict[Any, Any]:
        if run is None or size is None:
            return {self._panel.size: gr.skip()}
        folder = self._engine.run_folder(run)
        if not folder.exists():
            return {self._progress: _sentence("progress.gone", words(request))}
        return self._panel.show(run, folder, size, words(request))

    def describe(self, workload: str, request: gr.Request) -> list[Any]:
        return self._form.describe(workload, words(request))

    def invite(self, request: gr.Request) -> str:
        return _sentence("compare.empty", words(request))

    def wait(self, request: gr.Request) -> str:
        return _sentence("progress.waiting", words(request))

    def stop(self, request: gr.Request) -> str:
        return _sentence("progress.stopped", words(request))


class _Form:
    """What to compare.

    Attributes:
        inputs: Components in the order of `_request`'s arguments.
        described: Components that depend on the workload.
    """

    def __init__(self, device: str, labels: gr.I18n) -> None:
        entry = catalogue.workload(_FIRST)
        titles = [(labels(f"workload.{each}.title"), each) for each in WORKLOADS]
        self.workload = gr.Radio(titles, value=_FIRST, label=labels("compare.workload"))
        self.about = gr.HTML(elem_id="compare-about")
        self.branches = gr.CheckboxGroup(
            list(BRANCHES), value=list(_CHOSEN), label=labels("compare.branches")
        )
        self.sizes = gr.Textbox(
            ", ".join(map(str, entry.sizes)), label=labels(f"compare.sizes.{entry.size}")
        )
        with gr.Row():
            self.dtype = gr.Dropdown(list(DTYPES), value=DTYPES[0], label=labels("compare.dtype"))
            self.device = gr.Dropdown(list(DEVICES), value=device, label=labels("compare.device"))
        with gr.Row():
            self.parameters = {name: _number(entry, name, labels) for name in _PARAMETERS}
        self.budget = gr.Slider(0.2, 20.0, value=2.0, step=0.2, label=labels("compare.budget"))
        self.twice = gr.Checkbox(
            False, label=labels("compare.twice"), info=labels("compare.twice_about")
        )
        with gr.Row():
            self.run = gr.Button(
                labels("compare.run"), variant="primary", elem_id="compare-run", min_width=100
            )
            self.stop = gr.Button(
                labels("compare.stop"), variant="stop", elem_id="compare-stop", min_width=80
            )
        self.inputs = [
            self.workload,
            self.branches,
            self.sizes,
            self.dtype,
            self.device,
            self.budget,
            self.twice,
            *self.parameters.values(),
        ]
        self.described = [self.about, self.branches, self.sizes, *self.parameters.values()]

    def describe(self, workload: str, text: Text) -> list[Any]:
        """Return updates of `described` for a workload."""
        entry = catalogue.workload(workload)
        offered = [branch for branch in entry.branches if branch not in entry.absent]
        chosen = [branch for branch in _CHOSEN if branch in offered]
        sizes = ", ".join(map(str, entry.sizes))
        numbers = [gr.update(visible=name in entry.parameters) for name in self.parameters]
        return [
            views.render("workload.html", text, entry=entry),
            gr.update(choices=offered, value=chosen),
            gr.update(value=sizes, label=text(f"compare.sizes.{entry.size}")),
            *numbers,
        ]


def _number(entry: catalogue.WorkloadEntry, name: str, labels: gr.I18n) -> gr.Number:
    default = entry.parameters[name].default
    return gr.Number(default, precision=0, label=labels(f"parameter.{name}"), min_width=80)


def _request(
    workload: str,
    branches: list[str],
    sizes: str,
    dtype: str,
    device: str,
    budget_s: float,
    twice: bool,
    *parameters: float | None,
) -> Request:
    """Read the form.

    Raises:
        InputError: Something in it is not of its kind, or cannot be run.
    """
    entry = catalogue.workload(workload)
    chosen = tuple(branch for branch in BRANCHES if branch in branches)
    numbers = dict(zip(_PARAMETERS, parameters, strict=True))
    for name in entry.parameters:
        if numbers[name] is None:
            raise InputError("error.parameter_text", text=f"{name}=")
    request = Request(
        workload=workload,
        branches=(*chosen, *chosen[:1]) if twice else chosen,
        sizes=plan.parse_sizes(sizes),
        dtype=dtype,
        device=device,
        parameters={name: int(numbers[name] or 0) for name in entry.parameters},
        budget_s=budget_s,
    )
    plan.check(request)
    return request


def _progress(step: Progress, asked: Request, text: Text) -> str:
    if step.run is None:
        return _sentence("progress.starting", text)
    done, total = len(step.run.results), len(step.run.cells)
    elapsed = f"{step.elapsed_s:.1f}"
    if step.cell is None and done == total:
        return _sentence("progress.done", text, elapsed=elapsed)
    size = step.run.cells[min(done, total - 1)].size
    sentence = text("progress.running", size=f"{size:,}", done=done, total=total, elapsed=elapsed)
    return views.render(
        "progress.html", text, sentence=sentence, failed=False, done=done, total=total
    )


def _sentence(key: str, text: Text, **values: object) -> str:
    sentence = text(key, **values)
    return views.render("progress.html", text, sentence=sentence, failed=False, total=0, done=0)


def _failure(error: DetachLabError, text: Text) -> str:
    sentence = text(error.key, **error.values)
    return views.render("progress.html", text, sentence=sentence, failed=True, total=0, done=0)


def _discarder(engine: Engine) -> Callable[[Run | None], None]:
    def discard(run: Run | None) -> None:
        if run is not None:
            engine.discard(run)

    return discard
