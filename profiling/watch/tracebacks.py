"""Tracebacks as they are without the watcher: its frames, and the way through them, left out."""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import Any, TypeVar

from .sites import WATCHER, kind

_Entry = TypeVar("_Entry")
# What torch's Python functions call to hand themselves to a function mode.
_DISPATCH = "handle_torch_function"


def without_watcher(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of the watcher."""
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    kept = _kept(entries, [each.tb_frame for each in entries])
    if len(kept) == len(entries):
        return entries[0] if entries else None
    below: TracebackType | None = None
    for each in reversed(kept):
        below = TracebackType(below, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return below


def clean(error: BaseException | None) -> None:
    """Leave the watcher out of the tracebacks of an error, and of those that it came of."""
    seen: set[int] = set()
    front = [error]
    while front:
        each = front.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = without_watcher(each.__traceback__)
        front += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


@contextlib.contextmanager
def as_without_watcher() -> Iterator[None]:
    """Let the module ``traceback`` leave out the watcher, and what prints the error of a thread."""
    with contextlib.ExitStack() as stack:
        for owner, name, make in (
            (traceback.TracebackException, "__init__", _init),
            (traceback, "extract_tb", _extract_tb),
            (traceback, "walk_stack", _walk_stack),
            (threading.Thread, "_bootstrap_inner", _bootstrap),
        ):
            old = vars(owner).get(name)
            if old is not None:
                stack.callback(setattr, owner, name, old)
                setattr(owner, name, make(old))
        yield


def _kept(entries: Sequence[_Entry], frames: Sequence[FrameType]) -> list[_Entry]:
    """Return the entries that there would be without the watcher.

    Args:
        entries: Those of a stack, the outermost first.
        frames: Their frames.
    """
    own = [kind(frame.f_code) == WATCHER for frame in frames]
    if not any(own):
        return list(entries)
    dropped = set()
    for number, is_own in enumerate(own):
        if not is_own:
            continue
        dropped.add(number)
        if number > 1 and frames[number - 1].f_code.co_name == _DISPATCH:
            # The function that was handed over is called again, below.
            dropped.update((number - 1, number - 2))
    return [each for number, each in enumerate(entries) if number not in dropped]


def _init(old: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, exc_type: Any, exc_value: Any, exc_traceback: Any, **kwargs: Any) -> None:
        old(self, exc_type, exc_value, without_watcher(exc_traceback), **kwargs)

    return init


def _extract_tb(old: Callable[..., Any]) -> Callable[..., Any]:
    def extract_tb(tb: TracebackType | None, limit: int | None = None) -> Any:
        return old(without_watcher(tb), limit=limit)

    return extract_tb


def _walk_stack(old: Callable[..., Any]) -> Callable[..., Any]:
    def walk_stack(f: FrameType | None) -> Iterable[tuple[FrameType, int]]:
        if f is None:
            # What the original chooses depends on who calls it.
            whole: Iterable[tuple[FrameType, int]] = old(f)
            return whole
        found = list(old(f))[::-1]
        return iter(_kept(found, [frame for frame, _ in found])[::-1])

    return walk_stack


def _bootstrap(old: Callable[..., Any]) -> Callable[..., Any]:
    def bootstrap(self: Any) -> Any:
        invoke = self._invoke_excepthook

        def cleaned(thread: Any) -> None:
            clean(sys.exc_info()[1])
            invoke(thread)

        self._invoke_excepthook = cleaned
        return old(self)

    return bootstrap
