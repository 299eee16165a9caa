"""Opened traces: each in a process of its own, which costs nobody else anything and goes."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from profiling.engine import holding, process, traces
from profiling.engine.engine import Engine
from profiling.engine.progress import Notes
from profiling.engine.traces import MOST_READING, OpenedTrace, OpenedTraces, Reading
from profiling.model.errors import InputError
from profiling.model.request import Request
from profiling.model.words import Text, translator
from profiling.output import trace_views
from profiling.output.saved_runs import recorded_traces
from profiling.traces import table
from profiling.traces.opened import OpenTrace
from tests.profiling.engine.holding import SOON_S, begun, gone, hold
from tests.profiling.planted import event, write_trace

PATH = next(iter(recorded_traces().values())).path


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenedTraces]:
    folder = tmp_path / "traces"
    folder.mkdir()
    found = OpenedTraces(folder)
    yield found
    found.close()
    assert list(folder.iterdir()) == []


def last_of(readings: Iterator[Reading]) -> OpenedTrace:
    *_, last = readings
    assert last.trace is not None
    return last.trace


def open_one(opened: OpenedTraces, path: Path = PATH) -> OpenedTrace:
    return last_of(opened.read(path))


def pid(trace: OpenTrace, text: Text) -> int:
    return os.getpid()


def hold_on(trace: OpenTrace, text: Text, path: Path) -> int:
    hold(path)
    return 0


def modules(trace: OpenTrace, text: Text) -> list[str]:
    return list(sys.modules)


def niceness(trace: OpenTrace, text: Text) -> int:
    return int(psutil.Process().nice())


def whole_table(trace: OpenTrace, text: Text) -> Any:
    return trace.events


def much(trace: OpenTrace, text: Text, count: int) -> bytes:
    return bytes(count)


def no_memory(trace: OpenTrace, text: Text) -> int:
    raise MemoryError


def limit(trace: OpenTrace, text: Text) -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)[0]


def test_a_trace_is_read_and_asked_in_a_process_of_its_own_without_torch(
    opened: OpenedTraces,
) -> None:
    trace, other = open_one(opened), open_one(opened)
    read = table.read_trace(PATH)
    assert trace.held.events == len(read.events)
    assert trace.held.bytes > 0
    assert len({os.getpid(), trace.ask(pid, "en"), other.ask(pid, "en")}) == 3
    assert not {"torch", "gradio"} & set(trace.ask(modules, "en"))
    here = OpenTrace(read)
    for language in ("en", "zh"):
        expected = trace_views.operators(here, translator(language), "name", "self_s", "")
        assert trace.ask(trace_views.operators, language, "name", "self_s", "") == expected


def test_closing_ends_the_process_and_deletes_its_files(opened: OpenedTraces) -> None:
    trace = open_one(opened)
    child = trace.ask(pid, "en")
    trace.ask(trace_views.write_file, "en", "ops.csv", (0.0, 1.0), str(trace.folder))
    key = opened.keep(trace)
    opened.remove(key)
    opened.remove(None)
    assert gone(child)
    assert not trace.folder.exists()
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        opened.get(key)
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        trace.ask(pid, "en")
    with pytest.raises(InputError, match=r"error\.trace_none"):
        opened.get(None)


def test_nothing_but_plain_data_of_a_bounded_size_leaves_the_process(
    opened: OpenedTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = open_one(opened)
    with pytest.raises(TypeError, match="DataFrame"):
        trace.ask(whole_table, "en")
    with pytest.raises(InputError, match=r"error\.trace_answer_large"):
        trace.ask(much, "en", 65 * 2**20)
    with pytest.raises(InputError, match=r"error\.trace_answer_memory"):
        trace.ask(no_memory, "en")
    assert len(trace.ask(much, "en", 1000)) == 1000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no such limit")
def test_a_process_may_take_a_part_of_the_memory_that_is_free(opened: OpenedTraces) -> None:
    assert 0 < open_one(opened).ask(limit, "en") < psutil.virtual_memory().total


def test_a_trace_whose_process_is_killed_costs_nobody_else_anything(
    opened: OpenedTraces, tmp_path: Path
) -> None:
    trace, other = open_one(opened), open_one(opened)
    key = opened.keep(trace)
    raised: list[Exception] = []

    def ask() -> None:
        try:
            trace.ask(hold_on, "en", tmp_path / "begun")
        except InputError as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    psutil.Process(begun(tmp_path / "begun")).kill()
    asking.join(SOON_S)
    assert [str(each) for each in raised] == ["error.trace_ended"]
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        opened.get(key)
    assert other.ask(pid, "en")
    assert open_one(opened).ask(pid, "en")


def test_a_process_that_is_killed_while_it_reads_is_told_of(
    opened: OpenedTraces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(holding, "hold", hold)
        reading = opened.read(tmp_path / "begun")
        next(reading)
        next(reading)
        psutil.Process(begun(tmp_path / "begun")).kill()
        with pytest.raises(InputError, match=r"error\.trace_died"):
            list(reading)
    assert open_one(opened).ask(pid, "en")


def test_a_reading_that_nobody_waits_for_ends_at_once(
    opened: OpenedTraces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "hold", hold)
    reading = opened.read(tmp_path / "begun")
    next(reading)
    next(reading)
    child = begun(tmp_path / "begun")
    reading.close()  # type: ignore[attr-defined]
    assert gone(child)


def test_what_takes_too_long_is_ended_and_said(
    opened: OpenedTraces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(traces, "QUESTION_S", 0.5)
        trace = open_one(opened)
    with pytest.raises(InputError, match=r"error\.trace_answer_late"):
        trace.ask(hold_on, "en", tmp_path / "begun")
    assert gone(begun(tmp_path / "begun"))
    monkeypatch.setattr(traces, "READING_S", 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(holding, "hold", hold)
        with pytest.raises(InputError, match=r"error\.trace_late"):
            open_one(opened, tmp_path / "read")


def test_a_trace_that_nobody_looks_at_ends_by_itself(
    opened: OpenedTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "IDLE_S", 0.5)
    trace = open_one(opened)
    key = opened.keep(trace)
    assert gone(trace.ask(pid, "en"))
    while trace.is_open:
        time.sleep(0.01)
    with pytest.raises(InputError):
        trace.ask(pid, "en")
    opened.keep(open_one(opened))
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        opened.get(key)
    assert not trace.folder.exists()


def test_only_so_many_are_read_at_once_and_the_next_one_waits(
    opened: OpenedTraces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(holding, "hold", hold)
        readings = [opened.read(tmp_path / str(place)) for place in range(MOST_READING)]
        for place, reading in enumerate(readings):
            next(reading)
            next(reading)
            begun(tmp_path / str(place))
    waiting = opened.read(PATH)
    assert [next(waiting).share for _ in range(3)] == [0.0] * 3
    assert len(opened._open) == MOST_READING
    readings[0].close()  # type: ignore[attr-defined]
    *_, last = waiting
    assert last.trace is not None
    for reading in readings:
        reading.close()  # type: ignore[attr-defined]


def test_the_traces_used_last_are_kept(tmp_path: Path) -> None:
    opened = OpenedTraces(tmp_path, most=2)
    kept = [open_one(opened) for _ in range(3)]
    first, second = (opened.keep(each) for each in kept[:2])
    assert opened.get(first) is kept[0]
    third = opened.keep(kept[2])
    assert opened.get(first) is kept[0]
    assert opened.get(third) is kept[2]
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        opened.get(second)
    assert not kept[1].folder.exists()
    opened.close()
    assert list(tmp_path.iterdir()) == []


def test_as_much_memory_is_held_as_may_be_and_the_last_one_in_any_case(tmp_path: Path) -> None:
    opened = OpenedTraces(tmp_path, most_bytes=1)
    first = opened.keep(open_one(opened))
    assert opened.get(first).ask(pid, "en")
    second = opened.keep(open_one(opened))
    assert opened.get(second).ask(pid, "en")
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        opened.get(first)
    opened.close()


def test_it_is_so_where_no_process_can_be_forked(
    opened: OpenedTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FORKS", False)
    trace = open_one(opened)
    assert psutil.Process(trace.ask(pid, "en")).parent() == psutil.Process()
    assert trace.ask(trace_views.opening, "en", "made").summary.startswith("made: ")
    trace.close()


def test_a_trace_is_opened_while_the_worker_is_busy_and_steps_behind(tmp_path: Path) -> None:
    engine = Engine("cpu")
    with contextlib.closing(engine):
        busy = engine._executor.submit(hold, tmp_path / "begun")
        begun(tmp_path / "begun")
        steps = engine.compare(Request("elementwise", ("attached",), (4,)))
        next(steps)
        behind = last_of(engine.open_trace(PATH))
        assert behind.ask(niceness, "en") > psutil.Process().nice()
        steps.close()  # type: ignore[attr-defined]
        beside = last_of(engine.open_trace(PATH))
        assert beside.ask(niceness, "en") == psutil.Process().nice()
        assert not busy.done()
        children = [each.ask(pid, "en") for each in (behind, beside)]
    assert all(gone(each) for each in children)


def test_reading_notes_the_share_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr(Notes, "write", lambda _, note: shares.append(note.done))
    monkeypatch.setattr(holding, "_held", [])
    held = holding.hold(PATH, Notes(tmp_path))
    assert held.events == len(table.read_trace(PATH).events)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)


def test_a_trace_that_memory_does_not_suffice_for_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(table, "read_trace", read)
    with pytest.raises(InputError, match=r"error\.trace_memory"):
        holding.hold(tmp_path / "any", Notes(tmp_path))


def test_what_is_no_trace_leaves_no_process(opened: OpenedTraces, tmp_path: Path) -> None:
    path = tmp_path / "no.json"
    path.write_text("{}", "utf-8")
    with pytest.raises(InputError, match=r"error\.not_a_trace"):
        open_one(opened, path)
    assert opened._open == set()
    good = write_trace(tmp_path / "good.json", [event("aten::mm", 1, dur=10)])
    assert open_one(opened, good).held.events == 1
