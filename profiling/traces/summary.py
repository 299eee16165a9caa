"""What a trace tells of its GPUs, as data and in words: time, waiting, memory, what takes most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from profiling.model.units import show_bytes, show_share, time_unit
from profiling.model.words import Text
from profiling.traces.communication import Communication, communication
from profiling.traces.idle import CAUSES, DeviceTime, device_times, idle_gaps
from profiling.traces.kernel_names import short_names
from profiling.traces.memory import memory_devices
from profiling.traces.operators import kernels
from profiling.traces.ranges import STEP_PREFIX, range_times
from profiling.traces.table import Trace

_MOST = 3
_MOST_DEVICES = 16
_NAME_LIMIT = 120


@dataclass(frozen=True)
class Wait:
    """A kind of call in which the host waited for a device, which then had nothing to do.

    Attributes:
        call: Name of the call, such as ``cudaStreamSynchronize``.
        operator: Name of the operator that made it; None if no operator did.
        count: Number of calls after which a device was idle.
        idle_ns: ``synchronize_ns`` of these gaps.
    """

    call: str
    operator: str | None
    count: int
    idle_ns: int


@dataclass(frozen=True)
class DeviceMemory:
    """The most memory of a device at once, as the profiler counted it.

    Attributes:
        device: As ``memory_device`` in the table, such as ``"cuda:0"``.
        allocated_bytes: Greatest total of what tensors use; None if the file does not tell.
        reserved_bytes: Greatest total of what the allocator holds; None likewise.
    """

    device: str
    allocated_bytes: int | None
    reserved_bytes: int | None


@dataclass(frozen=True)
class Part:
    """A kernel or a range, and its part of the time of all GPU work.

    Attributes:
        name: Full name.
        short: Name to show.
        count: Number of calls or of ranges.
        total_s: Time of the work, added up.
        share: Share of the time of all work in the trace, added up.
    """

    name: str
    short: str
    count: int
    total_s: float
    share: float


@dataclass(frozen=True)
class TraceSummary:
    """What a trace tells of its GPUs.

    Attributes:
        names: Names of the devices that worked, by number, as far as the file tells.
        times: How each device spent the time from the first work on any to the last.
        waits: Calls in which the host waited, those with the longest idle time first.
        communication: Of the devices that communicated.
        memory: Of each device but the CPU of which the file has totals.
        work_s: The time of all GPU work, added up.
        kernels: The kernels, copies and fills that take most time.
        ranges: The named ranges with most GPU time, without the profiler's steps.
    """

    names: dict[int, str]
    times: tuple[DeviceTime, ...]
    waits: tuple[Wait, ...]
    communication: tuple[Communication, ...]
    memory: tuple[DeviceMemory, ...]
    work_s: float
    kernels: tuple[Part, ...]
    ranges: tuple[Part, ...]


def trace_summary(trace: Trace) -> TraceSummary:
    """Return what a trace, or a window of it, tells of its GPUs; empty parts without GPU work."""
    events = trace.events
    times = device_times(events)
    worked = {each.device for each in times}
    work = kernels(events)
    work_s = float(work["total_s"].sum())
    short = short_names(work["name"])
    ranges = range_times(events)
    ranges = ranges[~ranges["name"].str.startswith(STEP_PREFIX)]
    return TraceSummary(
        names={each.id: each.name for each in trace.devices if each.id in worked and each.name},
        times=times,
        waits=_waits(events),
        communication=communication(events),
        memory=_memory(events),
        work_s=work_s,
        kernels=_parts(work.assign(share=work["total_s"] / (work_s or 1.0)), short),
        ranges=_parts(ranges, {}),
    )


class Section(NamedTuple):
    """Sentences under a heading: a device, or all of them."""

    heading: str
    sentences: list[str]


def _parts(table: pd.DataFrame, short: dict[str, str]) -> tuple[Part, ...]:
    columns = [table[name].head(_MOST) for name in ("name", "count", "total_s", "share")]
    return tuple(
        Part(str(name), short.get(name, name), int(count), float(total), float(share))
        for name, count, total, share in zip(*columns, strict=True)
    )


def summary_sentences(summary: TraceSummary, text: Text) -> list[str]:
    """Say what a trace tells of its GPUs; nothing for a trace without GPU work and GPU memory.

    Args:
        summary: As from `trace_summary`.
        text: Translator.
    """
    said = []
    for times in summary.times[:_MOST_DEVICES]:
        said += _time_sentences(times, _full_name(times, summary, text), summary, text)
    return [
        *said,
        *_more_sentences(summary, text),
        *_wait_sentences(summary.waits, text),
        *(_memory_sentence(each, text) for each in summary.memory[:_MOST_DEVICES]),
        *_part_sentences(summary, text),
    ]


def summary_sections(summary: TraceSummary, text: Text) -> list[Section]:
    """Return the sentences on a trace's GPUs by device, and last those on all of them.

    Args:
        summary: As from `trace_summary`.
        text: Translator.
    """
    numbers = [each.device for each in summary.times]
    memory: dict[int | None, list[str]] = {}
    for each in summary.memory[:_MOST_DEVICES]:
        number = each.device.rpartition(":")[2]
        device = int(number) if number.isdecimal() else None
        # Of devices with one number nothing tells whose memory it is.
        place = device if numbers.count(device) == 1 else None
        memory.setdefault(place, []).append(_memory_sentence(each, text))
    found = []
    for times in summary.times[:_MOST_DEVICES]:
        said = _time_sentences(times, _name(times, summary, text), summary, text)
        if times.device is not None:
            said += memory.pop(times.device, [])
        found.append(Section(_full_name(times, summary, text), said))
    rest = [
        *_more_sentences(summary, text),
        *_wait_sentences(summary.waits, text),
        *(each for sentences in memory.values() for each in sentences),
        *_part_sentences(summary, text),
    ]
    if len(found) == 1:
        return [Section(found[0].heading, [*found[0].sentences, *rest])]
    return [*found, Section(text("trace.gpu.all"), rest)] if rest else found


def _more_sentences(summary: TraceSummary, text: Text) -> list[str]:
    more = len(summary.times) - _MOST_DEVICES
    return [text("trace.gpu.more", count=more)] if more > 0 else []


def _part_sentences(summary: TraceSummary, text: Text) -> list[str]:
    groups = (("kernels", summary.kernels), ("ranges", summary.ranges))
    return [text(f"trace.gpu.{key}", names=_joined(parts, text)) for key, parts in groups if parts]


def _waits(events: pd.DataFrame) -> tuple[Wait, ...]:
    gaps = idle_gaps(events)
    gaps = gaps[gaps["sync_event"].notna()]
    rows = gaps["sync_event"].to_numpy("int64")
    calls = events.loc[rows]
    operators = calls["op_index"].map(events["name"]).astype("object")
    found: dict[tuple[str, str | None], tuple[set[int], int]] = {}
    values = calls["name"], operators, rows.tolist(), gaps["synchronize_ns"].tolist()
    for call, operator, row, idle_ns in zip(*values, strict=True):
        key = str(call), operator if isinstance(operator, str) else None
        events_of, total = found.get(key, (set(), 0))
        found[key] = events_of | {row}, total + idle_ns
    waits = [Wait(*key, len(those), total) for key, (those, total) in found.items()]
    return tuple(sorted(waits, key=lambda each: -each.idle_ns))


def _memory(events: pd.DataFrame) -> tuple[DeviceMemory, ...]:
    found = []
    for device in memory_devices(events):
        if device != "cpu":
            mine = events[events["memory_device"] == device]
            totals = [mine[name].max() for name in ("allocated_bytes", "reserved_bytes")]
            if not all(map(pd.isna, totals)):
                sizes = (None if pd.isna(each) else int(each) for each in totals)
                found.append(DeviceMemory(device, *sizes))
    return tuple(found)


def _time_sentences(times: DeviceTime, name: str, summary: TraceSummary, text: Text) -> list[str]:
    whole = times.window_ns
    doing = [text("trace.gpu.busy.kernels", amount=_amount(times.kernel_ns, whole, text))]
    if times.copy_ns:
        doing.append(text("trace.gpu.busy.copies", amount=_amount(times.copy_ns, whole, text)))
    said = [
        text(
            "trace.gpu.busy",
            device=name,
            share=_share(times.busy_ns, whole),
            length=_time(whole),
            work=text("language.list").join(doing),
        )
    ]
    idle = {cause: getattr(times, f"{cause}_ns") for cause in CAUSES}
    causes = sorted((cause for cause in CAUSES if idle[cause]), key=lambda each: -idle[each])
    parts = [
        text(f"trace.gpu.idle.{cause}", amount=_amount(idle[cause], whole, text))
        for cause in causes
    ]
    if parts:
        amount = _amount(times.idle_ns, whole, text)
        joined = text("trace.gpu.and").join(parts)
        said.append(text("trace.gpu.idle", device=name, amount=amount, causes=joined))
    for each in summary.communication:
        if (each.device, each.process) == (times.device, times.process):
            said.append(
                text(
                    "trace.gpu.communication",
                    device=name,
                    amount=_amount(each.total_ns, whole, text),
                    overlapped=_amount(each.overlapped_ns, each.total_ns, text),
                )
            )
    return said


def _wait_sentences(waits: tuple[Wait, ...], text: Text) -> list[str]:
    if not waits:
        return []
    parts = []
    for each in waits[:_MOST]:
        key = "trace.gpu.wait.call" if each.operator is None else "trace.gpu.wait.operator"
        values = {"call": _clipped(each.call), "operator": _clipped(each.operator or "")}
        parts.append(text(key, **values, count=f"{each.count:,}", time=_time(each.idle_ns)))
    return [text("trace.gpu.waits", calls=text("trace.gpu.and").join(parts))]


def _memory_sentence(memory: DeviceMemory, text: Text) -> str:
    sizes = [
        text(f"trace.gpu.memory.{key}", size=show_bytes(size))
        for key, size in (
            ("allocated", memory.allocated_bytes),
            ("reserved", memory.reserved_bytes),
        )
        if size is not None
    ]
    joined = text("language.list").join(sizes)
    return text("trace.gpu.memory", device=memory.device, sizes=joined)


def _name(times: DeviceTime, summary: TraceSummary, text: Text) -> str:
    """Return a device's number, with its process if that is needed."""
    if times.device is None:
        return text("trace.gpu.unnamed")
    if [each.device for each in summary.times].count(times.device) > 1:
        process = text("trace.gpu.process", process=times.process)
        return text("trace.gpu.named", number=times.device, name=_clipped(process))
    return text("trace.gpu.number", number=times.device)


def _full_name(times: DeviceTime, summary: TraceSummary, text: Text) -> str:
    """Return a device's number with its process if that is needed, else with its name if known."""
    number = times.device
    known = None if number is None else summary.names.get(number)
    is_alone = [each.device for each in summary.times].count(number) == 1
    if known is None or not is_alone:
        return _name(times, summary, text)
    return text("trace.gpu.named", number=number, name=_clipped(known))


def _joined(parts: Iterable[Part], text: Text) -> str:
    return text("trace.gpu.and").join(
        text(
            "trace.gpu.part",
            name=_clipped(part.short),
            share=show_share(part.share),
            time=time_unit([part.total_s]).show(part.total_s),
            count=f"{part.count:,}",
        )
        for part in parts
    )


def _clipped(name: str) -> str:
    """Return a name from a file as it may stand between backticks."""
    plain = " ".join(name.replace("`", "'").split())
    return plain if len(plain) <= _NAME_LIMIT else f"{plain[: _NAME_LIMIT - 1]}…"


def _time(length_ns: int) -> str:
    return time_unit([length_ns / 1e9]).show(length_ns / 1e9)


def _share(part_ns: int, whole_ns: int) -> str:
    return show_share(part_ns / whole_ns if whole_ns else 0.0)


def _amount(part_ns: int, whole_ns: int, text: Text) -> str:
    return text("trace.gpu.amount", time=_time(part_ns), share=_share(part_ns, whole_ns))
