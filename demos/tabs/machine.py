"""Says what the page runs on: one's own machine, or one of the kinds of Spaces."""

from __future__ import annotations

import os

from demos.locales import Text
from profiling.engine.engine import Engine
from profiling.records import Environment


def on_space() -> bool:
    """Whether this is a Hugging Face Space."""
    return "SPACE_ID" in os.environ


def mode_words(engine: Engine, environment: Environment, text: Text) -> str:
    """Name the mode, which is chosen by what there is to measure on."""
    if engine.lends:
        return text("mode.zero_gpu")
    kind = environment.devices[0].kind
    return text(f"mode.space_{kind}" if on_space() else f"mode.{kind}")


def machine_words(engine: Engine, environment: Environment, text: Text) -> str:
    """Say which device is used, and why."""
    if engine.lends:
        return text("page.machine_lent", torch=environment.torch)
    device = environment.devices[0]
    reason = text(environment.cuda_state)
    return text("page.machine", device=device.name, torch=environment.torch, reason=reason)
