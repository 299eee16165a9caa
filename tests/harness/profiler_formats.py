"""Makes random traces in the formats of many profilers, and counts them the slow and plain way.

What counts knows nothing of the product: it looks at every event and every moment.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

Event = dict[str, Any]

_SINCE_1970_NS = 1_700_000_000_000_000_000
_SINCE_BASE_NS = 4_602_314_071_271_000
_OLD = {
    "cpu_op": "Operator",
    "cuda_runtime": "Runtime",
    "kernel": "Kernel",
    "gpu_memcpy": "Memcpy",
    "gpu_memset": "Memset",
}
_WORK = ("kernel", "gpu_memcpy", "gpu_memset", "mtia_ccp_events")
_RUNTIMES = ("cuda_runtime", "mtia_runtime")


class Format(NamedTuple):
    """How a profiler writes what happened.

    Attributes:
        base_ns: Nanoseconds from the origin of its clock.
        unit_ns: Its times are multiples of this.
        ranks: Number of processes that were merged into one file.
        change: Changes an event, given as today's torch writes it.
        arrows: Whether work is joined to its launch by flows alone.
    """

    base_ns: int
    unit_ns: int = 1
    ranks: int = 1
    change: Callable[[Event], None] = lambda event: None
    arrows: bool = False


class Counts(NamedTuple):
    """What is in a trace: numbers, and nanoseconds by the names of operators or streams."""

    categories: dict[str, int]
    self_ns: dict[str, int]
    device_ns: dict[str, int]
    stream_ns: dict[str, int]
    launched: int
    memory_bytes: int


def _old(event: Event) -> None:
    category, args = event.get("cat"), event["args"]
    event["tid"] = str(event["tid"])
    if category in _OLD:
        event["cat"] = _OLD[category]
    if category != "cpu_op" and "External id" in args:
        args["external id"] = args.pop("External id")
    if event["name"] == "[memory]":
        del event["cat"], args["Addr"]


def _wrong_ids(event: Event) -> None:
    args = event["args"]
    if "correlation" in args:
        args["External id"] = args["correlation"]


def _texts(event: Event) -> None:
    if event.get("cat") == "cuda_runtime":
        event["args"] |= {"stream": "0x0", "bytes": "616", "kind": "1"}


def _mtia(event: Event) -> None:
    category, args = event.get("cat"), event["args"]
    if category in _WORK:
        event["cat"] = "mtia_ccp_events"
        args.clear()
    elif category == "cuda_runtime":
        event["cat"] = "mtia_runtime"
        args.pop("External id")


FORMATS = {
    "torch 1.8": Format(_SINCE_1970_NS, 1000, change=_old),
    "torch 1.13": Format(_SINCE_1970_NS, 1000, change=_wrong_ids),
    "torch 2": Format(_SINCE_BASE_NS),
    "nanoseconds since 1970": Format(_SINCE_1970_NS),
    "ROCm": Format(_SINCE_BASE_NS, change=_texts),
    "MTIA": Format(_SINCE_BASE_NS, change=_mtia, arrows=True),
    "two ranks": Format(_SINCE_BASE_NS, ranks=2),
}


class _Span(NamedTuple):
    start: int
    end: int
    number: int


def make(name: str, seed: int) -> str:
    """Return the text of a random trace in a format."""
    source, form = random.Random(seed), FORMATS[name]
    events: list[Event] = []
    for rank in range(form.ranks):
        events += _Rank(source, form, rank).events()
    source.shuffle(events)
    for event in events:
        form.change(event)
        for key in {"ts", "dur"} & set(event):
            event[key] = f"<{_microseconds(event[key])}>"
    # Numbers with all their digits, which floats do not have.
    found = json.dumps({"traceEvents": events})
    return found.replace('"<', "").replace('>"', "")


def _microseconds(ns: int) -> str:
    return str(ns // 1000) if ns % 1000 == 0 else f"{ns // 1000}.{ns % 1000:03}"


class _Rank:
    """What one process did."""

    def __init__(self, source: random.Random, form: Format, rank: int) -> None:
        self._source = source
        self._form = form
        is_alone = form.ranks == 1
        self._host = 9 if is_alone else f"[TP{rank:02}] 9"
        self._device = 0 if is_alone else f"[TP{rank:02}] 0"
        self._numbers = itertools.count(1)
        self._taken: set[tuple[int, int]] = set()

    def events(self) -> Iterator[Event]:
        for thread in (9, 10):
            lane = {"pid": self._host, "tid": thread}
            spans = sorted(self._nest(0, 60, 0), key=lambda span: (span.start, -span.end))
            for span in spans:
                args = {"External id": span.number, "Sequence number": span.number}
                name = f"op{self._source.randrange(4)}"
                yield self._event("cpu_op", name, span.start, span.end, args, lane)
                yield self._memory(span.start, lane)
                at = self._source.randrange(span.start, span.end)
                if (thread, at) not in self._taken:
                    self._taken.add((thread, at))
                    inner = [each for each in spans if each.start <= at < each.end][-1]
                    yield from self._launch(at, inner, lane)

    def _nest(self, low: int, high: int, depth: int) -> Iterator[_Span]:
        at = low
        while at < high and depth < 4 and self._source.random() < 0.8:
            end = self._source.randint(at + 1, high)
            if (at, end) == (low, high) and depth:
                return  # Nothing would tell it from the one around it.
            yield _Span(at, end, next(self._numbers))
            yield from self._nest(at, end, depth + 1)
            at = self._source.randint(end, high)

    def _event(
        self, category: str, name: str, start: int, end: int, args: Event, lane: Event
    ) -> Event:
        unit = self._form.unit_ns
        times = {"ts": self._form.base_ns + start * unit, "dur": (end - start) * unit}
        return {"ph": "X", "cat": category, "name": name, **lane, **times, "args": args}

    def _memory(self, at: int, lane: Event) -> Event:
        args = {"Bytes": self._source.choice((-8, 8, 64)), "Addr": 64, "Device Type": 0}
        found = self._event("cpu_instant_event", "[memory]", at, at, args, lane)
        del found["dur"]
        return found | {"ph": "i"}

    def _launch(self, at: int, inner: _Span, lane: Event) -> Iterator[Event]:
        correlation = next(self._numbers) if self._form.change is _wrong_ids else 7000 + at
        correlation += 1000 * (lane["tid"] - 9)
        ids = {"External id": inner.number, "correlation": correlation}
        yield self._event("cuda_runtime", "launch", at, at + 1, dict(ids), lane)
        if self._source.random() < 0.2:
            return
        category = self._source.choice(_WORK[:3])
        stream = self._source.choice((7, 20))
        begin = at + self._source.randint(1, 50)
        while (stream, begin) in self._taken:
            begin += 1
        self._taken.add((stream, begin))
        on = {"pid": self._device, "tid": stream}
        args = ids | {"device": 0, "stream": stream}
        yield self._event(category, f"work {stream}", begin, begin + 5, args, on)
        if self._form.arrows:
            yield self._arrow("s", at, correlation, lane)
            yield self._arrow("f", begin, correlation, on)

    def _arrow(self, phase: str, at: int, number: int, lane: Event) -> Event:
        found = self._event("ac2g", "ac2g", at, at, {}, lane) | {"ph": phase, "id": number}
        del found["dur"]
        return found


def count(text: str) -> Counts:
    """Count a trace by looking at all events and all moments."""
    events = json.loads(text, parse_float=Decimal, parse_int=Decimal)["traceEvents"]
    rows = [each for each in events if each["ph"] not in ("s", "f")]
    named = [(_category(each), each) for each in rows]
    ops = [each for category, each in named if category == "cpu_op"]
    calls = [each for category, each in named if category in _RUNTIMES]
    work = [each for category, each in named if category in _WORK]
    self_ns: Counter[str] = Counter({each["name"]: 0 for each in ops})
    for lane in {_lane(each) for each in ops}:
        ours = [each for each in ops if _lane(each) == lane]
        moments = sorted({time for each in ours for time in _span(each)})
        for start, end in itertools.pairwise(moments):
            if inner := _innermost(ours, start):
                self_ns[inner["name"]] += end - start
    device_ns: Counter[str] = Counter()
    stream_ns: Counter[str] = Counter()
    launched = 0
    for each in work:
        start, end = _span(each)
        stream_ns[each["name"]] += end - start
        found = _launch_of(each, calls, events)
        launched += found is not None
        ours = [op for op in ops if found is not None and _lane(op) == _lane(found)]
        op = _innermost(ours, _span(found)[0]) if found else None
        if op is not None:
            device_ns[op["name"]] += end - start
    sizes = [int(each["args"]["Bytes"]) for each in rows if each["name"] == "[memory]"]
    categories = Counter(category for category, _ in named if category)
    return Counts(
        dict(categories), dict(self_ns), dict(device_ns), dict(stream_ns), launched, sum(sizes)
    )


def _category(event: Event) -> str | None:
    new = {old: name for name, old in _OLD.items()}
    category = event.get("cat")
    return new.get(category, category) if category else None


def _lane(event: Event) -> tuple[str, str]:
    return str(event["pid"]), str(event["tid"])


def _span(event: Event) -> tuple[int, int]:
    start, length = int(event["ts"] * 1000), int(event.get("dur", 0) * 1000)
    return start, start + length


def _innermost(ops: list[Event], moment: int) -> Event | None:
    """Return the shortest operator around a moment."""
    around = [each for each in ops if _span(each)[0] <= moment < _span(each)[1]]
    return min(around, key=lambda each: each["dur"], default=None)


def _launch_of(work: Event, calls: list[Event], events: list[Event]) -> Event | None:
    """Return the call that has the same correlation, or that is at the other end of an arrow."""
    rank = str(work["pid"]).split()[0] if "[" in str(work["pid"]) else ""
    ours = [each for each in calls if str(each["pid"]).startswith(rank)]
    number = work["args"].get("correlation")
    if number is not None:
        return next((each for each in ours if each["args"]["correlation"] == number), None)
    ends = [each for each in events if each["ph"] == "f" and _is_at(each, work)]
    starts = [each for each in events if each["ph"] == "s" and each["id"] == ends[0]["id"]]
    return next((each for each in ours if _is_at(starts[0], each)), None)


def _is_at(arrow: Event, event: Event) -> bool:
    return _lane(arrow) == _lane(event) and arrow["ts"] == event["ts"]
