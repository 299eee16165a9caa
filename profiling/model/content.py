"""Paths of the content: lessons, workloads, locales and recorded runs."""

from __future__ import annotations

from pathlib import Path

CONTENT = Path(__file__).parents[2] / "demos"
LOCALES = CONTENT / "locales"
RECORDED = CONTENT / "recorded"
