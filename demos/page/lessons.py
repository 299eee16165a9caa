"""Tab Lessons: search lessons, run one, and step through it with its verdicts."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup, escape

from demos.page import common
from demos.page.common import ON_LESSONS, UNQUEUED, language, queue_full, words
from demos.page.frameworks import elsewhere
from demos.page.links import LessonPlace, lesson_address, number_text, usual_lesson
from demos.page.recorded import measurement
from demos.page.stepper import PartView, linked, part_view
from profiling import catalogue
from profiling.analysis.diagnosis import Diagnosis
from profiling.catalogue import LESSONS, TOPICS
from profiling.catalogue.search import Field, Hit, Mark, Span, find
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError, InputError
from profiling.model.lesson import LessonRequest, LessonTrace
from profiling.model.request import AUTO
from profiling.model.words import Text, table
from profiling.output import explanation
from profiling.output.html import code

_FIRST = LESSONS[0]
_SHOWN_HITS = 5
# Characters of the query that are shown around a match.
_CONTEXT = 60
_TIMEOUT_S = 60.0


class LessonsTab:
    """The tab and its events.

    Attributes:
        names: Names of the inputs in a link.
        inputs: The lesson, its inputs and its device.
        offered: What `offer` takes.
        opened: What `open` takes.
        view: The lesson, which `open` updates.
        device: The choice of a device, which `offer` updates.
        restored: The components that `restore` updates.
    """

    names = ("lesson", "values", "op", "on")

    def __init__(self, engine: Engine, labels: gr.I18n, place: gr.State) -> None:
        """Build the tab and connect its events.

        Args:
            engine: Runs lessons.
            labels: Texts of components.
            place: State with a step of a lesson to run and a unique value, so that the same step
                can be asked for again; None for no step.
        """
        self._engine = engine
        self._place = place
        self._controls = controls = _Controls(labels)
        # `name_shown` instead of the choice: Gradio refuses a value that is no longer a choice.
        self.offered, self.device = [controls.name_shown, controls.device], controls.device
        self.inputs = [controls.name, controls.values, controls.op, controls.device]
        self.opened = [controls.name_shown, controls.has_run, place, *self.inputs[1:]]
        self.view = controls.view
        self.restored = [controls.topic, controls.name, place, *controls.shown, controls.device]
        controls.name.change(
            self._show,
            [controls.name, controls.name_shown, controls.device],
            [*controls.shown, controls.device],
            **UNQUEUED,
        )
        controls.topic.input(
            _choose_topic, [controls.topic, controls.name_shown], controls.name, **UNQUEUED
        )
        # `change` instead of `input`: Gradio loses the first input event, such as a pasted error.
        controls.query.change(
            _find_lessons,
            [controls.query, controls.topic, controls.name_shown],
            [controls.found, controls.name],
            trigger_mode="always_last",
            **UNQUEUED,
        )
        running = gr.on(
            [controls.run.click, controls.values.submit],
            self._run,
            self.inputs,
            [controls.problem, controls.view],
            api_name="show_lesson",
            api_visibility="undocumented",
            show_progress="minimal",
            **ON_LESSONS,
        )
        opening = place.change(
            self._run_place,
            place,
            [controls.problem, controls.view],
            api_visibility="private",
            show_progress="minimal",
            **ON_LESSONS,
        )
        for asked in (running, opening):
            asked.failure(queue_full, None, controls.problem, **UNQUEUED)

    def offer(self, name: str, asked: str | None) -> Any:
        """Return the update that offers a choice of device, once it is known where there is one.

        Args:
            name: The lesson; there is no choice for one that needs the CPU.
            asked: What is chosen: the page's own device, unless a link asks for another.
        """
        with contextlib.suppress(DetachLabError):  # The header says so.
            self._engine.environment(_TIMEOUT_S)
        return self._offered(name, asked)

    def _offered(self, name: str, asked: str | None) -> Any:
        return gr.update(**device_choice(self._engine.devices(), name, asked))

    def restore(self, place: LessonPlace | None, text: Text) -> dict[Any, Any]:
        """Return updates that show a lesson, and run it if a step of it is asked for.

        It is not run if a GPU has to be lent for it.
        """
        place = place or LessonPlace(usual_lesson())
        entry = catalogue.lesson(place.request.name)
        controls = self._controls
        asked = (place, secrets.token_hex(4)) if runs_at_once(place, self._engine) else None
        return {
            controls.topic: entry.topic,
            controls.name: _choices(TOPICS[entry.topic], text, entry.name),
            self._place: asked,
            **dict(zip(controls.shown, _lesson_values(entry, place.request, text), strict=True)),
            controls.device: {
                **self._offered(entry.name, place.request.device),
                "value": place.request.device,
            },
        } | self._opened_view(place.request, text)

    def open(
        self,
        name: str,
        has_run: str,
        place: tuple[LessonPlace, str] | None,
        values: str,
        op: str | None,
        device: str | None,
        request: gr.Request,
    ) -> Any:
        """Return the lesson that is shown, run, once there is a worker to run it.

        Args:
            name: The lesson.
            has_run: Not empty if it has run meanwhile.
            place: The step that a link asks for, which is run for it.
            values: Its numbers, as they are written.
            op: Its op.
            device: Its device.
            request: The visitor's.
        """
        if has_run or place is not None:
            return gr.skip()
        try:
            asked = _asked(name, values, op, device)
        except InputError:  # Whoever runs it is told.
            return gr.skip()
        return self._opened_view(asked, words(request)).get(self._controls.view, gr.skip())

    def _opened_view(self, asked: LessonRequest, text: Text) -> dict[Any, Any]:
        """Return the update that shows a lesson as it is opened, with its own inputs."""
        try:
            found = self._engine.opened_lesson(asked.name) if _is_usual(asked) else None
        except DetachLabError:  # Whoever runs it is told.
            found = None
        if found is None:
            return {}
        view = self._result(LessonPlace(asked), found.trace, text, found.diagnosis, opened=True)
        return {self._controls.view: view}

    def _show(
        self, name: str, name_shown: str, device: str | None, request: gr.Request
    ) -> tuple[Any, ...]:
        # `restore` has shown it already.
        if name == name_shown:
            return (gr.skip(),) * (len(self._controls.shown) + 1)
        entry, text = catalogue.lesson(name if name in LESSONS else _FIRST), words(request)
        usual = usual_lesson(entry.name)
        *shown, view = _lesson_values(entry, usual, text)
        asked = LessonRequest(entry.name, device=device or AUTO)
        opened = self._opened_view(asked, text).get(self._controls.view, view)
        return (*shown, opened, self._offered(entry.name, device))

    def _run(
        self, name: str, values: str, op: str | None, device: str | None, request: gr.Request
    ) -> tuple[Any, Any]:
        text = words(request)
        try:
            asked = _asked(name, values, op, device)
            trace = self._engine.lesson(asked)
        except DetachLabError as error:
            return common.problem(error, text), gr.skip()
        return "", self._result(LessonPlace(asked), trace, text)

    def _run_place(
        self, asked: tuple[LessonPlace, str] | None, request: gr.Request
    ) -> tuple[Any, Any]:
        if asked is None:
            return gr.skip(), gr.skip()
        place, text = asked[0], words(request)
        try:
            trace = self._engine.lesson(place.request)
        except DetachLabError as error:
            return common.problem(error, text), gr.skip()
        total = next(len(part.steps) for part in trace.parts if part.name == place.part)
        is_late = (place.step or 0) > total
        notice = common.sentence("link.last_step", text, total=total) if is_late else ""
        return notice, self._result(place, trace, text)

    def _result(
        self,
        place: LessonPlace,
        trace: LessonTrace,
        text: Text,
        diagnosis: Diagnosis | None = None,
        *,
        opened: bool = False,
    ) -> str:
        is_told = len(self._engine.devices()) > 1 or trace.request.device != "cpu"
        reasons = self._reasons(trace, text, diagnosis)
        return _result_view(
            place,
            trace,
            text,
            tells_device=is_told,
            reasons=reasons,
            opened=opened,
            measured=self._measured(trace.request.name, text),
        )

    def _measured(self, name: str, text: Text) -> Markup:
        try:
            machine = self._engine.environment(0.0)
        except DetachLabError:  # The header says so.
            machine = None
        return Markup(measurement(catalogue.lesson(name).measured, machine, text))

    def _reasons(
        self, trace: LessonTrace, text: Text, diagnosis: Diagnosis | None = None
    ) -> Markup:
        """Return what is wrong with the gradients of a lesson's wrong code, if it has any."""
        wrong = next((part for part in trace.parts if part.name == "wrong"), None)
        if wrong is None:
            return Markup()
        try:
            found = diagnosis or self._engine.explain_lesson(trace.request)
        except DetachLabError:  # What the lesson shows stands without it.
            return Markup()
        steps = {step.line for step in wrong.steps}
        return explanation.findings(found, text, lesson_address, steps)


class _Controls:
    """The components of the tab.

    Attributes:
        name_shown: State with the name of the lesson that is shown.
        shown: The components that depend on the chosen lesson, `name_shown` first.
    """

    def __init__(self, labels: gr.I18n) -> None:
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                self._add_choice(labels)
            with gr.Column(scale=4, min_width=320):
                self._add_inputs(labels)
                self.problem = gr.HTML(elem_id="lesson-problem")
                self.view = gr.HTML(elem_id="lesson-view")
        self.name_shown = gr.State(_FIRST)
        self.has_run = gr.Textbox(visible=False)
        self.shown = [self.name_shown, self.values, self.op, self.problem, self.view]

    def _add_choice(self, labels: gr.I18n) -> None:
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
        # All lessons, since a script may ask for any; the page shows those of the topic.
        self.name = gr.Radio(
            choices=[(labels(f"lesson.{each}.title"), each) for each in LESSONS],
            value=_FIRST,
            label=labels("lesson.choose"),
            elem_classes="lab-list",
        )

    def _add_inputs(self, labels: gr.I18n) -> None:
        entry = catalogue.lesson(_FIRST)
        with gr.Row(equal_height=True, elem_id="lesson-inputs"):
            self.values = gr.Textbox(
                value=_join_numbers(entry.values), label=labels("lesson.values"), max_length=400
            )
            self.op = gr.Dropdown(
                choices=[(label, key) for key, label in catalogue.OPS.items()],
                value=entry.op,
                label=labels("lesson.op"),
                min_width=190,
            )
            # What there is to choose is not known yet; which of several can be written.
            self.device = gr.Dropdown(
                [AUTO],
                value=AUTO,
                label=labels("compare.device"),
                allow_custom_value=True,
                visible=False,
                min_width=110,
                elem_id="lesson-device",
            )
            self.run = gr.Button(
                labels("lesson.run"),
                variant="primary",
                elem_id="lesson-run",
                scale=0,
                min_width=120,
            )


def device_choice(devices: Sequence[str], name: str, asked: str | None) -> dict[str, Any]:
    """Return what the choice of a device offers, and whether it is shown.

    Args:
        devices: Those of the page, its own first; none while they are unknown.
        name: The lesson; there is no choice for one that needs the CPU.
        asked: What is chosen.
    """
    first, *others = devices or (AUTO,)
    has_own = name in LESSONS and catalogue.lesson(name).device != ""
    # One that a link asks for and that is not here can be changed.
    is_open = bool(others) or asked not in (None, AUTO, first)
    return {
        "choices": [(first, AUTO), *((each, each) for each in others)],
        "visible": is_open and not has_own,
    }


def runs_at_once(place: LessonPlace, engine: Engine) -> bool:
    """Whether a link runs a lesson: for a step of it, unless a GPU would have to be lent.

    Anybody may have sent the link, and the quota would be the visitor's.
    """
    return place.step is not None and not engine.lends_for(place.request)


def _asked(name: str, values: str, op: str | None, device: str | None) -> LessonRequest:
    """Return the lesson that the fields of the tab ask for.

    Raises:
        InputError: There is no such lesson, or a value is no number.
    """
    entry = catalogue.lesson(name)
    return LessonRequest(
        name,
        plan.parse_values(values or "") if entry.values is not None else None,
        op if entry.op is not None else None,
        device or AUTO,
    )


def _is_usual(asked: LessonRequest) -> bool:
    """Whether a lesson is asked for as it is opened."""
    entry = catalogue.lesson(asked.name)
    has_own = asked.values in (None, entry.values) and asked.op in (None, entry.op)
    return has_own and asked.device == AUTO


def _choose_topic(topic: str, name_shown: str, request: gr.Request) -> Any:
    names = TOPICS.get(topic, LESSONS)
    text = words(request)
    # If the lesson that is shown belongs to the topic, it stays.
    return gr.update(choices=_titles(names, text)) if name_shown in names else _choices(names, text)


def _find_lessons(query: str, topic: str, name_shown: str, request: gr.Request) -> tuple[Any, Any]:
    text = words(request)
    names = TOPICS.get(topic, LESSONS)
    # What was found before is no answer any more; the lesson that is shown stays.
    every = _choices(names, text, name_shown if name_shown in names else "")
    try:
        hits = find(query or "", language(request))
    except DetachLabError as error:
        return common.problem(error, text), gr.skip()
    if hits:
        return search_results(query, hits, text), _choices([hit.lesson for hit in hits], text)
    if (query or "").strip():
        return common.sentence("find.nothing", text), every
    return "", every


def _choices(names: Sequence[str], text: Text, chosen: str = "") -> Any:
    """Return the update that offers some lessons, with one chosen, by default the first."""
    return gr.update(choices=_titles(names, text), value=chosen or names[0])


def _titles(names: Sequence[str], text: Text) -> list[tuple[str, str]]:
    return [(text(f"lesson.{each}.title"), each) for each in names]


def _lesson_values(
    entry: catalogue.LessonEntry, request: LessonRequest, text: Text
) -> tuple[Any, ...]:
    """Return the values of `_Controls.shown` for a lesson that has not run."""
    values = entry.values if request.values is None else request.values
    return (
        entry.name,
        gr.update(value=_join_numbers(values), visible=entry.values is not None),
        gr.update(value=request.op or entry.op, visible=entry.op is not None),
        "",
        _unrun_view(entry, text),
    )


def _join_numbers(values: Sequence[float] | None) -> str:
    return ", ".join(map(number_text, values or ()))


def _unrun_view(entry: catalogue.LessonEntry, text: Text) -> str:
    parts = [
        PartView(name, source, code(source), [], cut_off=False)
        for name, source in entry.parts.items()
    ]
    return _view(
        entry, text, inputs={}, parts=parts, trace=None, claims=_claims(entry.name), reasons=""
    )


def _result_view(
    place: LessonPlace,
    trace: LessonTrace,
    text: Text,
    *,
    tells_device: bool,
    reasons: str = "",
    opened: bool = False,
    measured: str = "",
) -> str:
    """Return a lesson that has run, at its last steps or at the step that a link asks for.

    Args:
        place: What was asked for.
        trace: What happened.
        text: Translator.
        tells_device: Whether to say on which device it ran.
        reasons: What is wrong with the gradients of its wrong code.
        opened: Whether nobody has run it: it is shown from its first steps on.
        measured: What its case costs.
    """
    request, entry = trace.request, catalogue.lesson(trace.request.name)
    values = entry.values if request.values is None else request.values
    inputs: dict[str, object] = {}
    if values is not None:
        inputs["values"] = list(values)
    if entry.op is not None:
        inputs["op"] = catalogue.OPS[request.op or entry.op]
    if tells_device:
        inputs["device"] = request.device
    asked = {} if place.step is None else {place.part: place.step - 1}
    start = 0 if opened else None
    parts = [
        part_view(part, entry.parts[part.name], text, asked.get(part.name, start))
        for part in trace.parts
    ]
    parts = linked(parts)
    # The values of a link to it.
    ran = {
        "values": ",".join(map(number_text, values or ())),
        "op": request.op or entry.op or "",
        "on": place.request.device,
        "part": next(iter(asked), ""),
        "opened": "1" if opened else "",
    }
    return _view(
        entry,
        text,
        inputs=inputs,
        parts=parts,
        trace=trace,
        ran=ran,
        reasons=reasons,
        measured=measured,
    )


def _view(entry: catalogue.LessonEntry, text: Text, **values: object) -> str:
    return common.render(
        "lesson.html",
        text,
        key=f"lesson.{entry.name}",
        entry=entry,
        name=entry.name,
        device_reason=entry.device_reason if entry.device else "",
        elsewhere=elsewhere(entry.name, text),
        **values,
    )


def _claims(name: str) -> list[str]:
    """Return the names of a lesson's claims before it has run, from its locale keys."""
    prefix = f"lesson.{name}.claim."
    return [key.removeprefix(prefix) for key in table("en") if key.startswith(prefix)]


class _Line(NamedTuple):
    field: str
    text: Markup
    is_code: bool


class _Result(NamedTuple):
    title: str
    fit: str
    query: Markup
    lines: list[_Line]


def search_results(query: str, hits: tuple[Hit, ...], text: Text) -> str:
    """Return the lessons that were found, with the matched texts, as HTML."""
    found = [
        _Result(
            title=text(f"lesson.{hit.lesson}.title"),
            fit=text(f"find.fit.{hit.fit.value}"),
            query=_excerpt(query, [mark.query for mark in hit.marks]),
            lines=list(_lines(hit.marks, text)),
        )
        for hit in hits[:_SHOWN_HITS]
    ]
    return common.render("found.html", text, found=found, more=len(hits) - len(found))


def highlight(text: str, spans: Iterable[Span]) -> Markup:
    """Escape a text and mark some spans of it.

    Example:
        >>> highlight("a < b", [(0, 1)])
        Markup('<mark>a</mark> &lt; b')
    """
    parts, at = [], 0
    for start, end in sorted(spans):
        start = max(start, at)
        if start < end:
            parts += [escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
            at = end
    return Markup().join([*parts, escape(text[at:])])


def _lines(marks: tuple[Mark, ...], text: Text) -> Iterable[_Line]:
    for field, found in dict.fromkeys((mark.field, mark.text) for mark in marks):
        places = [mark.place for mark in marks if (mark.field, mark.text) == (field, found)]
        is_code = field in (Field.ERROR, Field.NAME, Field.CODE)
        yield _Line(text(f"find.field.{field.value}"), highlight(found, places), is_code)


def _excerpt(query: str, spans: list[Span]) -> Markup:
    """Return the matched part of a long query."""
    first = max(0, min((start for start, _ in spans), default=0) - _CONTEXT)
    last = min(len(query), max((end for _, end in spans), default=0) + _CONTEXT)
    before, after = "…" if first else "", "…" if last < len(query) else ""
    inner = highlight(query[first:last], [(start - first, end - first) for start, end in spans])
    return Markup("{}{}{}").format(before, inner, after)
