from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from demos.locales import LANGUAGES, table, translator
from profiling import columns, consistency, storage
from profiling.errors import InputError
from profiling.export import ARCHIVE, RUN, export
from profiling.records import SCHEMA_VERSION, Run, Sample, Status
from profiling.storage import find_run, load_run, recorded, save_run, unpack_run
from tests.conftest import FinishedRun
from tests.profiling.planted import branch, cell, reach, run_of, times

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


def test_a_run_is_read_whatever_it_is_packed_in(run: Run, tmp_path: Path) -> None:
    plain, packed, archive = (tmp_path / name for name in ("a.json", "b.json.gz", "c.zip"))
    save_run(run, plain)
    save_run(run, packed)
    zipped({RUN: plain.read_bytes(), "README.md": b"about"}, archive)
    assert packed.read_bytes()[:2] == b"\x1f\x8b"
    assert packed.stat().st_size < plain.stat().st_size
    for path in (plain, packed, archive):
        assert load_run(path) == run
        # The content decides, not the name.
        assert load_run(path.rename(tmp_path / "upload")) == run


def test_packed_bytes_are_the_same_every_time(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(run, tmp_path / "a.json.gz")
    monkeypatch.setattr("time.time", lambda: 1e9)
    save_run(run, tmp_path / "b.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_our_own_archive_is_unpacked_with_its_traces(
    finished_run: FinishedRun, tmp_path: Path
) -> None:
    run, folder = finished_run
    archive = export(run, folder)[ARCHIVE]
    assert load_run(archive) == run
    assert unpack_run(archive, tmp_path) == run
    traces = sorted((tmp_path / "traces").iterdir())
    assert [path.name for path in traces] == sorted(p.name for p in (folder / "traces").iterdir())
    assert all(path.read_bytes() == (folder / "traces" / path.name).read_bytes() for path in traces)


def test_only_traces_that_the_run_names_are_unpacked(run: Run, tmp_path: Path) -> None:
    save_run(run, tmp_path / RUN)
    members = {
        RUN: (tmp_path / RUN).read_bytes(),
        TRACE: gzip.compress(b"{}"),
        "traces/other.json": b"{}",
        "../outside.json": b"{}",
        "/tmp/outside.json": b"{}",
        "summary.csv": b"",
    }
    target = tmp_path / "target"
    target.mkdir()
    assert unpack_run(zipped(members, tmp_path / "a.zip"), target) == run
    assert [path for path in target.rglob("*") if path.is_file()] == [target / TRACE]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", RUN, "target"]


def test_a_run_without_its_traces_names_none(run: Run, tmp_path: Path) -> None:
    save_run(run, tmp_path / RUN)
    archive = zipped({RUN: (tmp_path / RUN).read_bytes()}, tmp_path / "a.zip")
    for path in (tmp_path / RUN, archive):
        opened = unpack_run(path, tmp_path)
        (finished,) = opened.results
        assert [result.trace for result in finished.results] == [None, None]
        assert load_run(path) == run
    assert not (tmp_path / "traces").exists()


def test_a_run_of_the_first_schema_is_brought_to_this_one(
    data: dict[str, Any], run: Run, tmp_path: Path
) -> None:
    data["schema_version"] = 1
    added = {
        "request": ["force"],
        "cell": ["force", "unit", "file"],
        "finished": [
            *("values", "warm_up_rounds", "loops", "parameter_bytes", "input_bytes"),
        ],
        "result": ["values", "peak_parts", "scratch"],
    }
    for name in added["request"]:
        del data["request"][name]
    for each in (*data["cells"], *(finished["cell"] for finished in data["results"])):
        for name in added["cell"]:
            del each[name]
    for finished in data["results"]:
        for name in added["finished"]:
            del finished[name]
        for result in finished["results"]:
            for name in added["result"]:
                del result[name]
    assert load_run(written(data, tmp_path / "old.json")) == run
    assert run.schema_version == SCHEMA_VERSION


def test_a_run_of_a_newer_schema_says_so_before_anything_else(
    data: dict[str, Any], tmp_path: Path
) -> None:
    data |= {"schema_version": SCHEMA_VERSION + 1, "surprise": 1}
    error = refusal(written(data, tmp_path / "new.json"))
    assert error.key == "error.run_newer"
    assert error.values["version"] == SCHEMA_VERSION + 1
    assert "Update" in table("en")[error.key]


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


def set_in(data: Any, where: tuple[str | int, ...], value: object) -> None:
    for key in where[:-1]:
        data = data[key]
    data[where[-1]] = value


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
    ((*_RESULT, "samples", 4, "metric"), "a b", "results[0].results[0].samples[4].metric"),
    ((*_RESULT, "samples", 0, "index"), -1, "results[0].results[0].samples[0]"),
    ((*_RESULT, "samples", 0, "index"), 10**6, "results[0].results[0].samples[0]"),
    ((*_RESULT, "samples", 0, "index"), 1, "results[0].results[0].samples"),
    ((*_RESULT, "reach", 0, "with_gradient"), 3, "results[0].results[0].reach[0]"),
    ((*_RESULT, "reach", 0, "max_difference"), -0.5, "results[0].results[0].reach[0]"),
]


@pytest.mark.parametrize(("where", "value", "named"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_and_its_place_named(
    where: tuple[str | int, ...], value: object, named: str, data: dict[str, Any], tmp_path: Path
) -> None:
    set_in(data, where, value)
    error = refusal(written(data, tmp_path / "a.json"))
    assert (error.key, error.values["where"]) == ("error.run_value", named)


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


def test_every_metric_and_a_step_that_frees_memory_can_be_read(tmp_path: Path) -> None:
    samples = [Sample("step", metric, "count", 0, 2.0) for metric in columns.METRICS]
    samples.append(Sample("forward", "live", "bytes", 0, -64.0))
    samples.append(Sample("forward", "time", "s", 0, 0.1 + 0.2))
    run = run_of(branch("attached", samples=tuple(samples)))
    save_run(run, tmp_path / "a.json")
    assert load_run(tmp_path / "a.json") == run


def test_a_run_with_another_device_for_the_same_size_can_be_read(tmp_path: Path) -> None:
    cells = (cell(), cell(device="cuda"))
    run = replace(run_of(branch("attached")), cells=cells, results=())
    save_run(run, tmp_path / "a.json")
    assert load_run(tmp_path / "a.json") == run


def test_a_file_beyond_the_limit_is_not_even_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MAX_FILE_BYTES", 1000)
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
    monkeypatch.setattr(storage, "MAX_UNPACKED_BYTES", 5 * 2**20)
    endless = Counted()
    with pytest.raises(InputError, match="run_too_large"):
        storage._Allowance("bomb").read(endless)
    assert endless.taken <= 6 * 2**20


def test_bombs_are_refused(data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAX_UNPACKED_BYTES", 10 * 2**20)
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
    monkeypatch.setattr(storage, "MAX_VALUES", 10_000)
    assert load_run(written(data, tmp_path / "a.json"))
    data["request"]["sizes"] = [1] * 10_001
    assert refusal(written(data, tmp_path / "a.json")).key == "error.run_too_large"


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


def test_recorded_runs_are_found_by_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "RECORDED", tmp_path / "recorded")
    assert recorded() == {}
    with pytest.raises(InputError) as refused:
        find_run("recorded:h100")
    assert refused.value.values == {"name": "h100", "allowed": "–"}
    (tmp_path / "recorded").mkdir()
    for name in ("h100", "cpu.side_branch"):
        save_run(run, tmp_path / "recorded" / f"{name}.json.gz")
    (tmp_path / "recorded" / "README.md").write_text("about", "utf-8")
    assert list(recorded()) == ["cpu.side_branch", "h100"]
    assert load_run(find_run("recorded:h100")) == run
    assert find_run("h100") == Path("h100")
    for name in ("", "H100", "../recorded/h100"):
        with pytest.raises(InputError) as refused:
            find_run(f"recorded:{name}")
        assert refused.value.values == {"name": name, "allowed": "cpu.side_branch, h100"}


def test_the_runs_that_come_with_the_project_can_be_read() -> None:
    for path in recorded().values():
        assert load_run(path).complete


def test_a_run_that_was_measured_has_no_fault(finished_run: FinishedRun) -> None:
    assert consistency.first_fault(finished_run.run) is None
