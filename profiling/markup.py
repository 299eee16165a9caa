"""Text as HTML: sentences with code in them, and highlighted code. Everything is escaped."""

from __future__ import annotations

import re

import pygments
from markupsafe import Markup, escape
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from demos.catalogue import Source

_BACKTICKS = re.compile(r"`([^`]+)`")
_LIGHT, _DARK = "xcode", "native"


def inline_code(sentence: str) -> Markup:
    """Escape a sentence and set its backticked parts as code.

    Example:
        >>> inline_code("`a` < b")
        Markup('<code>a</code> &lt; b')
    """
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(sentence))))


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
