"""Events have today's categories in a file of any version; what has none that is known is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from profiling.traces.memory import alive_at_peak, memory_curve, memory_facts
from profiling.traces.phases import steps, training_phases
from profiling.traces.table import DEVICE_TYPES, Trace, read_trace
from tests.profiling.planted import event, memory_event, write_trace


def planted(folder: Path, *events: dict[str, Any]) -> Trace:
    return read_trace(write_trace(folder / "trace.json", events))


def bare(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != "cat"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Operator", "cpu_op"),
        ("Runtime", "cuda_runtime"),
        ("Kernel", "kernel"),
        ("Memcpy", "gpu_memcpy"),
        ("Memset", "gpu_memset"),
        ("kernel", "kernel"),
        ("gpu_user_annotation", "gpu_user_annotation"),
        ("privateuse1_runtime", "privateuse1_runtime"),
    ],
)
def test_old_names_of_categories_are_read_as_todays(old: str, new: str, tmp_path: Path) -> None:
    trace = planted(tmp_path, event("a", 1, cat=old), event("b", 2, cat=new))
    assert trace.events["category"].to_list() == [new, new]
    assert trace.notices == ()


def test_unknown_categories_and_spans_without_one_are_counted(tmp_path: Path) -> None:
    events = [event("a", 1, cat="XLA Ops"), bare(event("b", 2)), event("c", 3)]
    instant = bare(event("note", 4)) | {"ph": "i"}
    trace = planted(tmp_path, *events, bare(memory_event(8, 5)), instant)
    assert len(trace.events) == 5
    assert trace.notices == (("trace.notice.categories", {"count": 2}),)
    assert trace.kinds == {"cpu_op", "memory"}


def test_a_list_without_categories_is_read_by_its_processes(tmp_path: Path) -> None:
    events = [bare(event("op", 1, pid="CPU functions")), bare(event("k", 2, pid="CUDA functions"))]
    (tmp_path / "list.json").write_text(json.dumps(events), "utf-8")
    trace = read_trace(tmp_path / "list.json")
    assert trace.events["category"].to_list() == ["cpu_op", "kernel"]
    assert trace.notices == ()


def test_steps_and_the_optimizer_among_operators_are_ranges(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        event("ProfilerStep#5", 0, dur=50, cat="Operator"),
        event("aten::mul", 2, dur=10, cat="Operator"),
        event("Optimizer.step#SGD.step", 30, dur=10, cat="Operator"),
        event("Optimizer.zero_grad#SGD.zero_grad", 45, dur=3, cat="Operator"),
    ).events
    (step,) = steps(trace).to_dict("records")
    assert (step["step"], step["operators"]) == (5, 1)
    assert step["cpu_busy_s"] == pytest.approx(10e-6)
    assert training_phases(trace)["phase"].to_list() == ["optimizer"]


def test_memory_without_addresses_has_a_curve_but_no_parts(tmp_path: Path) -> None:
    events = [memory_event(size, start) for start, size in enumerate((8, 64, -8, 4))]
    for each in events:
        del each["args"]["Addr"]
    trace = planted(tmp_path, *events)
    assert memory_curve(trace.events, "cpu")["live_bytes"].to_list() == [8, 72, 64, 68]
    facts = memory_facts(trace.events, "cpu")
    assert (facts.peak_bytes, facts.allocations, facts.frees) == (72, 3, 1)
    assert (facts.unseen, facts.unseen_bytes, facts.kept, facts.kept_bytes) == (0, 0, 0, 0)
    assert alive_at_peak(trace.events, "cpu").empty
    assert trace.notices == (("trace.notice.addresses", {"count": 4}),)


def test_memory_is_named_as_torch_names_its_device(tmp_path: Path) -> None:
    numbers = [0, 1, 6, 12, 13, 15, 19, 20, 99]
    trace = planted(
        tmp_path, *(memory_event(1, place, each, 0) for place, each in enumerate(numbers))
    )
    assert trace.events["memory_device"].to_list() == [
        *("cpu", "cuda:0", "cuda:0", "xpu:0", "mps:0", "hpu:0", "mtia:0", "privateuseone:0"),
        "type99:0",
    ]


@pytest.mark.filterwarnings("ignore:.*is no longer used as device type")
def test_names_of_devices_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    for number, name in DEVICE_TYPES.items():
        # HIP is cuda, and IDEEP no name that torch reads.
        if number not in (5, 6):
            assert torch.device(name).type == name
