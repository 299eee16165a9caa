"""Tab Start: the box at the door, a recorded result, and the advisor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos.page import common
from demos.page.common import UNQUEUED, language, words
from demos.page.door import create_door
from demos.page.links import (
    FLAGS,
    Comparison,
    LessonPlace,
    Link,
    read_link,
    usual_lesson,
    write_link,
)
from demos.page.recorded import (
    Costs,
    comparison_of,
    cost_finding,
    cost_rows,
    recorded_costs,
    source_words,
)
from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.catalogue.advisor import ADVISED, GRADIENTS, Advice, Answers, advise, read_answers
from profiling.catalogue.search import warm_up
from profiling.engine.engine import Engine
from profiling.model.errors import InputError, WorkerError
from profiling.model.run import Environment
from profiling.model.words import Text
from profiling.output.html import code

# The recorded result on the first screen: its branches differ in time, memory and gradients.
_WORKLOAD = "frozen_backbone"
# Branches and the code for each.
_CODE = {
    "attached": "",
    "detach": "h.detach()",
    "clone_detach": "h.clone().detach()",
    "no_grad": "with torch.no_grad():",
    "frozen": "requires_grad_(False)",
}
_BRANCHES = tuple(_CODE)
_PLACES = ("lessons", "compare", "trace")
_FLAGS = ("only_here", "frozen", "in_place")
# Longest wait for facts about this machine, in seconds.
_TIMEOUT_S = 60.0


class StartTab:
    """The components of the tab.

    Attributes:
        inputs: The answers to the advisor's questions, as values of a link.
        names: Their names in a link.
        defaults: The default answers.
        door: The box at the door.
        result: The recorded result.
        measure_recorded: Button to measure the recorded comparison on this machine.
        measure_advised: Button to measure the branches that the advice covers.
        advice: The advice for the answers.
        restored: The components that `greet` and `restore` update.
    """

    names = ("gradient", *_FLAGS)

    def __init__(self, engine: Engine, labels: gr.I18n, *, runs_code: bool) -> None:
        """Build the tab; `draw` fills it.

        Args:
            engine: Tells what this machine is.
            labels: Texts of components.
            runs_code: As for `create_door`.
        """
        self._engine = engine
        self.defaults = _values(Answers())
        self.door = create_door(labels, runs_code=runs_code)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                self.result = gr.HTML(elem_id="start-result")
                self.measure_recorded = _button(labels("start.measure"), "start-measure")
            with gr.Column(scale=1, min_width=260):
                self._cards = gr.HTML(elem_id="start-cards")
        self._title = gr.HTML(elem_id="advisor-title")
        with gr.Row(elem_id="advisor-questions"):
            self.inputs = [_radio("gradient", GRADIENTS, labels)]
            for name in _FLAGS:
                self.inputs.append(_radio(name, tuple(FLAGS), labels))
        self.advice = gr.HTML(elem_id="advisor-advice")
        self.measure_advised = _button(labels("advisor.measure"), "advisor-measure")
        self.restored = [self._cards, self._title, *self.inputs]
        for question in self.inputs:
            question.change(
                self._advise,
                self.inputs,
                self.advice,
                trigger_mode="always_last",
                **UNQUEUED,
            )

    def greet(self, text: Text) -> dict[Any, Any]:
        """Return updates of the parts that need neither a recorded run nor the machine."""
        return {
            self._cards: common.render(
                "start_cards.html",
                text,
                places=_PLACES,
                lessons=len(LESSONS),
                workloads=len(catalogue.workloads()),
            ),
            self._title: common.render("advisor_title.html", text),
        }

    def restore(self, answers: Answers | None) -> dict[Any, Any]:
        """Return updates that set the answers."""
        return dict(zip(self.inputs, _values(answers or Answers()), strict=True))

    def draw(self, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Yield updates of the result and the advice, and again when the machine is known."""
        text = words(request)
        known = self._environment(0.0)
        yield {self.result: _result(known, text)}
        link, _ = read_link(dict(request.query_params))
        yield {self.advice: self._advised(link.answers or Answers(), text)}
        warm_up(language(request))
        if known is None:
            yield {self.result: _result(self._environment(_TIMEOUT_S), text)}

    def recorded(self) -> Comparison:
        """Return the comparison that was recorded."""
        return comparison_of(_WORKLOAD, _BRANCHES)

    def advised(self, *answers: str) -> Comparison:
        """Return the comparison of all branches that the advice covers.

        Raises:
            InputError: The answers contradict each other.
        """
        return _advised_comparison(advise(_answers(*answers)))

    def _advise(self, request: gr.Request, *answers: str) -> str:
        return self._advised(_answers(*answers), words(request))

    def _advised(self, answers: Answers, text: Text) -> str:
        try:
            advice = advise(answers)
        except InputError as error:
            return common.problem(error, text)
        costs = recorded_costs(advice.workload, self._environment(0.0))
        found = [] if costs is None else cost_rows(costs, text)
        by_branch = {each.row.branch: each for each in found}
        lesson = Link("lessons", LessonPlace(usual_lesson(advice.lesson)))
        return common.render(
            "advice.html",
            text,
            advice=advice,
            rows=[(each, by_branch.get(each)) for each in (*advice.branches, *advice.others)],
            source="" if costs is None else source_words(costs.recorded, text),
            lesson=write_link(lesson),
            compare=write_link(Link("compare", None, _advised_comparison(advice))),
            code=code(catalogue.Source(advice.code, 1, "")),
        )

    def _environment(self, timeout_s: float) -> Environment | None:
        try:
            return self._engine.environment(timeout_s)
        except WorkerError:  # The header says so.
            return None


def _button(label: Any, place: str) -> gr.Button:
    return gr.Button(label, variant="primary", elem_id=place, elem_classes="lab-measure", scale=0)


def _radio(name: str, values: tuple[str, ...], labels: gr.I18n) -> gr.Radio:

    keys = {value: {"1": "yes", "0": "no"}.get(value, value) for value in values}
    return gr.Radio(
        [(labels(f"advisor.{name}.{key}"), value) for value, key in keys.items()],
        value=_values(Answers())[StartTab.names.index(name)],
        label=labels(f"advisor.question.{name}"),
        elem_id=f"advisor-{name}",
        elem_classes="lab-answers",
        min_width=230,
    )


def _values(answers: Answers) -> list[str]:
    """Return answers as values of a link."""
    flags = {meant: value for value, meant in FLAGS.items()}
    return [answers.gradient, *(flags[getattr(answers, name)] for name in _FLAGS)]


def _answers(gradient: str, *flags: str) -> Answers:
    """Return answers from values of a link; a script may leave questions unanswered."""
    given = zip(_FLAGS, map(FLAGS.get, flags), strict=True)
    return read_answers({"gradient": gradient, **dict(given)})


def _advised_comparison(advice: Advice) -> Comparison:
    return comparison_of(advice.workload, ADVISED)


def _result(environment: Environment | None, text: Text) -> str:
    costs = recorded_costs(_WORKLOAD, environment, _BRANCHES)
    return common.render(
        "start_result.html", text, **({} if costs is None else result_values(costs, text))
    )


def result_values(costs: Costs, text: Text) -> dict[str, Any]:
    """Return the variables of the result's template."""
    return {
        "rows": cost_rows(costs, text),
        "code": _CODE,
        "finding": cost_finding(costs, text),
        "source": source_words(costs.recorded, text),
        "baseline": costs.cell.finished.cell.baseline,
    }
