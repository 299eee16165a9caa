"""Tab About: how the numbers are measured, their limits, and the software and hardware used."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any

import gradio as gr

from demos.page import common
from demos.page.common import UNQUEUED, words
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError
from profiling.model.run import Environment
from profiling.model.units import show_bytes, show_flags
from profiling.model.words import Text

_NUMBERS = ("time", "ratio", "peak", "saved", "gradients", "trace", "lesson")
_LIMITS = ("cpu_memory", "optimizer", "one", "prediction", "lesson_graph")
_PACKAGES = ("gradio", "plotly", "pandas", "numpy", "scipy", "msgspec")
_DOCUMENTS = (
    "README.md",
    "docs/lessons.md",
    "docs/workloads.md",
    "docs/csv.md",
    "docs/trace.md",
    "docs/architecture.md",
    "CHANGELOG.md",
    "LICENSE",
)
_TIMEOUT_S = 60.0


def create_about_tab(tab: gr.Tab, engine: Engine) -> None:
    """Build the tab; it is filled when it is opened, and again when the device is known."""
    view = gr.HTML(elem_id="about-view")

    def show(request: gr.Request) -> Any:
        text = words(request)
        yield _about(_environment(engine, 0.0), text)
        yield _about(_environment(engine, _TIMEOUT_S), text)

    tab.select(show, None, view, **UNQUEUED)


def _environment(engine: Engine, timeout_s: float) -> Environment | None:
    try:
        return engine.environment(timeout_s)
    except DetachLabError:  # The header says so.
        return None


def _about(environment: Environment | None, text: Text) -> str:
    base = source_base()
    return common.render(
        "about.html",
        text,
        numbers=_NUMBERS,
        limits=_LIMITS,
        machine=[] if environment is None else machine_rows(environment, text),
        packages=[(name, metadata.version(name)) for name in _PACKAGES],
        documents=[(name, base and f"{base}/{name}") for name in _DOCUMENTS],
    )


def machine_rows(environment: Environment, text: Text) -> list[tuple[str, str]]:
    """Return the facts known about a machine, as labels and values."""
    devices = [
        f"{device.spec}: {device.name}, {show_bytes(device.memory_bytes)}"
        for device in environment.devices
    ]
    backend, _, version = (environment.backend or f"CUDA {environment.cuda or ''}").partition(" ")
    return [
        (text("about.device"), "; ".join(devices)),
        (text("about.threads"), str(environment.threads)),
        ("torch", environment.torch),
        (backend, version or text("about.none")),
        *([(text("diff.field.flags"), show_flags(environment.flags))] if environment.flags else []),
        ("Python", environment.python),
        (text("about.platform"), environment.platform),
        (text("about.commit"), environment.commit or text("about.none")),
    ]


def source_base() -> str:
    """Return the base URL of the project's files on a Space, else an empty string."""
    space = os.environ.get("SPACE_ID", "")
    return f"https://huggingface.co/spaces/{space}/blob/main" if space else ""
