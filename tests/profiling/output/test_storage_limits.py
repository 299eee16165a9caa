"""No file makes us read, unpack or keep more than the limits allow."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from profiling.model.errors import InputError
from profiling.model.run import Run
from profiling.output import saved_runs
from profiling.output.saved_runs import RUN, load_run, save_run, unpack_run
from tests.profiling.output.conftest import TRACE, refusal, written, zipped


def test_a_file_beyond_the_limit_is_not_even_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_runs, "MAX_FILE_BYTES", 1000)
    save_run(run, tmp_path / "a.json")
    error = refusal(tmp_path / "a.json")
    assert error.key == "error.run_too_large"
    save_run(run, tmp_path / "a.json.gz")
    assert (tmp_path / "a.json.gz").stat().st_size < 1000
    assert load_run(tmp_path / "a.json.gz") == run


class Counted(io.BytesIO):
    """A stream that never ends and counts what was read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        self.taken += size
        return b" " * size


def test_no_more_is_unpacked_than_the_limit_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_runs, "MAX_UNPACKED_BYTES", 5 * 2**20)
    endless = Counted()
    with pytest.raises(InputError, match="run_too_large"):
        saved_runs._UnpackLimits("bomb").read(endless)
    assert endless.taken <= 6 * 2**20


def test_bombs_are_refused(data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_runs, "MAX_UNPACKED_BYTES", 10 * 2**20)
    run = json.dumps(data).encode()
    zeros = b" " * (20 * 2**20)
    bombs = {
        "a.json.gz": gzip.compress(zeros),
        "b.json.gz": gzip.compress(run + zeros),
    }
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name).key == "error.run_too_large"
    for members in (
        {RUN: zeros},
        {RUN: run, TRACE: zeros},
        {RUN: run, TRACE: gzip.compress(zeros)},
    ):
        path = zipped(members, tmp_path / "a.zip")
        assert path.stat().st_size < 100_000
        error = refusal(path, lambda path: unpack_run(path, tmp_path))
        assert error.key == "error.run_too_large"
    assert not (tmp_path / "traces").exists()


def test_many_small_values_are_refused_although_the_file_is_short(
    data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_runs, "MAX_VALUES", 10_000)
    assert load_run(written(data, tmp_path / "a.json"))
    data["request"]["sizes"] = [1] * 10_001
    assert refusal(written(data, tmp_path / "a.json")).key == "error.run_too_large"
