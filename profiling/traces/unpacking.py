"""Reads a trace file into memory, unpacked, within limits, and as far as it is readable."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from profiling.errors import InputError

MAX_UNPACKED_BYTES = 2**30
# An event has one or two; this bounds what decoding may take.
MAX_OBJECTS = 8_000_000

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 31
_CHUNK_BYTES = 2**18
# How much may come out of one chunk at a time, so that a small file cannot fill the memory.
_STEP_BYTES = 2**24


def unpack(path: Path) -> tuple[bytes, bool]:
    """Read a file, and unpack it if it is gzipped, whatever its name.

    Returns:
        The bytes, and whether they are all that was packed: of a gzip stream that is cut or
        damaged, what comes before the fault is returned.

    Raises:
        InputError: The file is too large, or becomes so.
    """
    if path.stat().st_size > MAX_UNPACKED_BYTES:
        raise _too_large(path)
    data = path.read_bytes()
    is_whole = True
    if data[:2] == _GZIP_MAGIC:
        data, is_whole = _inflate(data, path)
    if _objects(data) > MAX_OBJECTS:
        raise _too_large(path)
    return data, is_whole


def _objects(data: bytes) -> int:
    """Count the opening braces, block by block so that each stays in the processor's cache."""
    found = np.frombuffer(data, "uint8")
    blocks = range(0, len(found), _CHUNK_BYTES)
    return sum(int(np.sum(found[at : at + _CHUNK_BYTES] == ord("{"))) for at in blocks)


def _too_large(path: Path) -> InputError:
    high = MAX_UNPACKED_BYTES // 2**20
    return InputError("error.trace_too_large", file=path.name, high=high)


def _inflate(data: bytes, path: Path) -> tuple[bytes, bool]:
    """Unpack all members of a gzip file, up to a fault."""
    parts: list[bytes] = []
    left = MAX_UNPACKED_BYTES
    stream = zlib.decompressobj(_GZIP_BITS)
    position = 0
    rest = b""
    while rest or position < len(data):
        if not rest:
            rest = data[position : position + _CHUNK_BYTES]
            position += len(rest)
        before = stream.copy()
        try:
            parts.append(stream.decompress(rest, _STEP_BYTES))
        except zlib.error:
            parts.append(_up_to_fault(before, rest))
            return b"".join(parts), False
        left -= len(parts[-1])
        if left < 0:
            raise _too_large(path)
        rest = stream.unconsumed_tail
        if stream.eof:
            rest = stream.unused_data
            if not (rest + data[position : position + 1]).startswith(_GZIP_MAGIC[:1]):
                return b"".join(parts), True
            stream = zlib.decompressobj(_GZIP_BITS)
    parts.append(stream.flush())
    return b"".join(parts), False


def _up_to_fault(stream: zlib._Decompress, chunk: bytes) -> bytes:
    """Unpack byte by byte, since a chunk with a fault gives nothing at once."""
    found = bytearray()
    try:
        for place in range(len(chunk)):
            found += stream.decompress(chunk[place : place + 1], _STEP_BYTES)
    except zlib.error:
        pass
    return bytes(found)
