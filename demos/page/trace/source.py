"""Which trace: a branch of the last run, a recorded one, or a file; what came of opening it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from demos.page import common
from demos.page.trace.opened import Opened
from profiling.engine.engine import Engine
from profiling.model.errors import InputError, short
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.output.saved_runs import RECORDED_PREFIX, find_trace, recorded_traces
from profiling.traces.table import trace_fault


class Source:
    """The components that choose a trace.

    Attributes:
        inputs: What is chosen, after the run.
        asked: The events that ask for it: the button, and a file that has come.
    """

    def __init__(self, labels: gr.I18n, name: str, action: str, preferred: int = 0) -> None:
        """Place the components.

        Args:
            labels: The texts of components.
            name: What the ids on the page begin with.
            action: Key of what the button says.
            preferred: Place of the trace that is chosen for a visitor who has chosen none.
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
        self.inputs = [self._branch, self._file]
        self.asked = [button.click, self._file.upload]
        # The last of the two that was chosen counts, so the other one is emptied.
        private: dict[str, Any] = {"api_visibility": "private", "queue": False}
        self._file.upload(lambda: None, None, self._branch, show_progress="hidden", **private)
        self._branch.input(lambda: None, None, self._file, show_progress="hidden", **private)

    def offer(self, tab: gr.Tab, run: gr.State) -> Dependency:
        """Offer the traces of the run and the recorded ones; return what does so on opening."""

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
            yield common.render(
                "progress.html", text, sentence=sentence, failed=False, done=done, total=100
            )


def problem(error: Exception, text: Text) -> str:
    """Say what is wrong, in words that fit a trace."""
    return common.problem(trace_fault(error), text)


def _traces(run: Run | None) -> list[tuple[str, str]]:
    """Return label and file of each trace of a run."""
    finished = () if run is None else run.results
    return [
        (f"{result.branch} · {cell.cell.size:,} · {cell.cell.device}", result.trace)
        for cell in finished
        for result in cell.results
        if result.trace is not None
    ]


def _recorded() -> list[tuple[str, str]]:
    """Return label and value of each trace that comes with the project, and where it is from."""
    return [
        (
            f"{each.workload} · {each.branch} · {each.size:,} · {each.device} ×{each.threads}, "
            f"torch {each.torch}",
            f"{RECORDED_PREFIX}{each.name}",
        )
        for each in recorded_traces().values()
    ]


def _chosen(
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
