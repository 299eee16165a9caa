"""The base of all records, and the checked types of their fields.

Types with a pattern or a bound are checked on reading, because a run may come from anybody's file.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", max_length=64)]
Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(#[0-9]+)?\Z", max_length=68)]
DeviceName = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(:[0-9]{1,3})?\Z", max_length=68)
]
RelativePath = Annotated[str, msgspec.Meta(pattern=r"^traces/[A-Za-z0-9_-][A-Za-z0-9_.-]*\Z")]
Text = Annotated[str, msgspec.Meta(max_length=100_000)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all records: immutable, compared by value."""
