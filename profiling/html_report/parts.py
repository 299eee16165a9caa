"""What a report is put together from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from demos.locales import Text
from profiling.markup import templates


class Part(NamedTuple):
    """A run or a lesson in a report.

    Attributes:
        title: Its heading.
        html: What follows the heading.
        has_charts: Whether something in it is drawn by plotly.
    """

    title: str
    html: Markup
    has_charts: bool


def render(template: str, text: Text, **values: object) -> Markup:
    """Fill a template of this folder; everything put in is escaped."""
    return Markup(_environment.get_template(template).render(text=text, **values))


_environment = templates(Path(__file__).parent / "templates")
