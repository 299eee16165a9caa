"""The backward graph of one branch, on request: part of the tab Compare."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.locales import Text
from demos.tabs import views
from demos.tabs.events import LOOKING
from demos.tabs.form import Form
from demos.tabs.visitor import words
from profiling.engine.engine import Engine
from profiling.errors import DetachLabError
from profiling.graph_records import BranchGraph
from profiling.graphs import dot, drawing
from profiling.records import Request

# Whole networks: fewer boxes than a lesson's few ops are allowed.
BRANCH_BOXES = 30


def create_branch_graph(engine: Engine, form: Form, labels: gr.I18n) -> None:
    """Place a button and the drawing, and wire them to the form and the engine."""
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

    def offer(workload: str) -> Any:
        offered = form.offered(workload)
        return gr.update(choices=offered, value=offered[0])

    def draw(request: gr.Request, branch: str, *inputs: Any) -> str:
        text = words(request)
        try:
            asked = form.request(inputs[0], [branch], *inputs[2:])
            found = engine.graph(asked)
        except DetachLabError as error:
            return views.problem(error, text)
        return _drawn(found, asked, text)

    form.workload.change(offer, form.workload, branch, **LOOKING)
    run.click(
        draw,
        [branch, *form.inputs],
        view,
        api_name="branch_graph",
        api_visibility="undocumented",
        concurrency_id="worker",
        concurrency_limit=1,
        show_progress="minimal",
    )


def _drawn(found: BranchGraph, asked: Request, text: Text) -> str:
    return views.render(
        "branch_graph.html",
        text,
        graph=drawing.svg(found.graph, text, BRANCH_BOXES),
        dot=dot.dot(found.graph),
        name=f"{asked.workload}-{asked.branches[0]}",
        error=found.error,
        size=min(asked.sizes),
    )
