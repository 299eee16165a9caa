"""Records of what the same code came to in other frameworks."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from profiling.model.record import Name, Record

_Short = Annotated[str, msgspec.Meta(max_length=400)]
_Numbers = Annotated[tuple[float, ...], msgspec.Meta(max_length=16)]


class Outcome(Record, frozen=True):
    """What a framework's code for a scenario came to.

    Attributes:
        scenario: The lesson that shows the same in PyTorch.
        outcome: The gradient that arrived: numbers, zeros alone or None; or an error.
        values: The gradient.
        after: The weight after the optimizer's step, where there is one.
        text: The error.
        version: The framework's version.
        live: Whether it has just run; otherwise it is a recorded result.
    """

    framework: Name
    scenario: Name
    outcome: Literal["gradient", "zeros", "none", "error"]
    version: _Short
    values: _Numbers | None = None
    after: _Numbers | None = None
    text: _Short = ""
    live: bool = False
