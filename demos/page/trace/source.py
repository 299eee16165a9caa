"""Lets a visitor choose a trace (of the last run, recorded, or a file) and reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.events import Dependency

from demos.page import common
from demos.page.common import UNQUEUED, words
from profiling.engine.engine import Engine
from profiling.engine.traces import OpenedTrace, trace_fault
from profiling.model.errors import InputError, short
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.output.saved_runs import RECORDED_PREFIX, find_trace, recorded_traces


class Chosen(NamedTuple):
    """The trace that was chosen, once it is opened, and its name; whoever takes it closes it."""

    trace: OpenedTrace
    name: str


class TracePicker:
    """The components to choose a trace.

    Attributes:
        inputs: The branch and the file.
        events: The events to open the chosen trace on: a click on the button, an upload.
    """

    def __init__(self, labels: gr.I18n, name: str, action: str, preferred: int = 0) -> None:
        """Create the components.

        Args:
            labels: Texts of components.
            name: Prefix of their ids on the page.
            action: Locale key of the button.
            preferred: Index of the trace that is chosen by default.
        """
        self._preferred = preferred
        self._branch = gr.Dropdown(
            _recorded(),
            value=None,
            label=labels("trace.branch"),
            elem_id=f"{name}-branch",
            scale=2,
            min_width=260,
        )
        self._file = gr.File(
            label=labels("trace.upload"), height=140, elem_id=f"{name}-file", scale=2, min_width=260
        )
        button = gr.Button(
            labels(action),
            variant="primary",
            elem_id=f"{name}-open",
            scale=0,
            min_width=120,
        )
        self._stop = gr.Button(labels("trace.stop"), elem_id=f"{name}-stop", scale=0, min_width=90)
        self.inputs = [self._branch, self._file]
        self.events = [button.click, self._file.upload]
        # The last choice counts, so the other component is emptied.
        private: dict[str, Any] = {"api_visibility": "private", "queue": False}
        self._file.upload(lambda: None, None, self._branch, show_progress="hidden", **private)
        self._branch.input(lambda: None, None, self._file, show_progress="hidden", **private)

    def stop(self, openings: list[Dependency], shown: gr.HTML) -> None:
        """Have the button Stop end an opening, and say so.

        Args:
            openings: The events on which a trace is opened.
            shown: Where its progress is shown.
        """

        def stopped(request: gr.Request, now: object) -> Any:
            is_reading = isinstance(now, str) and "<progress" in now
            return common.sentence("trace.stopped", words(request)) if is_reading else gr.skip()

        ended: list[dict[str, Any]] = [*openings]
        stopping = self._stop.click(stopped, shown, shown, cancels=ended, **UNQUEUED)
        # Of an event that follows another Gradio forgets what it cancels; see the tab Compare.
        stopping.then(stopped, shown, shown, **UNQUEUED)

    def offer(self, tab: gr.Tab, run: gr.State) -> Dependency:
        """Offer the traces of the run and the recorded ones whenever the tab is opened."""

        def offered(run: Run | None, now: str | None, file: str | None) -> Any:
            choices = [*_traces(run), *_recorded()]
            values = [value for _, value in choices]
            preferred = values[self._preferred] if len(values) > self._preferred else None
            chosen = now if now in values else preferred
            return gr.update(choices=choices, value=None if file else chosen)

        return tab.select(
            offered,
            [run, *self.inputs],
            self._branch,
            api_visibility="private",
            show_progress="hidden",
        )


def read_chosen(
    engine: Engine, run: Run | None, branch: str | None, file: str | None, text: Text
) -> Iterator[str | Chosen]:
    """Read the chosen trace; yield its progress as HTML and, at the end, the trace.

    Raises:
        DetachLabError: No trace was chosen, or it cannot be read.
    """
    path, name = _path_and_name(engine, run, branch, file)
    for step in engine.open_trace(path):
        if step.trace is not None:
            yield Chosen(step.trace, name)
        else:
            sentence = text("trace.reading", name=short(name))
            done = round(step.share * 100)
            yield common.render(
                "progress.html", text, sentence=sentence, failed=False, done=done, total=100
            )


def problem(error: Exception, text: Text) -> str:
    """Return an error as HTML, with the messages for traces."""
    return common.problem(trace_fault(error), text)


def _traces(run: Run | None) -> list[tuple[str, str]]:
    """Return the label and the file of each trace of a run."""
    finished = () if run is None else run.results
    return [
        (f"{result.branch} · {cell.cell.size:,} · {cell.cell.device}", result.trace)
        for cell in finished
        for result in cell.results
        if result.trace is not None
    ]


def _recorded() -> list[tuple[str, str]]:
    """Return the label and the value of each recorded trace."""
    return [
        (
            f"{each.workload} · {each.branch} · {each.size:,} · {each.device} ×{each.threads}, "
            f"torch {each.torch}",
            f"{RECORDED_PREFIX}{each.name}",
        )
        for each in recorded_traces().values()
    ]


def _path_and_name(
    engine: Engine, run: Run | None, branch: str | None, file: str | None
) -> tuple[Path, str]:
    if file:
        return Path(file), Path(file).name
    recorded = {value: label for label, value in _recorded()}
    if branch in recorded:
        return find_trace(branch), recorded[branch]
    names = {trace: label for label, trace in _traces(run)}
    if run is None or branch not in names:
        raise InputError("error.trace_none")
    path = engine.run_folder(run) / branch
    if not path.exists():
        raise InputError("error.trace_gone")
    return path, names[branch]
