"""Puts parts together to one file, with all that it needs inside."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from demos.locales import Text
from profiling.graphs import drawing
from profiling.html_report.parts import Part, render
from profiling.markup import media_code_styles, on_dark

_FOLDER = Path(__file__).parent / "templates"
_DARK_GRAPH = re.compile(r"\.dark (\.graph \{[^}]*\})")


def document(parts: Sequence[Part], text: Text) -> str:
    """Return an HTML file that needs nothing else: no server, no network, no other file.

    It follows the system's light or dark colours and is white on paper. Its policy lets no script
    run but ours, so that nothing in a stranger's run could, and asks for nothing outside.

    Args:
        parts: What it shows, in order.
        text: The words.
    """
    scripts = [_script("report.js")]
    if any(part.has_charts for part in parts):
        scripts.insert(0, Markup(get_plotlyjs()))
    page = render(
        "document.html",
        text,
        language=text("report.language"),
        parts=parts,
        styles=_styles(),
        scripts=scripts,
        policy="; ".join(
            (
                "default-src 'none'",
                "style-src 'unsafe-inline'",
                "img-src data: blob:",
                "script-src " + " ".join(map(_hash, scripts)),
            )
        ),
    )
    return str(page)


def _script(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _styles() -> Markup:
    own = (_FOLDER / "report.css").read_text(encoding="utf-8")
    graphs = _DARK_GRAPH.sub(lambda found: on_dark(found[1]), drawing.styles())
    return Markup("\n".join((own, media_code_styles(), graphs)))
