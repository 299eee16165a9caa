"""What the process of an opened trace runs: it reads the trace once and answers questions on it.

The page's process submits these functions; they import what they need when they run.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import psutil

from profiling.engine.progress import Notes, Share
from profiling.model.errors import InputError
from profiling.model.words import translator

if TYPE_CHECKING:
    from profiling.traces.opened import OpenTrace

# Gets the opened trace, a translator and its own arguments; returns plain data.
Question = Callable[..., Any]

# A drawing takes less than one.
_MOST_ANSWER_BYTES = 64 * 2**20
_held: list[OpenTrace] = []


class Held(NamedTuple):
    """What the page knows of a trace that it does not hold itself.

    Attributes:
        events: The number of its events.
        end_s: End of the last event, in seconds from the start of the first.
        bytes: Memory that its process does not share with others.
    """

    events: int
    end_s: float
    bytes: int


class Answer(NamedTuple):
    """The answer to a question.

    Attributes:
        data: What the question returned, as MessagePack: no table can be in it.
        bytes: Memory that this process does not share with others.
    """

    data: bytes
    bytes: int


def hold(path: Path, notes: Notes) -> Held:
    """Read a trace from any source and keep it, noting the share that is done.

    Raises:
        InputError: The file is not a trace, or is larger than memory allows.
    """
    from profiling.traces import table
    from profiling.traces.opened import OpenTrace

    try:
        trace = table.read_trace(path, lambda done: notes.write(Share(done)))
        _held[:] = [OpenTrace(trace)]
        return Held(len(trace.events), _held[0].end_s, _own_bytes())
    except MemoryError:
        raise InputError("error.trace_memory") from None


def answer(
    question: Question, language: str, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Answer:
    """Return what a question says of the trace that is held.

    Raises:
        InputError: Memory does not suffice, or the answer is too large for the page.
    """
    try:
        found = question(_held[0], translator(language), *arguments, **named)
        data = msgspec.msgpack.encode(found)
    except MemoryError:
        raise InputError("error.trace_answer_memory") from None
    if len(data) > _MOST_ANSWER_BYTES:
        raise InputError("error.trace_answer_large")
    return Answer(data, _own_bytes())


def decoded(question: Question, data: bytes) -> Any:
    """Return an answer's data as what the question is annotated to return."""
    return msgspec.msgpack.decode(data, type=typing.get_type_hints(question)["return"])


def _own_bytes() -> int:
    try:
        return int(psutil.Process().memory_full_info().uss)
    except (psutil.Error, AttributeError):  # Not every system tells it.
        return int(psutil.Process().memory_info().rss)
