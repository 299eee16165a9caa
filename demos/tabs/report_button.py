"""The report of the run on the Compare tab: one HTML file, made when it is asked for."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.tabs import views
from demos.tabs.visitor import words
from profiling.engine.engine import Engine
from profiling.errors import DetachLabError, InputError
from profiling.html_report import document, run_part
from profiling.records import Run

_NAME = "detach-lab-report.html"
# Saves the file as soon as it is there; its link stays for who wants it again.
_SAVE = """() => {
  let tries = 100;
  const waiting = setInterval(() => {
    const link = document.querySelector("#compare-report a[download]");
    if (link || !--tries) clearInterval(waiting);
    if (link) link.click();
  }, 50);
}"""


class ReportButton:
    """The button, and the file that it makes.

    Attributes:
        components: All that `offered` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        self._button = gr.Button(
            labels("download.report"),
            visible=False,
            size="sm",
            min_width=120,
            elem_id="compare-report-make",
        )
        self._file = gr.File(
            interactive=False,
            visible=False,
            show_label=False,
            min_width=320,
            elem_id="compare-report",
        )
        self.components = (self._button, self._file)

    def offered(self) -> dict[Any, Any]:
        """Return updates for a run that has no report yet."""
        return {
            self._button: gr.update(visible=True),
            self._file: gr.update(value=None, visible=False),
        }

    def wire(self, engine: Engine, progress: gr.HTML, run: gr.State) -> None:
        """Say what the button does.

        Args:
            engine: Keeps the run's files.
            progress: Says what went wrong.
            run: The run of the page.
        """

        def make(measured: Run | None, request: gr.Request) -> dict[Any, Any]:
            text = words(request)
            try:
                if measured is None:
                    raise InputError("error.no_run_here")
                folder = engine.run_folder(measured)
                if not folder.exists():
                    return {progress: views.sentence("progress.gone", text)}
                path = folder / _NAME
                path.write_text(document([run_part(measured, folder, text)], text), "utf-8")
            except DetachLabError as error:
                return {progress: views.problem(error, text)}
            return {self._file: gr.update(value=str(path), visible=True)}

        private: dict[str, Any] = {"api_visibility": "private"}
        made = self._button.click(make, run, [progress, self._file], **private)
        made.then(None, None, None, js=_SAVE, **private)
