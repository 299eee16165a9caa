"""HTML of what is not a component: code, tables, verdicts. Everything put in is escaped."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from demos.locales import Text
from profiling.charts.style import branch_style
from profiling.errors import DetachLabError
from profiling.markup import code as code
from profiling.markup import code_styles as code_styles
from profiling.markup import inline_code

_FOLDER = Path(__file__).parent / "templates"


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


def swatch(branch: str) -> Markup:
    """Return a branch's mark in its colour, as charts have it; its name has to stand beside it."""
    style = branch_style(branch)
    mark = '<span class="lab-swatch" style="color:{}" aria-hidden="true">{}</span>'
    return Markup(mark).format(style.color, style.glyph)


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_environment.filters |= {"code": inline_code, "swatch": swatch}
