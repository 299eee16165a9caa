"""Tab Lessons: read a scenario, run it, see what the article got right."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import gradio as gr

from demos import catalogue
from demos.lessons import LESSONS
from demos.locales import Text, table
from demos.tabs import views
from demos.tabs.visitor import words
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.errors import DetachLabError
from profiling.records import LessonRequest, LessonTrace, TensorState

_DIGITS = 4


class _Tensor(NamedTuple):
    """A tensor's row: its state and what of it needs formatting."""

    state: TensorState
    values: str
    grad: str
    shares: str


def create_lessons_tab(page: gr.Blocks, engine: Engine, labels: gr.I18n) -> None:
    """Build the tab and wire it to the engine."""
    first = LESSONS[0]
    entry = catalogue.lesson(first)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            name = gr.Radio(
                choices=[(labels(f"lesson.{each}.title"), each) for each in LESSONS],
                value=first,
                label=labels("lesson.choose"),
                elem_classes="lab-list",
            )
        with gr.Column(scale=3, min_width=320):
            with gr.Row(equal_height=True):
                values = gr.Textbox(
                    value=_numbers_text(entry), label=labels("lesson.values"), max_length=400
                )
                op = gr.Dropdown(
                    choices=[(label, key) for key, label in catalogue.OPS.items()],
                    value=entry.op,
                    label=labels("lesson.op"),
                )
                run = gr.Button(
                    labels("lesson.run"),
                    variant="primary",
                    elem_id="lesson-run",
                    scale=0,
                    min_width=120,
                )
            problem = gr.HTML(elem_id="lesson-problem")
            view = gr.HTML(elem_id="lesson-view")

    def show(name: str, request: gr.Request) -> tuple[Any, ...]:
        chosen = catalogue.lesson(name if name in LESSONS else first)
        return (
            gr.update(value=_numbers_text(chosen), visible=chosen.values is not None),
            gr.update(value=chosen.op, visible=chosen.op is not None),
            "",
            _unrun(chosen, words(request)),
        )

    def run_lesson(name: str, values: str, op: str | None, request: gr.Request) -> tuple[Any, Any]:
        text = words(request)
        try:
            chosen = catalogue.lesson(name)
            asked = LessonRequest(
                name,
                plan.parse_values(values or "") if chosen.values is not None else None,
                op if chosen.op is not None else None,
            )
            trace = engine.lesson(asked)
        except DetachLabError as error:
            return _problem(error, text), gr.skip()
        return "", _ran(chosen, trace, text)

    shown = [values, op, problem, view]
    name.change(show, name, shown, api_visibility="private", show_progress="hidden")
    page.load(show, name, shown, api_visibility="private", show_progress="hidden")
    gr.on(
        [run.click, values.submit],
        run_lesson,
        [name, values, op],
        [problem, view],
        api_name="lesson",
        concurrency_id="worker",
        concurrency_limit=1,
        show_progress="minimal",
    )


def _numbers_text(entry: catalogue.LessonEntry) -> str:
    return ", ".join(f"{value:g}" for value in entry.values or ())


def _problem(error: DetachLabError, text: Text) -> str:
    sentence = text(error.key, **error.values)
    return views.render("progress.html", text, sentence=sentence, failed=True, total=0, done=0)


def _unrun(entry: catalogue.LessonEntry, text: Text) -> str:
    return views.render(
        "lesson.html",
        text,
        key=f"lesson.{entry.name}",
        source=entry.source,
        code=views.code(entry.source),
        inputs={},
        claims=_claims(entry.name),
        trace=None,
    )


def _ran(entry: catalogue.LessonEntry, trace: LessonTrace, text: Text) -> str:
    request = trace.request
    inputs: dict[str, object] = {}
    if entry.values is not None:
        inputs["values"] = list(entry.values if request.values is None else request.values)
    if entry.op is not None:
        inputs["op"] = catalogue.OPS[request.op or entry.op]
    return views.render(
        "lesson.html",
        text,
        key=f"lesson.{entry.name}",
        source=entry.source,
        code=views.code(entry.source, trace.error.line if trace.error else None),
        inputs=inputs,
        trace=trace,
        tensors=_tensors(trace),
    )


def _claims(name: str) -> list[str]:
    """Name a lesson's claims before it has run, by the texts there are for them."""
    prefix = f"lesson.{name}.claim."
    return [key.removeprefix(prefix) for key in table("en") if key.startswith(prefix)]


def _tensors(trace: LessonTrace) -> list[_Tensor]:
    states = trace.steps[-1].tensors if trace.steps else ()
    rows = []
    for state in states:
        others = [
            other.name
            for other in states
            if other.storage == state.storage and other.name != state.name
        ]
        grad = "None" if state.grad is None else _numbers(state.grad, state.shape)
        rows.append(_Tensor(state, _numbers(state.values, state.shape), grad, ", ".join(others)))
    return rows


def _numbers(values: tuple[float, ...], shape: tuple[int, ...]) -> str:
    shown = ", ".join(f"{value:.{_DIGITS}f}" for value in values)
    more = ", …" if math.prod(shape) > len(values) else ""
    return f"[{shown}{more}]" if shape else shown
