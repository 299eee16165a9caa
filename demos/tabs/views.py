"""HTML of what is not a component: code, tables, verdicts. Everything put in is escaped."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pygments
from markupsafe import Markup, escape
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from demos.catalogue import Source
from demos.locales import Text
from profiling.charts.style import branch_style
from profiling.errors import DetachLabError

_FOLDER = Path(__file__).parent / "templates"
_BACKTICKS = re.compile(r"`([^`]+)`")


def render(template: str, text: Text, **values: object) -> str:
    """Fill a template.

    Args:
        template: File name below ``templates``.
        text: The words; templates call it as ``text``.
        values: What the template names.
    """
    return _environment.get_template(template).render(text=text, **values)


def sentence(key: str, text: Text, **values: object) -> str:
    """Say a sentence in the place of a result."""
    said = text(key, **values)
    return render("progress.html", text, sentence=said, failed=False, total=0, done=0)


def problem(error: DetachLabError, text: Text) -> str:
    """Say what went wrong, as an alert."""
    said = text(error.key, **error.values)
    return render("progress.html", text, sentence=said, failed=True, total=0, done=0)


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
    """Return the CSS of highlighted code, for a light and for a dark page."""
    light = HtmlFormatter(style="xcode").get_style_defs(".code")
    dark = HtmlFormatter(style="native").get_style_defs(".dark .code")
    return f"{light}\n{dark}"


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_environment.filters |= {"code": inline_code, "swatch": swatch}
