"""Errors shown to the user: a locale key and the values for its placeholders."""

from __future__ import annotations

import difflib
import errno
import functools
from collections.abc import Iterable
from typing import Any

# A disk that is full or write-protected.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)

# How many names are offered in place of an unknown one, and how much of that is compared.
_MOST_NAMES = 3
_LONGEST_NAME = 100


class DetachLabError(Exception):
    """Base class of errors that are shown to the user as one sentence.

    Attributes:
        key: Locale key of the sentence.
        values: Values for the placeholders of the sentence.
    """

    def __init__(self, key: str, **values: object) -> None:
        """Store the key and the values."""
        super().__init__(key, values)
        self.key = key
        self.values = values

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickle, which would drop the keyword values by default."""
        return functools.partial(type(self), self.key, **self.values), ()

    def __str__(self) -> str:
        """Return key and values, for logs; the user reads the sentence of the locale."""
        return f"{self.key} {self.values}" if self.values else self.key


class InputError(DetachLabError):
    """The input is invalid; the sentence says what is valid."""


class WorkerError(DetachLabError):
    """The worker process died or exceeded its time limit."""


class SpentProcessError(WorkerError):
    """A process has to end, since nothing that it did from now on could be relied on.

    Its value ``text`` is the error that says so.
    """


class DeviceLostError(SpentProcessError):
    """A device answers no more."""


class CompilerError(SpentProcessError):
    """Compiling failed, which may have left torch unusable."""


class FileError(DetachLabError):
    """A file could not be written: the disk is full or write-protected."""


def file_error(error: BaseException) -> FileError | None:
    """Return a `FileError` if a full or write-protected disk caused an error, else None."""
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return FileError("error.unwritable", reason=error.strerror)
    return None


def unknown(key: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that does not exist, with the names that are most like it.

    Args:
        key: Locale key, with the placeholders ``name`` and ``nearest``.
        name: What was asked for.
        known: The names that exist.
    """
    wanted = name[:_LONGEST_NAME].lower()
    nearest = difflib.get_close_matches(wanted, [*known], _MOST_NAMES, cutoff=0)
    return InputError(key, name=short(name), nearest=", ".join(nearest) or "–")


def short(text: object) -> str:
    """Shorten user input to a length that an error message can quote."""
    text = str(text)
    return text if len(text) <= 40 else f"{text[:40]}…"
