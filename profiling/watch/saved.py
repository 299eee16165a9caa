"""What operations saved for backward, and what changed it afterwards.

Saved tensors are read from autograd's nodes after each operation. Hooks for saved tensors would
switch off the check of versions, and an error would become a wrong gradient.
"""

from __future__ import annotations

import contextlib
import ctypes
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .flow import Flow, Node
from .sites import Site

# Memory beyond this size is not compared byte for byte.
_MOST_BYTES = 1 << 28


class Save(NamedTuple):
    """A tensor that a node of autograd holds.

    Attributes:
        above: Key of that node.
        storage: Key of the tensor's memory.
        version: The version of the tensor when it was saved.
        node: The tensor whose operation saved it.
        clock: When.
    """

    above: int
    storage: int
    version: int
    node: Node
    clock: int


class Write(NamedTuple):
    """A change of memory that something had saved.

    Attributes:
        save: What was saved.
        name: Name of what changed it.
        site: Where.
        version: The version after the change, as the changed tensor counts.
    """

    save: Save
    name: str
    site: Site
    version: int


class _Export(NamedTuple):
    """Memory that NumPy shares."""

    name: str
    site: Site


class Saved:
    """What is saved for backward, by memory."""

    def __init__(self, flow: Flow) -> None:
        """Start with nothing saved."""
        self._flow = flow
        self._saves: dict[int, list[Save]] = {}
        self._writes: dict[int, list[Write]] = {}
        self._exports: dict[int, _Export] = {}
        self._sums: dict[tuple[int, int], tuple[int, int]] = {}
        self._counted: set[int] = set()
        self._attributes: dict[type, tuple[str, ...]] = {}

    def look(self, node: Node, new: list[Any]) -> None:
        """Note what the nodes of autograd that are new with a tensor have saved."""
        if node.operation is None or _has_hooks():
            return
        for above in new:
            for tensor in self._tensors(above):
                self._note(above, tensor, node)

    def write(
        self, storage: int | None, tensor: Tensor, name: str, site: Site, maker: object
    ) -> None:
        """Note that a tensor was changed in place.

        Args:
            storage: Its memory.
            tensor: The tensor, changed.
            name: Name of what changed it.
            site: Where.
            maker: The operation that did; what it saved itself is its own result.
        """
        if storage is None:
            return
        for save in self._saves.get(storage, ()):
            if save.node.operation is not maker:
                version = _version(tensor)
                self._writes.setdefault(save.above, []).append(Write(save, name, site, version))

    def export(self, tensor: Tensor, name: str, site: Site) -> None:
        """Note that NumPy shares a tensor's memory from now on."""
        storage = self._flow.storage(tensor)
        if storage is None or tensor.device.type != "cpu":
            return
        self._exports[storage] = _Export(name, site)
        for save in self._saves.get(storage, ()):
            self._remember(storage, save.above, tensor)

    def writes_to(self, above: int) -> list[Write]:
        """Return the changes of what a node of autograd saved."""
        return self._writes.get(above, [])

    def silent(self, above: Any) -> list[Write]:
        """Return those of the changes that the version counter does not tell of."""
        writes = self._writes.get(self._flow.key(above))
        if not writes:
            return []
        versions = {self._flow.storage(each): _version(each) for each in self._tensors(above)}
        return [each for each in writes if versions.get(each.save.storage) == each.save.version]

    def changed_by_numpy(self, above: Any) -> list[tuple[Save, str, Site]]:
        """Return what a node of autograd saved and NumPy changed, with the call that shared it."""
        found = []
        if self._exports:
            number = self._flow.key(above)
            for tensor in self._tensors(above):
                storage = self._flow.storage(tensor)
                if storage is None or (storage, number) not in self._sums:
                    continue
                before, version = self._sums[storage, number]
                if _version(tensor) == version and _sum(tensor) != before:
                    export = self._exports[storage]
                    save = next(s for s in self._saves[storage] if s.above == number)
                    found.append((save, export.name, export.site))
        return found

    def forget(self, storages: list[int]) -> None:
        """Forget memory that was freed."""
        for storage in storages:
            self._saves.pop(storage, None)
            self._exports.pop(storage, None)
        gone = set(storages)
        self._sums = {key: got for key, got in self._sums.items() if key[0] not in gone}

    def free(self, numbers: set[int]) -> None:
        """Forget what nodes of autograd saved that have given it back."""
        for number in numbers:
            self._writes.pop(number, None)
        for storage, saves in list(self._saves.items()):
            left = [save for save in saves if save.above not in numbers]
            if left:
                self._saves[storage] = left
            else:
                del self._saves[storage]
        if self._sums:
            self._sums = {key: got for key, got in self._sums.items() if key[1] not in numbers}

    def next_iteration(self) -> None:
        """Count saved memory anew."""
        self._counted.clear()

    def _note(self, above: Any, tensor: Tensor, node: Node) -> None:
        storage = self._flow.storage(tensor)
        if storage is None:
            return
        try:
            version = tensor._version
        except RuntimeError:
            return
        number = self._flow.key(above)
        save = Save(number, storage, version, node, self._flow.clock)
        self._saves.setdefault(storage, []).append(save)
        if storage in self._exports:
            self._remember(storage, number, tensor)
        trained = tensor.is_leaf and tensor.requires_grad
        if not trained and storage not in self._counted and self._flow.was_seen(storage):
            self._counted.add(storage)
            assert node.operation is not None
            node.operation.saved += tensor.untyped_storage().nbytes()

    def _remember(self, storage: int, number: int, tensor: Tensor) -> None:
        total = _sum(tensor)
        if total is not None:
            self._sums[storage, number] = total, _version(tensor)

    def _tensors(self, above: Any) -> Iterator[Tensor]:
        kind = type(above)
        names = self._attributes.get(kind)
        if names is None:
            custom = issubclass(kind, torch.autograd.function.BackwardCFunction)
            found = ("saved_tensors",) if custom else _saved_names(kind)
            names = self._attributes[kind] = found
        for name in names:
            try:
                value = getattr(above, name)
            except (RuntimeError, ValueError, AttributeError):
                # Already freed, or changed, which backward will say itself.
                continue
            for each in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(each, Tensor):
                    yield each


def _saved_names(kind: type) -> tuple[str, ...]:
    return tuple(name for name in dir(kind) if name.startswith("_saved_"))


def _has_hooks() -> bool:
    """Return whether hooks for saved tensors are set, which reading would call."""
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    # Where that cannot be asked, nothing is read.
    return top is None or top(True) is not None


def _version(tensor: Tensor) -> int:
    with contextlib.suppress(RuntimeError):
        return tensor._version
    return -1


def _sum(tensor: Tensor) -> int | None:
    """Return a checksum of a tensor's memory; None if it is elsewhere or very large."""
    with contextlib.suppress(RuntimeError):
        storage = tensor.untyped_storage()
        size = storage.nbytes()
        if storage.device.type == "cpu" and 0 < size <= _MOST_BYTES:
            return zlib.crc32((ctypes.c_char * size).from_address(storage.data_ptr()))
    return None
