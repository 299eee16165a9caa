from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.output.saved_runs import recorded_traces
from profiling.traces.table import read_trace
from tests.harness.made_traces import write
from tests.profiling.planted import event, write_trace
from tests.profiling.traces.gpu_events import BACKWARD, NODE, annotation, launched, operator


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "made.json.gz"
    write(path, 40)
    return str(path)


def test_operators_and_gpu_work_are_printed(shell: Any, trace: str) -> None:
    done = shell("trace", trace)
    assert done.code == 0
    assert done.out.startswith("made.json.gz: ")
    assert "aten::copy_" in done.out
    assert "ampere_sgemm_128x64_tn" in done.out
    assert "Live at the peak" not in done.out
    memory = shell("trace", trace, "--memory").out
    assert "Live at the peak of " in memory
    assert "aten::copy_" not in memory or "Operators" not in memory


def test_what_is_left_out_of_a_table_is_counted(shell: Any, tmp_path: Path) -> None:
    events = [event(f"op{number}", 10 * number, dur=5) for number in range(23)]
    out = shell("trace", str(write_trace(tmp_path / "many.json", events))).out
    assert sum(line.startswith("op") for line in out.splitlines()) == 20
    assert "\n3 more; use --out to write all.\n" in out


def test_json_has_what_was_asked_for(shell: Any, trace: str) -> None:
    done = shell("trace", trace, "--ops", "--memory", "--json")
    found = json.loads(done.out)
    events = read_trace(Path(trace)).events
    assert found["events"] == len(events)
    counts = {each["name"]: each["count"] for each in found["ops"]}
    ops = events[(events["category"] == "cpu_op")]
    assert counts == ops["name"].value_counts().to_dict()
    assert found["memory"][0]["peak_bytes"] >= 0
    assert "diff" not in found


def test_a_diff_names_what_is_extra(shell: Any, trace: str, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    write(other, 20)
    done = shell("trace", trace, "--diff", str(other))
    assert done.code == 0
    assert "`aten::clone` 8 → 4" in done.out
    same = shell("trace", trace, "--diff", trace).out
    assert "Every operator and kernel ran equally often in A and B." in same


def test_files_are_written_and_the_window_reads_back(
    shell: Any, trace: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = shell("trace", trace, "--window", "0:0.2", "--out", str(out), "--diff", trace)
    assert done.code == 0
    names = {path.name for path in out.iterdir()} - {"trace_events.parquet"}
    assert names == {
        *("trace_events.csv", "ops.csv", "kernels.csv", "memory.csv", "steps.csv", "gpus.csv"),
        *("gaps.csv", "ranges.csv", "collectives.csv", "forward_backward.csv"),
        *("window.json.gz", "trace_diff.csv", "plotly.min.js"),
        *("timeline.html", "memory.html", "operators.html", "kernels.html", "trace_diff.html"),
    }
    whole = read_trace(Path(trace)).events
    part = read_trace(out / "window.json.gz").events
    assert 0 < len(part) < len(whole)
    assert len(pd.read_csv(out / "trace_events.csv")) == len(part)
    assert f" {len(part):,} events in " in done.out
    assert pd.read_csv(out / "trace_diff.csv")["count_change"].eq(0).all()
    chart = (out / "timeline.html").read_text("utf-8")
    assert '<script charset="utf-8" src="plotly.min.js"></script>' in chart
    assert len(chart) < 1_000_000
    assert "aten::linear" in chart


def test_a_window_is_of_both_traces(shell: Any, trace: str, tmp_path: Path) -> None:
    longer = tmp_path / "longer.json"
    write(longer, 80)
    arguments = ("trace", trace, "--diff", str(longer), "--json")
    assert json.loads(shell(*arguments).out)["diff"][0]["count_change"] > 0
    part = json.loads(shell(*arguments, "--window", "0:0.2").out)["diff"]
    assert part
    assert all(row["count_change"] == 0 for row in part)


def test_a_recorded_trace_has_a_name(shell: Any) -> None:
    first, second, *_ = recorded_traces()
    done = shell("trace", f"recorded:{first}", "--diff", f"recorded:{second}")
    assert done.code == 0
    assert done.out.startswith(f"{first}.json.gz: ")
    assert "Only in B: `aten::clone` ×1." in done.out
    assert "`aten::copy_` " in done.out
    refused = shell("trace", f"recorded:{second}s")
    assert refused.code == 2
    assert f"There is no recorded trace '{second}s'. Nearest: {second}, " in refused.err


@pytest.mark.parametrize("span", ["x", "3:1", "1", "nan:inf", ":", "1:1"])
def test_a_window_that_is_none_is_refused(span: str, shell: Any, trace: str) -> None:
    done = shell("trace", trace, "--window", span)
    assert done.code == 2
    assert done.err == (
        f"error: A window is A:B in milliseconds from the start, such as 1.5:3. Invalid: {span}\n"
    )


def test_what_cannot_be_read_is_refused(shell: Any, tmp_path: Path) -> None:
    gone = shell("trace", str(tmp_path / "gone.json"))
    assert (gone.code, gone.out) == (2, "")
    assert "gone.json" in gone.err
    (tmp_path / "no.json").write_text("{}", "utf-8")
    none = shell("trace", str(tmp_path / "no.json"))
    assert none.code == 2
    assert "no.json is not a Chrome trace" in none.err


def test_a_name_cannot_steer_the_terminal_or_a_spreadsheet(shell: Any, tmp_path: Path) -> None:
    event = {"ph": "X", "cat": "cpu_op", "pid": 1, "tid": 1, "ts": 0, "dur": 1}
    events = [event | {"name": "=1+1\x1b[31m"}, event | {"name": "[bold]x"}]
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({"traceEvents": events}), "utf-8")
    done = shell("trace", str(path), "--out", str(tmp_path / "out"))
    assert "\x1b[31m" not in done.out
    assert "[bold]x" in done.out
    ops = pd.read_csv(tmp_path / "out" / "ops.csv")
    assert sorted(ops["name"])[0].startswith("'=1+1")


@pytest.fixture
def gpu_trace(tmp_path: Path) -> str:
    events = [
        annotation("forward", 0, 40),
        operator("aten::mm", 0, 20, sequence=1),
        *launched("gemm", 15, 40, 1, grid=[8, 1, 1]),
        operator(f"{NODE}MmBackward0", 60, 40, sequence=1, tid=BACKWARD),
        *launched("gemm", 80, 20, 2, tid=BACKWARD, grid=[16, 1, 1]),
    ]
    return str(write_trace(tmp_path / "gpu.json", events))


def test_what_a_trace_tells_of_its_gpus_comes_first(shell: Any, gpu_trace: str) -> None:
    lines = shell("trace", gpu_trace).out.splitlines()
    assert lines[1:5] == [
        "GPU 0 was busy 70.6% of 85.0 µs: kernels 60.0 µs (70.6%).",
        "GPU 0 was idle 25.0 µs (29.4%): host-bound (nothing launched) 15.0 µs (17.6%); kernel "
        "wait (launched, not started) 8.00 µs (9.4%); launch call running 2.00 µs (2.4%).",
        "Most GPU time by kernel: `gemm` 100% (60.0 µs, 2×).",
        "Most GPU time by range: `forward` 66.7% (40.0 µs, 1×).",
    ]
    at = lines.index("Which kernels take the GPU's time, and how were they launched?")
    assert lines[at + 1].split()[:5] == ["kernel", "calls", "total", "(µs)", "average"]
    assert lines[at + 2].split() == [
        *("gemm", "2", "60.0", "30.0", "100%", "10.0", "0", "several"),
    ]
    at = lines.index("What does the backward of each forward operator cost?")
    assert lines[at + 2].split() == [
        "aten::mm",
        "MmBackward0",
        *["1", "40.0", "20.0", "20.0", "40.0"],
    ]


def test_json_and_files_have_it_too(shell: Any, gpu_trace: str, tmp_path: Path) -> None:
    found = json.loads(shell("trace", gpu_trace, "--json").out)
    (times,) = found["summary"]["times"]
    assert (times["kernel_ns"], times["host_ns"], times["queue_ns"]) == (60_000, 15_000, 8_000)
    assert found["summary"]["sentences"][0].startswith("GPU 0 was busy 70.6% of 85.0 µs")
    assert (found["kernels_found"], found["kernels"][0]["configurations"]) == (1, 2)
    assert found["forward_backward"][0]["backward_device_s"] == 20e-6
    assert [gap["length_s"] for gap in found["gaps"]] == [25e-6]
    out = tmp_path / "out"
    assert shell("trace", gpu_trace, "--out", str(out)).code == 0
    assert pd.read_csv(out / "gpus.csv")["kernel_s"].to_list() == [60e-6]
    assert pd.read_csv(out / "ranges.csv")["name"].to_list() == ["forward"]
    assert list(pd.read_csv(out / "collectives.csv"))[:2] == ["collective", "dtype"]


def test_what_a_cut_changed_is_said_with_a_diff(shell: Any) -> None:
    pair = [f"recorded:cpu-1-thread.side_branch.{name}" for name in ("attached", "detach")]
    done = shell("trace", pair[0], "--diff", pair[1])
    assert "Operators in backward: 122 in A, 119 in B; `aten::mm` 21 → 20" in done.out
    cut = json.loads(shell("trace", *(pair[0], "--diff", pair[1], "--json")).out)["cut"]
    assert cut[0] == "Backward nodes: the same 56 in A and B."
