"""Python numbers that were made of tensors, found again where a tensor is built from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .flow import Node

# More numbers than these of one call or one iteration are not followed.
_MOST = 4096
_MOST_KEPT = 100_000
# Numbers so common that an equal one tells nothing.
_COMMON = {0.0, 1.0, -1.0, 0.5, 2.0, 1e-8, 1e-5}


class Scalars:
    """The numbers, by identity and by value."""

    def __init__(self) -> None:
        """Start without numbers."""
        # The number is kept, so that no other object takes its id.
        self._by_id: dict[int, tuple[Any, Node]] = {}
        self._by_value: dict[float, Node] = {}

    def add(self, value: Any, node: Node) -> None:
        """Note the numbers that a call returned."""
        if len(self._by_id) > _MOST_KEPT:
            self._by_id.clear()
            self._by_value.clear()
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._by_id[id(value)] = (value, node)
            self._by_value[float(value)] = node
        elif isinstance(value, list):
            for each in floats_in(value, []):
                self._by_id[id(each)] = (each, node)
                self._by_value[each] = node

    def sources(self, values: Iterable[Any]) -> tuple[bool, list[int]]:
        """Return whether there are floats among values, and the nodes that some came from."""
        found: list[int] = []
        floats = floats_in(values, [])
        for each in floats:
            node = self._source(each)
            if node is not None and node.id not in found:
                found.append(node.id)
        return bool(floats), found

    def _source(self, value: float) -> Node | None:
        known = self._by_id.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        return None if value in _COMMON else self._by_value.get(value)


def floats_in(values: Iterable[Any], found: list[float], depth: int = 0) -> list[float]:
    """Add the floats among values, two lists deep, to a list, and return it."""
    for value in values:
        if len(found) >= _MOST:
            break
        if type(value) is float:
            found.append(value)
        elif type(value) in (tuple, list) and depth < 3:
            floats_in(value, found, depth + 1)
    return found
