"""Saved runs on the Compare tab: opened like a new run, or compared with the displayed one."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.events import Dependency
from msgspec.structs import replace

from demos.page import common
from demos.page.common import UNQUEUED, words
from demos.page.compare.results import Panel
from profiling.analysis.diff import (
    around,
    device_name,
    diff,
    headline,
    lone_words,
    sections,
)
from profiling.analysis.headings import measured_at
from profiling.charts.run_diff import ratio_by_branch
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError, InputError, file_error, short
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.output import saved_runs

# Characters of a run's own id that stay in that of the opened copy.
_ID_KEPT = 40

Updates = dict[Any, Any]


class _Page(NamedTuple):
    """The parts of the tab that the handlers use."""

    engine: Engine
    panel: Panel
    progress: gr.HTML
    run: gr.State


class Beside:
    """The components to choose a saved run, and those that display two runs side by side."""

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
        names = list(saved_runs.recorded_runs())
        with gr.Accordion(labels("diff.accordion"), open=False, elem_id="beside"):
            with gr.Row():
                self._recorded = gr.Dropdown(
                    names, value=None, label=labels("diff.recorded"), visible=bool(names)
                )
                self._file = gr.File(label=labels("diff.upload"), height=150, elem_id="beside-file")
            with gr.Row():
                self._lay = gr.Button(labels("diff.lay"), elem_id="beside-lay", min_width=100)
                self._open = gr.Button(labels("diff.open"), elem_id="beside-open", min_width=100)
            self._table = gr.HTML(elem_id="beside-table", visible=False)
            self._chart = gr.Plot(show_label=False, visible=False, elem_id="plot-beside")

    def wire(
        self, engine: Engine, panel: Panel, progress: gr.HTML, run: gr.State, measuring: Dependency
    ) -> None:
        """Connect the buttons.

        Args:
            engine: Owner of the folders of opened runs.
            panel: Panel that displays the run.
            progress: Component that displays messages and errors.
            run: State with the displayed run.
            measuring: Event that runs a comparison; opening a run cancels it.
        """
        page = _Page(engine, panel, progress, run)
        chosen = [run, self._recorded, self._file]
        self._lay.click(
            self._guarded(page, self._lay_beside),
            chosen,
            [progress, self._table, self._chart],
            api_name="lay_beside",
            api_visibility="undocumented",
            show_progress="hidden",
        )
        self._open.click(
            self._guarded(page, self._open_run),
            chosen,
            [run, progress, *panel.components, self._table, self._chart],
            api_name="open_run",
            api_visibility="undocumented",
            cancels=[measuring],
            show_progress="hidden",
        )
        # The last of the two that was chosen counts, so the other one is emptied.
        self._file.upload(lambda: None, None, self._recorded, **UNQUEUED)
        self._recorded.input(lambda: None, None, self._file, **UNQUEUED)

    def _guarded(
        self, page: _Page, act: Callable[[_Page, Run | None, Path, Text], Updates]
    ) -> Callable[..., Updates]:
        """Return an event handler that calls an action and displays any error as one sentence."""

        def handle(
            run: Run | None, name: str | None, file: str | None, request: gr.Request
        ) -> Updates:
            text = words(request)
            try:
                return act(page, run, _chosen(name, file), text)
            except DetachLabError as error:
                failure: DetachLabError = error
            except Exception as error:
                # No list of what a made-up run can make pandas raise would be complete.
                unusable = InputError("error.run_unusable", file=short(Path(file or "").name))
                failure = file_error(error) or unusable
            return {page.progress: common.problem(failure, text)}

        return handle

    def _lay_beside(self, page: _Page, run: Run | None, path: Path, text: Text) -> Updates:
        if run is None:
            raise InputError("error.no_run_here")
        other = saved_runs.load_run(path)
        found = diff(run, other)
        given = [
            ("run", run.id, f"{other.id} ({short(path.name)})"),
            ("measured", measured_at(run), measured_at(other)),
        ]
        html = common.render(
            "diff.html",
            text,
            finding=headline(found, text),
            devices=(device_name(run), device_name(other)),
            environment=[*given, *around(found)],
            same=not found.environment,
            sections=sections(found, text),
            only=[
                (text("diff.only_a"), lone_words(found.only_a, text)),
                (text("diff.only_b"), lone_words(found.only_b, text)),
            ],
        )
        said = common.sentence("diff.laid", text, name=short(path.name))
        chart = gr.update(value=ratio_by_branch(found.rows, text), visible=not found.rows.empty)
        table = gr.update(value=html, visible=True)
        return {page.progress: said, self._table: table, self._chart: chart}

    def _open_run(self, page: _Page, previous: Run | None, path: Path, text: Text) -> Updates:
        folder = page.engine.folder / f"opening-{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            run = saved_runs.unpack_run(path, folder)
            if not run.results:
                raise InputError("error.run_empty", file=short(path.name))
            # An id of its own, or two visitors who open the same run would share its folder.
            run = replace(run, id=f"{run.id[:_ID_KEPT]}-{secrets.token_hex(4)}")
            folder = folder.rename(page.engine.run_folder(run))
            shown = page.panel.show(run, folder, None, text)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if previous is not None:
            page.panel.discarder(page.engine)(previous)
        device, when = device_name(run), measured_at(run)
        said = common.sentence("diff.opened", text, name=short(path.name), device=device, when=when)
        # What lay beside the run before has nothing to do with this one.
        cleared = dict.fromkeys((self._table, self._chart), gr.update(value=None, visible=False))
        return {page.run: run, page.progress: said, **shown, **cleared}


def _chosen(name: str | None, file: str | None) -> Path:
    if file:
        return Path(file)
    if not name:
        raise InputError("error.no_saved_run")
    return saved_runs.find_run(f"{saved_runs.RECORDED_PREFIX}{name}")
