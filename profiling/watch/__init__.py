"""Watches a training script: which tensor came of which, which gradient arrived, what was saved.

Standard library and torch only: this folder can be copied on its own. The record that it writes is
explained by ``python -m profiling explain``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .watching import Seen, watch

__all__ = ["Seen", "watch"]


def __getattr__(name: str) -> Any:
    """Import torch only for what needs it, so that a record can be read without."""
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.watching"), name)
    raise AttributeError(name)
