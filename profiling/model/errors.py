"""Errors that are meant for a person: a locale key and the values its sentence needs."""

from __future__ import annotations

import errno
import functools
from typing import Any

# What a disk says that is full, or that one may not write to.
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


class DetachLabError(Exception):
    """Base of all errors that are shown to a person as one sentence.

    Attributes:
        key: Key of the sentence in `profiling.model.words`.
        values: What the sentence's placeholders stand for.
    """

    def __init__(self, key: str, **values: object) -> None:
        """Remember the sentence's key and values."""
        super().__init__(key, values)
        self.key = key
        self.values = values

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error come back from the worker; by itself pickle would lose the values."""
        return functools.partial(type(self), self.key, **self.values), ()

    def __str__(self) -> str:
        """Return key and values, for logs; people read the locale's sentence."""
        return f"{self.key} {self.values}" if self.values else self.key


class InputError(DetachLabError):
    """What was asked for cannot be done; the sentence says what can."""


class WorkerError(DetachLabError):
    """The worker process died or ran past its time limit."""


class FileError(DetachLabError):
    """A file could not be written: the disk is full or may not be written to."""


def file_error(error: BaseException) -> FileError | None:
    """Return what to say of an error if it is the disk's; None if it is another one."""
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return FileError("error.unwritable", reason=error.strerror)
    return None


def short(text: object) -> str:
    """Cut what a person typed, or a script sent, to a length that a sentence can quote."""
    text = str(text)
    return text if len(text) <= 40 else f"{text[:40]}…"
