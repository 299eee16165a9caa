"""HTML of what is not a component: code, tables, verdicts. Everything put in is escaped."""

from __future__ import annotations

from pathlib import Path

from demos.locales import Text
from profiling.errors import DetachLabError
from profiling.markup import code as code
from profiling.markup import code_styles as code_styles
from profiling.markup import templates

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


_environment = templates(_FOLDER)
