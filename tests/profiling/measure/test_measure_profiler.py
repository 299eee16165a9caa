from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pandas as pd
import pytest
import torch

from profiling.measure import profiler
from profiling.measure.device import get
from profiling.measure.profiler import record_step, warm_up
from profiling.measure.step import State, Step
from profiling.traces.operators import operator_groups
from profiling.traces.table import load_trace
from tests.profiling.measure.recorders import Recorder, RecordingDevice
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")


def recorded(path: Path, *, shapes: bool = False, branch: str = "attached") -> pd.DataFrame:
    record_step(State(cell("elementwise")).step(branch), get("cpu"), path, shapes=shapes)
    return load_trace(path)


def marks(trace: pd.DataFrame) -> pd.DataFrame:
    return trace[trace["category"] == "user_annotation"].reset_index(drop=True)


def test_forward_and_backward_are_marked_one_after_the_other(tmp_path: Path) -> None:
    marked = marks(recorded(tmp_path / "trace.json"))
    assert marked["name"].to_list() == ["forward", "backward"]
    ends = marked["start_s"] + marked["duration_s"]
    assert (marked["duration_s"] > 0).all()
    assert ends[0] <= marked["start_s"][1]


def test_a_torch_that_always_makes_events_records_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = [recorded(tmp_path / "new.json", shapes=True)]
    monkeypatch.setattr(profiler, "_only_exported", lambda: None)
    traces.append(recorded(tmp_path / "old.json", shapes=True))
    columns = ["category", "name", "phase", "shapes", "bytes"]
    new, old = (
        each[each["category"] != "Trace"][columns].sort_values(columns, ignore_index=True)
        for each in traces
    )
    pd.testing.assert_frame_equal(new.astype("str"), old.astype("str"))


def test_operators_are_recorded_in_their_phase(tmp_path: Path) -> None:
    trace = recorded(tmp_path / "trace.json")
    marked = marks(trace)
    end = marked["start_s"][0] + marked["duration_s"][0]
    calls = trace[trace["category"] == "cpu_op"]
    forward = calls[(calls["start_s"] >= marked["start_s"][0]) & (calls["start_s"] < end)]
    assert forward["name"].to_list()[:3] == ["aten::sigmoid", "aten::mul", "aten::sum"]
    assert "aten::sigmoid_backward" in set(calls["name"]) - set(forward["name"])


def test_a_cut_leaves_the_ops_before_it_out_of_backward(tmp_path: Path) -> None:
    counts = {
        branch: operator_groups(recorded(tmp_path / f"{branch}.json", branch=branch)).set_index(
            "name"
        )
        for branch in ("attached", "detach", "clone_detach")
    }
    assert counts["attached"].loc["aten::sigmoid_backward", "count"] == 1
    assert "aten::sigmoid_backward" not in counts["detach"].index
    assert counts["clone_detach"].loc["aten::clone", "count"] == 1
    assert "aten::clone" not in counts["detach"].index


def test_shapes_are_recorded_when_asked_for(tmp_path: Path) -> None:
    with_shapes = recorded(tmp_path / "with.json", shapes=True)
    sigmoid = with_shapes[with_shapes["name"] == "aten::sigmoid"]
    assert sigmoid["shapes"].to_list() == ["[[4]]"]
    assert recorded(tmp_path / "without.json")["shapes"].isna().all()


def test_memory_is_recorded(tmp_path: Path) -> None:
    trace = recorded(tmp_path / "trace.json")
    events = trace[trace["name"] == "[memory]"]
    assert events["bytes"].to_list()[:2] == [16, 16]  # h and its product with w
    assert set(events["memory_device"]) == {"cpu"}


@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_no_profiler_runs_after_an_error_in_the_step(phase: str, tmp_path: Path) -> None:
    class Failing(Step):
        def backward(self, result: object) -> None:
            raise ValueError("planted")

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        if phase == "forward":
            raise ValueError("planted")
        return x.sum()

    step = Failing("attached", forward, None, State(cell("elementwise")))
    with pytest.raises(ValueError, match="planted"):
        record_step(step, get("cpu"), tmp_path / "trace.json", shapes=False)
    assert not torch._C._autograd._profiler_enabled()
    assert list(tmp_path.iterdir()) == []
    # Another session would crash the process if the first were still running.
    assert marks(recorded(tmp_path / "next.json"))["name"].to_list() == [
        "forward",
        "backward",
    ]


def test_the_step_is_reset_before_and_its_gradients_are_left_after(tmp_path: Path) -> None:
    state = State(cell("elementwise"))
    step = state.step("detach")
    stale = torch.full((4,), 7.0)
    state.arguments["x"].grad = stale
    record_step(step, get("cpu"), tmp_path / "trace.json", shapes=False)
    assert state.arguments["x"].grad is None
    assert torch.equal(state.arguments["w"].grad, state.arguments["x"].detach().sigmoid())


def test_the_profilers_own_lines_stay_away_from_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    warm_up()
    recorded(tmp_path / "trace.json")
    os.write(2, b"ours")
    assert capfd.readouterr() == ("", "ours")


def test_the_device_is_idle_when_recording_starts_and_when_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str]] = []

    class Session(torch.profiler.profile):
        def start(self) -> None:
            calls.append(("session", "start"))
            super().start()

        def stop(self) -> None:
            calls.append(("session", "stop"))
            super().stop()

    monkeypatch.setattr(profiler, "profile", Session)
    step = cast("Step", Recorder("attached", calls))
    record_step(step, RecordingDevice(calls, iter(())), tmp_path / "trace.json", shapes=False)
    assert calls == [
        ("device", "activities"),
        ("attached", "reset"),
        ("device", "synchronize"),
        # What is held of an earlier step and not split would count as this one's.
        ("device", "empty_cache"),
        ("session", "start"),
        ("attached", "forward"),
        ("attached", "backward"),
        ("device", "synchronize"),
        ("session", "stop"),
    ]


@pytest.mark.cuda
def test_cuda_work_is_recorded_and_charged_to_its_operators(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    step = State(cell("frozen_backbone", size=64, device="cuda")).step("attached")
    step.backward(step.forward())
    record_step(step, get("cuda"), path, shapes=True)
    trace = load_trace(path)
    kernels = trace[trace["category"] == "kernel"]
    assert len(kernels) > 0
    assert (kernels["duration_s"] > 0).all()
    assert kernels["stream"].notna().all()
    assert "cuda:0" in set(trace["memory_device"].dropna())
    assert marks(trace)["name"].to_list() == ["forward", "backward"]
    table = operator_groups(trace).set_index("name")
    assert table["device_s"].to_dict()["aten::addmm"] > 0
    assert table["device_s"].sum() <= kernels["duration_s"].sum() * (1 + 1e-9)
