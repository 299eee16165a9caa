"""Reads a drawing as a reader of its XML finds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from profiling.model.words import columns

SVG = "{http://www.w3.org/2000/svg}"
# A column of text in a box and beside a link, in pixels.
COLUMN, LINK_COLUMN = 6.7, 6.1


class Area(NamedTuple):
    """A rectangle by its sides."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Area) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Area) -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


class Drawing:
    """A drawing, by what it shows."""

    def __init__(self, svg: str) -> None:
        self.root = ElementTree.fromstring(svg)
        self.nodes = {
            int(each.attrib["data-node"]): each
            for each in self.root
            if "node" in each.attrib.get("class", "").split()
        }
        self.links = [each for each in self.root if "link" in each.attrib.get("class", "").split()]

    @property
    def area(self) -> Area:
        return Area(*map(float, self.root.attrib["viewBox"].split()))

    def box(self, node: int) -> Area:
        element = self.nodes[node]
        found = re.fullmatch(r"translate\((\S+) (\S+)\)", element.attrib["transform"])
        rect = element.find(f"{SVG}rect")
        assert found is not None
        assert rect is not None
        left = float(found[1]) + float(rect.attrib["x"])
        top = float(found[2])
        width, height = float(rect.attrib["width"]), float(rect.attrib["height"])
        return Area(left, top, left + width, top + height)

    def lines(self, node: int) -> list[str]:
        return [each.text or "" for each in self.nodes[node].findall(f"{SVG}text")]

    def title(self, node: int) -> str:
        return self.nodes[node].findtext(f"{SVG}title") or ""

    def classes(self, node: int) -> set[str]:
        return set(self.nodes[node].attrib["class"].split()) - {"node"}

    def link_classes(self) -> list[list[str]]:
        return [each.attrib["class"].split()[1:] for each in self.links]

    def link_texts(self) -> list[str]:
        return [
            " ".join(text.text or "" for text in each.findall(f"{SVG}text")) for each in self.links
        ]

    def label_areas(self) -> list[Area]:
        """Return where texts beside links are, as wide as their columns tell."""
        areas = []
        for link in self.links:
            is_centred = "across" in link.attrib["class"]
            for text in link.findall(f"{SVG}text"):
                width = columns(text.text or "") * LINK_COLUMN
                x, y = float(text.attrib["x"]), float(text.attrib["y"])
                left = x - width / 2 if is_centred else x
                areas.append(Area(left, y - 9, left + width, y + 2))
        return areas

    def paths(self) -> list[str]:
        return [path.attrib["d"] for each in self.links for path in each.findall(f"{SVG}path")[:1]]


def points(path: str) -> Iterator[tuple[float, float]]:
    """Yield places along a path of the commands M, L, V and C."""
    x = y = 0.0
    for command, rest in re.findall(r"([MLVC])([^MLVC]*)", path):
        numbers = [float(each) for each in rest.split()]
        start = x, y
        if command == "V":
            y = numbers[0]
        else:
            x, y = numbers[-2:]
        bend = numbers[:4] if command == "C" else [*start, x, y]
        for step in range(21) if command != "M" else ():
            t = step / 20
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            xs, ys = (start[0], bend[0], bend[2], x), (start[1], bend[1], bend[3], y)
            yield (
                sum(weight * each for weight, each in zip(weights, xs, strict=True)),
                sum(weight * each for weight, each in zip(weights, ys, strict=True)),
            )
