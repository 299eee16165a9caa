"""Reads the record of a watched script, which may come from anybody."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Any

import msgspec

from profiling.model.errors import InputError, short
from profiling.watch import record
from profiling.watch.record import FORMAT, VERSION, Watch, lines_of

MAX_BYTES = 64 * 2**20
# What a watcher keeps at most is less than half of these.
MAX_NODES = 400_000
MAX_EDGES = 4_000_000
MAX_PARAMETERS = 100_000
MAX_PASSES = 400
MAX_LINES = 2_000
MAX_LINE = 10_000_000
MAX_NUMBER = 2**53
# No line that a person writes is longer. A file with a longer one is shown without its text.
_MAX_COLUMNS = 2_000
_MAX_TEXT = 400_000
_MAX_TEXTS = 20_000_000

# The list of `Watch` that a field refers to by position, by the field's name; those of the names
# that end in "site" or "sites" refer to sites. A graph's nodes refer to their own graph by `to`.
REFERENCES = {
    "file": "files",
    "operation": "operations",
    "node": "nodes",
    "sources": "nodes",
    "kept": "nodes",
    "roots": "nodes",
    "freed": "nodes",
    "parameter": "parameters",
    "leaves": "parameters",
    "inputs": "parameters",
    "optimizers": "optimizers",
    "stepped": "optimizers",
    "freed_by": "backward",
    "to": "graph",
}
_LIMITS = {
    "nodes": MAX_NODES,
    "operations": MAX_NODES,
    "sites": MAX_NODES,
    "files": MAX_NODES,
    "parameters": MAX_PARAMETERS,
    "optimizers": MAX_PARAMETERS,
    "backward": MAX_PASSES,
    "changes": MAX_LINES,
    "growth": MAX_LINES,
    "held": MAX_LINES,
}
# Halves of letters that only come in pairs, as in a path that is no Unicode. Escaped backslashes
# and whole pairs are matched to be passed over.
_HALVES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class _Envelope(msgspec.Struct):
    """What a file of this format is, before its contents are read."""

    format: str
    version: int
    watch: msgspec.Raw


def is_watch(path: Path) -> bool:
    """Return whether a file begins as a record does."""
    try:
        with path.open("rb") as stream:
            return FORMAT.encode() in stream.read(100)
    except OSError:
        return False


def load_watch(path: Path, most_bytes: int = MAX_BYTES) -> Watch:
    """Read a record from a file.

    Args:
        path: The file.
        most_bytes: The largest size.

    Raises:
        InputError: The file is missing, too large, truncated, no record, of a newer version, or
            refers to what it does not contain.
    """
    name = short(path.name)
    try:
        if path.stat().st_size > most_bytes:
            raise _too_large(name, most_bytes)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError("error.run_missing", file=name) from error
    return read_watch(data, name, most_bytes)


def read_watch(data: bytes, name: str, most_bytes: int = MAX_BYTES) -> Watch:
    """Read a record.

    Args:
        data: The contents of its file.
        name: The file's name, for errors.
        most_bytes: The largest size.

    Raises:
        InputError: As for `load_watch`.
    """
    if len(data) > most_bytes:
        raise _too_large(name, most_bytes)
    data = _HALVES.sub(lambda found: b"?" if found.group(1) else found.group(), data)
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
        if envelope.format != FORMAT or envelope.version < 1:
            raise InputError("error.watch_not_ours", file=name)
        if envelope.version > VERSION:
            version = envelope.version
            raise InputError("error.watch_newer", file=name, version=version, known=VERSION)
    except msgspec.ValidationError as error:
        raise InputError("error.watch_not_ours", file=name) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("error.watch_not_json", file=name) from error
    try:
        watch = msgspec.json.decode(envelope.watch, type=Watch)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        place = re.search(r" - at `\$\.?([^`]+)`$", str(error))
        where = "watch" if place is None else short(place.group(1))
        raise InputError("error.watch_value", file=name, where=where) from error
    fault = next(_faults(watch), None)
    if fault is not None:
        raise InputError("error.watch_value", file=name, where=fault)
    return dataclasses.replace(watch, files=tuple(_texts(watch.files)))


def _too_large(name: str, most_bytes: int) -> InputError:
    return InputError("error.watch_too_large", file=name, limit=most_bytes // 2**20)


def _faults(watch: Watch) -> Iterator[str]:
    """Yield where something cannot be: too many, out of range, or of two lengths."""
    for name, limit in _LIMITS.items():
        if len(getattr(watch, name)) > limit:
            yield name
    if sum(len(each.sources) + len(each.kept) for each in watch.nodes) > MAX_EDGES:
        yield "nodes.sources"
    lengths: dict[str, Sized] = {name: getattr(watch, name) for name in _LIMITS}
    for name, each in _records(watch):
        graph = each.graph if isinstance(each, record.Backward) else ()
        if any(len(node.to) != len(node.leaves) for node in graph):
            yield f"{name}.graph.to"
        for at in (each, *graph):
            yield from (
                f"{name}.{field}" for field in _out_of_range(at, lengths | {"graph": graph})
            )


def _records(watch: Watch) -> Iterator[tuple[str, Any]]:
    """Yield every record but graph nodes, with the name of the field of `Watch` that it is in."""
    for field in dataclasses.fields(Watch):
        value = getattr(watch, field.name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, record.Site):
                for place in (each.own, each.library, each.decorated):
                    if place is not None:
                        yield field.name, place
            elif dataclasses.is_dataclass(each):
                yield field.name, each
                for reuse in each.reuses if isinstance(each, record.Backward) else ():
                    yield field.name, reuse
    yield "watch", watch


def _out_of_range(each: Any, lengths: dict[str, Sized]) -> Iterator[str]:
    kind: Any = type(each)
    for name in number_fields(kind):
        refers = "sites" if name.endswith(("site", "sites")) else REFERENCES.get(name)
        if refers is not None:
            high = len(lengths[refers]) - 1
        else:
            high = MAX_LINE if name == "line" else MAX_NUMBER
        value = getattr(each, name)
        if not all(0 <= number <= high for number in _numbers(value)):
            yield name


@functools.cache
def number_fields(kind: Any) -> tuple[str, ...]:
    """Return the fields of a class of records that hold numbers."""
    return tuple(
        each.name for each in dataclasses.fields(kind) if re.search("int|float", str(each.type))
    )


def _numbers(value: Any) -> Iterable[float]:
    if isinstance(value, tuple):
        return [each for each in value if each is not None]
    if value is None:
        return ()
    # What is no number is below every bound.
    return (value if math.isfinite(value) else -1,)


def _texts(files: Iterable[record.File]) -> Iterator[record.File]:
    """Yield files, without the texts that would take too long to read."""
    left = _MAX_TEXTS
    for each in files:
        text = each.text or ""
        longest = max(map(len, lines_of(text)), default=0)
        left -= len(text)
        if longest > _MAX_COLUMNS or len(text) > _MAX_TEXT or left < 0:
            yield dataclasses.replace(each, text=None)
        else:
            yield each
