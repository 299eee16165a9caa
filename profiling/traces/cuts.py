"""What a gradient cut changed between two traces: backward, work, memory and copies, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.model.units import show_bytes, time_unit
from profiling.model.words import Text
from profiling.traces.categories import DEVICE_WORK
from profiling.traces.memory import NODE_PREFIX, backward_windows, memory_changes, memory_devices
from profiling.traces.nesting import is_outermost, nanoseconds, nest, nesting_order, operator_spans
from profiling.traces.pairs import in_backward, launched_seconds
from profiling.traces.timeline import lane_keys

_CLONE = "aten::clone"
_MOST_NAMED = 6
_NAME_LIMIT = 60

Array = npt.NDArray[Any]


class Sum(NamedTuple):
    """Operators of one name, or the like: their number, duration, and the GPU work in them."""

    calls: int
    time_s: float
    device_s: float


_NONE = Sum(0, 0.0, 0.0)


class CutSide(NamedTuple):
    """What is compared of one trace: sums by name, as in `CutFacts`.

    Attributes:
        has_gpu: Whether it has GPU work.
        nodes: Backward nodes.
        backward: Operators directly inside backward nodes.
        forward: Outermost operators outside of backward.
        work: Kernels, copies and fills, by the operator that launched them.
        clones: Calls of ``aten::clone``.
        kept: Bytes in use when backward begins, by device.
        clone_bytes: Bytes that these calls allocated; None without memory events.
    """

    has_gpu: bool
    nodes: dict[str, Sum]
    backward: dict[str, Sum]
    forward: dict[str, Sum]
    work: dict[str, Sum]
    clones: Sum
    kept: dict[str, int]
    clone_bytes: int | None


@dataclass(frozen=True)
class Change:
    """Operators of one name, or the like, in two traces.

    Attributes:
        name: Their name.
        count_a: Number in the first trace.
        count_b: Number in the second.
        time_a_s: Their time in the first: GPU work launched in them if both traces have GPU work,
            else their duration.
        time_b_s: Their time in the second.
    """

    name: str
    count_a: int
    count_b: int
    time_a_s: float
    time_b_s: float


@dataclass(frozen=True)
class Kept:
    """Memory in use when backward begins.

    Attributes:
        device: As ``memory_device`` in the table.
        bytes_a: Bytes that were allocated in the first trace and not freed before its backward;
            of several backwards, the one with the most. 0 without backward.
        bytes_b: The same of the second trace.
    """

    device: str
    bytes_a: int
    bytes_b: int


@dataclass(frozen=True)
class CutFacts:
    """What differs between two traces that differ in a gradient cut.

    Attributes:
        on_gpu: Whether times are of GPU work, as both traces have some.
        nodes: Backward nodes by name, all of them.
        backward: Operators directly inside backward nodes, all of them.
        forward: Outermost operators outside of backward, all of them.
        work: Kernels, copies and fills, by the operator that launched them; `""` if unknown.
        clones: Calls of ``aten::clone``, and the bytes that they allocated.
        clone_bytes: Bytes that these calls allocated, in both traces; None without memory events.
        kept: Memory in use when backward begins, of each device with memory events in both.
    """

    on_gpu: bool
    nodes: tuple[Change, ...]
    backward: tuple[Change, ...]
    forward: tuple[Change, ...]
    work: tuple[Change, ...]
    clones: Change
    clone_bytes: tuple[int, int] | None
    kept: tuple[Kept, ...]


def cut_facts(a: pd.DataFrame, b: pd.DataFrame) -> CutFacts:
    """Compare what two traces did for gradients.

    Args:
        a: As from `profiling.traces.table.read_trace`.
        b: Another one.
    """
    return compare_cuts(cut_side(a), cut_side(b))


def compare_cuts(a: CutSide, b: CutSide) -> CutFacts:
    """Compare two traces of which only their sums are at hand; see `cut_facts`."""
    on_gpu = a.has_gpu and b.has_gpu
    nodes, backward, forward, work = (
        _changes(getattr(a, name), getattr(b, name), on_gpu=on_gpu)
        for name in ("nodes", "backward", "forward", "work")
    )
    clones = _changes({_CLONE: a.clones}, {_CLONE: b.clones}, on_gpu=on_gpu)
    is_sized = a.clone_bytes is not None and b.clone_bytes is not None
    devices = [device for device in a.kept if device in b.kept]
    return CutFacts(
        on_gpu=on_gpu,
        nodes=nodes,
        backward=backward,
        forward=forward,
        work=work if on_gpu else (),
        clones=clones[0],
        clone_bytes=(a.clone_bytes or 0, b.clone_bytes or 0) if is_sized else None,
        kept=tuple(Kept(each, a.kept[each], b.kept[each]) for each in devices),
    )


def cut_side(trace: pd.DataFrame) -> CutSide:
    """Return what `compare_cuts` needs of a trace.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
    """
    calls = trace[(trace["category"] == "cpu_op") & trace["duration_s"].notna()]
    work = trace[trace["category"].isin(DEVICE_WORK) & trace["duration_s"].notna()]
    has_gpu = bool(trace["category"].isin(DEVICE_WORK).any())
    device_s = launched_seconds(trace, calls) if has_gpu else 0.0
    table = pd.DataFrame(
        {"name": calls["name"], "time_s": calls["duration_s"], "device_s": device_s}
    )
    is_node = table["name"].str.startswith(NODE_PREFIX)
    nodes = table[is_node].assign(name=lambda rows: rows["name"].map(_node))
    # A node is an operator of its own name in one with a prefix.
    is_wrapper = is_node | table["name"].isin(set(nodes["name"]))
    is_inside = in_backward(calls)
    launchers = work["op_index"].map(trace["name"]).astype("object").fillna("")
    lengths = {"time_s": work["duration_s"], "device_s": work["duration_s"]}
    return CutSide(
        has_gpu=has_gpu,
        nodes=_sums(nodes),
        backward=_sums(table[_outermost(calls[is_inside & ~is_wrapper], table.index)]),
        forward=_sums(table[_outermost(calls[~is_inside], table.index)]),
        work=_sums(pd.DataFrame({"name": launchers, **lengths})),
        clones=_sums(table[table["name"] == _CLONE]).get(_CLONE, _NONE),
        kept=_kept(trace),
        clone_bytes=_bytes_inside(trace, calls[calls["name"] == _CLONE]),
    )


def _sums(table: pd.DataFrame) -> dict[str, Sum]:
    grouped = table.groupby("name", sort=False)
    sums = grouped[["time_s", "device_s"]].sum().assign(calls=grouped.size())
    columns = (sums[name] for name in ("calls", "time_s", "device_s"))
    return {
        str(name): Sum(int(calls), float(time_s), float(device_s))
        for name, calls, time_s, device_s in zip(sums.index, *columns, strict=True)
    }


def _node(name: str) -> str:
    return name.removeprefix(NODE_PREFIX)


def _outermost(calls: pd.DataFrame, index: pd.Index[Any]) -> npt.NDArray[np.bool]:
    """Return which rows of an index are calls that no other of the calls encloses."""
    lane, start, end, order = _spans(calls)
    depth = nest(lane[order], start[order], end[order]).depth
    found: npt.NDArray[np.bool] = index.isin(calls.index[order[depth == 0]])
    return found


def _spans(calls: pd.DataFrame) -> tuple[Array, Array, Array, Array]:
    lane, _ = lane_keys(calls)
    start = nanoseconds(calls["start_s"])
    end = start + np.maximum(nanoseconds(calls["duration_s"]), 0)
    return lane, start, end, nesting_order(lane, start, end)


def _changes(a: dict[str, Sum], b: dict[str, Sum], *, on_gpu: bool) -> tuple[Change, ...]:
    found = []
    for name in dict.fromkeys([*a, *b]):
        sides = a.get(name, _NONE), b.get(name, _NONE)
        times = (each.device_s if on_gpu else each.time_s for each in sides)
        found.append(Change(name, *(each.calls for each in sides), *times))
    return tuple(sorted(found, key=lambda each: -abs(each.time_b_s - each.time_a_s)))


def _kept(trace: pd.DataFrame) -> dict[str, int]:
    calls = operator_spans(trace)
    begins = backward_windows(calls[is_outermost(calls)])["start"].to_numpy("int64")
    start = nanoseconds(trace["start_s"])
    found = {}
    for device in memory_devices(trace):
        places, changes, partner = memory_changes(trace, device)
        moments = start[places]
        freed = np.append(moments, np.iinfo("int64").max)[partner]
        held = [
            int(changes[(changes > 0) & (moments < begin) & (freed >= begin)].sum())
            for begin in begins.tolist()
        ]
        found[device] = max(held, default=0)
    return found


def _bytes_inside(trace: pd.DataFrame, calls: pd.DataFrame) -> int | None:
    memory = trace[trace["bytes"].notna()]
    if memory.empty:
        return None
    total = 0
    gained = memory[memory["bytes"] > 0]
    starts, sizes = nanoseconds(gained["start_s"]), gained["bytes"].to_numpy("int64")
    lanes = gained["process"].astype("object") + " " + gained["thread"].astype("object")
    begins = nanoseconds(calls["start_s"])
    ends = begins + nanoseconds(calls["duration_s"])
    names = calls["process"].astype("object") + " " + calls["thread"].astype("object")
    for begin, end, lane in zip(begins.tolist(), ends.tolist(), names, strict=True):
        first, last = np.searchsorted(starts, [begin, end])
        total += int(sizes[first:last][(lanes.iloc[first:last] == lane).to_numpy()].sum())
    return total


def cut_sentences(facts: CutFacts, text: Text) -> list[str]:
    """Say what a gradient cut changed from the first trace to the second, and what it did not.

    Args:
        facts: As from `cut_facts`.
        text: Translator.
    """
    if not facts.nodes:
        return [text("trace.cut.none")]
    said = [_sentence(name, facts, text) for name in ("nodes", "backward", "forward")]
    if facts.on_gpu:
        said.append(_work_sentence(facts.work, text))
    for each in facts.kept:
        key = "same" if each.bytes_a == each.bytes_b else "changed"
        a, b = show_bytes(each.bytes_a), show_bytes(each.bytes_b)
        change = _signed(show_bytes, each.bytes_b - each.bytes_a)
        said.append(text(f"trace.cut.kept.{key}", device=each.device, a=a, b=b, change=change))
    said.append(_clone_sentence(facts, text))
    return said


def _sentence(kind: str, facts: CutFacts, text: Text) -> str:
    changes: tuple[Change, ...] = getattr(facts, kind)
    differing = [each for each in changes if each.count_a != each.count_b]
    a, b = (sum(getattr(each, f"count_{side}") for each in changes) for side in "ab")
    if not differing:
        return text(f"trace.cut.{kind}.same", count=f"{a:,}")
    change = sum(each.time_b_s - each.time_a_s for each in differing)
    shown = _signed(_show_time, change)
    time = text("trace.cut.time.gpu" if facts.on_gpu else "trace.cut.time.cpu", time=shown)
    values = {"a": f"{a:,}", "b": f"{b:,}", "time": time}
    return text(f"trace.cut.{kind}.changed", **values, names=_named(differing, text))


def _work_sentence(work: tuple[Change, ...], text: Text) -> str:
    differing = [each for each in work if each.count_a != each.count_b]
    a, b = (sum(getattr(each, f"count_{side}") for each in work) for side in "ab")
    times = [sum(getattr(each, f"time_{side}_s") for each in work) for side in "ab"]
    unit = time_unit(times)
    values = {"a": f"{a:,}", "b": f"{b:,}", "time_a": unit.show(times[0])}
    values |= {"time_b": unit.show(times[1])}
    if not differing:
        return text("trace.cut.work.same", **values)
    return text("trace.cut.work.changed", **values, names=_named(differing, text, timed=True))


def _clone_sentence(facts: CutFacts, text: Text) -> str:
    clones, sizes = facts.clones, facts.clone_bytes
    values = {"a": f"{clones.count_a:,}", "b": f"{clones.count_b:,}"}
    if clones.count_a == clones.count_b and (sizes is None or sizes[0] == sizes[1]):
        return text("trace.cut.clones.same", count=values["a"])
    if sizes is None:
        return text("trace.cut.clones.changed", **values)
    size_a, size_b = map(show_bytes, sizes)
    return text("trace.cut.clones.sized", **values, size_a=size_a, size_b=size_b)


def _named(changes: list[Change], text: Text, *, timed: bool = False) -> str:
    parts = [
        text(
            "trace.cut.change.timed" if timed else "trace.cut.change",
            time=_signed(_show_time, each.time_b_s - each.time_a_s),
            name=_short(each.name) if each.name else text("trace.cut.unknown"),
            a=f"{each.count_a:,}",
            b=f"{each.count_b:,}",
        )
        for each in changes[:_MOST_NAMED]
    ]
    named = text("language.list").join(parts)
    more = len(changes) - _MOST_NAMED
    return named if more <= 0 else text("trace.diff.and_more", names=named, count=more)


def _short(name: str) -> str:
    plain = name.replace("`", "'")
    return plain if len(plain) <= _NAME_LIMIT else f"{plain[: _NAME_LIMIT - 1]}…"


def _show_time(seconds: float) -> str:
    return time_unit([seconds]).show(seconds)


def _signed(show: Any, value: float) -> str:
    """Return a change with its sign."""
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{show(abs(value))}"
