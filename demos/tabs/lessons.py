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
from profiling.lesson_records import LessonRequest, LessonTrace, TensorState

_FIRST = LESSONS[0]
_DIGITS = 4


class _Tensor(NamedTuple):
    """A tensor's row: its state and what of it needs formatting."""

    state: TensorState
    values: str
    grad: str
    shares: str


class _Controls:
    """The components of the tab.

    Attributes:
        shown: What depends on the chosen lesson.
    """

    def __init__(self, labels: gr.I18n) -> None:
        entry = catalogue.lesson(_FIRST)
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                self.name = gr.Radio(
                    choices=[(labels(f"lesson.{each}.title"), each) for each in LESSONS],
                    value=_FIRST,
                    label=labels("lesson.choose"),
                    elem_classes="lab-list",
                )
            with gr.Column(scale=3, min_width=320):
                with gr.Row(equal_height=True):
                    self.values = gr.Textbox(
                        value=_numbers_text(entry), label=labels("lesson.values"), max_length=400
                    )
                    self.op = gr.Dropdown(
                        choices=[(label, key) for key, label in catalogue.OPS.items()],
                        value=entry.op,
                        label=labels("lesson.op"),
                        min_width=190,
                    )
                    self.run = gr.Button(
                        labels("lesson.run"),
                        variant="primary",
                        elem_id="lesson-run",
                        scale=0,
                        min_width=120,
                    )
                self.problem = gr.HTML(elem_id="lesson-problem")
                self.view = gr.HTML(elem_id="lesson-view")
        self.shown = [self.values, self.op, self.problem, self.view]


def create_lessons_tab(page: gr.Blocks, engine: Engine, labels: gr.I18n) -> None:
    """Build the tab and wire it to the engine."""
    controls = _Controls(labels)

    def show(name: str, request: gr.Request) -> tuple[Any, ...]:
        chosen = catalogue.lesson(name if name in LESSONS else _FIRST)
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

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    for event in (controls.name.change, page.load):
        event(show, controls.name, controls.shown, **quiet)
    gr.on(
        [controls.run.click, controls.values.submit],
        run_lesson,
        [controls.name, controls.values, controls.op],
        [controls.problem, controls.view],
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
