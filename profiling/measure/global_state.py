"""Checks and restores torch's global state around code that might leave it changed.

Grad mode, default dtype and the like belong to the process or the thread. A step that changed one
would change what every later step computes, in other branches and other workloads too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from profiling.measure import device
from profiling.measure.device import Setting
from profiling.model.errors import InputError

_KINDS = tuple(device.KINDS)
# Inference mode ends when its guard is freed, so the guards that restore it are kept.
_guards: list[torch.inference_mode] = []


class _Modes(NamedTuple):
    device: torch.device
    depth: int


def _read_modes() -> _Modes:
    # A default device is a function mode, which costs time even if the device is the CPU.
    return _Modes(_default_device(), _depth())


def _default_device() -> torch.device:
    try:
        return torch.get_default_device()
    except AttributeError:
        # torch 2.8 raises once there is none any more.
        del torch._GLOBAL_DEVICE_CONTEXT.device_context
        return torch.get_default_device()


def _depth() -> int:
    """Return how many function modes are active; 0 from a torch that does not tell."""
    tell = getattr(torch._C, "_len_torch_function_stack", None)
    return 0 if tell is None else int(tell())


def _write_modes(wanted: _Modes) -> None:
    end = getattr(torch._C, "_pop_torch_function_stack", None)
    while end is not None and _depth() > wanted.depth:
        end()
    torch.set_default_device(None)
    if _default_device() != wanted.device:
        torch.set_default_device(wanted.device)


def _write_inference(enabled: bool) -> None:
    _guards.append(torch.inference_mode(enabled))
    _guards[-1].__enter__()


def _read_deterministic() -> tuple[bool, bool]:
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.are_deterministic_algorithms_enabled(), warns


def _write_deterministic(wanted: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(wanted[0], warn_only=wanted[1])


def _read_anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


class _Autocast(NamedTuple):
    kinds: tuple[tuple[bool, torch.dtype], ...]
    depth: int


def _read_autocast() -> _Autocast:
    kinds = ((torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in _KINDS)
    torch.autocast_increment_nesting()
    return _Autocast(tuple(kinds), torch.autocast_decrement_nesting())


def _write_autocast(wanted: _Autocast) -> None:
    for kind, (enabled, dtype) in zip(_KINDS, wanted.kinds, strict=True):
        torch.set_autocast_enabled(kind, enabled)
        torch.set_autocast_dtype(kind, dtype)
    # One that was entered and never left would keep the copies of all weights from then on.
    while _read_autocast().depth > wanted.depth:
        torch.autocast_decrement_nesting()
    torch.clear_autocast_cache()


def _read_precision() -> tuple[str | None, str | None]:
    # An older torch has no precision for all devices.
    everywhere = getattr(torch.backends, "fp32_precision", None)
    try:
        return everywhere, torch.get_float32_matmul_precision()
    except RuntimeError:  # Code has set it by two ways that contradict each other.
        return everywhere, None


def _write_precision(wanted: tuple[str | None, str | None]) -> None:
    everywhere, of_products = wanted
    if everywhere is not None:
        backends: Any = torch.backends
        backends.fp32_precision = everywhere
    if of_products is not None:
        torch.set_float32_matmul_precision(of_products)


# By the name of what sets or tells them. Inference mode comes before grad mode, which it sets.
_SETTINGS = {
    "torch.inference_mode": Setting(torch.is_inference_mode_enabled, _write_inference),
    "torch.set_grad_enabled": Setting(torch.is_grad_enabled, torch.set_grad_enabled),
    "torch.set_default_dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "torch.set_default_device": Setting(_read_modes, _write_modes),
    "torch.set_num_threads": Setting(torch.get_num_threads, torch.set_num_threads),
    "torch.use_deterministic_algorithms": Setting(_read_deterministic, _write_deterministic),
    "torch.set_anomaly_enabled": Setting(
        _read_anomaly, lambda wanted: torch.set_anomaly_enabled(*wanted)
    ),
    "torch.autocast": Setting(_read_autocast, _write_autocast),
    "torch.set_float32_matmul_precision": Setting(_read_precision, _write_precision),
}


def flags() -> dict[str, str]:
    """Return the settings that change how fast or how exactly every device computes."""
    return {"float32_matmul_precision": str(_read_precision()[1])}


@contextlib.contextmanager
def kept() -> Iterator[list[str]]:
    """Restore torch's global state at the end, whatever happens inside.

    Yields:
        A list that, at the end, names what the code inside left changed. Drawing random numbers is
        no change; setting a seed is.
    """
    changed: list[str] = []
    settings = _SETTINGS | device.settings()
    before = {name: setting.read() for name, setting in settings.items()}
    seed, random = torch.initial_seed(), _random_state()
    try:
        yield changed
    finally:
        after = {name: setting.read() for name, setting in settings.items()}
        for name, setting in settings.items():
            # Putting one back may put another back too, or change it.
            if setting.read() != before[name]:
                changed += [name] if after[name] != before[name] else []
                setting.write(before[name])
        if torch.initial_seed() != seed:
            changed.append("torch.manual_seed")
        _set_random_state(random)


@contextlib.contextmanager
def guarded(place: str, seed: int) -> Iterator[None]:
    """Run code with a seed of its own, restore torch's global state, and raise if it was changed.

    Args:
        place: What to call the code, such as ``file.py:12``.
        seed: Seed of the random numbers drawn inside.

    Raises:
        InputError: The code did not raise, but left the global state changed.
    """
    random = _random_state()
    torch.manual_seed(seed)
    try:
        with kept() as changed:
            yield
    finally:
        _set_random_state(random)
    if changed:
        raise InputError("error.changed_state", place=place, what=", ".join(changed))


def _random_state() -> list[torch.Tensor]:
    return [generator.get_state() for generator in device.generators()]


def _set_random_state(states: list[torch.Tensor]) -> None:
    # torch's set_rng_state functions clone the state, and under a fake mode a clone is fake.
    # A device first used inside has no earlier state.
    for generator, state in zip(device.generators(), states, strict=False):
        generator.set_state(state)
