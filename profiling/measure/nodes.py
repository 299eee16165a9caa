"""Reads the nodes that autograd recorded: which there are, their inputs, what they keep."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace

from profiling.measure.states import Identities, Memory, function_of, storage_of
from profiling.model.graph import Saved, SavedState

_RAW = "_raw_saved_"

# What unpacking a saved tensor says when backward could not use it.
_REASONS: dict[str, SavedState] = {
    "modified by an inplace operation": "changed",
    "already been freed": "freed",
}


class Found(NamedTuple):
    """Nodes reached from some results.

    Attributes:
        functions: Recorded ops and accumulators by key, results first.
        inputs: Keys of what each goes on to, one for every input; None for an input that gets no
            gradient, or that is beyond what could be kept.
        cut_off: Whether there are more.
    """

    functions: dict[Hashable, Any]
    inputs: dict[Hashable, list[Hashable | None]]
    cut_off: bool


def walk(tensors: Iterable[torch.Tensor], identities: Identities, most: int) -> Found:
    """Follow the edges from tensors back to the leaves.

    Args:
        tensors: Where to start.
        identities: Numbers of tensors, which leaves are known by.
        most: How many nodes to keep.
    """
    functions: dict[Hashable, Any] = {}
    inputs: dict[Hashable, list[Hashable | None]] = {}
    waiting = [each for each in map(function_of, tensors) if each is not None]
    for function in waiting:
        key = key_of(function, identities)
        if key in functions or len(functions) == most:
            continue
        functions[key] = function
        following = [each for each, _ in function.next_functions]
        inputs[key] = [None if each is None else key_of(each, identities) for each in following]
        waiting += [each for each in following if each is not None]
    kept = {key: [each if each in functions else None for each in inputs[key]] for key in inputs}
    cut_off = any(key_of(each, identities) not in functions for each in waiting)
    return Found(functions, kept, cut_off)


def leaf_of(function: Any) -> torch.Tensor | None:
    """Return the tensor that a node accumulates gradients in; None for any other node."""
    return function.variable if function.name().endswith("AccumulateGrad") else None


def key_of(function: Any, identities: Identities) -> Hashable:
    """Return what tells a node from every other one."""
    leaf = leaf_of(function)
    if leaf is not None:
        return identities[leaf]
    return (function.name(), function._sequence_nr())


def tensor_key(tensor: torch.Tensor, identities: Identities) -> Hashable:
    """Return the key of the node that a tensor came out of, or of the tensor itself."""
    function = function_of(tensor)
    return identities[tensor] if function is None else key_of(function, identities)


class SavedTensors:
    """Reads what nodes keep for backward, and remembers what is gone."""

    def __init__(self, memory: Memory) -> None:
        """Know nothing yet.

        Args:
            memory: Numbers of memory.
        """
        self._memory = memory
        self._seen: dict[tuple[int, str], Saved] = {}
        self._with_history: set[tuple[int, str]] = set()

    def of(self, number: int, function: Any) -> tuple[Saved, ...]:
        """Return what a node keeps.

        Args:
            number: The node's.
            function: The node.
        """
        return tuple(self._of(number, function))

    def _of(self, number: int, function: Any) -> Iterator[Saved]:
        for attribute in dir(function):
            if not attribute.startswith(_RAW):
                continue
            name = attribute.removeprefix(_RAW)
            try:
                raw = getattr(function, attribute)
            except RuntimeError:  # A function written in Python, whose tensors are freed.
                yield from self._all_gone(number, name)
                continue
            for place, each in enumerate(raw if isinstance(raw, tuple) else (raw,)):
                label = f"{name}[{place}]" if isinstance(raw, tuple) else name
                saved = self._read((number, label), each, function) or self._gone(number, label)
                if saved is not None:
                    self._seen[number, label] = saved
                    yield saved

    def _all_gone(self, number: int, name: str) -> Iterator[Saved]:
        for node, label in self._seen:
            if node == number and label.startswith(f"{name}["):
                yield replace(self._seen[node, label], state="freed")

    def _read(self, key: tuple[int, str], raw: Any, function: Any) -> Saved | None:
        label = key[1]
        # Unpacking would run a hook, such as checkpoint's, which computes forward again.
        if getattr(raw, "unpack_hook", None) is not None:
            return Saved(label, (), None, None, "hooked")
        data = getattr(raw, "data", None)  # Older torch cannot read it.
        if data is None:
            return None
        storage = storage_of(data)
        size = None if storage is None else storage.nbytes()
        state = _state(function, label.partition("[")[0])
        if function_of(data) is not None:
            self._with_history.add(key)
        elif key in self._with_history:  # Unpacking here would not tell, as backward does.
            state = "detached"
        return Saved(label, tuple(data.shape), size, self._memory[data], state)

    def _gone(self, number: int, label: str) -> Saved | None:
        seen = self._seen.get((number, label))
        return seen and replace(seen, state="freed")


def _state(function: Any, name: str) -> SavedState:
    """Ask for what is saved as backward would, and hear what it would."""
    try:
        getattr(function, f"_saved_{name}", None)
    except RuntimeError as error:
        return next((state for words, state in _REASONS.items() if words in str(error)), "kept")
    return "kept"
