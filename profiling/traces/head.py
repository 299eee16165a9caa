"""What a trace file says beside its events: the devices, versions and settings of the profiler."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

# Values of ``distributedInfo`` that are kept as they are.
_DISTRIBUTED_FACTS = ("backend", "world_size", "nccl_version")
_MOST_TEXT = 200
_MOST_DEVICES = 1024

NO_TEXT = msgspec.Raw()
# Raised by msgspec, json and numpy for damaged JSON and for values that do not fit.
DAMAGE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)

Fact = int | float | str


@dataclass(frozen=True)
class TraceDevice:
    """A GPU or other accelerator of the machine that a trace is from.

    Attributes:
        id: Its number.
        name: Its name, such as ``"NVIDIA A100"``; empty if the file has none.
        memory_bytes: Its memory; None if the file does not tell, like what follows.
        capability: Its compute capability, such as ``"9.0"``; AMD's have a number like it.
        processors: Number of its multiprocessors.
    """

    id: int
    name: str
    memory_bytes: int | None
    capability: str | None
    processors: int | None


@dataclass(frozen=True)
class TraceHead:
    """What a file says beside its events.

    Attributes:
        base_ns: Nanoseconds since 1970 that times count from; None if unknown.
        rank: Rank of the process in distributed training; None if unknown.
        devices: The machine's accelerators.
        facts: Values such as ``with_stack`` and ``cuda_runtime_version``, as the file names them.
    """

    base_ns: int | None
    rank: int | None
    devices: tuple[TraceDevice, ...]
    facts: dict[str, Fact]


class Values(msgspec.Struct, gc=False):
    """A file's values beside its events, not yet decoded."""

    base_ns: msgspec.Raw = msgspec.field(default=NO_TEXT, name="baseTimeNanoseconds")
    distributed: msgspec.Raw = msgspec.field(default=NO_TEXT, name="distributedInfo")
    devices: msgspec.Raw = msgspec.field(default=NO_TEXT, name="deviceProperties")
    schema_version: msgspec.Raw = msgspec.field(default=NO_TEXT, name="schemaVersion")
    torch_version: msgspec.Raw = NO_TEXT
    record_shapes: msgspec.Raw = NO_TEXT
    profile_memory: msgspec.Raw = NO_TEXT
    with_stack: msgspec.Raw = NO_TEXT
    with_flops: msgspec.Raw = NO_TEXT
    with_modules: msgspec.Raw = NO_TEXT
    cupti_version: msgspec.Raw = NO_TEXT
    cuda_runtime_version: msgspec.Raw = NO_TEXT
    cuda_driver_version: msgspec.Raw = NO_TEXT
    roctracer_version: msgspec.Raw = NO_TEXT
    hip_runtime_version: msgspec.Raw = NO_TEXT
    hip_driver_version: msgspec.Raw = NO_TEXT


# Those that are kept as they are.
_FACTS = Values.__struct_fields__[3:]


def trace_head(values: Values) -> TraceHead:
    """Return what the values beside a file's events say; those of another kind are left out."""
    base_ns = _decoded(values.base_ns)
    distributed = _decoded(values.distributed)
    distributed = distributed if isinstance(distributed, dict) else {}
    rank = distributed.get("rank")
    found = {name: _decoded(getattr(values, name)) for name in _FACTS}
    found |= {name: distributed.get(name) for name in _DISTRIBUTED_FACTS}
    properties = _decoded(values.devices)
    devices = properties[:_MOST_DEVICES] if isinstance(properties, list) else []
    return TraceHead(
        base_ns=base_ns if type(base_ns) is int and 0 < base_ns < 2**63 else None,
        rank=rank if type(rank) is int and 0 <= rank < 2**31 else None,
        devices=tuple(_device(each) for each in devices if _count(each, "id") is not None),
        facts={name: value for name, value in found.items() if _is_fact(value)},
    )


def _device(properties: dict[str, Any]) -> TraceDevice:
    name, major, minor = (properties.get(key) for key in ("name", "computeMajor", "computeMinor"))
    is_known = _count(properties, "computeMajor") is not None and type(minor) is int
    return TraceDevice(
        id=properties["id"],
        name=name[:_MOST_TEXT] if isinstance(name, str) else "",
        memory_bytes=_count(properties, "totalGlobalMem"),
        capability=f"{major}.{minor}" if is_known else None,
        processors=_count(properties, "numSms"),
    )


def _count(properties: Any, name: str) -> int | None:
    value = properties.get(name) if isinstance(properties, dict) else None
    return value if type(value) is int and 0 <= value < 2**63 else None


def _is_fact(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MOST_TEXT
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def _decoded(raw: msgspec.Raw) -> Any:
    with suppress(*DAMAGE):
        return msgspec.json.decode(raw)
    return None
