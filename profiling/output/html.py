"""Templates and highlighted code as HTML, and the code that the branches of a run ran."""

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
    """Escape a sentence and format its parts in backticks as code.

    Example:
        >>> inline_code("`a` < b")
        Markup('<code>a</code> &lt; b')
    """
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(sentence))))


def swatch(branch: str) -> Markup:
    """Return the glyph of a branch in its colour; the name of the branch must follow."""
    style = branch_style(branch)
    glyph = '<span class="lab-swatch" style="color:{}" aria-hidden="true">{}</span>'
    return Markup(glyph).format(style.color, style.glyph)


def templates(folder: Path) -> jinja2.Environment:
    """Return the templates of a folder, and those that the page and the report share."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"code": inline_code, "swatch": swatch}
    return environment


def code(source: Source, error_line: int | None = None, spans: str = "") -> Markup:
    """Highlight a function, with the line numbers of its file.

    Args:
        source: The function.
        error_line: Number of the line to mark.
        spans: Prefix of the id of each line; lines get no id if it is empty.
    """
    marked = [] if error_line is None else [error_line - source.first_line + 1]
    formatter = HtmlFormatter(
        linenos="inline",
        linenostart=source.first_line,
        hl_lines=marked,
        linespans=spans,
        cssclass="code",
    )
    html = pygments.highlight(source.text, PythonLexer(), formatter)
    # Scrollable content must be reachable by keyboard.
    return Markup(html.replace('<div class="code">', '<div class="code" tabindex="0">', 1))


def code_styles() -> str:
    """Return the CSS for code in a page with the class ``dark`` in dark mode."""
    return f"{_styles(_LIGHT, '.code')}\n{_styles(_DARK, '.dark .code')}"


def media_code_styles() -> str:
    """Return the CSS for code in a file that follows the colour scheme of the system."""
    return f"{_styles(_LIGHT, '.code')}\n{on_dark(_styles(_DARK, '.code'))}"


def on_dark(styles: str) -> str:
    """Return CSS that applies only on a dark screen, not in print."""
    return f"@media screen and (prefers-color-scheme: dark) {{\n{styles}\n}}"


def _styles(name: str, selector: str) -> str:
    return str(HtmlFormatter(style=name).get_style_defs(selector))


def sources(run: Run) -> tuple[dict[str, Source], Source | None]:
    """Return the code that ran, by branch, and the code of the correct gradients.

    The latter is None unless all other code is the same as in this installation.
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
    """Return the workload of a cell, as it is in this installation; None if it is unknown."""
    if cell.workload not in catalogue.workloads():
        return None
    try:
        return catalogue.workload(cell.workload)
    except InputError:
        return None  # A registered file that has changed since.
