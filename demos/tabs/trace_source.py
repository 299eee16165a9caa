"""Which trace: a branch of the run on the Compare tab, or a file; with what came of opening it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from demos.locales import Text
from demos.tabs import views
from demos.tabs.trace_opened import Opened
from profiling.engine.engine import Engine
from profiling.errors import DetachLabError, InputError, WorkerError, file_error, short
from profiling.records import Run


class Source:
    """The components that choose a trace.

    Attributes:
        inputs: What `open` takes, after the run.
    """

    def __init__(self, labels: gr.I18n, name: str, action: str) -> None:
        """Place the components.

        Args:
            labels: The texts of components.
            name: What the ids on the page begin with.
            action: Key of what the button says.
        """
        self._branch = gr.Dropdown(
            [],
            value=None,
            label=labels("trace.branch"),
            elem_id=f"{name}-branch",
            scale=2,
            min_width=260,
        )
        self._file = gr.File(
            label=labels("trace.upload"), height=140, elem_id=f"{name}-file", scale=2, min_width=260
        )
        self.open = gr.Button(
            labels(action),
            variant="primary",
            elem_id=f"{name}-open",
            scale=0,
            min_width=120,
        )
        self.inputs = [self._branch, self._file]
        # The last of the two that was chosen counts, so the other one is emptied.
        private: dict[str, Any] = {"api_visibility": "private", "queue": False}
        self._file.upload(lambda: None, None, self._branch, show_progress="hidden", **private)
        self._branch.input(lambda: None, None, self._file, show_progress="hidden", **private)

    def offer(self, tab: gr.Tab, run: gr.State) -> None:
        """Offer the traces of the run whenever the tab is opened."""
        tab.select(_offered, run, self._branch, api_visibility="private", show_progress="hidden")


def reading(
    engine: Engine, run: Run | None, branch: str | None, file: str | None, text: Text
) -> Iterator[str | Opened]:
    """Read the chosen trace: yield HTML that says how far it is, and the trace at the end.

    Raises:
        DetachLabError: Nothing was chosen, or it cannot be read.
    """
    path, name = _chosen(engine, run, branch, file)
    for step in engine.read_trace(path):
        if step.trace is not None:
            yield Opened(name, step.trace)
        else:
            sentence = text("trace.reading", name=short(name))
            done = round(step.share * 100)
            yield views.render(
                "progress.html", text, sentence=sentence, failed=False, done=done, total=100
            )


def problem(error: Exception, text: Text) -> str:
    """Say what is wrong, in words that fit a trace."""
    known = {
        "error.worker_died": "error.trace_died",
        "error.worker_late": "error.trace_late",
    }
    if isinstance(error, WorkerError):
        error = InputError(known.get(error.key, "error.trace_failed"))
    error = file_error(error) or error
    if not isinstance(error, DetachLabError):
        error = InputError("error.trace_failed")
    return views.problem(error, text)


def _offered(run: Run | None) -> Any:
    return gr.update(choices=_traces(run), value=None)


def _traces(run: Run | None) -> list[tuple[str, str]]:
    """Return label and file of each trace of a run."""
    finished = () if run is None else run.results
    return [
        (f"{result.branch} · {cell.cell.size:,} · {cell.cell.device}", result.trace)
        for cell in finished
        for result in cell.results
        if result.trace is not None
    ]


def _chosen(
    engine: Engine, run: Run | None, branch: str | None, file: str | None
) -> tuple[Path, str]:
    if file:
        return Path(file), Path(file).name
    names = {trace: label for label, trace in _traces(run)}
    if run is None or branch not in names:
        raise InputError("error.trace_none")
    path = engine.run_folder(run) / branch
    if not path.exists():
        raise InputError("error.trace_gone")
    return path, names[branch]
