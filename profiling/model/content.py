"""Paths of the content: lessons, workloads, locales recorded runs and watched scripts."""

from __future__ import annotations

from pathlib import Path

CONTENT = Path(__file__).parents[2] / "demos"
LOCALES = CONTENT / "locales"
RECORDED = CONTENT / "recorded"
WATCHED = RECORDED / "watch"
