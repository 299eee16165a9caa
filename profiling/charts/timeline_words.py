"""What a timeline says: names of lanes and categories, names on boxes, and what pointing shows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from profiling.charts.style import Text
from profiling.charts.values import Row, escaped, number
from profiling.traces.links import is_runtime
from profiling.units import time_unit

# Categories that have a name of their own here.
NAMED = (
    *("cpu_op", "user_annotation", "python_function"),
    *("kernel", "gpu_memcpy", "gpu_memset", "gpu_user_annotation"),
)
# Characters of JSON for all that is said on pointing; the rest of a figure takes less than half.
_HOVER_BUDGET = 480_000
_NODE = "autograd::engine::evaluate_function: "
_NAME_LIMIT, _SHAPES_LIMIT, _LANE_LIMIT = 90, 80, 30
_FEWEST_LETTERS = 4


def category_name(category: str, text: Text) -> str:
    """Say a category; those that are not known here keep their own name."""
    if category in NAMED:
        return text(f"trace.category.{category}")
    if is_runtime(category):
        device, _, kind = category.rpartition("_")
        return text(f"trace.category.{kind}", device=escaped(device.upper(), 30))
    return escaped(category, 30)


def lane_name(lane: Row, text: Text) -> str:
    """Say which thread or stream a lane is."""
    kind = lane["kind"]
    if kind == "stream" and pd.notna(lane["device"]) and pd.notna(lane["stream"]):
        return text("trace.lane.stream", device=lane["device"], stream=lane["stream"])
    if kind == "more":
        return text("trace.lane.more")
    parts = [
        f"{lane[f'{part}_name']} {lane[part]}".strip() or "–" for part in ("process", "thread")
    ]
    return " · ".join(escaped(part, _LANE_LIMIT) for part in parts)


def fitting(name: str, room: int) -> str:
    """Return as much of a name as fits; without its namespace where that makes it fit."""
    if room < _FEWEST_LETTERS:
        return ""
    if len(name) > room:
        name = name.removeprefix(_NODE).removeprefix("aten::")
    return escaped(name if len(name) <= room else f"{name[: room - 1]}…")


def hover(row: Row, text: Text) -> str:
    """Say what a box is, as `profiling.charts.timeline` puts it together."""
    name = escaped(row["name"], _NAME_LIMIT)
    if row["count"] > 1:
        return text("trace.hover.merged", count=f"{row['count']:,}", name=name)
    whole = time_unit([row["whole_s"]]).show(row["whole_s"])
    lines = [name, whole]
    if isinstance(row["shapes"], str):
        lines.append(escaped(row["shapes"], _SHAPES_LIMIT))
    for field in ("stream", "correlation"):
        value = number(row[field])
        if value is not None:
            lines.append(text(f"trace.hover.{field}", value=int(value)))
    if isinstance(row["launched_by"], str):
        launcher = escaped(row["launched_by"], _NAME_LIMIT)
        lines.append(text("trace.hover.launched_by", name=launcher))
    return "<br>".join(lines)


def affordable(hovers: list[str]) -> list[str]:
    """Shorten the longest texts until all together are small enough to be sent."""
    costs = np.array([len(json.dumps(each)) for each in hovers])
    limit = int(costs.max(initial=0))
    while np.minimum(costs, limit).sum() > _HOVER_BUDGET:
        limit = limit * 3 // 4
    return [
        each if cost <= limit else _shortened(each, limit)
        for each, cost in zip(hovers, costs, strict=True)
    ]


def _shortened(words: str, limit: int) -> str:
    kept = words.split("<br>")[0]
    while len(json.dumps(kept)) > limit:
        kept = kept[: len(kept) * 3 // 4]
    # Half an entity would be shown as it stands.
    return kept.rpartition("&")[0] if "&" in kept[-6:] else kept
