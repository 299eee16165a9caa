"""The sub-tab Memory says of each device what is alive at its peak."""

from __future__ import annotations

import re
from pathlib import Path

from demos.page.trace.memory import MemoryPanel
from demos.page.trace.opened import OpenTrace
from profiling.model.words import Text
from profiling.traces.table import read_trace
from tests.profiling.planted import event, memory_event, write_trace


def test_parts_are_shares_of_the_peak_of_their_device(tmp_path: Path, english: Text) -> None:
    events = [
        event("aten::mm", 1, dur=10),
        memory_event(3072, 2),
        memory_event(1024, 20),
        memory_event(-3072, 30),
        memory_event(512, 40, 1, 0),
    ]
    trace = read_trace(write_trace(tmp_path / "trace.json", events))
    panel = MemoryPanel()
    html = panel.show(OpenTrace("made", trace), english)[panel.components[1]]
    rows = [
        [re.sub("<[^>]*>", "", each) for each in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall("<tr>.*?</tr>", html)
        if 'scope="row"' in row
    ]
    assert [(op, size, share) for op, _, size, share, _ in rows] == [
        ("aten::mm", "3.00 KiB", "75.0%"),
        (english("op.python"), "1.00 KiB", "25.0%"),
        (english("op.python"), "512 B", "100.0%"),
    ]
