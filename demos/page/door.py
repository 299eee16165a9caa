"""The box at the door: an error, a question or code leads to the lessons that are about it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from demos.page import common
from demos.page.common import UNQUEUED, language, words
from demos.page.links import lesson_address
from profiling.catalogue import signs
from profiling.catalogue.search import MAX_LETTERS, Fit, find
from profiling.catalogue.signs import Effect, Sign
from profiling.model.errors import DetachLabError
from profiling.model.words import Text
from profiling.output.explanation.source import highlighted

_MOST_LESSONS = 3
# Signs in the margin, as on the tab My step.
_MARKS: dict[Effect, str] = {"cuts": "✂", "changes": "≠", "keeps": "●", "notes": "▸"}


class Row(NamedTuple):
    """A line of code and what is in it."""

    number: int
    code: Markup
    signs: list[Sign]


class Door(NamedTuple):
    """The components that others use.

    Attributes:
        asked: What was pasted.
        run: Button that is shown where code was pasted and may be run.
    """

    asked: gr.Textbox
    run: gr.Button


def create_door(labels: gr.I18n, *, runs_code: bool) -> Door:
    """Build the box; it answers as soon as something stands in it.

    Args:
        labels: Texts of components.
        runs_code: Whether code can be run here, which whoever has the button returned connects.
    """
    with gr.Column(elem_id="door"):
        asked = gr.Textbox(
            label=labels("door.label"),
            placeholder=labels("door.placeholder"),
            lines=2,
            max_lines=14,
            elem_id="door-text",
        )
        answer = gr.HTML(elem_id="door-answer")
        run = gr.Button(
            labels("door.run_here"),
            variant="primary",
            visible=False,
            scale=0,
            elem_id="door-run",
            elem_classes="lab-measure",
        )

    def show(text: str | None, request: gr.Request) -> tuple[str, Any]:
        pasted = text or ""
        button = gr.Button(visible=runs_code and _is_code(pasted))
        return reply(pasted, language(request), words(request)), button

    asked.change(show, asked, [answer, run], trigger_mode="always_last", **UNQUEUED)
    return Door(asked, run)


def reply(asked: str, language: str, text: Text) -> str:
    """Return the answer to what was pasted, as HTML; empty if nothing was.

    Args:
        asked: An error, a question or code, which is read and never run.
        language: That of the visitor.
        text: Translator.
    """
    if not asked.strip():
        return ""
    if _is_code(asked):
        return _read(asked, text)
    try:
        hits = find(asked, language)[:_MOST_LESSONS]
    except DetachLabError as error:
        return common.problem(error, text)
    if not hits:
        return common.sentence("door.none", text)
    is_sure = any(hit.fit is not Fit.MAYBE for hit in hits)
    lessons = [(hit, lesson_address(hit.lesson)) for hit in hits]
    return common.render("door_lessons.html", text, lessons=lessons, is_sure=is_sure)


def _is_code(pasted: str) -> bool:
    is_read = bool(pasted.strip()) and len(pasted) <= MAX_LETTERS
    return is_read and signs.parse(pasted) is not None


def _read(code: str, text: Text) -> str:
    by_line: dict[int, list[Sign]] = defaultdict(list)
    found = signs.signs(code)
    for sign in found:
        by_line[sign.line].append(sign)
    lines = highlighted(signs.plain(code), MAX_LETTERS)
    rows = [Row(number, line, by_line[number]) for number, line in enumerate(lines, 1)]
    values: dict[str, Any] = {
        "rows": rows,
        "count": len(found),
        "marks": _MARKS,
        "address": lesson_address,
        "effects": [each for each in _MARKS if any(sign.effect == each for sign in found)],
    }
    return common.render("door_code.html", text, **values)
