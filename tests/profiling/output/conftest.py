"""Runs as files, whole and broken, and the sentence that a broken one gets."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from profiling.model.errors import InputError
from profiling.model.run import Run, Sample, Status
from profiling.model.words import LANGUAGES, translator
from profiling.output.saved_runs import load_run, save_run
from tests.profiling.planted import branch, reach, run_of, times

TRACE = "traces/attached.json.gz"


@pytest.fixture
def run() -> Run:
    return run_of(
        branch(
            "attached",
            samples=(*times([(1.0, 2.0)] * 2), Sample("step", "peak", "bytes", 0, 64)),
            reach=(reach("w", "equal"),),
            source="def attached(x): ...",
            trace=TRACE,
        ),
        branch("detach", status=Status.ERROR, reason="error.step_failed", message="planted"),
    )


@pytest.fixture
def data(run: Run, tmp_path: Path) -> dict[str, Any]:
    """The run as plain data, to be changed."""
    save_run(run, tmp_path / "whole.json")
    return json.loads((tmp_path / "whole.json").read_text("utf-8"))  # type: ignore[no-any-return]


def refusal(path: Path, load: Callable[[Path], object] = load_run) -> InputError:
    """Load what must be refused; the sentence must exist in every language."""
    with pytest.raises(InputError) as refused:
        load(path)
    error = refused.value
    for language in LANGUAGES:
        sentence = translator(language)(error.key, **error.values)
        assert path.name in sentence
        assert "\n" not in sentence
    return error


def written(data: object, path: Path) -> Path:
    path.write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
    return path


def zipped(members: dict[str, bytes], path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def set_in(data: Any, where: tuple[str | int, ...], value: object) -> None:
    for key in where[:-1]:
        data = data[key]
    data[where[-1]] = value
