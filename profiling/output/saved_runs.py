"""Saves and loads runs, and finds the runs and traces that are recorded with the project."""

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

from profiling.model.content import RECORDED
from profiling.model.errors import InputError, short, unknown
from profiling.model.record import Record
from profiling.model.run import SCHEMA_VERSION, CellResult, Run, first_fault

MAX_FILE_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 256 * 2**20
# Numbers take less space in JSON than in memory, so their count is limited, too.
MAX_VALUES = 10_000_000
RUN = "run.json"
TRACES = RECORDED / "traces"
CURVES = RECORDED / "curves"
INDEX = "index.json"
RECORDED_PREFIX = "recorded:"

_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK"
_CHUNK_BYTES = 2**20
# Compressions whose decompressors stream their output; others fill memory at once.
_STREAMED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Errors of zipfile and gzip for a truncated, damaged or crafted file.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(OSError, ValueError, RuntimeError, OverflowError),
)
# The place in a message of msgspec.
_PLACE = re.compile(r" - at `\$\.?([^`]+)`$")


def save_run(run: Run, path: Path) -> None:
    """Write a run as indented JSON, compressed if the path ends in ``.gz``."""
    data = msgspec.json.format(msgspec.json.encode(run), indent=1)
    # Without a timestamp, the same run gives the same bytes.
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def load_run(path: Path) -> Run:
    """Read a run from ``run.json``, from ``run.json.gz``, or from an archive that contains it.

    A run of an older schema is converted to the current one.

    Raises:
        InputError: The file is missing, too large, damaged, no run, of a newer schema, or
            contradicts itself.
    """
    return _load(path, _UnpackLimits(short(path.name)))


def unpack_run(path: Path, folder: Path) -> Run:
    """Read a run like `load_run`, and unpack the traces of its archive.

    Args:
        path: As for `load_run`.
        folder: An existing folder; traces are written to its subfolder ``traces``.

    Returns:
        The run; a result whose trace is not in the archive has no trace.

    Raises:
        InputError: As for `load_run`.
    """
    limits = _UnpackLimits(short(path.name))
    run = _load(path, limits)
    wanted = {result.trace for finished in run.results for result in finished.results}
    found = set()
    for name, data in _members(path, {name for name in wanted if name is not None}, limits):
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
        found.add(name)
    return replace(run, results=tuple(_with_traces(each, found) for each in run.results))


def without_traces(run: Run) -> Run:
    """Return a run as it is where the files of its traces are not, such as a recorded one."""
    return replace(run, results=tuple(_with_traces(each, set()) for each in run.results))


def recorded_runs() -> dict[str, Path]:
    """Return the recorded runs, by name."""
    return {path.name.removesuffix(".json.gz"): path for path in sorted(RECORDED.glob("*.json.gz"))}


def find_run(text: str) -> Path:
    """Return the path of a run given as a path or as ``recorded:NAME``.

    Raises:
        InputError: There is no recorded run of that name.
    """
    return _find(text, recorded_runs(), "error.unknown_recorded")


class StepCurve(Record, frozen=True):
    """Memory over a step of a branch, as its trace tells it.

    Attributes:
        branch: The branch.
        since_s: Seconds since the branch's first allocation.
        live_bytes: Bytes allocated from then on, after each of these times.
    """

    branch: str
    since_s: tuple[float, ...]
    live_bytes: tuple[int, ...]


class RecordedCurves(Record, frozen=True):
    """Memory over a step of some branches, and where and when it was recorded.

    Attributes:
        device: Name of the device by its maker.
        threads: Intra-op threads of torch on the CPU.
        recorded_utc: Time of the recording, in ISO 8601.
        curves: One for each branch that allocates.
    """

    device: str
    torch: str
    threads: int
    recorded_utc: str
    curves: tuple[StepCurve, ...]


def recorded_curves(run: Path) -> RecordedCurves | None:
    """Return the memory curves that were recorded for a recorded run's workload, if any were.

    Args:
        run: The run's file, as from `recorded_runs`.
    """
    path = curves_of(run)
    return msgspec.json.decode(path.read_bytes(), type=RecordedCurves) if path.exists() else None


def curves_of(run: Path) -> Path:
    """Return where the memory curves of a recorded run are."""
    return CURVES / run.name.removesuffix(".gz")


class RecordedTrace(Record, frozen=True):
    """A recorded trace, and where it was recorded.

    Attributes:
        name: Its name on the command line, and of its file without ``.json.gz``.
        device: Name of the device by its maker.
        threads: Intra-op threads of torch on the CPU.
        recorded_utc: Time of the recording, in ISO 8601.
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
        """Path of the trace."""
        return TRACES / f"{self.name}.json.gz"


def recorded_traces() -> dict[str, RecordedTrace]:
    """Return the recorded traces, by name, in the order of their index."""
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
    return _find(text, known, "error.unknown_recorded_trace")


def _find(text: str, known: Mapping[str, Path], key: str) -> Path:
    """Return the path given as a path or as ``recorded:NAME``.

    Args:
        text: A path, or the prefix and a name.
        known: The recorded files, by name.
        key: Locale key of the error for another name.

    Raises:
        InputError: There is no recorded file of that name.
    """
    if not text.startswith(RECORDED_PREFIX):
        return Path(text)
    name = text.removeprefix(RECORDED_PREFIX)
    if name not in known:
        raise unknown(key, name, known)
    return known[name]


def _load(path: Path, limits: _UnpackLimits) -> Run:
    magic = _magic(path, limits)
    if magic == _ZIP_MAGIC:
        members = dict(_members(path, {RUN}, limits))
        if RUN not in members:
            raise InputError("error.run_not_in_zip", file=limits.file, name=RUN)
        data = members[RUN]
    else:
        with limits.report_damage(), _open(path, magic) as stream:
            data = limits.read(stream)
    return _decode(data, limits.file)


def _decode(data: bytes, file: str) -> Run:
    try:
        version = msgspec.json.decode(data, type=_SchemaVersion).schema_version
        if version > SCHEMA_VERSION:
            known = SCHEMA_VERSION
            raise InputError("error.run_newer", file=file, version=version, known=known)
        run = msgspec.json.decode(data, type=Run)
    except msgspec.ValidationError as error:
        raise _invalid_run(file, _PLACE.search(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("error.run_not_json", file=file) from error
    fault = first_fault(run)
    if fault is not None:
        raise InputError("error.run_value", file=file, where=fault)
    return replace(run, schema_version=SCHEMA_VERSION)


class _SchemaVersion(msgspec.Struct):
    """The schema version of a run, which is read before anything else."""

    schema_version: int = 1


def _invalid_run(file: str, place: re.Match[str] | None) -> InputError:
    if place is None:
        return InputError("error.run_not_ours", file=file)
    return InputError("error.run_value", file=file, where=place.group(1))


def _with_traces(finished: CellResult, found: set[str]) -> CellResult:
    """Remove the traces that were not found from results."""
    results = (
        each if each.trace in found else replace(each, trace=None) for each in finished.results
    )
    return replace(finished, results=tuple(results))


def _magic(path: Path, limits: _UnpackLimits) -> bytes:
    """Return the first two bytes of a file, which identify its format."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(2)
    except (OSError, ValueError) as error:
        raise InputError("error.run_missing", file=limits.file) from error
    if size > MAX_FILE_BYTES:
        raise limits.exceeded()
    return start


def _open(path: Path, magic: bytes) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if magic == _GZIP_MAGIC else path.open("rb")


def _members(path: Path, wanted: set[str], limits: _UnpackLimits) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted members of an archive; none if the file is not an archive."""
    if _magic(path, limits) != _ZIP_MAGIC:
        return
    with contextlib.ExitStack() as stack:
        with limits.report_damage():
            archive = stack.enter_context(zipfile.ZipFile(path))
        for name in sorted(wanted & set(archive.namelist())):
            with limits.report_damage():
                data = _member(archive, name, limits)
            yield name, data


def _member(archive: zipfile.ZipFile, name: str, limits: _UnpackLimits) -> bytes:
    """Read a member; if it is compressed itself, its content counts towards the limits, too."""
    member = archive.getinfo(name)
    if member.compress_type not in _STREAMED:
        raise InputError("error.run_damaged", file=limits.file)
    if member.file_size > MAX_UNPACKED_BYTES:
        raise limits.exceeded()
    with archive.open(name) as stream:
        data = limits.read(stream)
    if data.startswith(_GZIP_MAGIC):
        with archive.open(name) as packed, gzip.open(packed) as stream:
            limits.read(stream)
    return data


class _UnpackLimits:
    """Limits what is unpacked from one file."""

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
    def report_damage(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise InputError("error.run_damaged", file=self.file) from error
