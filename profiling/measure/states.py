"""What the names of a running function stand for, at one moment, as plain data."""

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


class Identities:
    """Small numbers for objects, the same for as long as an object lives and given once."""

    def __init__(self) -> None:
        """Start with 1."""
        self._numbers: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._next = itertools.count(1)

    def __getitem__(self, thing: Any) -> int:
        """Return the object's number, a new one if it has none."""
        known = self._numbers.get(id(thing))
        if known is None or known[0]() is not thing:  # Another lived at this address.
            known = self._numbers[id(thing)] = (weakref.ref(thing), next(self._next))
        return known[1]


class Memory:
    """Small numbers for memory, equal for what shares it."""

    def __init__(self) -> None:
        """Start with 1."""
        self._numbers: weakref.WeakKeyDictionary[torch.UntypedStorage, int]
        self._numbers = weakref.WeakKeyDictionary()
        self._next = itertools.count(1)

    def __getitem__(self, tensor: torch.Tensor) -> int:
        """Return the number of a tensor's memory."""
        storage = storage_of(tensor)
        if storage is None:
            return 0
        if storage not in self._numbers:
            # Numpy gives back what it was given in another storage.
            number = self.at(storage.data_ptr())
            self._numbers[storage] = next(self._next) if number is None else number
        return self._numbers[storage]

    def at(self, address: int) -> int | None:
        """Return the number of the memory at an address; None if no noted tensor is there."""
        if not address:
            return None
        return next(
            (each for key, each in self._numbers.items() if key.data_ptr() == address), None
        )


class States:
    """Notes named tensors and values, with numbers that stay the same from step to step.

    Attributes:
        memory: Numbers of memory.
        identities: Numbers of tensors.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.memory = Memory()
        self.identities = Identities()
        self._counters: dict[int, int] = {}
        self._next_counter = itertools.count(1)
        self._modes: dict[int, str] = {}

    def tensors(self, named: Mapping[str, torch.Tensor]) -> tuple[TensorState, ...]:
        """Note tensors; called after every statement, it learns which mode they were made in."""
        mode = grad_mode()
        for each in named.values():
            self._modes.setdefault(self.identities[each], _made_in(each, mode))
        counters = self._shared_counters(named)
        return tuple(self._state(name, each, counters.get(name)) for name, each in named.items())

    def made_in(self, tensor: torch.Tensor) -> str:
        """Return the mode that a noted tensor was made in."""
        return self._modes.get(self.identities[tensor], "grad")

    def values(self, names: Mapping[str, Any]) -> tuple[ValueState, ...]:
        """Note what is not a tensor and can be shown in a line."""
        return tuple(
            ValueState(name, _text(value), self._array_memory(value))
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
            storage=self.memory[tensor],
            storage_bytes=0 if storage is None else storage.nbytes(),
            version=None if tensor.is_inference() else tensor._version,
            counter=counter,
            made_in=self.made_in(tensor),
        )

    def _array_memory(self, value: Any) -> int | None:
        return self.memory.at(value.ctypes.data) if isinstance(value, np.ndarray) else None

    def _shared_counters(self, named: Mapping[str, torch.Tensor]) -> dict[str, int]:
        """Number the version counters: the same for names that share one."""
        groups: dict[int, list[list[tuple[str, torch.Tensor]]]] = {}
        for name, tensor in named.items():
            if tensor.is_inference():
                continue
            there = groups.setdefault(self.memory[tensor], [])
            group = next((each for each in there if _counts_with(tensor, each[0][1])), None)
            if group is None:
                there.append([(name, tensor)])
            else:
                group.append((name, tensor))
        found: dict[str, int] = {}
        for group in itertools.chain.from_iterable(groups.values()):
            members = [self.identities[tensor] for _, tensor in group]
            known = [self._counters[each] for each in members if each in self._counters]
            number = known[0] if known else next(self._next_counter)
            self._counters |= dict.fromkeys(members, number)
            found |= {name: number for name, _ in group}
        return found


def _made_in(tensor: torch.Tensor, mode: str) -> str:
    """Tell the mode that a tensor was made in, by itself or by the mode it is first seen in."""
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
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, torch.nn.Module):
            for inner, tensor in (*value.named_parameters(), *value.named_buffers()):
                yield f"{name}.{inner}", tensor
        elif isinstance(value, (list, tuple, dict)):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in itertools.islice(items, _SHOWN_ITEMS):
                if isinstance(item, torch.Tensor):
                    yield f"{name}[{key!r}]", item


def function_of(tensor: torch.Tensor) -> Any:
    """Return a tensor's ``grad_fn``; None where it has none or refuses to tell."""
    try:
        return tensor.grad_fn
    except RuntimeError:  # A view that was changed in a way that autograd forbids.
        return None


def is_leaf(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a leaf; not, where it refuses to tell."""
    try:
        return tensor.is_leaf
    except RuntimeError:
        return False


def grad_of(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return a tensor's ``.grad``; reading that of other non-leaves would make torch warn."""
    return tensor.grad if is_leaf(tensor) or tensor.retains_grad else None


def storage_of(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """Return a tensor's memory; None for one that is made of others, as sparse tensors are."""
    return tensor.untyped_storage() if tensor.layout == torch.strided else None


def numbers(tensor: torch.Tensor) -> tuple[float, ...]:
    """Return a tensor's first numbers; none where it has no real ones."""
    if tensor.is_complex() or tensor.is_meta or tensor.layout != torch.strided:
        return ()
    flat = tensor.detach().reshape(-1)[:SHOWN_VALUES]
    return tuple(float(value) for value in flat.tolist())


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, (*_PLAIN, np.ndarray))


def _text(value: Any) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"[:500]
    return _short.repr(value.tolist() if isinstance(value, np.ndarray) else value)


def _counts_with(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have one version counter.

    Nothing tells that, so the one is moved and put back while nobody else can look.
    """
    if tensor is other:
        return True
    set_version = torch._C._autograd._unsafe_set_version_counter
    before, probe = tensor._version, other._version + 1
    set_version((tensor,), (probe,))
    moved: bool = other._version == probe
    set_version((tensor,), (before,))
    return moved
