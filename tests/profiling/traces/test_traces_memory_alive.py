from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.traces.memory import (
    alive_at_peak,
    downsample,
    memory_curve,
    memory_devices,
    memory_facts,
    peak_parts,
)
from profiling.traces.table import load_trace
from tests.conftest import FinishedRun
from tests.profiling.planted import event, memory_event, write_trace


def read(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return load_trace(write_trace(folder / "trace.json", events))


def allocation(address: int, size: int, start_us: float, *device: int) -> dict[str, Any]:
    found = memory_event(size, start_us, *device)
    found["args"]["Addr"] = address
    return found


def test_devices_are_apart_and_a_name_without_number_is_all_of_them(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        memory_event(1, 0, 1, 10),
        memory_event(2, 1),
        memory_event(4, 2, 1, 2),
        memory_event(8, 3, 1, 1),
    )
    assert memory_devices(trace) == ["cpu", "cuda:1", "cuda:2", "cuda:10"]
    ends = {
        name: memory_curve(trace, name)["live_bytes"].iloc[-1]
        for name in ("cpu", "cuda:1", "cuda:2", "cuda:10", "cuda")
    }
    assert ends == {"cpu": 2, "cuda:1": 8, "cuda:2": 4, "cuda:10": 1, "cuda": 13}
    assert memory_devices(read(tmp_path, event("op", 0))) == []


def test_the_peak_and_what_has_no_partner_are_told(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        allocation(1, -100, 0),  # from before the trace
        allocation(1, 300, 10),
        allocation(2, 50, 20),
        allocation(1, -300, 30),
        allocation(3, 60, 40),
        allocation(3, -70, 50),  # of another size: another allocation's
        allocation(4, 10, 60),
    )
    facts = memory_facts(trace, "cpu")
    assert (facts.peak_bytes, facts.end_bytes) == (250, -50)
    assert facts.peak_s == pytest.approx(20e-6)
    assert (facts.allocations, facts.frees) == (4, 3)
    assert (facts.unseen, facts.unseen_bytes) == (2, 170)
    assert (facts.kept, facts.kept_bytes) == (3, 120)


def test_without_anything_above_zero_there_is_no_peak(tmp_path: Path) -> None:
    for events in ([], [memory_event(-8, 0)]):
        facts = memory_facts(read(tmp_path, *events), "cpu")
        assert (facts.peak_bytes, facts.peak_s) == (0, None)
        assert alive_at_peak(read(tmp_path, *events), "cpu").empty


def test_what_is_alive_at_the_peak_is_counted_by_operator(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        allocation(9, -5, 0),
        event("aten::mm", 1, dur=10),
        allocation(1, 100, 2),
        allocation(2, 30, 3),
        allocation(2, -30, 4),
        event("aten::mm", 20, dur=10),
        allocation(3, 100, 21),
        allocation(4, 7, 40),
        allocation(1, -100, 50),
    )
    found = alive_at_peak(trace, "cpu")
    assert list(found.itertuples(index=False, name=None)) == [
        ("kept", "aten::mm", 1, 100),
        ("temporary", "aten::mm", 1, 100),
        ("kept", "python", 1, 7),
        ("released", "", 1, -5),
    ]
    assert found["bytes"].sum() == memory_facts(trace, "cpu").peak_bytes


def test_recorded_facts_fit_the_curve_and_the_parts(finished_run: FinishedRun) -> None:
    paths = sorted(finished_run.folder.rglob("*.json.gz"))
    for path in paths:
        trace = load_trace(path)
        curve, facts = memory_curve(trace, "cpu"), memory_facts(trace, "cpu")
        assert facts.peak_bytes == max(curve["live_bytes"].max(), 0)
        assert facts.end_bytes == curve["live_bytes"].iloc[-1]
        assert facts.allocations + facts.frees == len(curve)
        assert facts.end_bytes == facts.kept_bytes - facts.unseen_bytes
        alive = alive_at_peak(trace, "cpu")
        assert alive.drop(columns="count").equals(peak_parts(trace, "cpu"))
        assert alive["bytes"].sum() == facts.peak_bytes


def curve_of(changes: list[int], times: list[int]) -> pd.DataFrame:
    change = np.array(changes, dtype="int64")
    seconds = np.sort(np.array(times[: len(changes)])) / 1e9
    live = change.cumsum()
    return pd.DataFrame({"time_s": seconds, "change_bytes": change, "live_bytes": live})


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=300),
    st.lists(st.integers(0, 50), min_size=300, max_size=300),
    st.integers(8, 60),
)
def test_a_reduced_curve_keeps_its_peak_and_its_ends(
    changes: list[int], times: list[int], most: int
) -> None:
    curve = curve_of(changes, times)
    found = downsample(curve, most)
    assert len(found) <= most + 3
    rows = set(curve.itertuples(index=False, name=None))
    assert rows >= set(found.itertuples(index=False, name=None))
    peak = curve.loc[[curve["live_bytes"].idxmax()]]
    assert found["live_bytes"].max() == peak["live_bytes"].item()
    first = int(found["live_bytes"].to_numpy().argmax())
    assert found["time_s"].iloc[first] == peak["time_s"].item()
    assert found["live_bytes"].min() == curve["live_bytes"].min()
    for place in (0, -1):
        assert found.iloc[place].equals(curve.iloc[place])


def test_a_short_curve_stays_as_it_is() -> None:
    curve = curve_of([1, -1, 2], [1, 2, 3])
    assert downsample(curve) is curve
    empty = curve_of([], [])
    assert downsample(empty).empty


def test_a_long_curve_is_cut_to_size() -> None:
    changes = np.random.default_rng(0).integers(-100, 100, 100_000)
    found = downsample(curve_of(changes.tolist(), [5] * 100_000))
    assert 3000 < len(found) <= 4003
    assert found["live_bytes"].max() == changes.cumsum().max()
