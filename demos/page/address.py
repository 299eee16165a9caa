"""The page's address: what a link asks for is put on the page, and a button copies the link."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import gradio as gr

from demos.page import common
from demos.page.common import LOOKING, QUIET, words
from demos.page.compare.tab import CompareTab
from demos.page.lessons import LessonsTab
from demos.page.links import Comparison, Link, read_link, usual_comparison
from demos.page.start import StartTab
from profiling.model.errors import InputError
from profiling.model.words import Text

_SHOWN_FAULTS = 3
_MAX_QUERY = 20_000
_ATTACH = "labLink.attach(trigger);"

Updates = dict[Any, Any]


def script() -> str:
    """Return the script that keeps the address."""
    return (Path(__file__).parent / "links.js").read_text(encoding="utf-8")


class Places(NamedTuple):
    """What a link can lead to.

    Attributes:
        tabs: The tabs, and each of them by its name.
    """

    tabs: gr.Tabs
    named: Mapping[str, gr.Tab]
    start: StartTab
    lessons: LessonsTab
    compare: CompareTab


class Address:
    """The copy button and what it says of a link, wired to all that a link can lead to.

    Attributes:
        place: The place in a lesson that a link asks for, to be run when it changes.
        begin: Starts a comparison when it changes.
    """

    def __init__(self) -> None:
        """Place the components."""
        self._copy = gr.HTML(elem_id="copy-link", js_on_load=_ATTACH)
        self._faults = gr.HTML(elem_id="link-faults")
        # Not within a tab: there, a state would tell of a change as soon as its tab is shown.
        self.place: gr.State = gr.State(None)
        self.begin: gr.State = gr.State(None)

    def wire(self, page: gr.Blocks, places: Places) -> None:
        """Follow links, to the page and within it, and tell the address what is shown."""
        does = _Handlers(self._copy, self._faults, self.begin, places)
        settled: dict[str, Any] = {"js": "() => { labLink.arrive(); return []; }"}
        page.load(does.arrive, None, does.outputs, **QUIET).then(None, None, None, **settled)
        # At once: later, somebody may have chosen another training step than the usual one.
        page.load(does.describe, None, places.compare.form.described, **LOOKING)
        self._copy.select(does.follow, None, does.outputs, **QUIET).then(
            None, None, None, **settled
        )
        start = places.start
        page.load(start.draw, None, [start.result, start.advice], **QUIET)
        start.again.click(does.measure_recorded, None, does.outputs, **QUIET)
        start.others.click(does.measure_advised, start.inputs, does.outputs, **QUIET)
        _tell(places)


class _Handlers:
    """What the address's events do."""

    def __init__(self, copy: gr.HTML, faults: gr.HTML, begin: gr.State, places: Places) -> None:
        self._copy = copy
        self._faults = faults
        self._begin = begin
        self._places = places
        form = places.compare.form
        self.outputs: list[Any] = [
            *(copy, faults, places.tabs, begin),
            *places.start.restored,
            *places.lessons.restored,
            *dict.fromkeys((*form.described, *form.inputs)),
        ]

    def arrive(self, request: gr.Request) -> Updates:
        """Show what the page was opened with, and the usual where that says nothing."""
        text = words(request)
        link, faults = self._read(dict(request.query_params))
        places = self._places
        asked = link.comparison
        comparison = {} if asked is None else places.compare.form.fill(asked, text)
        return {
            self._copy: common.render("copy_link.html", text),
            self._faults: _fault_words(faults, text),
            **self._open(link),
            **places.start.greet(text),
            **places.start.restore(link.answers),
            **places.lessons.restore(link.lesson, text),
            **comparison,
        }

    def describe(self, request: gr.Request) -> Updates:
        """Describe the training step that is chosen at first, unless a link asks for another."""
        form = self._places.compare.form
        link, _ = self._read(dict(request.query_params))
        if link.comparison is not None:
            return {form.about: gr.skip()}
        return form.describe(usual_comparison(), words(request))

    def follow(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Show what a link within the page asks for, and leave alone what it does not speak of."""
        text = words(request)
        data = event._data if isinstance(event._data, dict) else {}
        query = str(data.get("query") or "")[:_MAX_QUERY].removeprefix("?")
        link, faults = self._read(dict(parse_qsl(query, keep_blank_values=True)))
        updates: Updates = {self._faults: _fault_words(faults, text)}
        updates |= self._open(link, "start")
        if link.answers is not None:
            updates |= self._places.start.restore(link.answers)
        if link.lesson is not None:
            updates |= self._places.lessons.restore(link.lesson, text)
        if link.comparison is not None:
            updates |= self._places.compare.form.fill(link.comparison, text)
        return updates

    def measure_recorded(self, request: gr.Request) -> Updates:
        """Measure here what is shown as recorded."""
        return self._measure(self._places.start.recorded(), words(request))

    def measure_advised(self, request: gr.Request, *answers: str) -> Updates:
        """Measure here all that the advice is about."""
        return self._measure(self._places.start.advised(*answers), words(request))

    def _measure(self, comparison: Comparison, text: Text) -> Updates:
        """Fill the form, open its tab and start measuring."""
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


def _fault_words(faults: Sequence[InputError], text: Text) -> str:
    if not faults:
        return ""
    shown = [text(fault.key, **fault.values) for fault in faults[:_SHOWN_FAULTS]]
    return common.render("link_faults.html", text, sentences=shown, more=len(faults) - len(shown))


def _tell(places: Places) -> None:
    """Have the browser keep what is set on each tab, for the address; the server is not asked."""
    form = places.compare.form
    kept: dict[str, tuple[Sequence[str], list[Any]]] = {
        "start": (places.start.names, places.start.inputs),
        "lessons": (places.lessons.names, places.lessons.inputs),
        "compare": (form.names, form.inputs),
    }
    usual = {"start": places.start.usual}
    for name, tab in places.named.items():
        names, inputs = kept.get(name, ((), []))
        told = f"{json.dumps(name)}, {json.dumps(names)}, values, {json.dumps(usual.get(name))}"
        tab.select(None, inputs, None, js=_js("open", told))
        if inputs:
            gr.on([each.change for each in inputs], None, inputs, None, js=_js("tell", told))


def _js(act: str, told: str) -> str:
    """Return a function of the browser that gives the address what is set on a tab."""
    return f"(...values) => {{ labLink.{act}({told}); return []; }}"
