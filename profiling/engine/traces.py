"""Opened traces: each is held by a process of its own, and here are the handles to ask it.

Closing a handle ends its process, which gives all its memory back. A trace that takes all memory
or time costs its own process alone.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, TimeoutError, wait
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, NamedTuple, ParamSpec, TypeVar

from profiling.engine import forkserver, holding
from profiling.engine.holding import Held
from profiling.engine.process import WorkerProcess
from profiling.engine.progress import Notes, Share
from profiling.engine.worker import initialize_trace
from profiling.model.errors import DetachLabError, InputError, file_error
from profiling.model.words import Text

if TYPE_CHECKING:
    from profiling.traces.opened import OpenTrace

P = ParamSpec("P")
T = TypeVar("T")

# More than these wait, so that reading leaves something of the processors and the memory.
MOST_READING = 2
# Beside the trace that was used last, which is kept whatever its size.
MOST_HELD = 16
MOST_HELD_BYTES = 2 * 2**30
READING_S = 300.0
# A table of all events takes long to write.
QUESTION_S = 120.0
IDLE_S = 3600.0
_HEARTBEAT_S = 0.25


def trace_fault(error: Exception) -> DetachLabError:
    """Return the error to show for any exception while a trace is read or shown.

    A crafted trace can make pandas raise almost anything, so every exception is accepted.

    Example:
        >>> trace_fault(KeyError("ts")).key, trace_fault(InputError("error.trace_gone")).key
        ('error.trace_failed', 'error.trace_gone')
    """
    if isinstance(error, DetachLabError):
        return error
    return file_error(error) or InputError("error.trace_failed")


class Reading(NamedTuple):
    """Where the reading of a trace stands.

    Attributes:
        share: What is read of it, from 0 to 1.
        trace: The trace, at the end; whoever takes it closes it.
    """

    share: float
    trace: OpenedTrace | None = None


class OpenedTrace:
    """The handle of a trace that a process of its own holds.

    Attributes:
        held: What is known of the trace here.
        folder: For files that are made of it; it goes with the process.
    """

    def __init__(self, folder: Path, behind: bool, changed: Callable[[OpenedTrace], None]) -> None:
        """Prepare its process, which starts with the reading.

        Args:
            folder: Its own, which exists.
            behind: Whether it gets a processor only when nothing else needs it.
            changed: Is called after each answer, and when it is closed.
        """
        self.held = Held(0, 0.0, 0)
        self.folder = folder
        self._changed = changed
        self._worker = WorkerProcess(
            initialize_trace,
            (folder, 1 / MOST_READING, behind),
            QUESTION_S,
            server=forkserver.TRACES,
            is_single=True,
            idle_s=IDLE_S,
        )

    @property
    def is_open(self) -> bool:
        """Whether its process can still be asked."""
        return self.folder.exists() and not self._worker.is_spent

    def read(self, path: Path) -> Iterator[float]:
        """Have the trace read, yielding the share that is done.

        Raises:
            InputError: The file is no trace or too large, or the process died or took too long.
        """
        notes = Notes(self.folder)
        future = self._worker.limited(READING_S).submit(holding.hold, path, notes)
        while not wait([future], _HEARTBEAT_S).done:
            share = notes.read(Share)
            yield share.done if share else 0.0
        try:
            self.held = future.result()
        except TimeoutError:
            raise InputError("error.trace_late") from None
        except (BrokenExecutor, CancelledError):
            raise InputError("error.trace_died") from None

    def ask(
        self,
        question: Callable[Concatenate[OpenTrace, Text, P], T],
        language: str,
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """Have a question answered by the process.

        Args:
            question: Gets the trace, the translator of a language, and the arguments, which travel
                by pickle. What it is annotated to return is plain data, sent as MessagePack.
            language: The visitor's.
            arguments: For the question.
            named: For the question.

        Raises:
            InputError: The process has ended, or took too long and is ended.
        """
        try:
            asked = self._worker.submit(holding.answer, question, language, arguments, named)
        except RuntimeError:
            raise InputError("error.trace_gone") from None
        try:
            answer = asked.result()
        except TimeoutError:
            self.close()
            raise InputError("error.trace_answer_late", seconds=int(QUESTION_S)) from None
        except (BrokenExecutor, CancelledError):
            was_ended = not self.folder.exists()
            self.close()
            raise InputError("error.trace_gone" if was_ended else "error.trace_ended") from None
        self.held = self.held._replace(bytes=answer.bytes)
        self._changed(self)
        found: T = holding.decoded(question, answer.data)
        return found

    def close(self) -> None:
        """End the process, whatever it does, and delete its files."""
        self._worker.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._changed(self)


class OpenedTraces:
    """Opens traces, and keeps some of them by key: the least recently used ones are closed first.

    What visitors have opened is bounded in number and in memory; what is being read is bounded in
    number, and each process in the memory that was free when it started.
    """

    def __init__(
        self, folder: Path, most: int = MOST_HELD, most_bytes: int = MOST_HELD_BYTES
    ) -> None:
        """Start without traces.

        Args:
            folder: For a folder for each trace; it exists.
            most: Most traces that are kept.
            most_bytes: Most memory of all that are kept; the one used last is kept in any case.
        """
        self._folder = folder
        self._most = most
        self._most_bytes = most_bytes
        self._turns = threading.BoundedSemaphore(MOST_READING)
        self._open: set[OpenedTrace] = set()
        self._kept: OrderedDict[str, OpenedTrace] = OrderedDict()
        self._lock = threading.RLock()

    def read(self, path: Path, *, behind: bool = False) -> Iterator[Reading]:
        """Open a trace, saying how far it is; closing the iterator ends the reading at once.

        Args:
            path: The file.
            behind: Whether something is being measured, which goes before.

        Raises:
            InputError: The file is no trace or too large, or the process died or took too long.
        """
        yield Reading(0.0)  # Whoever is interrupted before the first item has no iterator to close.
        while not self._turns.acquire(timeout=_HEARTBEAT_S):
            yield Reading(0.0)
        try:
            trace = self._new(behind)
            try:
                for share in trace.read(path):
                    yield Reading(share)
            except BaseException:
                trace.close()
                raise
        finally:
            self._turns.release()
        yield Reading(1.0, trace)

    def keep(self, trace: OpenedTrace) -> str:
        """Keep a trace for a visitor and return its key."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._kept[key] = trace
        self._changed(trace)
        return key

    def get(self, key: str | None) -> OpenedTrace:
        """Return the trace of a key.

        Raises:
            InputError: No trace was opened, or it was closed.
        """
        if key is None:
            raise InputError("error.trace_none")
        with self._lock:
            if key not in self._kept:
                raise InputError("error.trace_gone")
            self._kept.move_to_end(key)
            return self._kept[key]

    def remove(self, key: str | None) -> None:
        """Close the trace of a key, if it is kept."""
        with self._lock:
            trace = self._kept.get(key or "")
        if trace is not None:
            trace.close()

    def close(self) -> None:
        """Close all traces, those that are being read too."""
        with self._lock:
            traces = list(self._open)
        for trace in traces:
            trace.close()

    def _new(self, behind: bool) -> OpenedTrace:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        trace = OpenedTrace(folder, behind, self._changed)
        with self._lock:
            self._open.add(trace)
        return trace

    def _changed(self, trace: OpenedTrace) -> None:
        """Forget what is closed, and close what is too much."""
        with self._lock:
            if not trace.folder.exists():
                self._open.discard(trace)
            self._kept = OrderedDict(
                (key, each) for key, each in self._kept.items() if each in self._open
            )
            surplus = self._surplus()
        for each in surplus:
            each.close()

    def _surplus(self) -> list[OpenedTrace]:
        """Return the kept traces that are too much, and those whose process has ended."""
        ended = [each for each in self._kept.values() if not each.is_open]
        used_last_first = [each for each in reversed(self._kept.values()) if each.is_open]
        total, surplus = 0, []
        for place, each in enumerate(used_last_first):
            total += each.held.bytes
            if place and (place >= self._most or total > self._most_bytes):
                surplus.append(each)
        return [*ended, *surplus]
