"""Sub-tab Memory: memory over time by device, and the allocations alive at the peak."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from demos.page import common
from demos.page.trace.common import Handlers, Updates, empty_plot, plot_update
from demos.page.trace.opened import OpenTrace
from profiling.charts.trace import memory_chart
from profiling.model.units import show_bytes
from profiling.model.words import Text
from profiling.traces.memory import NO_OP, alive_at_peak, memory_devices, memory_facts

_TOP = 15


class _Part(NamedTuple):
    op: str
    kind: str
    size: str
    share: str
    calls: str


class _Device(NamedTuple):
    name: str
    facts: list[str]
    parts: list[_Part]
    more: str


class MemoryPanel:
    """The components of the sub-tab.

    Attributes:
        components: The components that `show` updates.
    """

    def __init__(self) -> None:
        """Create the components."""
        self._plot = empty_plot("memory")
        self._table = gr.HTML(elem_id="trace-memory")
        self.components: list[Any] = [self._plot, self._table]

    def connect(self, handlers: Handlers, tab: gr.Tab) -> None:
        """Draw when the sub-tab is opened."""
        handlers.on(tab.select, self.show, [], self.components)

    def show(self, opened: OpenTrace, text: Text) -> Updates:
        """Return updates that show the memory of a trace."""
        devices = [_device(opened.events, device, text) for device in memory_devices(opened.events)]
        return {
            self._plot: plot_update("memory", memory_chart(opened.events, text)),
            self._table: common.render("trace_memory.html", text, devices=devices),
        }


def _device(events: pd.DataFrame, device: str, text: Text) -> _Device:
    facts = memory_facts(events, device)
    alive = alive_at_peak(events, device)
    parts = [
        _Part(
            text("op.python") if op == NO_OP else op,
            text(f"kind.{kind}"),
            show_bytes(size),
            f"{size / facts.peak_bytes:.1%}",
            f"{count:,}",
        )
        for kind, op, count, size in zip(
            alive["kind"], alive["op"], alive["count"], alive["bytes"], strict=True
        )
    ]
    lines = [
        text(
            "trace.memory.facts",
            allocations=f"{facts.allocations:,}",
            frees=f"{facts.frees:,}",
            end=show_bytes(facts.end_bytes),
        )
    ]
    if facts.unseen:
        size = show_bytes(facts.unseen_bytes)
        lines.append(text("trace.memory.unseen", count=f"{facts.unseen:,}", size=size))
    if facts.kept:
        size = show_bytes(facts.kept_bytes)
        lines.append(text("trace.memory.kept", count=f"{facts.kept:,}", size=size))
    more = text("trace.memory.more", count=len(parts) - _TOP) if len(parts) > _TOP else ""
    title = text("trace.memory.alive", device=device, size=show_bytes(facts.peak_bytes))
    return _Device(title, lines, parts[:_TOP], more)
