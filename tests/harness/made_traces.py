"""Makes traces as Kineto writes them, of any size, the same ones every time.

A call is an operator with two others inside, an allocation and a free, a launch and its kernel;
with stacks, four Python functions are around it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOST = 4242
THREADS = (4242, 4243, 4244)
STREAMS = (7, 20)
CALLS_A_STEP = 100
_CALL_NS = 40_000
_BASE_NS = 5_172_348_123_456
_OPS = (
    ("aten::linear", "aten::addmm", "aten::expand"),
    ("aten::clone", "aten::empty_like", "aten::copy_"),
    ("aten::layer_norm", "aten::native_layer_norm", "aten::empty"),
    ("autograd::engine::evaluate_function: AddmmBackward0", "AddmmBackward0", "aten::mm"),
    ("aten::to", "aten::_to_copy", "aten::empty_strided"),
)
_KERNELS = (
    "ampere_sgemm_128x64_tn",
    "void at::native::vectorized_elementwise_kernel<4, at::native::AddFunctor<float>, 3ul>(int)",
)
_FRAMES = (
    "train.py({line}): <module>",
    "train.py({line}): step",
    "nn.Module: Block_{block}",
    "torch/nn/modules/module.py(1773): _wrapped_call_impl",
)


def events(calls: int, *, stacks: bool = False, gpu: bool = True) -> Iterator[dict[str, Any]]:
    """Yield the events of a number of calls, in an order that is not that of time."""
    for thread in THREADS[: min(calls, len(THREADS))]:
        name = {"name": f"thread {thread} (python)"}
        yield _metadata("thread_name", thread, name)
    yield _metadata("process_name", 0, {"name": "python"})
    for number in range(calls):
        yield from _call(number, stacks, gpu)
        if number % CALLS_A_STEP == CALLS_A_STEP - 1:
            yield _step(number // CALLS_A_STEP)


def write(
    path: Path, calls: int, *, stacks: bool = False, gpu: bool = True, rank: int | None = None
) -> int:
    """Write a trace of that many calls, gzipped if its name ends so; return its events' number."""
    head: dict[str, Any] = {"schemaVersion": 1, "deviceProperties": []}
    if rank is not None:
        head["distributedInfo"] = {"backend": "nccl", "rank": rank, "world_size": 8}
    head |= {"displayTimeUnit": "ms", "baseTimeNanoseconds": 1_790_857_026_000_000_000}
    open_file = gzip.open if path.suffix == ".gz" else open
    count = 0
    with open_file(path, "wt", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=2)[:-2] + ',\n  "traceEvents": [')
        for event in events(calls, stacks=stacks, gpu=gpu):
            file.write(",\n" if count else "\n")
            file.write(_as_kineto(event))
            count += 1
        file.write(f'\n  ],\n  "traceName": {json.dumps(path.name)}\n}}\n')
    return count


def _as_kineto(event: dict[str, Any]) -> str:
    """Return an event's text with a line a field and one for its arguments."""
    fields = [f'    "{key}": {json.dumps(event[key])}' for key in event if key != "args"]
    if "args" in event:
        args = json.dumps(event["args"])
        fields.append(f'    "args": {{\n      {args[1:-1]}\n    }}')
    return "  {\n" + ",\n".join(fields) + "\n  }"


def _event(phase: str, category: str, name: str, start_ns: int, **values: Any) -> dict[str, Any]:
    lane = {"pid": HOST, "tid": THREADS[0]}
    start_us = (_BASE_NS + start_ns) / 1000
    return {"ph": phase, "cat": category, "name": name, **lane, "ts": start_us, **values}


def _span(
    category: str, name: str, start_ns: int, duration_ns: int, **values: Any
) -> dict[str, Any]:
    return _event("X", category, name, start_ns, dur=duration_ns / 1000, **values)


def _metadata(name: str, thread: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "name": name, "ts": _BASE_NS / 1000, "pid": HOST, "tid": thread} | {
        "args": args
    }


def _step(number: int) -> dict[str, Any]:
    start = number * CALLS_A_STEP * _CALL_NS
    length = CALLS_A_STEP * _CALL_NS
    args = {"External id": 10**7 + number, "Ev Idx": number}
    return _span("user_annotation", f"ProfilerStep#{number}", start, length, args=args)


def _call(number: int, stacks: bool, gpu: bool) -> Iterator[dict[str, Any]]:
    thread = THREADS[number % len(THREADS)]
    start = number * _CALL_NS + number * 7919 % 1013
    outer, middle, inner = _OPS[number % len(_OPS)]
    shapes = [[32, 64 << number % 4], [64, 64], [64]]
    spans = ((outer, 0, 30_000), (middle, 2_000, 20_000), (inner, 4_000, 9_000 + number % 7))
    for place, (name, offset, length) in enumerate(spans):
        args = {
            "External id": 3 * number + place + 1,
            "Record function id": 0,
            "Concrete Inputs": ["", "", ""],
            "Input type": ["float", "float", "float"],
            "Input Dims": shapes[place:],
            "Ev Idx": 3 * number + place,
        }
        yield _span("cpu_op", name, start + offset, length, tid=thread, args=args)
    yield from _memory(number, start, thread, gpu)
    if gpu:
        yield from _launch(number, start, thread)
    if stacks:
        yield from _functions(number, start, thread)


def _memory(number: int, start: int, thread: int, gpu: bool) -> Iterator[dict[str, Any]]:
    size = 512 * (1 + number % 13)
    kind, device = (1, number % 2) if gpu else (0, -1)
    for change, offset in ((size, 5_000), (-size, 39_000 + number % 5 * 50_000)):
        args = {
            "Total Reserved": 2**21 if gpu else 0,
            "Total Allocated": 2**20 + max(change, 0),
            "Bytes": change,
            "Device Id": device,
            "Device Type": kind,
            "Addr": 2**40 + 4096 * number,
            "Ev Idx": 10**6 + number,
        }
        at = start + offset
        yield _event("i", "cpu_instant_event", "[memory]", at, tid=thread, s="t", args=args)


def _launch(number: int, start: int, thread: int) -> Iterator[dict[str, Any]]:
    ids = {"External id": 3 * number + 3, "correlation": number + 1}
    launch = start + 6_000
    yield _span("cuda_runtime", "cudaLaunchKernel", launch, 3_000, tid=thread, args=ids)
    device, stream = number % 2, STREAMS[number // 2 % len(STREAMS)]
    lane = {"pid": device, "tid": stream}
    args: dict[str, Any] = {"queued": 0, "device": device, "context": 1, "stream": stream} | ids
    args |= {"registers per thread": 32, "grid": [128, 1, 1], "block": [256, 1, 1]}
    kernel = launch + 12_000
    name = _KERNELS[number % len(_KERNELS)]
    yield _span("kernel", name, kernel, 25_000 + number % 11, **lane, args=args)
    arrow = {"id": number + 1}
    yield _event("s", "ac2g", "ac2g", launch, tid=thread, **arrow)
    yield _event("f", "ac2g", "ac2g", kernel, **lane, **arrow, bp="e")


def _functions(number: int, start: int, thread: int) -> Iterator[dict[str, Any]]:
    for depth, frame in enumerate(_FRAMES):
        this = number * len(_FRAMES) + depth + 1
        args = {"Python parent id": this - 1 if depth else None, "Python id": this}
        name = frame.format(line=10 + number % 40, block=number % 12)
        offset, length = depth * 100 - 1_000, 32_000 - depth * 200
        yield _span("python_function", name, start + offset, length, tid=thread, args=args)
