"""Tab Playground: steps through the user's own code. Only with the option ``--playground``."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.page import common
from demos.page.common import UNQUEUED, words
from demos.page.door import Door
from demos.page.links import lesson_address
from demos.page.stepper import part_view
from profiling.catalogue import Source, signs
from profiling.engine.playground import SECONDS, Playground
from profiling.model.errors import DetachLabError
from profiling.model.lesson import PartTrace
from profiling.model.words import Text
from profiling.output import explanation

_EXAMPLE = """\
import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
h = torch.exp(x)
c = h.detach()
c.add_(1)
loss = h.sum()
loss.backward()
"""


def create_playground_tab(
    playground: Playground, labels: gr.I18n, door: Door, tabs: gr.Tabs
) -> None:
    """Build the tab; its code runs with the rights of the user who started the page.

    Args:
        playground: Runs the code.
        labels: Texts of components.
        door: What is pasted there is run here when its button is pressed.
        tabs: All tabs.
    """
    gr.Markdown(labels("playground.warning"))
    source = gr.Code(
        _EXAMPLE,
        language="python",
        label=labels("playground.code"),
        elem_id="playground-code",
        lines=10,
    )
    with gr.Row():
        run = gr.Button(labels("lesson.run"), variant="primary", elem_id="playground-run")
        why = gr.Button(labels("explain.page.why_button"), elem_id="playground-why")
    view = gr.HTML(elem_id="playground-view")

    def step(typed: str | None, request: gr.Request) -> str:
        text = words(request)
        typed = typed or ""
        try:
            part = playground.step(typed)
        except DetachLabError as error:
            return common.problem(error, text)
        return _stepped(part, typed, text)

    def explain(typed: str | None, request: gr.Request) -> str:
        text = words(request)
        try:
            found = playground.explain(typed or "")
        except DetachLabError as error:
            return common.problem(error, text)
        return str(explanation.html(found, text, lesson_address))

    alone: dict[str, Any] = {
        "api_visibility": "private",
        "concurrency_id": "playground",
        "concurrency_limit": 1,
        "show_progress": "minimal",
    }
    taken = door.run.click(_take, door.asked, [source, tabs], **UNQUEUED)
    taken.then(step, source, view, **alone)
    run.click(step, source, view, api_name="playground", **alone)
    why.click(explain, source, view, api_name="playground_why", **alone)


def _take(pasted: str | None) -> tuple[str, Any]:
    return signs.plain(pasted or ""), gr.Tabs(selected="playground")


def _stepped(part: PartTrace, typed: str, text: Text) -> str:
    view = part_view(part, Source(typed, 1, ""), text)
    slow = part.error is not None and part.error.type == "TimeLimit"
    return common.render(
        "playground.html",
        text,
        part=view,
        name=part.name,
        error=part.error,
        slow=slow,
        limit=SECONDS,
    )
