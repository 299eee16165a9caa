"""What of a trace's JSON is decoded: one event, and its arguments."""

from __future__ import annotations

from typing import Annotated

import msgspec

# Stands for "the event has no such value" until the columns are built, which then are empty there.
ABSENT = -(2**63)
NO_ADDRESS = 2**64 - 1
NO_TEXT = msgspec.Raw()

_Integer = Annotated[int, msgspec.Meta(ge=1 - 2**63, le=2**63 - 1)]


class Arguments(msgspec.Struct, gc=False, frozen=True):
    """The ``args`` of an event, as far as they are used."""

    bytes_: _Integer | None = msgspec.field(default=ABSENT, name="Bytes")
    address: Annotated[int, msgspec.Meta(ge=0)] | None = msgspec.field(
        default=NO_ADDRESS, name="Addr"
    )
    device_type: _Integer | None = msgspec.field(default=ABSENT, name="Device Type")
    device_id: _Integer | None = msgspec.field(default=ABSENT, name="Device Id")
    allocated_bytes: _Integer | None = msgspec.field(default=ABSENT, name="Total Allocated")
    reserved_bytes: _Integer | None = msgspec.field(default=ABSENT, name="Total Reserved")
    external_id: _Integer | None = msgspec.field(default=ABSENT, name="External id")
    correlation: _Integer | None = ABSENT
    stream: _Integer | None = ABSENT
    device: _Integer | None = ABSENT
    copied_bytes: _Integer | None = msgspec.field(default=ABSENT, name="bytes")
    shapes: msgspec.Raw = msgspec.field(default=NO_TEXT, name="Input Dims")
    stack: str | None = msgspec.field(default=None, name="Call stack")
    # Of metadata events.
    label: msgspec.Raw = msgspec.field(default=NO_TEXT, name="name")


NO_ARGUMENTS = Arguments()
_NAN = float("nan")


class Event(msgspec.Struct, gc=False):
    """One event of the file; other fields are skipped while decoding."""

    ph: str = ""
    name: str = ""
    cat: str | None = None
    pid: int | str | None = None
    tid: int | str | None = None
    ts: float | None = _NAN
    dur: float | None = _NAN
    id: int | str | None = None
    args: Arguments | None = NO_ARGUMENTS
