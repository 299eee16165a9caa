"""Traces that come with the project, recorded on known machines by comparisons."""

from __future__ import annotations

import contextlib
import gzip
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from profiling.model import run as consistency
from profiling.model.content import RECORDED
from profiling.model.errors import InputError, short
from profiling.model.run import SCHEMA_VERSION, CellResult, Record, Run

MAX_FILE_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 256 * 2**20
# Numbers take less room in JSON than in memory, so their count is limited too.
MAX_VALUES = 10_000_000
RUN = "run.json"
RECORDED_PREFIX = "recorded:"

_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK"
_CHUNK_BYTES = 2**20
# Decompressors that give their output piece by piece; the others fill memory at once.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What a file that is cut off, damaged or made to do harm makes zipfile and gzip raise.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(OSError, ValueError, RuntimeError, OverflowError),
)
_PLACE = re.compile(r" - at `\$\.?([^`]+)`$")
TRACES = RECORDED / "traces"
INDEX = "index.json"


def save_run(run: Run, path: Path) -> None:
    """Write a run as indented JSON, compressed if the path ends in ``.gz``."""
    data = msgspec.json.format(msgspec.json.encode(run), indent=1)
    # Without the time of writing, the same run gives the same bytes.
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def load_run(path: Path) -> Run:
    """Read a run: ``run.json``, the same as ``.gz``, or an archive that has it.

    A run of an older schema is brought to the current one.

    Raises:
        InputError: There is no such file, or it is too large, damaged, of another kind, from a
            newer schema, or contradicts itself.
    """
    return _load(path, _Allowance(short(path.name)))


def unpack_run(path: Path, folder: Path) -> Run:
    """Read a run as `load_run` does, and put the traces that came with it below a folder.

    Args:
        path: As for `load_run`.
        folder: An existing folder; traces are written to its ``traces``.

    Returns:
        The run; results whose trace did not come with it have none.

    Raises:
        InputError: As for `load_run`.
    """
    allowance = _Allowance(short(path.name))
    run = _load(path, allowance)
    wanted = {result.trace for finished in run.results for result in finished.results}
    found = set()
    for name, data in _members(path, {name for name in wanted if name is not None}, allowance):
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
        found.add(name)
    return replace(run, results=tuple(_with_traces(each, found) for each in run.results))


def recorded() -> dict[str, Path]:
    """Return the runs that come with the project, by name."""
    return {path.name.removesuffix(".json.gz"): path for path in sorted(RECORDED.glob("*.json.gz"))}


def find_run(text: str) -> Path:
    """Return the path of a run given as a path or as ``recorded:NAME``.

    Raises:
        InputError: There is no recorded run of that name.
    """
    return find(text, recorded(), "error.unknown_recorded")


def find(text: str, known: Mapping[str, Path], unknown: str) -> Path:
    """Return the path of what is given as a path or as ``recorded:NAME``.

    Args:
        text: A path, or the prefix and a name.
        known: What comes with the project, by name.
        unknown: Key of what is said of another name.

    Raises:
        InputError: Nothing of that name is known.
    """
    if not text.startswith(RECORDED_PREFIX):
        return Path(text)
    name = text.removeprefix(RECORDED_PREFIX)
    if name not in known:
        raise InputError(unknown, name=short(name), allowed=", ".join(known) or "–")
    return known[name]


class _Allowance:
    """What one file may still have unpacked."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._bytes = MAX_UNPACKED_BYTES
        self._values = MAX_VALUES

    def read(self, stream: IO[bytes] | gzip.GzipFile) -> bytes:
        chunks = []
        while chunk := stream.read(_CHUNK_BYTES):
            self._bytes -= len(chunk)
            self._values -= chunk.count(b",")
            if self._bytes < 0 or self._values < 0:
                raise self.exceeded()
            chunks.append(chunk)
        return b"".join(chunks)

    def exceeded(self) -> InputError:
        limits = {"packed": MAX_FILE_BYTES // 2**20, "unpacked": MAX_UNPACKED_BYTES // 2**20}
        return InputError("error.run_too_large", file=self.file, **limits)

    @contextlib.contextmanager
    def damage_told(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise InputError("error.run_damaged", file=self.file) from error


def _load(path: Path, allowance: _Allowance) -> Run:
    kind = _kind(path, allowance)
    if kind == _ZIP_MAGIC:
        members = dict(_members(path, {RUN}, allowance))
        if RUN not in members:
            raise InputError("error.run_not_in_zip", file=allowance.file, name=RUN)
        data = members[RUN]
    else:
        with allowance.damage_told(), _open(path, kind) as stream:
            data = allowance.read(stream)
    return _decode(data, allowance.file)


def _kind(path: Path, allowance: _Allowance) -> bytes:
    """Return the file's first two bytes, which tell an archive from JSON whatever its name."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(2)
    except (OSError, ValueError) as error:
        raise InputError("error.run_missing", file=allowance.file) from error
    if size > MAX_FILE_BYTES:
        raise allowance.exceeded()
    return start


def _open(path: Path, kind: bytes) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if kind == _GZIP_MAGIC else path.open("rb")


def _members(path: Path, wanted: set[str], allowance: _Allowance) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted members that an archive has; none if the file is not an archive."""
    if _kind(path, allowance) != _ZIP_MAGIC:
        return
    with contextlib.ExitStack() as stack:
        with allowance.damage_told():
            archive = stack.enter_context(zipfile.ZipFile(path))
        for name in sorted(wanted & set(archive.namelist())):
            with allowance.damage_told():
                data = _member(archive, name, allowance)
            yield name, data


def _member(archive: zipfile.ZipFile, name: str, allowance: _Allowance) -> bytes:
    """Read one member; if it is compressed itself, what is in it counts as well."""
    member = archive.getinfo(name)
    if member.compress_type not in _BOUNDED:
        raise InputError("error.run_damaged", file=allowance.file)
    if member.file_size > MAX_UNPACKED_BYTES:
        raise allowance.exceeded()
    with archive.open(name) as stream:
        data = allowance.read(stream)
    if data.startswith(_GZIP_MAGIC):
        with archive.open(name) as packed, gzip.open(packed) as stream:
            allowance.read(stream)
    return data


class _Head(msgspec.Struct):
    """What tells a run of a newer schema before anything else of it is looked at."""

    schema_version: int = 1


def _decode(data: bytes, file: str) -> Run:
    try:
        version = msgspec.json.decode(data, type=_Head).schema_version
        if version > SCHEMA_VERSION:
            known = SCHEMA_VERSION
            raise InputError("error.run_newer", file=file, version=version, known=known)
        run = msgspec.json.decode(data, type=Run)
    except msgspec.ValidationError as error:
        raise _not_a_run(file, _PLACE.search(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("error.run_not_json", file=file) from error
    fault = consistency.first_fault(run)
    if fault is not None:
        raise InputError("error.run_value", file=file, where=fault)
    return replace(run, schema_version=SCHEMA_VERSION)


def _not_a_run(file: str, place: re.Match[str] | None) -> InputError:
    if place is None:
        return InputError("error.run_not_ours", file=file)
    return InputError("error.run_value", file=file, where=place.group(1))


def _with_traces(finished: CellResult, found: set[str]) -> CellResult:
    """Let results name only the traces that were found."""
    results = (
        each if each.trace in found else replace(each, trace=None) for each in finished.results
    )
    return replace(finished, results=tuple(results))


class RecordedTrace(Record, frozen=True):
    """What a trace is of, and where it was recorded.

    Attributes:
        name: Names it on the command line, and its file without ``.json.gz``.
        device: The maker's name of the device.
        threads: Intra-op threads of torch on the CPU.
        recorded_utc: When, in ISO 8601.
    """

    name: str
    workload: str
    branch: str
    size: int
    device: str
    torch: str
    threads: int
    recorded_utc: str

    @property
    def path(self) -> Path:
        """Where the trace is."""
        return TRACES / f"{self.name}.json.gz"


def recorded_traces() -> dict[str, RecordedTrace]:
    """Return the traces that come with the project, by name, in the order of their index."""
    index = TRACES / INDEX
    if not index.exists():
        return {}
    found = msgspec.json.decode(index.read_bytes(), type=list[RecordedTrace])
    return {trace.name: trace for trace in found}


def find_trace(text: str) -> Path:
    """Return the path of a trace given as a path or as ``recorded:NAME``.

    Raises:
        InputError: There is no recorded trace of that name.
    """
    known = {name: trace.path for name, trace in recorded_traces().items()}
    return find(text, known, "error.unknown_recorded_trace")
