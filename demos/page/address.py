"""The address of the page: applies links to the page, and copies a link to what is shown."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import gradio as gr

from demos.page import common
from demos.page.common import PRIVATE, UNQUEUED, words
from demos.page.compare.session_runs import MOST_RUNS
from demos.page.compare.tab import CompareTab
from demos.page.explain import ExplainTab
from demos.page.lessons import LessonsTab
from demos.page.links import NAMES, Comparison, Link, read_link, usual_comparison
from demos.page.start import StartTab
from profiling.model.errors import InputError
from profiling.model.words import Text

_SHOWN_FAULTS = 3
_MAX_QUERY = 20_000
_HAS_RUN = "(...shown) => labLink.hasRun(...shown)"
_ATTACH = "labLink.attach(trigger);"

Updates = dict[Any, Any]


def script() -> str:
    """Return the script that updates the address, with what it shares with the server."""
    script = (Path(__file__).parent / "links.js").read_text(encoding="utf-8")
    shared = f"window.labLinkNames = {json.dumps(NAMES)};\nwindow.labMostRuns = {MOST_RUNS};\n"
    return f"{shared}{script}"


class PageTabs(NamedTuple):
    """The tabs that a link can open and fill.

    Attributes:
        tabs: The component with all tabs.
        named: Tabs by name.
    """

    tabs: gr.Tabs
    named: Mapping[str, gr.Tab]
    start: StartTab
    lessons: LessonsTab
    compare: CompareTab
    explain: ExplainTab


class Address:
    """The copy button, the errors of a link, and the events of links.

    Attributes:
        place: State with the step of a lesson that a link asks for; it is run when this changes.
        begin: State that starts a comparison when it changes.
    """

    def __init__(self) -> None:
        """Create the components."""
        self._copy = gr.HTML(elem_id="copy-link", js_on_load=_ATTACH)
        self._faults = gr.HTML(elem_id="link-faults")
        # Outside of the tabs: inside one, a state reports a change as soon as its tab is shown.
        self.place: gr.State = gr.State(None)
        self.begin: gr.State = gr.State(None)

    def connect(self, page: gr.Blocks, places: PageTabs) -> None:
        """Connect the events: links to and within the page, inputs that the address contains."""
        handlers = _Handlers(self._copy, self._faults, self.begin, places)
        settled: dict[str, Any] = {"js": "() => { labLink.arrive(); return []; }"}
        lessons = places.lessons
        page.load(handlers.arrive, None, handlers.outputs, **PRIVATE).then(
            None, None, None, **settled
        ).then(lessons.offer, lessons.offered, lessons.device, **PRIVATE).then(
            lessons.open, lessons.opened, lessons.view, js=_HAS_RUN, **PRIVATE
        )
        # Not queued: later, the visitor may have chosen another workload.
        page.load(handlers.describe, None, places.compare.form.described, **UNQUEUED)
        self._copy.select(handlers.follow, None, handlers.outputs, **PRIVATE).then(
            None, None, None, **settled
        )
        start = places.start
        page.load(start.draw, None, [start.result, start.advice], **PRIVATE)
        start.measure_recorded.click(handlers.measure_recorded, None, handlers.outputs, **PRIVATE)
        start.measure_advised.click(
            handlers.measure_advised, start.inputs, handlers.outputs, **PRIVATE
        )
        _report_inputs(places)


class _Handlers:
    """Handlers of the events of links."""

    def __init__(self, copy: gr.HTML, faults: gr.HTML, begin: gr.State, places: PageTabs) -> None:
        self._copy = copy
        self._faults = faults
        self._begin = begin
        self._places = places
        form = places.compare.form
        self.outputs: list[Any] = [
            *(copy, faults, places.tabs, begin),
            *places.start.restored,
            *places.lessons.restored,
            *places.explain.restored,
            *dict.fromkeys((*form.described, *form.inputs)),
        ]

    def arrive(self, request: gr.Request) -> Updates:
        """Fill the page from its address, with defaults for what it does not mention."""
        text = words(request)
        link, faults = self._read(dict(request.query_params))
        places = self._places
        asked = link.comparison
        comparison = {} if asked is None else places.compare.form.fill(asked, text)
        return {
            self._copy: common.render("copy_link.html", text),
            self._faults: _fault_list(faults, text),
            **self._open(link),
            **places.start.greet(text),
            **places.start.restore(link.answers),
            **places.lessons.restore(link.lesson, text),
            **places.explain.restore(link.example, text),
            **comparison,
        }

    def describe(self, request: gr.Request) -> Updates:
        """Describe the default workload, unless a link asks for another."""
        form = self._places.compare.form
        link, _ = self._read(dict(request.query_params))
        if link.comparison is not None:
            return {form.about: gr.skip()}
        return form.describe(usual_comparison(), words(request))

    def follow(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Fill the page from a link within it; what the link does not mention stays."""
        text = words(request)
        data = event._data if isinstance(event._data, dict) else {}
        query = str(data.get("query") or "")[:_MAX_QUERY].removeprefix("?")
        link, faults = self._read(dict(parse_qsl(query, keep_blank_values=True)))
        updates: Updates = {self._faults: _fault_list(faults, text)}
        updates |= self._open(link, "start")
        if link.answers is not None:
            updates |= self._places.start.restore(link.answers)
        if link.lesson is not None:
            updates |= self._places.lessons.restore(link.lesson, text)
        if link.example is not None:
            updates |= self._places.explain.restore(link.example, text)
        if link.comparison is not None:
            updates |= self._places.compare.form.fill(link.comparison, text)
            if data.get("measures"):
                updates[self._begin] = secrets.token_hex(4)
        return updates

    def measure_recorded(self, request: gr.Request) -> Updates:
        """Measure the recorded comparison on this machine."""
        return self._measure(self._places.start.recorded(), words(request))

    def measure_advised(self, request: gr.Request, *answers: str) -> Updates:
        """Measure the branches that the advice covers on this machine."""
        text = words(request)
        try:
            return self._measure(self._places.start.advised(*answers), text)
        except InputError as error:
            return {self._faults: _fault_list([error], text)}

    def _measure(self, comparison: Comparison, text: Text) -> Updates:
        """Return updates that fill the form, open its tab and start the comparison."""
        return {
            self._places.tabs: gr.Tabs(selected="compare"),
            **self._places.compare.form.fill(comparison, text),
            self._begin: secrets.token_hex(4),
        }

    def _read(self, query: Mapping[str, str]) -> tuple[Link, tuple[InputError, ...]]:
        return read_link(query, tuple(self._places.named))

    def _open(self, link: Link, otherwise: str = "") -> Updates:
        tab = link.tab or otherwise
        return {self._places.tabs: gr.Tabs(selected=tab)} if tab else {}


def _fault_list(faults: Sequence[InputError], text: Text) -> str:
    if not faults:
        return ""
    shown = [text(fault.key, **fault.values) for fault in faults[:_SHOWN_FAULTS]]
    return common.render("link_faults.html", text, sentences=shown, more=len(faults) - len(shown))


def _report_inputs(places: PageTabs) -> None:
    """Let the browser write the inputs of each tab to the address, without a request."""
    form = places.compare.form
    inputs_of: dict[str, tuple[Sequence[str], list[Any]]] = {
        "start": (places.start.names, places.start.inputs),
        "lessons": (places.lessons.names, places.lessons.inputs),
        "compare": (form.names, form.inputs),
        "explain": (places.explain.names, places.explain.inputs),
    }
    defaults = {"start": places.start.defaults}
    for name, tab in places.named.items():
        names, inputs = inputs_of.get(name, ((), []))
        fixed = map(json.dumps, (name, names, defaults.get(name)))
        arguments = "{}, {}, values, {}".format(*fixed)
        tab.select(None, inputs, None, js=_js("open", arguments))
        if inputs:
            gr.on([each.change for each in inputs], None, inputs, None, js=_js("tell", arguments))


def _js(function: str, arguments: str) -> str:
    """Return a JavaScript listener that passes the inputs of a tab to a function of the script."""
    return f"(...values) => {{ labLink.{function}({arguments}); return []; }}"
