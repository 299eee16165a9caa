"""Snapshots of a running function: its tensors and values at one moment, as plain data."""

from __future__ import annotations

import itertools
import reprlib
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from profiling.model.lesson import TensorState, ValueState

SHOWN_VALUES = 8
_SHOWN_ITEMS = 6
_PLAIN = (bool, int, float, complex, str, type(None), torch.Size, torch.dtype, BaseException)

_short = reprlib.Repr()
_short.maxlist = _short.maxtuple = _SHOWN_ITEMS
_short.maxstring = _short.maxother = 500


class ObjectNumbers:
    """Numbers objects from 1; an object keeps its number, and no other object gets it later."""

    def __init__(self) -> None:
        """Start with 1."""
        self._numbers: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._next = itertools.count(1)

    def __getitem__(self, thing: Any) -> int:
        """Return the object's number, a new one if it has none."""
        number = self.known(thing)
        if number is None:
            number = next(self._next)
            self._numbers[id(thing)] = (weakref.ref(thing), number)
        return number

    def known(self, thing: Any) -> int | None:
        """Return the object's number; None if it has none."""
        known = self._numbers.get(id(thing))
        if known is None or known[0]() is not thing:  # Another lived at this address.
            return None
        return known[1]


class StorageNumbers:
    """Numbers storages from 1; tensors that share one have the same number."""

    def __init__(self) -> None:
        """Start with 1."""
        self._numbers: weakref.WeakKeyDictionary[torch.UntypedStorage, int]
        self._numbers = weakref.WeakKeyDictionary()
        self._next = itertools.count(1)

    def __getitem__(self, tensor: torch.Tensor) -> int:
        """Return the number of a tensor's storage; 0 for a tensor without one."""
        storage = storage_of(tensor)
        if storage is None:
            return 0
        if storage not in self._numbers:
            # A tensor that comes back from NumPy has a new storage at the same address.
            number = self.at(storage.data_ptr())
            self._numbers[storage] = next(self._next) if number is None else number
        return self._numbers[storage]

    def at(self, address: int) -> int | None:
        """Return the number of the storage at an address; None if no known one is there."""
        if not address:
            return None
        return next(
            (each for key, each in self._numbers.items() if key.data_ptr() == address), None
        )


class Snapshots:
    """Records named tensors and values, with numbers that stay the same from step to step.

    Attributes:
        storages: Numbers of storages.
        objects: Numbers of tensors.
    """

    def __init__(self) -> None:
        """Start with nothing recorded."""
        self.storages = StorageNumbers()
        self.objects = ObjectNumbers()
        self._counters: dict[int, int] = {}
        self._next_counter = itertools.count(1)
        self._modes: dict[int, str] = {}

    def tensors(self, named: Mapping[str, torch.Tensor]) -> tuple[TensorState, ...]:
        """Record tensors, and the mode that new ones were made in."""
        mode = grad_mode()
        for each in named.values():
            self._modes.setdefault(self.objects[each], _made_in(each, mode))
        counters = self._shared_counters(named)
        return tuple(self._state(name, each, counters.get(name)) for name, each in named.items())

    def made_in(self, tensor: torch.Tensor) -> str:
        """Return the mode that a recorded tensor was made in."""
        return self._modes.get(self.objects[tensor], "grad")

    def values(self, names: Mapping[str, Any]) -> tuple[ValueState, ...]:
        """Record what is not a tensor and can be shown in one line."""
        return tuple(
            ValueState(name, _value_text(value), self._array_memory(value))
            for name, value in names.items()
            if _is_plain(value)
        )

    def _state(self, name: str, tensor: torch.Tensor, counter: int | None) -> TensorState:
        function = function_of(tensor)
        grad = grad_of(tensor)
        storage = storage_of(tensor)
        return TensorState(
            name=name,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            values=numbers(tensor),
            requires_grad=tensor.requires_grad,
            is_leaf=is_leaf(tensor),
            grad_fn=None if function is None else function.name(),
            grad=None if grad is None else numbers(grad),
            storage=self.storages[tensor],
            storage_bytes=0 if storage is None else storage.nbytes(),
            version=None if tensor.is_inference() else tensor._version,
            counter=counter,
            made_in=self.made_in(tensor),
            device=str(tensor.device),
        )

    def _array_memory(self, value: Any) -> int | None:
        return self.storages.at(value.ctypes.data) if isinstance(value, np.ndarray) else None

    def _shared_counters(self, named: Mapping[str, torch.Tensor]) -> dict[str, int]:
        """Number version counters by name; names that share one have the same number."""
        groups: dict[int, list[list[tuple[str, torch.Tensor]]]] = {}
        for name, tensor in named.items():
            if tensor.is_inference():
                continue
            there = groups.setdefault(self.storages[tensor], [])
            group = next((each for each in there if _counts_with(tensor, each[0][1])), None)
            if group is None:
                there.append([(name, tensor)])
            else:
                group.append((name, tensor))
        found: dict[str, int] = {}
        for group in itertools.chain.from_iterable(groups.values()):
            members = [self.objects[tensor] for _, tensor in group]
            known = [self._counters[each] for each in members if each in self._counters]
            number = known[0] if known else next(self._next_counter)
            self._counters |= dict.fromkeys(members, number)
            found |= {name: number for name, _ in group}
        return found


def _made_in(tensor: torch.Tensor, mode: str) -> str:
    """Return the mode a tensor was made in: its own sign of it, or the mode it is first seen in."""
    if tensor.is_inference():
        return "inference"
    return "grad" if function_of(tensor) is not None else mode


def grad_mode() -> str:
    """Return ``"grad"``, ``"no_grad"`` or ``"inference"``."""
    if torch.is_inference_mode_enabled():
        return "inference"
    return "grad" if torch.is_grad_enabled() else "no_grad"


def named_tensors(names: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield tensors, and under longer names those in modules and in lists, tuples and dicts."""
    for name, value in names.items():
        if _is_readable(value):
            yield name, value
        elif isinstance(value, torch.nn.Module):
            for inner, tensor in (*value.named_parameters(), *value.named_buffers()):
                yield f"{name}.{inner}", tensor
        elif isinstance(value, (list, tuple, dict)):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in itertools.islice(items, _SHOWN_ITEMS):
                if _is_readable(item):
                    yield f"{name}[{key!r}]", item


def in_transform() -> bool:
    """Return whether this runs inside a transform of ``torch.func``, where nothing can be read."""
    peek = getattr(_functorch(), "peek_interpreter_stack", None)
    return peek is not None and peek() is not None


def _is_readable(value: Any) -> bool:
    """Whether a value is a tensor with memory: one left over from a transform has none."""
    if not isinstance(value, torch.Tensor):
        return False
    is_wrapped = getattr(_functorch(), "is_functorch_wrapped_tensor", None)
    return is_wrapped is None or not is_wrapped(value)


def _functorch() -> Any:
    return getattr(torch._C, "_functorch", None)


def function_of(tensor: torch.Tensor) -> Any:
    """Return a tensor's ``grad_fn``; None if it has none or cannot be read."""
    try:
        return tensor.grad_fn
    except RuntimeError:  # A view changed in a way that autograd forbids.
        return None


def is_leaf(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a leaf; False if that cannot be read."""
    try:
        return tensor.is_leaf
    except RuntimeError:
        return False


def grad_of(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return a tensor's ``.grad``; None for non-leaves that retain none, where torch would warn."""
    return tensor.grad if is_leaf(tensor) or tensor.retains_grad else None


def storage_of(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """Return a tensor's storage; None for tensors made of others, such as sparse ones."""
    return tensor.untyped_storage() if tensor.layout == torch.strided else None


def numbers(tensor: torch.Tensor) -> tuple[float, ...]:
    """Return a tensor's first numbers; none if they are complex or cannot be read."""
    if tensor.is_complex() or tensor.is_meta or tensor.layout != torch.strided:
        return ()
    flat = tensor.detach().reshape(-1)[:SHOWN_VALUES]
    return tuple(float(value) for value in flat.tolist())


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, (*_PLAIN, np.ndarray))


def _value_text(value: Any) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"[:500]
    return _short.repr(value.tolist() if isinstance(value, np.ndarray) else value)


def _counts_with(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have one version counter.

    There is no way to ask, so one counter is set, the other read, and the first put back. Where
    torch lets none be set, only a view and its base are known to have one.
    """
    if tensor is other:
        return True
    set_version = getattr(torch._C._autograd, "_unsafe_set_version_counter", None)
    if set_version is None:
        return _base(tensor) is _base(other)
    before, probe = tensor._version, other._version + 1
    set_version((tensor,), (probe,))
    moved: bool = other._version == probe
    set_version((tensor,), (before,))
    return moved


def _base(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor._base is None else tensor._base
