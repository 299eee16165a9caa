"""Where the content is that is shown and run: lessons, workloads, words, recorded runs."""

from __future__ import annotations

from pathlib import Path

CONTENT = Path(__file__).parents[2] / "demos"
LOCALES = CONTENT / "locales"
RECORDED = CONTENT / "recorded"
