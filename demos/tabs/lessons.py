"""Tab Lessons: read a scenario, run it step by step, see what of it is so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from demos import catalogue
from demos.finding import find
from demos.lessons import LESSONS, TOPICS
from demos.locales import Text, table
from demos.tabs import views
from demos.tabs.found import found_view
from demos.tabs.refused import refused
from demos.tabs.steps import PartView, part_view
from demos.tabs.visitor import language, words
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.errors import DetachLabError
from profiling.lesson_records import LessonRequest, LessonTrace

_FIRST = LESSONS[0]


class _Controls:
    """The components of the tab.

    Attributes:
        shown: What depends on the chosen lesson.
    """

    def __init__(self, labels: gr.I18n) -> None:
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                self._place_choice(labels)
            with gr.Column(scale=4, min_width=320):
                self._place_inputs(labels)
                self.problem = gr.HTML(elem_id="lesson-problem")
                self.view = gr.HTML(elem_id="lesson-view")
        self.shown = [self.values, self.op, self.problem, self.view]

    def _place_choice(self, labels: gr.I18n) -> None:
        self.query = gr.Textbox(
            label=labels("find.query"),
            placeholder=labels("find.example"),
            lines=1,
            max_lines=6,
            elem_id="lesson-query",
        )
        self.found = gr.HTML(elem_id="lesson-found")
        self.topic = gr.Dropdown(
            choices=[(labels(f"topic.{each}"), each) for each in TOPICS],
            value=next(iter(TOPICS)),
            label=labels("lesson.topic"),
            elem_id="lesson-topic",
        )
        # A script may ask for any; the page shows those of the topic.
        self.name = gr.Radio(
            choices=[(labels(f"lesson.{each}.title"), each) for each in LESSONS],
            value=_FIRST,
            label=labels("lesson.choose"),
            elem_classes="lab-list",
        )

    def _place_inputs(self, labels: gr.I18n) -> None:
        entry = catalogue.lesson(_FIRST)
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

    def choose_topic(topic: str, request: gr.Request) -> Any:
        return _offer(TOPICS.get(topic, LESSONS), words(request))

    def find_lessons(query: str, topic: str, request: gr.Request) -> tuple[Any, Any]:
        text = words(request)
        try:
            hits = find(query or "", language(request))
        except DetachLabError as error:
            return views.problem(error, text), gr.skip()
        if hits:
            return found_view(query, hits, text), _offer([hit.lesson for hit in hits], text)
        if (query or "").strip():
            return views.sentence("find.nothing", text), gr.skip()
        return "", _offer(TOPICS.get(topic, LESSONS), text)

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
            return views.problem(error, text), gr.skip()
        return "", _ran(chosen, trace, text)

    # Not queued: who only looks does not wait for those who measure, nor is refused with them.
    quiet: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress": "hidden",
        "queue": False,
    }
    for event in (controls.name.change, page.load):
        event(show, controls.name, controls.shown, **quiet)
    for event in (controls.topic.input, page.load):
        event(choose_topic, controls.topic, controls.name, **quiet)
    # Not input: Gradio loses the first event of a field, which for an error is the pasting.
    controls.query.change(
        find_lessons,
        [controls.query, controls.topic],
        [controls.found, controls.name],
        trigger_mode="always_last",
        **quiet,
    )
    running = gr.on(
        [controls.run.click, controls.values.submit],
        run_lesson,
        [controls.name, controls.values, controls.op],
        [controls.problem, controls.view],
        api_name="lesson",
        concurrency_id="worker",
        concurrency_limit=1,
        show_progress="minimal",
    )
    running.failure(refused, None, controls.problem, **quiet)


def _offer(names: Sequence[str], text: Text) -> Any:
    """Offer lessons to choose from, the first one chosen."""
    titles = [(text(f"lesson.{each}.title"), each) for each in names]
    return gr.update(choices=titles, value=names[0])


def _numbers_text(entry: catalogue.LessonEntry) -> str:
    return ", ".join(f"{value:g}" for value in entry.values or ())


def _unrun(entry: catalogue.LessonEntry, text: Text) -> str:
    parts = [
        PartView(name, source, views.code(source), [], cut_off=False)
        for name, source in entry.parts.items()
    ]
    return _view(entry, text, inputs={}, parts=parts, trace=None, claims=_claims(entry.name))


def _ran(entry: catalogue.LessonEntry, trace: LessonTrace, text: Text) -> str:
    request = trace.request
    inputs: dict[str, object] = {}
    if entry.values is not None:
        inputs["values"] = list(entry.values if request.values is None else request.values)
    if entry.op is not None:
        inputs["op"] = catalogue.OPS[request.op or entry.op]
    parts = [part_view(part, entry.parts[part.name], text) for part in trace.parts]
    return _view(entry, text, inputs=inputs, parts=parts, trace=trace)


def _view(entry: catalogue.LessonEntry, text: Text, **values: object) -> str:
    key = f"lesson.{entry.name}"
    return views.render("lesson.html", text, key=key, name=entry.name, **values)


def _claims(name: str) -> list[str]:
    """Name a lesson's claims before it has run, by the texts there are for them."""
    prefix = f"lesson.{name}.claim."
    return [key.removeprefix(prefix) for key in table("en") if key.startswith(prefix)]
