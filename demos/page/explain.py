"""Tab My step: explains the record of a watched training script; it runs nothing of it."""

from __future__ import annotations

import functools
import secrets
from pathlib import Path
from typing import Any

import gradio as gr

from demos.page import common
from demos.page.common import ON_LESSONS, UNQUEUED, queue_full, words
from demos.page.links import FIRST_EXAMPLE, lesson_address
from profiling.analysis.diagnosis import Diagnosis, diagnose
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError
from profiling.model.watch import load_watch
from profiling.model.words import Text
from profiling.output import explanation


class ExplainTab:
    """The tab and its events.

    Attributes:
        names: Names of the inputs in a link.
        inputs: The example.
        restored: The components that `restore` updates.
    """

    names = ("example",)

    def __init__(self, engine: Engine, tab: gr.Tab, labels: gr.I18n) -> None:
        """Build the tab and connect its events.

        Args:
            engine: Has uploaded records diagnosed.
            tab: The tab; opening it for the first time shows an example.
            labels: Texts of components.
        """
        self._engine = engine
        gr.Markdown(labels("explain.page.about"))
        with gr.Row():
            self._example = gr.Dropdown(
                [(labels(f"example.{name}"), name) for name in explanation.examples()],
                value=FIRST_EXAMPLE,
                label=labels("explain.page.example"),
                elem_id="explain-example",
                scale=2,
                min_width=260,
            )
            file = gr.File(
                label=labels("explain.page.upload"),
                height=120,
                elem_id="explain-file",
                scale=2,
                min_width=260,
            )
        problem = gr.HTML(elem_id="explain-problem")
        self._view = gr.HTML(elem_id="explain-view")
        # What is shown: the name of an example, or what no example is called.
        self._shown: gr.State = gr.State("")
        self.inputs = [self._example]
        self.restored = [self._example, self._shown, self._view]
        shown = [problem, self._shown, self._view]
        tab.select(self._show_first, [self._example, self._shown], shown, **UNQUEUED)
        self._example.change(self._show_example, [self._example, self._shown], shown, **UNQUEUED)
        self._example.input(lambda: None, None, file, **UNQUEUED)
        opening = file.upload(
            self._show_file,
            file,
            [*shown, self._example],
            api_name="open_record",
            api_visibility="undocumented",
            show_progress="minimal",
            **ON_LESSONS,
        )
        opening.failure(queue_full, None, problem, **UNQUEUED)

    def restore(self, example: str | None, text: Text) -> dict[Any, Any]:
        """Return updates that show an example; None leaves the first one to be shown later."""
        if example is None:
            return {self._example: FIRST_EXAMPLE, self._shown: "", self._view: ""}
        return {
            self._example: example,
            self._shown: example,
            self._view: _view(_example(example), text),
        }

    def _show_first(self, example: str | None, shown: str, request: gr.Request) -> Any:
        return self._show_example(None if shown else example, shown, request)

    def _show_example(self, example: str | None, shown: str, request: gr.Request) -> Any:
        if example == shown or example not in explanation.examples():
            return (gr.skip(),) * 3
        return "", example, _view(_example(example), words(request))

    def _show_file(self, file: str | None, request: gr.Request) -> Any:
        text = words(request)
        if file is None:
            return (gr.skip(),) * 4
        try:
            found = self._engine.explain(Path(file))
            return "", secrets.token_hex(4), _view(found, text), None
        except DetachLabError as error:
            return common.problem(error, text), gr.skip(), gr.skip(), gr.skip()


@functools.cache
def _example(name: str) -> Diagnosis:
    return diagnose(load_watch(explanation.examples()[name]))


def _view(diagnosis: Diagnosis, text: Text) -> str:
    return str(explanation.html(diagnosis, text, lesson_address))
