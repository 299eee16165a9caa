"""What is no run, or cannot be one, gets a sentence."""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from profiling.model.errors import InputError
from profiling.model.run import PeakPart, Run
from profiling.model.words import translator
from profiling.output.saved_runs import RUN, load_run, save_run, unpack_run
from tests.profiling.output.conftest import TRACE, refusal, set_in, written, zipped


@pytest.mark.parametrize("name", ["nowhere.json", "folder"])
def test_what_is_not_a_file_is_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert refusal(tmp_path / name).key == "error.run_missing"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "error.run_not_json"),
        ("{", "error.run_not_json"),
        ("branch,size\r\n", "error.run_not_json"),
        ("[" * 100_000, "error.run_not_ours"),
        ('{"a": ' * 100_000, "error.run_not_json"),
        ("[]", "error.run_not_ours"),
        ('"run"', "error.run_not_ours"),
        ("{}", "error.run_not_ours"),
        ('{"traceEvents": []}', "error.run_not_ours"),
    ],
)
def test_what_is_not_a_run_is_told_apart(text: str, key: str, tmp_path: Path) -> None:
    assert refusal(written(text, tmp_path / "a.json")).key == key


def test_bytes_that_are_no_text_are_not_json(run: Run, tmp_path: Path) -> None:
    save_run(run, tmp_path / "a.json")
    content = (tmp_path / "a.json").read_bytes()
    (tmp_path / "a.json").write_bytes(content.replace(b"planted", b"\xff\xfe"))
    assert refusal(tmp_path / "a.json").key == "error.run_not_json"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut_off_says_so(share: float, run: Run, tmp_path: Path) -> None:
    for name, key in (("a.json", "error.run_not_json"), ("a.json.gz", "error.run_damaged")):
        save_run(run, tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: int(len(content) * share)])
        assert refusal(tmp_path / name).key == key
    archive = zipped({RUN: content}, tmp_path / "a.zip")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    assert refusal(archive).key == "error.run_damaged"


def test_an_archive_without_a_run_says_so(tmp_path: Path) -> None:
    for members in ({}, {"summary.csv": b""}, {"folder/run.json": b"{}"}):
        error = refusal(zipped(members, tmp_path / "a.zip"))
        assert error.key == "error.run_not_in_zip"


def test_an_archive_that_is_packed_in_another_way_is_refused(run: Run, tmp_path: Path) -> None:
    save_run(run, tmp_path / "a.json")
    content = (tmp_path / "a.json").read_bytes()
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        error = refusal(zipped({RUN: content}, tmp_path / "a.zip", method))
        assert error.key == "error.run_damaged"


_CELL = ("cells", 0)
_RESULT = ("results", 0, "results", 0)
_OTHER_CELL = {"workload": "other", "size": 4, "dtype": "float32", "device": "cpu"} | {
    "branches": ["attached", "detach"],
    "parameters": {},
    "seed": 0,
    "budget_s": 0.05,
}
IMPOSSIBLE: list[tuple[tuple[str | int, ...], object, str]] = [
    (("request", "workload"), "<script>", "request.workload"),
    (("schema_version",), 0, "schema_version"),
    (("schema_version",), "two", "schema_version"),
    (("request", "seed"), -1, "request"),
    (("id",), "../other", "id"),
    (("cells",), [], "cells"),
    ((*_CELL, "size"), 0, "cells[0].size"),
    ((*_CELL, "size"), 10**30, "cells[0].size"),
    ((*_CELL, "branches"), [], "cells[0].branches"),
    ((*_CELL, "branches"), ["attached", "attached"], "cells[0].branches"),
    ((*_CELL, "surprise"), 1, "cells[0]"),
    (("results", 0, "cell"), _OTHER_CELL, "results[0].cell"),
    (("results", 0, "duration_s"), -1.0, "results[0].duration_s"),
    (("results", 0, "parameter_bytes"), -1, "results[0].parameter_bytes"),
    (("results", 0, "status"), "fine", "results[0].status"),
    ((*_RESULT, "branch"), "no_grad", "results[0].results[0].branch"),
    ((*_RESULT, "branch"), "detach", "results[0].results"),
    ((*_RESULT, "branch"), "<b>", "results[0].results[0].branch"),
    ((*_RESULT, "trace"), "traces/../../run.json", "results[0].results[0].trace"),
    ((*_RESULT, "trace"), "/etc/passwd", "results[0].results[0].trace"),
    ((*_RESULT, "trace"), "traces/" + "a" * 300, "results[0].results[0].trace"),
    ((*_RESULT, "message"), "a" * 200_000, "results[0].results[0].message"),
    ((*_RESULT, "samples", 0, "value"), -1.0, "results[0].results[0].samples[0]"),
    ((*_RESULT, "samples", 0, "value"), "1", "results[0].results[0].samples[0].value"),
    ((*_RESULT, "samples", 4, "value"), 64.5, "results[0].results[0].samples[4]"),
    ((*_RESULT, "samples", 4, "value"), -64, "results[0].results[0].samples[4]"),
    ((*_RESULT, "samples", 4, "value"), 1e300, "results[0].results[0].samples[4]"),
    ((*_RESULT, "samples", 4, "unit"), "s", "results[0].results[0].samples[4]"),
    (
        (*_RESULT, "samples", 4),
        {"phase": "step", "metric": "unknown", "unit": "bytes", "index": 0, "value": 0.5},
        "results[0].results[0].samples[4]",
    ),
    ((*_RESULT, "samples", 4, "metric"), "a b", "results[0].results[0].samples[4].metric"),
    ((*_RESULT, "samples", 0, "index"), -1, "results[0].results[0].samples[0]"),
    ((*_RESULT, "samples", 0, "index"), 10**6, "results[0].results[0].samples[0]"),
    ((*_RESULT, "samples", 0, "index"), 1, "results[0].results[0].samples"),
    ((*_RESULT, "reach", 0, "with_gradient"), 3, "results[0].results[0].reach[0]"),
    ((*_RESULT, "reach", 0, "max_difference"), -0.5, "results[0].results[0].reach[0]"),
    (
        (*_RESULT, "peak_parts"),
        [{"kind": "saved", "op": "mm", "bytes": -8}],
        "results[0].results[0].peak_parts[0]",
    ),
    (
        (*_RESULT, "peak_parts"),
        [{"kind": "released", "op": "", "bytes": 8}],
        "results[0].results[0].peak_parts[0]",
    ),
]


@pytest.mark.parametrize(("where", "value", "named"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_and_its_place_named(
    where: tuple[str | int, ...], value: object, named: str, data: dict[str, Any], tmp_path: Path
) -> None:
    set_in(data, where, value)
    error = refusal(written(data, tmp_path / "a.json"))
    assert (error.key, error.values["where"]) == ("error.run_value", named)


def test_what_a_step_released_is_negative(data: dict[str, Any], tmp_path: Path) -> None:
    parts = [{"kind": "released", "op": "", "bytes": -8}]
    set_in(data, (*_RESULT, "peak_parts"), parts)
    loaded = load_run(written(data, tmp_path / "a.json"))
    assert loaded.results[0].results[0].peak_parts == (PeakPart("released", "", -8),)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(number: str, data: Any, tmp_path: Path) -> None:
    set_in(data, (*_RESULT, "samples", 0, "value"), "planted number")
    text = json.dumps(data).replace('"planted number"', number)
    assert refusal(written(text, tmp_path / "a.json")).key in (
        "error.run_not_json",
        "error.run_value",
    )


def test_results_of_one_cell_twice_are_refused(data: Any, tmp_path: Path) -> None:
    data["results"] *= 2
    assert refusal(written(data, tmp_path / "a.json")).values["where"] == "results"
    data["cells"] *= 2
    assert refusal(written(data, tmp_path / "a.json")).values["where"] == "cells"


@pytest.mark.parametrize("kind", ["a.json", "a.json.gz", "a.zip"])
def test_whatever_is_damaged_only_ever_gives_a_sentence(
    kind: str, run: Run, tmp_path: Path
) -> None:
    save_run(run, tmp_path / "whole.json")
    members = {RUN: (tmp_path / "whole.json").read_bytes(), TRACE: gzip.compress(b"{}")}
    path = tmp_path / kind
    zipped(members, path) if kind == "a.zip" else save_run(run, path)
    whole, source, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(source.choice((1, 2, 5))):
            start = source.randrange(len(content))
            content[start : start + source.randrange(3)] = source.randbytes(source.randrange(3))
        path.write_bytes(bytes(content))
        try:
            unpack_run(path, tmp_path)
        except InputError as error:
            translator("en")(error.key, **error.values)
            refused += 1
    assert refused > 150
