"""Tab Start: what this is, a result that is there already, and which way to cut fits."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd
from msgspec.structs import replace

from demos.page import common
from demos.page.common import LOOKING, words
from demos.page.links import FLAGS, Comparison, LessonPlace, Link, read_link, write_link
from profiling import catalogue
from profiling.analysis import tables
from profiling.analysis.findings import Row, finding, rows
from profiling.analysis.statistics import summary
from profiling.catalogue import LESSONS
from profiling.catalogue.advisor import ADVISED, GRADIENTS, Answers, advise, read_answers
from profiling.charts.style import branch_style
from profiling.engine.engine import Engine
from profiling.model.errors import WorkerError
from profiling.model.lesson import LessonRequest
from profiling.model.run import CellResult, Environment, Request, Run, ran
from profiling.model.words import Text
from profiling.output import saved_runs
from profiling.output.html import code

# What the first screen shows: enough to tell time, memory and gradients apart at a glance.
_WORKLOAD = "frozen_backbone"
# Each with what is written for it.
_CODE = {
    "attached": "",
    "detach": "h.detach()",
    "clone_detach": "h.clone().detach()",
    "no_grad": "with torch.no_grad():",
    "frozen": "requires_grad_(False)",
}
_BRANCHES = tuple(_CODE)
_PLACES = ("lessons", "compare", "trace")
_FLAGGED = ("only_here", "frozen", "in_place")
# Seconds that a visitor waits at most for what depends on the machine.
_PATIENCE_S = 60.0


class Costs(NamedTuple):
    """One cell of a recorded run.

    Attributes:
        run: The run, with that cell alone.
        table: Its rows of `profiling.analysis.statistics.summary`.
        same_kind: Whether it was recorded on a machine like this one; None if this one is unknown.
    """

    run: Run
    table: pd.DataFrame
    same_kind: bool | None

    @property
    def cell(self) -> CellResult:
        """The cell that is shown."""
        return self.run.results[0]


class CostRow(NamedTuple):
    """A row of the report, with how long its bars are, from 0 to 1; None where there is none."""

    row: Row
    color: str
    time: float | None
    peak: float | None


def recorded_costs(
    workload: str, environment: Environment | None, branches: tuple[str, ...] = ()
) -> Costs | None:
    """Return what was recorded of a workload at its middle size; None if nothing was.

    Args:
        workload: Its name.
        environment: This machine, whose kind is preferred; None while it is not known.
        branches: The branches to show; all unless given.
    """
    names = [name for name in saved_runs.recorded() if name.endswith(f".{workload}")]
    if not names:
        return None
    runs = {name: _load(saved_runs.recorded()[name]) for name in names}
    best = max(names, key=lambda name: _likeness(runs[name].environment, environment))
    alike = _likeness(runs[best].environment, environment) == (True, True, True)
    run, table = _measured(saved_runs.recorded()[best], branches)
    return Costs(run, table, None if environment is None else alike)


def cost_rows(costs: Costs, text: Text) -> list[CostRow]:
    """Return the rows to show, with their bars."""
    table = costs.table
    times, peaks = _shares(table["step_median_s"]), _shares(table["peak_bytes"])
    return [
        CostRow(row, branch_style(row.branch).color, time, peak)
        for row, time, peak in zip(rows(table, text), times, peaks, strict=True)
    ]


def cost_finding(costs: Costs, text: Text) -> str:
    """Say in one sentence what was found."""
    return finding(costs.table, costs.cell.cell.unit, text)


def source_words(costs: Costs, text: Text) -> str:
    """Say which machine the numbers are from, and how that one is like this one."""
    environment = costs.run.environment
    device = environment.device(costs.cell.cell.device) or environment.devices[0]
    key = {True: "start.from.same", False: "start.from.other", None: "start.from.unknown"}
    return text(
        key[costs.same_kind],
        device=device.name,
        threads=environment.threads,
        torch=environment.torch,
        day=costs.run.started_utc[:10],
    )


@functools.cache
def _load(path: Path) -> Run:
    return saved_runs.load_run(path)


@functools.cache
def _measured(path: Path, branches: tuple[str, ...]) -> tuple[Run, pd.DataFrame]:
    """Return a run with its middle cell alone, and that cell's rows."""
    run = _load(path)
    whole = run.results[len(run.results) // 2]
    kept = tuple(each for each in whole.results if not branches or ran(each.branch) in branches)
    cell = replace(whole.cell, branches=tuple(each.branch for each in kept))
    one = replace(run, cells=(cell,), results=(replace(whole, cell=cell, results=kept),))
    return one, tables.of_cell(summary(one), cell)


def _likeness(theirs: Environment, ours: Environment | None) -> tuple[bool, bool, bool]:
    """Return in what two machines are alike, what matters most first."""
    if ours is None:
        return (False, False, False)
    mine, other = ours.devices[0], theirs.devices[0]
    is_alike = mine.kind == other.kind
    return (is_alike, mine.name == other.name, is_alike and ours.threads == theirs.threads)


def _shares(values: Iterable[Any]) -> list[float | None]:
    numbers = [None if pd.isna(value) else float(value) for value in values]
    largest = max((number for number in numbers if number is not None), default=0.0)
    return [None if each is None or not largest else each / largest for each in numbers]


class StartTab:
    """The components of the tab.

    Attributes:
        inputs: The answers to the advisor's questions, in a link's own values.
        names: What a link calls them.
        usual: The answers until somebody gives others.
        result: What was recorded.
        again: Measures here what is shown as recorded.
        others: Measures here what the advice is about.
        advice: What follows from the answers.
        restored: Components that `greet` and `restore` update.
    """

    names = ("gradient", *_FLAGGED)

    def __init__(self, engine: Engine, labels: gr.I18n) -> None:
        """Build the tab; nothing is drawn until it is asked for."""
        self._engine = engine
        self.usual = _values(Answers())
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                self.result = gr.HTML(elem_id="start-result")
                self.again = _button(labels("start.measure"), "start-measure")
            with gr.Column(scale=1, min_width=260):
                self._cards = gr.HTML(elem_id="start-cards")
        self._title = gr.HTML(elem_id="advisor-title")
        with gr.Row(elem_id="advisor-questions"):
            self.inputs = [_question("gradient", GRADIENTS, labels)]
            for name in _FLAGGED:
                self.inputs.append(_question(name, tuple(FLAGS), labels))
        self.advice = gr.HTML(elem_id="advisor-advice")
        self.others = _button(labels("advisor.measure"), "advisor-measure")
        self.restored = [self._cards, self._title, *self.inputs]
        for question in self.inputs:
            question.change(
                self._advise,
                self.inputs,
                self.advice,
                trigger_mode="always_last",
                **LOOKING,
            )

    def greet(self, text: Text) -> dict[Any, Any]:
        """Return updates with what is there at once."""
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
        """Return updates that give answers."""
        return dict(zip(self.inputs, _values(answers or Answers()), strict=True))

    def draw(self, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Draw what takes a moment: the result, the advice, and what is known of this machine."""
        text = words(request)
        known = self._environment(0.0)
        yield {self.result: _result(known, text)}
        link, _ = read_link(dict(request.query_params))
        yield {self.advice: self._advised(link.answers or Answers(), text)}
        if known is None:
            yield {self.result: _result(self._environment(_PATIENCE_S), text)}

    def recorded(self) -> Comparison:
        """Return what measures here what is shown as recorded."""
        return _comparison(_WORKLOAD, _BRANCHES)

    def advised(self, *answers: str) -> Comparison:
        """Return what measures all that the advice for some answers is about."""
        return _comparison(advise(_answers(*answers)).workload, ADVISED)

    def _advise(self, request: gr.Request, *answers: str) -> str:
        return self._advised(_answers(*answers), words(request))

    def _advised(self, answers: Answers, text: Text) -> str:
        advice = advise(answers)
        costs = recorded_costs(advice.workload, self._environment(0.0))
        found = [] if costs is None else cost_rows(costs, text)
        by_branch = {each.row.branch: each for each in found}
        lesson = Link("lessons", LessonPlace(LessonRequest(advice.lesson)))
        return common.render(
            "advice.html",
            text,
            advice=advice,
            rows=[(each, by_branch.get(each)) for each in (*advice.branches, *advice.others)],
            source="" if costs is None else source_words(costs, text),
            lesson=write_link(lesson),
            compare=write_link(Link("compare", None, self.advised(*_values(answers)))),
            code=code(catalogue.Source(advice.code, 1, "")),
        )

    def _environment(self, patience_s: float) -> Environment | None:
        try:
            return self._engine.environment(patience_s)
        except WorkerError:  # The header says so.
            return None


def _button(label: Any, place: str) -> gr.Button:
    return gr.Button(label, variant="primary", elem_id=place, elem_classes="lab-measure", scale=0)


def _question(name: str, values: tuple[str, ...], labels: gr.I18n) -> gr.Radio:
    usual = _values(Answers())[StartTab.names.index(name)]
    said = {value: {"1": "yes", "0": "no"}.get(value, value) for value in values}
    return gr.Radio(
        [(labels(f"advisor.{name}.{word}"), value) for value, word in said.items()],
        value=usual,
        label=labels(f"advisor.question.{name}"),
        elem_id=f"advisor-{name}",
        elem_classes="lab-answers",
        min_width=230,
    )


def _values(answers: Answers) -> list[str]:
    """Return answers in a link's own values."""
    flags = {meant: value for value, meant in FLAGS.items()}
    return [answers.gradient, *(flags[getattr(answers, name)] for name in _FLAGGED)]


def _answers(gradient: str, *flags: str) -> Answers:
    """Return answers from a link's own values; a question may be left unanswered by a script."""
    given = zip(_FLAGGED, map(FLAGS.get, flags), strict=True)
    return read_answers({"gradient": gradient, **dict(given)})


def _comparison(workload: str, branches: tuple[str, ...]) -> Comparison:
    """Return a comparison at the workload's middle size, of the branches that it has."""
    entry = catalogue.workload(workload)
    offered = tuple(each for each in branches if each in entry.sources)
    return Comparison(Request(workload, offered, (entry.sizes[len(entry.sizes) // 2],)))


def _result(environment: Environment | None, text: Text) -> str:
    costs = recorded_costs(_WORKLOAD, environment, _BRANCHES)
    return common.render("start_result.html", text, **({} if costs is None else told(costs, text)))


def told(costs: Costs, text: Text) -> dict[str, Any]:
    """Return what the template of the result names."""
    return {
        "rows": cost_rows(costs, text),
        "code": _CODE,
        "finding": cost_finding(costs, text),
        "source": source_words(costs, text),
        "baseline": costs.cell.cell.baseline,
    }
