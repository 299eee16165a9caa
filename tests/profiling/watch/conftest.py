"""The cases are scripts to be watched, not tests."""

from __future__ import annotations

collect_ignore = ["cases", "scripts", "trainers"]
