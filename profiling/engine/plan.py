"""Checks what a person asks for and plans it into cells."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import secrets
from collections.abc import Iterable

from msgspec.structs import replace

from profiling import catalogue
from profiling.catalogue import OPS, WorkloadEntry
from profiling.measure.device import CHOICES
from profiling.model import request as declared
from profiling.model.errors import InputError, short
from profiling.model.lesson import LessonRequest
from profiling.model.request import AUTO, AUTOCAST, COMPILED, Choice, Number, Request, Settings
from profiling.model.run import Cell, DeviceInfo, Environment, Run, ran

# The declared settings; the names that are left open there are those of the kinds of device.
SETTINGS = {
    name: dataclasses.replace(setting, choices=setting.choices or CHOICES)
    if isinstance(setting, Choice)
    else setting
    for name, setting in declared.SETTINGS.items()
}
PAGE_SETTINGS = {
    name: setting.narrowed() if isinstance(setting, Number) else setting
    for name, setting in SETTINGS.items()
    if setting.on_page
}

MAX_SIZE = 1_000_000_000
MAX_SIZES = 12
MAX_BRANCHES = 20
MAX_VALUES = 16
MAX_MAGNITUDE = 1e6
# Autocast casts from it; it leaves float64 alone, and what has fewer bits needs no casts.
_AUTOCAST_DTYPE = "float32"
# A Chinese keyboard has its own.
_SEPARATORS = re.compile("[,，、]")


def plan(request: Request, environment: Environment) -> tuple[Cell, ...]:
    """Check a request against the catalogue and the machine, and plan a cell a size and mode.

    Raises:
        InputError: Something in the request is unknown, out of range or not to be had here.
    """
    check(request)
    entry = catalogue.workload(request.workload)
    info = _device(request.device, environment)
    if request.dtype not in info.dtypes:
        dtypes = ", ".join(info.dtypes)
        raise InputError(
            "error.no_such_dtype", dtype=request.dtype, device=info.spec, allowed=dtypes
        )
    _check_modes(request, info)
    defaults = {name: parameter.default for name, parameter in entry.parameters.items()}
    settings = {name: getattr(request, name) for name in Settings.__struct_fields__}
    settings |= {"device": info.spec, "parameters": defaults | request.parameters}
    return tuple(
        Cell(
            workload=request.workload,
            size=size,
            branches=_labelled(request.branches),
            unit=entry.size,
            file=entry.file,
            mode=mode,
            **settings,
        )
        for size in _unique(request.sizes)
        for mode in request.modes
    )


def new_id() -> str:
    """Return a unique run id, which begins with the time."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def new_run(request: Request, environment: Environment, run_id: str) -> Run:
    """Plan a run that nothing is measured of yet.

    Raises:
        InputError: As `plan` does.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    return Run(
        id=run_id,
        started_utc=now.isoformat(timespec="seconds"),
        environment=environment,
        request=request,
        cells=plan(request, environment),
    )


def check(request: Request) -> None:
    """Check all that can be checked without knowing the machine.

    Raises:
        InputError: Something in the request is unknown or out of range.
    """
    entry = catalogue.workload(request.workload)
    for name, setting in SETTINGS.items():
        setting.check(getattr(request, name))
    if not request.branches:
        raise InputError("error.no_branches", allowed=", ".join(entry.branches))
    if len(request.branches) > MAX_BRANCHES:
        raise InputError("error.branch_count", high=MAX_BRANCHES)
    for branch in request.branches:
        if branch not in entry.branches:
            allowed = ", ".join(entry.branches)
            raise InputError("error.unknown_branch", name=short(branch), allowed=allowed)
    if not 1 <= len(set(request.sizes)) <= MAX_SIZES:
        raise InputError("error.size_count", high=MAX_SIZES)
    for size in request.sizes:
        if not 1 <= size <= MAX_SIZE:
            raise InputError("error.size_range", size=size, high=MAX_SIZE)
    if AUTOCAST in request.modes and request.dtype != _AUTOCAST_DTYPE:
        raise InputError("error.autocast_dtype", dtype=request.dtype, allowed=_AUTOCAST_DTYPE)
    _check_parameters(entry, request.parameters)


def check_lesson(request: LessonRequest) -> None:
    """Check all of a lesson that can be checked without knowing the machine.

    Raises:
        InputError: There is no such lesson, op or kind of device, or the values are not to be used.
    """
    entry = catalogue.lesson(request.name)
    SETTINGS["device"].check(request.device)
    if request.op is not None and (entry.op is None or request.op not in OPS):
        allowed = "–" if entry.op is None else ", ".join(OPS)
        raise InputError("error.unknown_op", name=short(request.op), allowed=allowed)
    if request.values is None:
        return
    if entry.values is None:
        raise InputError("error.no_values_here")
    usable = all(math.isfinite(value) and abs(value) <= MAX_MAGNITUDE for value in request.values)
    if not usable or not 1 <= len(request.values) <= MAX_VALUES:
        raise InputError("error.values", high=MAX_VALUES, magnitude=f"{MAX_MAGNITUDE:,.0f}")


def place_lesson(request: LessonRequest, environment: Environment) -> LessonRequest:
    """Return a checked lesson with the device that it runs on, which is its own if it has one.

    Raises:
        InputError: There is no such device here.
    """
    own = catalogue.lesson(request.name).device
    return replace(request, device=own or _device(request.device, environment).spec)


def parse_sizes(text: str) -> tuple[int, ...]:
    """Read sizes such as ``"64, 256"``.

    Raises:
        InputError: A part is not a whole number.
    """
    parts = _SEPARATORS.sub(" ", text).split()
    try:
        return tuple(int(part.replace("_", "")) for part in parts)
    except ValueError:
        raise InputError("error.sizes_text", text=short(text)) from None


def parse_values(text: str) -> tuple[float, ...]:
    """Read numbers such as ``"1, 2.5, -3"``.

    Raises:
        InputError: A part is not a number.
    """
    parts = _SEPARATORS.sub(" ", text.strip().strip("[]()")).split()
    try:
        return tuple(float(part) for part in parts)
    except ValueError:
        raise InputError("error.values_text", text=short(text)) from None


def _device(asked: str, environment: Environment) -> DeviceInfo:
    """Return the device that is asked for.

    Raises:
        InputError: It is not here.
    """
    info = environment.devices[0] if asked == AUTO else environment.device(asked)
    if info is None:
        known = ", ".join(each.spec for each in environment.devices)
        raise InputError("error.no_such_device", value=asked, allowed=known)
    return info


def _check_modes(request: Request, info: DeviceInfo) -> None:
    if COMPILED in request.modes and not info.compiler:
        raise InputError("error.no_compiler", device=info.spec)


def _check_parameters(entry: WorkloadEntry, parameters: dict[str, int]) -> None:
    for name, value in parameters.items():
        parameter = entry.parameters.get(name)
        if parameter is None:
            allowed = ", ".join(entry.parameters) or "–"
            raise InputError("error.unknown_parameter", name=short(name), allowed=allowed)
        if not parameter.low <= value <= parameter.high:
            raise InputError(
                "error.parameter_range", name=name, low=parameter.low, high=parameter.high
            )


def _labelled(branches: Iterable[str]) -> tuple[str, ...]:
    """Number what is asked for again: ``detach``, ``detach#2``."""
    labels: list[str] = []
    for branch in branches:
        again = sum(ran(label) == branch for label in labels)
        labels.append(f"{branch}#{again + 1}" if again else branch)
    return tuple(labels)


def _unique(items: Iterable) -> tuple:  # type: ignore[type-arg]
    return tuple(dict.fromkeys(items))
