"""What is shown of an opened trace: plain data, from a function for each question.

The process that holds the trace runs these functions; the page has their answers alone, and turns
them into HTML. Each gets the trace and a translator first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from profiling.charts.timeline import (
    MOST_LAUNCH_LINES,
    Window,
    category_name,
    count_launch_lines,
    lane_name,
)
from profiling.charts.trace import (
    memory_chart,
    timeline_chart,
    trace_changes,
    treemap,
    write_chart,
)
from profiling.model.errors import InputError
from profiling.model.units import show_bytes, time_unit
from profiling.model.words import Text
from profiling.output import json_data, trace_files
from profiling.output.columns import telling
from profiling.output.sheet import EVENT, WHOLE, Sheet, sheet
from profiling.traces import phases
from profiling.traces.categories import DEVICE_WORK
from profiling.traces.cuts import CutSide, compare_cuts, cut_sentences, cut_side
from profiling.traces.diff import compare_sides, diff_sentences, diff_side
from profiling.traces.families import family
from profiling.traces.gpu_tables import GPU_TABLES, SHOWN
from profiling.traces.kernel_names import short_names
from profiling.traces.memory import NO_OP, alive_at_peak, memory_devices, memory_facts
from profiling.traces.opened import OpenTrace, OtherTrace
from profiling.traces.operators import (
    GROUPINGS,
    MOST_ROWS,
    Selection,
    filter_rows,
)
from profiling.traces.summary import Section, summary_sections, trace_summary
from profiling.traces.timeline import View, overview

CHARTS = ("timeline", "memory", "operators", "kernels", "trace_diff")

# Parts of the overview, about the width of a phone in pixels.
_BINS = 300
# Of a start, which may be late in a long trace, and of a duration.
_START_DIGITS, _DURATION_DIGITS = 9, 5
# Of what a launch, or an operator, has launched.
_MOST_LINKS = 12
# What is alive at a peak: rows that are shown.
_TOP = 15
_DIFF_COLUMNS = (
    *("name", "category", "count_a", "count_b", "self_s_a", "self_s_b", "change_s"),
    *("total_s_a", "total_s_b", "device_s_a", "device_s_b"),
    *("allocated_bytes_a", "allocated_bytes_b"),
)


# The table after those that answer a question, and what needs a sentence on its columns or rows.
_STREAMS = "streams"
_EXPLAINED = ("gaps", "kernels", _STREAMS)


class Opening(NamedTuple):
    """What is said of a trace once it is opened.

    Attributes:
        summary: A sentence on how much there is.
        lacking: What the trace does not contain.
        notices: Sentences on the reading.
        heights: Of the parts of the overview, from 0 to 100.
        length: How long the trace is.
        is_of_gpu: Whether it has work of GPUs.
    """

    summary: str
    lacking: list[str]
    notices: list[str]
    heights: list[int]
    length: str
    is_of_gpu: bool


class Drawing(NamedTuple):
    """A window of the timeline.

    Attributes:
        figure: The plotly figure as JSON.
        about: Sentences on what is drawn.
    """

    figure: str
    about: list[str]


class Link(NamedTuple):
    """An event that another one leads to.

    Attributes:
        label: What it is to that one.
        name: Its name, a short one if it is work of a GPU.
        event: Its number.
        whole: Its whole name.
    """

    label: str
    name: str
    event: int
    whole: str


class Details(NamedTuple):
    """All that is known of an event.

    Attributes:
        name: Its whole name.
        facts: Pairs of a label and a value.
        links: The events that it belongs to, was launched by or has launched.
        stack: The Python stack that called it, innermost first.
    """

    name: str
    facts: list[tuple[str, str]]
    links: list[Link]
    stack: list[str]


class Part(NamedTuple):
    """What an operator has alive at a peak."""

    op: str
    kind: str
    size: str
    share: str
    calls: str


class DeviceMemory(NamedTuple):
    """The memory of a device: its name with the peak, facts, and what is alive at the peak."""

    name: str
    facts: list[str]
    parts: list[Part]
    more: str


class Memory(NamedTuple):
    """The memory of all devices, with the plotly figure as JSON."""

    figure: str
    devices: list[DeviceMemory]


class Listed(NamedTuple):
    """A table with a sentence on it; None if it would be empty."""

    about: str
    sheet: Sheet | None


class Answered(NamedTuple):
    """A table of `GPU_TABLES` by its name, with what is to be known of it."""

    name: str
    about: list[str]
    sheet: Sheet


class Gpu(NamedTuple):
    """What GPUs did.

    Attributes:
        tables: Those that are not empty, and last ``streams``.
        figure: The treemap of GPU work as JSON.
    """

    tables: list[Answered]
    figure: str


class Phases(NamedTuple):
    """Profiler steps, phases of training and named ranges."""

    steps: Listed
    phases: Listed
    ranges: Listed


class Diff(NamedTuple):
    """The differences from another trace.

    Attributes:
        cut: Sentences on what a gradient cut changed.
        sentences: On the differences in operators and GPU work.
        figure: These differences, as JSON.
        sheet: The same as a table.
    """

    cut: list[str]
    sentences: list[str]
    figure: str
    sheet: Sheet


class Side(NamedTuple):
    """What a comparison needs of the other trace.

    Attributes:
        sums: As MessagePack, which only `diff` reads.
        notices: Sentences on its reading.
    """

    sums: bytes
    notices: list[str]


class _Sums(NamedTuple):
    """Sums over a trace: by operator and kernel, and by what a gradient cut may change."""

    groups: dict[str, list[Any]]
    cut: CutSide


def opening(opened: OpenTrace, text: Text, name: str) -> Opening:
    """Say what a trace is, and what to know about it.

    Args:
        opened: The trace.
        text: Translator.
        name: Its name.
    """
    trace, unit = opened.trace, time_unit([opened.end_s])
    counts = overview(opened.timeline, opened.end_s, _BINS)
    # With the square root, parts with few events are visible beside parts with many.
    heights = np.ceil(100 * np.sqrt(counts / max(counts.max(), 1))).astype("int64").tolist()
    return Opening(
        text(
            "trace.summary",
            name=name,
            count=f"{len(opened.events):,}",
            length=unit.show(opened.end_s),
            lanes=len(opened.timeline.lanes),
        ),
        [
            text(f"trace.lacks.{kind}")
            for kind in ("kernel", "memory", "shapes", "stack")
            if kind not in trace.kinds
        ],
        _notices(opened, text),
        heights,
        unit.show(opened.end_s),
        opened.is_of_gpu,
    )


def drawing(opened: OpenTrace, text: Text, window: Window) -> Drawing:
    """Draw a window of the timeline."""
    figure, view = timeline_chart(opened, window, text)
    return Drawing(str(figure.to_json()), _about(opened, view, text))


def span(opened: OpenTrace, text: Text, event: int) -> Window:
    """Return start and end of an event by its number.

    Raises:
        InputError: There is no such event.
    """
    if not 0 <= event < len(opened.events):
        raise InputError("error.trace_window")
    start_s = float(opened.events["start_s"].iloc[event])
    return start_s, start_s + float(opened.events["duration_s"].fillna(0.0).iloc[event])


def details(opened: OpenTrace, text: Text, event: int) -> Details:
    """Return all that is known of an event, by its number.

    Raises:
        InputError: There is no such event.
    """
    start_s, end_s = span(opened, text, event)
    row = opened.events.iloc[event]
    category = str(row["category"]) if pd.notna(row["category"]) else ""
    name = str(row["name"]) if pd.notna(row["name"]) else ""
    kinds = category_name(category, text), text(f"trace.family.{family(category, name)}")
    facts = [
        ("category", " · ".join(dict.fromkeys(filter(None, kinds)))),
        ("start", time_unit([start_s]).show(start_s, _START_DIGITS)),
        ("duration", time_unit([end_s - start_s]).show(end_s - start_s, _DURATION_DIGITS)),
        ("lane", _lane(opened, event, text)),
        ("shapes", row.get("shapes")),
        ("correlation", row.get("correlation")),
        ("copied", show_bytes(row["copied_bytes"]) if pd.notna(row["copied_bytes"]) else None),
    ]
    known = [(text(f"trace.details.{key}"), str(each)) for key, each in facts if _is_known(each)]
    stack = str(row["stack"]).split(";") if _is_known(row.get("stack")) else []
    return Details(name, known, _links(opened, row, event, text), stack)


def memory(opened: OpenTrace, text: Text) -> Memory:
    """Draw the memory of all devices, and say what is alive at their peaks."""
    devices = [_device(opened.events, device, text) for device in memory_devices(opened.events)]
    return Memory(str(memory_chart(opened.events, text).to_json()), devices)


def gpu_summary(opened: OpenTrace, text: Text) -> list[Section]:
    """Say what GPUs did and waited for, each for itself."""
    return summary_sections(trace_summary(opened.trace), text)


def operators(opened: OpenTrace, text: Text, by: str, sort: str, words: str) -> Listed:
    """Return the operators, sorted and filtered.

    Args:
        opened: The trace.
        text: Translator.
        by: How operators are grouped; by name if it is none of `GROUPINGS`.
        sort: Column to sort by.
        words: That a row must have, all of them.
    """
    found = filter_rows(opened.operators(by if by in GROUPINGS else "name"), words, sort)
    unknown = [name for name in ("device_s", "allocated_bytes") if found.table[name].isna().all()]
    about = text("trace.operators.about", count=f"{found.found:,}", shown=f"{len(found.table):,}")
    return Listed(about, sheet(found.table.drop(columns=unknown), text))


def operator_areas(opened: OpenTrace, text: Text) -> str:
    """Draw operators by self time; return the plotly figure as JSON."""
    return str(treemap(opened.operators("name"), text).to_json())


def gpu(opened: OpenTrace, text: Text, words: str) -> Gpu:
    """Return what GPUs did, table by table.

    Args:
        opened: The trace.
        text: Translator.
        words: That a row must have, all of them.
    """
    if not opened.is_of_gpu:
        return Gpu([], "")
    found = []
    for name in (*GPU_TABLES, _STREAMS):
        table = opened.devices if name == _STREAMS else _linked(name, opened)
        if len(table):
            selection = filter_rows(table, words, None)
            columns = table if name == _STREAMS else telling(table, _columns(name))
            shown = sheet(selection.table, text, map(str, columns))
            found.append(Answered(name, _about_rows(name, selection, text), shown))
    return Gpu(found, str(treemap(opened.kernels, text, "total_s").to_json()))


def training_phases(opened: OpenTrace, text: Text) -> Phases:
    """List profiler steps, phases of training and named ranges."""
    steps, spans = opened.steps, opened.phases
    known = steps.dropna(axis="columns", how="all") if len(steps) else steps
    ranges = phases.named_ranges(opened.events)
    named = ranges.assign(length_s=ranges["end_s"] - ranges["start_s"])
    return Phases(
        _listed("steps", steps, known, text),
        _listed("bands", spans, _by_phase(spans, text), text),
        _listed("ranges", ranges, named[["name", "thread", "start_s", "length_s"]], text),
    )


def side(opened: OpenTrace, text: Text) -> Side:
    """Return what `diff` needs of this trace to compare another one with it."""
    groups = {
        str(name): column.astype("object").where(column.notna(), None).tolist()
        for name, column in diff_side(opened.events).items()
    }
    sums = _Sums(groups, cut_side(opened.events))
    return Side(msgspec.msgpack.encode(sums), _notices(opened, text))


def diff(opened: OpenTrace, text: Text, name: str, sums: bytes) -> Diff:
    """Compare the trace with another one, and keep the differences for `write_file`.

    Args:
        opened: The trace.
        text: Translator.
        name: Name of the other trace.
        sums: What `side` returned for it.
    """
    other = msgspec.msgpack.decode(sums, type=_Sums)
    found = compare_sides(diff_side(opened.events), pd.DataFrame(other.groups))
    opened.other = OtherTrace(name, found)
    shown = found[list(_DIFF_COLUMNS)].dropna(axis="columns", how="all").head(MOST_ROWS)
    short = short_names(shown.loc[shown["category"] != "cpu_op", "name"])
    named = shown.assign(name=[short.get(each, each) for each in shown["name"]])
    named[WHOLE] = shown["name"]
    return Diff(
        cut_sentences(compare_cuts(cut_side(opened.events), other.cut), text),
        diff_sentences(found, text),
        str(trace_changes(found, text).to_json()),
        sheet(named, text),
    )


def write_file(opened: OpenTrace, text: Text, name: str, window: Window, folder: str) -> str:
    """Write a table, a part of the trace or a chart; return the file's path.

    Args:
        opened: The trace.
        text: Translator.
        name: What `offered` names.
        window: First and last second of the timeline.
        folder: An existing folder.

    Raises:
        InputError: There is no such file, or nothing was compared yet.
    """
    if name not in offered():
        raise InputError("error.trace_none")
    if name in trace_files.offered():
        return str(trace_files.write(name, opened.trace, window, Path(folder)))
    if name == trace_files.DIFF:
        path = Path(folder) / name
        trace_files.write_csv(_differences(opened), path)
        return str(path)
    chart = name.removesuffix(".html")
    figure = _figure(chart, opened, window, text)
    return str(write_chart(chart, figure, Path(folder), alone=True))


def offered() -> list[str]:
    """Return the names of the files that `write_file` writes."""
    return [*trace_files.offered(), trace_files.DIFF, *(f"{chart}.html" for chart in CHARTS)]


def rows(
    opened: OpenTrace, text: Text, name: str, sort: str, group: str, limit: int, words: str
) -> dict[str, Any]:
    """Return what a trace is and the first rows of its tables, as scripts get them.

    Args:
        opened: The trace.
        text: Translator.
        name: The file's name.
        sort: Column to sort by.
        group: One of `GROUPINGS`.
        limit: Most rows of each table.
        words: That a row must have, all of them.
    """

    def select(table: pd.DataFrame) -> Selection:
        chosen = filter_rows(table, words, sort)
        return Selection(chosen.table.head(limit), chosen.found)

    return {
        **json_data.trace(name, opened.trace, text),
        **json_data.trace_summary(opened.trace, text),
        **json_data.trace_tables(opened.events, opened.operators(group), select),
    }


def _notices(opened: OpenTrace, text: Text) -> list[str]:
    return [text(notice, **values) for notice, values in opened.trace.notices]


def _about(opened: OpenTrace, view: View, text: Text) -> list[str]:
    """Return sentences on the numbers of events, blocks and launches in a drawing."""
    merged = int(view.blocks["count"].sum())
    events = text(
        "trace.timeline.about",
        count=f"{view.count:,}",
        drawn=f"{len(view.drawn):,}",
        merged=f"{merged:,}",
        blocks=f"{len(view.blocks):,}",
        finest=time_unit([view.finest_s]).show(view.finest_s),
    )
    launches = count_launch_lines(view, opened.events)
    hint = text("trace.timeline.hint")
    if not launches:
        return [events, hint]
    key = "trace.timeline.links" if launches <= MOST_LAUNCH_LINES else "trace.timeline.links_many"
    return [events, text(key, count=f"{launches:,}", most=MOST_LAUNCH_LINES), hint]


def _is_known(value: Any) -> bool:
    return value is not None and bool(pd.notna(value)) and value != ""


def _lane(opened: OpenTrace, event: int, text: Text) -> str:
    spans, lanes = opened.timeline.spans, opened.timeline.lanes
    found = spans.loc[spans["event"] == event, "lane"]
    return lane_name(lanes.loc[found.iloc[0]].to_dict(), text) if len(found) else ""


def _links(opened: OpenTrace, row: pd.Series, event: int, text: Text) -> list[Link]:
    """Return the operator and the launch of an event, and the first of what belongs to it."""
    events = opened.events
    found: list[tuple[str, int]] = [
        (key, int(row[column]))
        for key, column in (("operator", "op_index"), ("launch", "launch_index"))
        if pd.notna(row[column])
    ]
    is_work = events["category"].isin(DEVICE_WORK)
    launched = (events["launch_index"] == event) | (events["op_index"] == event)
    work = events.index[launched.fillna(False) & is_work][:_MOST_LINKS]
    found += [("work", int(each)) for each in work]
    linked = [(key, place) for key, place in found if 0 <= place < len(events)]
    names = [str(events["name"].iloc[place]) for _, place in linked]
    return [
        Link(text(f"trace.details.{key}"), opened.short.get(name, name), place, name)
        for (key, place), name in zip(linked, names, strict=True)
    ]


def _device(events: pd.DataFrame, device: str, text: Text) -> DeviceMemory:
    facts = memory_facts(events, device)
    alive = alive_at_peak(events, device)
    columns = (alive[name] for name in ("kind", "op", "count", "bytes"))
    parts = [
        Part(
            text("op.python") if op == NO_OP else op,
            text(f"kind.{kind}"),
            show_bytes(size),
            f"{size / facts.peak_bytes:.1%}",
            f"{count:,}",
        )
        for kind, op, count, size in zip(*columns, strict=True)
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
    return DeviceMemory(title, lines, parts[:_TOP], more)


def _columns(name: str) -> list[str]:
    """Return the columns of a table of `GPU_TABLES`; the first one names the row."""
    return ["next_work", *SHOWN[name]] if name == "gaps" else SHOWN[name]


def _linked(name: str, opened: OpenTrace) -> pd.DataFrame:
    """Return a table of `GPU_TABLES` with the events and the whole names of its rows."""
    table = opened.gpu(name)
    if name == "kernels":
        return table.rename(columns={"name": WHOLE})
    if name == "gaps":
        table = table.rename(columns={"event": EVENT})
        table[WHOLE] = table[EVENT].map(opened.events["name"])
    return table


def _about_rows(name: str, selection: Selection, text: Text) -> list[str]:
    lines = [text(f"trace.gpu.about.{name}")] if name in _EXPLAINED else []
    shown = len(selection.table)
    if not shown:
        return [text("trace.gpu.none")]
    if shown < selection.found:
        count = f"{selection.found:,}"
        lines.append(text("trace.gpu.shown", count=count, shown=f"{shown:,}"))
    return lines


def _listed(part: str, found: pd.DataFrame, shown: pd.DataFrame, text: Text) -> Listed:
    key = f"trace.{part}.about" if len(found) else f"trace.{part}.none"
    about = text(key, count=f"{len(found):,}")
    return Listed(about, sheet(shown.head(MOST_ROWS), text) if len(found) else None)


def _by_phase(spans: pd.DataFrame, text: Text) -> pd.DataFrame:
    lengths = spans.assign(length_s=spans["end_s"] - spans["start_s"]).groupby(
        ["phase", "is_marked"], sort=False
    )["length_s"]
    summed = pd.DataFrame(
        {"count": lengths.size(), "total_s": lengths.sum(), "mean_s": lengths.mean()}
    ).reset_index()
    summed["phase"] = [text(f"trace.phase.{phase}") for phase in summed["phase"]]
    known = {True: text("trace.phase.marked"), False: text("trace.phase.derived")}
    return summed.assign(is_marked=summed["is_marked"].map(known))


def _figure(chart: str, opened: OpenTrace, window: Window, text: Text) -> go.Figure:
    if chart == "timeline":
        return timeline_chart(opened, window, text)[0]
    if chart == "memory":
        return memory_chart(opened.events, text)
    if chart == "operators":
        return treemap(opened.operators("name"), text)
    if chart == "kernels":
        return treemap(opened.kernels, text, "total_s")
    return trace_changes(_differences(opened), text)


def _differences(opened: OpenTrace) -> pd.DataFrame:
    if opened.other is None:
        raise InputError("error.trace_no_diff")
    return opened.other.diff
