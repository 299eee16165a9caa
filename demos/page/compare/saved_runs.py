"""Other runs on the Compare tab: those of this session, recorded ones, and files.

They are opened like a new run, compared with the displayed one or, those of this session, deleted.
"""

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
from demos.page.compare.session_runs import MOST_RUNS
from profiling.analysis.diff import (
    around,
    device_name,
    diff,
    headline,
    lone_words,
    sections,
)
from profiling.analysis.headings import measured_at, workload_title
from profiling.charts.run_diff import ratio_by_branch
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError, InputError, file_error, short
from profiling.model.request import mode_word
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.output import saved_runs

# The runs that were displayed in this browser tab, the last one at the end.
_RUNS = "() => labLink.runs()"
_AND_RUNS = "(...inputs) => [...inputs.slice(0, -1), labLink.runs()]"
# The value of a choice begins with this if it is a run of this session.
_SESSION = "session:"
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
        self._names = [(name, name) for name in saved_runs.recorded_runs()]
        with gr.Accordion(labels("diff.accordion"), open=False, elem_id="beside") as self._folded:
            with gr.Row():
                self._known = gr.Dropdown(
                    self._names, value=None, label=labels("diff.known"), elem_id="beside-known"
                )
                self._file = gr.File(label=labels("diff.upload"), height=150, elem_id="beside-file")
            with gr.Row():
                self._lay = gr.Button(labels("diff.lay"), elem_id="beside-lay", min_width=100)
                self._open = gr.Button(labels("diff.open"), elem_id="beside-open", min_width=100)
                self._delete = gr.Button(
                    labels("diff.delete"), elem_id="beside-delete", min_width=100
                )
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
        chosen = [run, self._known, self._file]
        listed = gr.Textbox(visible=False)
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
        self._delete.click(
            self._deleter(page),
            [run, self._known, listed],
            [run, progress, self._known, *panel.components],
            js=_AND_RUNS,
            **UNQUEUED,
        )
        self._folded.expand(self._lister(page), listed, self._known, js=_RUNS, **UNQUEUED)
        # The last of the two that was chosen counts, so the other one is emptied.
        self._file.upload(lambda: None, None, self._known, **UNQUEUED)
        self._known.input(lambda: None, None, self._file, **UNQUEUED)

    def _guarded(
        self, page: _Page, act: Callable[[_Page, Run | None, Path, Text], Updates]
    ) -> Callable[..., Updates]:
        """Return an event handler that calls an action and displays any error as one sentence."""

        def handle(
            run: Run | None, name: str | None, file: str | None, request: gr.Request
        ) -> Updates:
            text = words(request)
            try:
                return act(page, run, _chosen(page, name, file), text)
            except DetachLabError as error:
                failure: DetachLabError = error
            except Exception as error:
                # No list of what a made-up run can make pandas raise would be complete.
                unusable = InputError("error.run_unusable", file=short(Path(file or "").name))
                failure = file_error(error) or unusable
            return {page.progress: common.problem(failure, text)}

        return handle

    def _lister(self, page: _Page) -> Callable[..., Any]:
        """Return an event handler that offers the runs of this session."""

        def list_runs(listed: str | None, request: gr.Request) -> Any:
            return self._offered(page, listed, words(request))

        return list_runs

    def _offered(self, page: _Page, listed: str | None, text: Text) -> Any:
        return gr.update(choices=[*_listed(page, listed, text), *self._names], value=None)

    def _deleter(self, page: _Page) -> Callable[..., Updates]:
        """Return an event handler that deletes a run of this session."""

        def delete_run(
            run: Run | None, name: str | None, listed: str | None, request: gr.Request
        ) -> Updates:
            text = words(request)
            try:
                if not (name or "").startswith(_SESSION):
                    raise InputError("error.no_session_run")
                gone = saved_runs.load_run(_chosen(page, name, None))
            except DetachLabError as error:
                return {page.progress: common.problem(error, text)}
            page.panel.runs.delete(page.engine, gone)
            updates: Updates = {
                self._known: self._offered(page, listed, text),
                page.progress: common.sentence("diff.deleted", text, when=measured_at(gone)),
            }
            if run is not None and run.id == gone.id:
                updates |= {page.run: None} | page.panel.hidden()
            return updates

        return delete_run

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
        if path.parent.parent == page.engine.folder:
            run = saved_runs.load_run(path)
            name = workload_title(run.cells[0].workload, text)
            return self._opened(page, previous, run, path.parent, name, text)
        folder = page.engine.folder / f"opening-{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            run = saved_runs.unpack_run(path, folder)
            if not run.results:
                raise InputError("error.run_empty", file=short(path.name))
            # An id of its own, or two visitors who open the same run would share its folder.
            run = replace(run, id=f"{run.id[:_ID_KEPT]}-{secrets.token_hex(4)}")
            folder = folder.rename(page.engine.run_folder(run))
            return self._opened(page, previous, run, folder, short(path.name), text)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _opened(
        self, page: _Page, previous: Run | None, run: Run, folder: Path, name: str, text: Text
    ) -> Updates:
        """Return updates that display a run in place of the one before, which stays."""
        shown = page.panel.show(run, folder, None, text)
        page.panel.runs.supersede(page.engine, previous, run)
        device, when = device_name(run), measured_at(run)
        said = common.sentence("diff.opened", text, name=name, device=device, when=when)
        # What lay beside the run before has nothing to do with this one.
        cleared = dict.fromkeys((self._table, self._chart), gr.update(value=None, visible=False))
        return {page.run: run, page.progress: said, **shown, **cleared}


def _listed(page: _Page, ids: str | None, text: Text) -> list[tuple[str, str]]:
    """Return the runs of a session that are still here, the last one first, with what they are.

    Args:
        page: The tab.
        ids: Their ids, as the browser has kept them.
        text: Translator.
    """
    found = []
    for key in reversed((ids or "").split()[-MOST_RUNS:]):
        try:
            run = page.panel.kept(page.engine, key)
        except (DetachLabError, OSError):  # Its files are just being deleted.
            continue
        if run is not None:
            sizes = dict.fromkeys(f"{each.size:,}" for each in run.cells)
            modes = filter(None, map(mode_word, run.request.modes))
            title = workload_title(run.cells[0].workload, text)
            parts = (title, text("language.list").join(sizes), *modes, measured_at(run))
            found.append((" · ".join(parts), f"{_SESSION}{key}"))
    return found


def _chosen(page: _Page, name: str | None, file: str | None) -> Path:
    """Return the file of the run that was chosen.

    Raises:
        InputError: None was, or it is gone.
    """
    if name and name.startswith(_SESSION):
        key = name.removeprefix(_SESSION)
        if not page.panel.is_kept(page.engine, key):
            raise InputError("error.run_gone")
        return page.panel.kept_file(page.engine, key)
    if file:
        return Path(file)
    if not name:
        raise InputError("error.no_saved_run")
    return saved_runs.find_run(f"{saved_runs.RECORDED_PREFIX}{name}")
