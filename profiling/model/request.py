"""The request for a comparison. Each of its fields is declared here and nowhere else.

From the declarations follow the options of ``compare``, the controls of the form, the parts of a
link, the arguments of the API and the checks of a request. To add a setting, add a field to
`Settings` and its label ``compare.NAME`` to the locales.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from profiling.model.errors import InputError, short
from profiling.model.record import DeviceName, Name, Record

# The device that is best here.
AUTO = "auto"
DTYPES = ("float32", "float64", "bfloat16", "float16")
# How a step is run: as it stands, by torch.compile, or under torch.autocast.
EAGER, COMPILED, AUTOCAST = "eager", "compiled", "autocast"
MODES = (EAGER, COMPILED, AUTOCAST)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting of a comparison.

    Attributes:
        about: What it does, in one sentence, for the shell's help and the API's documentation.
        word: Its name in the shell, in links and in the locales; the field's own unless given.
        on_page: Whether the form and links have it.
        name: The field's name; filled in by `settings`.
        default: The field's default; filled in by `settings`.
    """

    about: str
    word: str = ""
    on_page: bool = True
    name: str = ""
    default: Any = None

    @property
    def help(self) -> str:
        """What it does and what it can be."""
        return self.about

    @property
    def label(self) -> str:
        """The locale key of its label on the page; a flag has ``…_about`` beside it."""
        return f"compare.{self.word}"

    def check(self, value: Any) -> None:
        """Check a value of the field's type.

        Raises:
            InputError: The value is not allowed.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flag(Setting):
    """A setting that is on or off, and off unless it is asked for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice(Setting):
    """A setting that is one of a few names.

    Attributes:
        choices: The names; empty for the device, whose kinds `profiling.engine.plan` fills in.
        error: Locale key of the sentence for another name.
    """

    choices: tuple[str, ...] = ()
    error: str = "error.setting_choice"

    def check(self, value: str) -> None:
        """Check that the value is one of the choices."""
        if value not in self.choices:
            allowed = ", ".join(self.choices)
            raise InputError(self.error, name=self.word, value=short(value), allowed=allowed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices(Setting):
    """A setting that is one or several of a few names, in their order.

    Attributes:
        choices: The names.
    """

    choices: tuple[str, ...]

    def check(self, value: Sequence[str]) -> None:
        """Check that there is one at least, each once, and that each is one of the choices."""
        allowed = ", ".join(self.choices)
        if not value or len(set(value)) < len(value):
            raise InputError("error.setting_choices", name=self.word, allowed=allowed)
        for each in value:
            if each not in self.choices:
                given = short(each)
                raise InputError(
                    "error.setting_choice", name=self.word, value=given, allowed=allowed
                )

    def read(self, text: str) -> tuple[str, ...]:
        """Return the names in a text such as ``"eager,compiled"``; they are not checked."""
        return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceChoice(Choice):
    """The choice of a device: its kind, and which one of several of that kind."""

    def check(self, value: str) -> None:
        """Check that the value is one of the choices, with an index or without."""
        kind, colon, index = value.partition(":")
        is_one = bool(re.fullmatch("[0-9]{1,3}", index)) and kind not in (AUTO, "cpu")
        super().check(kind if not colon or is_one else value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number(Setting):
    """A setting that is a number within bounds, which belong to it.

    Attributes:
        low: The smallest value.
        high: The largest value.
        page_range: The smallest and the largest value on the page, where these are narrower.
        step: How much the page's slider moves at once.
        error: Locale key of the sentence for a number out of bounds.
    """

    low: float
    high: float
    page_range: tuple[float, float] | None = None
    step: float = 1
    error: str = "error.setting_range"

    @property
    def help(self) -> str:
        """What it does, and its bounds."""
        low, high = (repr(end).removesuffix(".0") for end in (self.low, self.high))
        return f"{self.about} From {low} to {high}."

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return isinstance(self.default, int)

    def check(self, value: float) -> None:
        """Check that the value is within the bounds."""
        # Written so that NaN is refused as well.
        if not self.low <= value <= self.high:
            raise InputError(self.error, name=self.word, low=self.low, high=self.high)

    def narrowed(self) -> Number:
        """Return the setting as it is on the page."""
        low, high = self.page_range or (self.low, self.high)
        return dataclasses.replace(self, low=low, high=high)


class Settings(Record, frozen=True, kw_only=True):
    """How to measure: the part of a request that each of its cells has too.

    Attributes:
        parameters: Values of the workload's own parameters; absent ones keep their defaults.
    """

    dtype: Annotated[
        Name,
        Choice(
            about="Floating point type of parameters and inputs.",
            choices=DTYPES,
            error="error.unknown_dtype",
        ),
    ] = "float32"
    device: Annotated[
        DeviceName,
        DeviceChoice(
            about="What to measure on; auto takes the GPU if torch can use one, cuda:1 the second.",
            error="error.no_such_device",
        ),
    ] = AUTO
    budget_s: Annotated[
        float,
        Number(
            about="Seconds of timed steps for each size; more narrows the intervals.",
            word="budget",
            low=0.05,
            high=60.0,
            page_range=(0.2, 20.0),
            step=0.2,
            error="error.budget_range",
        ),
    ] = 2.0
    parameters: dict[Name, int] = msgspec.field(default_factory=dict)
    seed: Annotated[
        int,
        Number(
            about="Seed of the state and of the order in which steps are timed.",
            on_page=False,
            low=0,
            high=2**32 - 1,
            error="error.seed_range",
        ),
    ] = 0
    force: Annotated[bool, Flag(about="Run even what is predicted not to fit in memory.")] = False


class Request(Settings, frozen=True):
    """What a person asks to compare; checked by `profiling.engine.plan`."""

    workload: Name
    branches: tuple[Name, ...]
    sizes: tuple[int, ...]
    modes: Annotated[
        tuple[Name, ...],
        Choices(
            about="How to run each step: eager, compiled by torch.compile, under autocast.",
            choices=MODES,
        ),
    ] = (EAGER,)


def mode_word(mode: str) -> str:
    """Return a mode, or nothing for the one that is meant where none is named.

    Example:
        >>> mode_word("compiled"), mode_word("eager")
        ('compiled', '')
    """
    return "" if mode == EAGER else mode


def settings(record: type[Settings]) -> dict[str, Setting]:
    """Return the declared settings of a record by field name.

    Example:
        >>> list(settings(Settings))
        ['dtype', 'device', 'budget_s', 'seed', 'force']
        >>> list(settings(Request))[0]
        'modes'
    """
    return {
        field.name: dataclasses.replace(
            said, name=field.name, word=said.word or field.name, default=field.default
        )
        for field in msgspec.structs.fields(record)
        for said in getattr(field.type, "__metadata__", ())
        if isinstance(said, Setting)
    }


FIELDS = Request.__struct_fields__
SETTINGS = settings(Request)
