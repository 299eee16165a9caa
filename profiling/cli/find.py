"""The command find."""

from __future__ import annotations

import sys

import click

from profiling.catalogue.search import Hit, find
from profiling.cli.common import json_option, out, print_json, say
from profiling.output import json_data


@click.command("find")
@click.argument("text")
@json_option
def find_lessons(text: str, as_json: bool) -> int:
    """Find the lessons that explain an error.

    TEXT is an error message, a whole traceback, or words of a question; - reads it from standard
    input.
    """
    hits = find(_standard_input() if text == "-" else text, "en")
    if as_json:
        print_json(json_data.found(hits, say))
    elif hits:
        for hit in hits:
            _print_hit(hit)
    else:
        out.print(say("find.nothing"), soft_wrap=True)
    return 0 if hits else 1


def _standard_input() -> str:
    # A log may hold bytes that are no text.
    return sys.stdin.buffer.read().decode(sys.stdin.encoding, "replace")


def _print_hit(hit: Hit) -> None:
    title, fit = say(f"lesson.{hit.lesson}.title"), say(f"find.fit.{hit.fit.value}")
    out.print(f"{hit.lesson}: {title} ({fit})", markup=False, soft_wrap=True)
    for field, text in dict.fromkeys((mark.field, mark.text) for mark in hit.marks):
        out.print(f"    {say(f'find.field.{field.value}')}: {text}", markup=False, soft_wrap=True)
