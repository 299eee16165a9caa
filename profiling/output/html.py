"""Sentences and code as HTML, escaped, and the code that a run's branches ran."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pygments
from markupsafe import Markup, escape
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from profiling import catalogue
from profiling.catalogue import Source, WorkloadEntry
from profiling.charts.style import branch_style
from profiling.model.errors import InputError
from profiling.model.run import Cell, Run, ran

_SHARED = Path(__file__).parent / "templates"
_BACKTICKS = re.compile(r"`([^`]+)`")
_LIGHT, _DARK = "xcode", "native"


def inline_code(sentence: str) -> Markup:
    """Escape a sentence and set its backticked parts as code.

    Example:
        >>> inline_code("`a` < b")
        Markup('<code>a</code> &lt; b')
    """
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(sentence))))


def swatch(branch: str) -> Markup:
    """Return a branch's mark in its colour, as charts have it; its name has to stand beside it."""
    style = branch_style(branch)
    mark = '<span class="lab-swatch" style="color:{}" aria-hidden="true">{}</span>'
    return Markup(mark).format(style.color, style.glyph)


def templates(folder: Path) -> jinja2.Environment:
    """Return the templates of a folder, beside those that the page and reports share."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters |= {"code": inline_code, "swatch": swatch}
    return found


def code(source: Source, error_line: int | None = None, spans: str = "") -> Markup:
    """Highlight a function with the line numbers of its file.

    Args:
        source: The function.
        error_line: The line to mark, as numbered in the file.
        spans: What the id of each line starts with; none is given one unless it is set.
    """
    marked = [] if error_line is None else [error_line - source.first_line + 1]
    formatter = HtmlFormatter(
        linenos="inline",
        linenostart=source.first_line,
        hl_lines=marked,
        linespans=spans,
        cssclass="code",
    )
    drawn = pygments.highlight(source.text, PythonLexer(), formatter)
    # What scrolls has to be reached by the keyboard, too.
    return Markup(drawn.replace('<div class="code">', '<div class="code" tabindex="0">', 1))


def code_styles() -> str:
    """Return the CSS of highlighted code in a page whose class says whether it is dark."""
    return f"{_styles(_LIGHT, '.code')}\n{_styles(_DARK, '.dark .code')}"


def media_code_styles() -> str:
    """Return the CSS of highlighted code in a file that follows the reader's system."""
    return f"{_styles(_LIGHT, '.code')}\n{on_dark(_styles(_DARK, '.code'))}"


def on_dark(styles: str) -> str:
    """Return CSS that holds on a dark screen alone; paper is always white."""
    return f"@media screen and (prefers-color-scheme: dark) {{\n{styles}\n}}"


def _styles(name: str, selector: str) -> str:
    return str(HtmlFormatter(style=name).get_style_defs(selector))


def sources(run: Run) -> tuple[dict[str, Source], Source | None]:
    """Return the code that ran by branch, and that of the gradients that should hold.

    The latter is known only if all other code is the same here.
    """
    cell, entry = run.cells[0], _entry(run.cells[0])
    texts: dict[str, str] = {}
    for result in (each for finished in run.results for each in finished.results):
        if result.source:
            texts.setdefault(ran(result.branch), result.source)
    ours = {} if entry is None else entry.sources
    found = {
        branch: ours[branch]
        if branch in ours and ours[branch].text == shown
        else Source(shown, 1, cell.file)
        for branch, shown in texts.items()
    }
    same = entry is not None and all(found[branch] is ours.get(branch) for branch in found)
    return found, entry.reference if entry is not None and same else None


def _entry(cell: Cell) -> WorkloadEntry | None:
    """Return a cell's workload as it is here and now; None if it is not known here."""
    if cell.workload not in catalogue.workloads():
        return None
    try:
        return catalogue.workload(cell.workload)
    except InputError:
        return None  # a registered file that has changed since
