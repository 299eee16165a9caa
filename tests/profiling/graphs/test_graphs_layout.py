"""That nothing in a drawing stands in anything's way."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from profiling.catalogue import LESSONS
from profiling.graphs.fold import Box, Link, View
from profiling.graphs.layout import WIDTH, Layout, Size, lay_out
from profiling.graphs.svg import svg
from profiling.model.graph import Edge, Graph, Node, NodeKind, Saved, SavedState
from profiling.model.words import columns, translator
from tests.demos.lessons.traced import traced
from tests.profiling.graphs.reading import COLUMN, Drawing, points


def check(drawing: Drawing) -> None:
    """Assert that texts fit their boxes, that boxes and texts are apart and lines run around."""
    boxes = {node: drawing.box(node) for node in drawing.nodes}
    labels = drawing.label_areas()
    for node, box in boxes.items():
        for line in drawing.lines(node):
            assert columns(line) * COLUMN <= box.right - box.left
    for one, other in itertools.combinations([*boxes.values(), *labels], 2):
        assert not one.meets(other)
    assert all(drawing.area.holds(each) for each in (*boxes.values(), *labels))
    left, top, right, bottom = np.array(list(boxes.values()), dtype=float).reshape(-1, 4).T
    for path in drawing.paths():
        x, y = np.array(list(points(path)))[:, :, np.newaxis].transpose(1, 0, 2)
        beside = (x < left + 1) | (x > right - 1) | (y < top + 1) | (y > bottom - 1)
        assert beside.all()


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_step_of_every_lesson(lesson: str) -> None:
    parts = traced(lesson).parts
    graphs = [step.graph for part in parts for step in part.steps]
    drawings = {svg(graph, translator(language)) for graph in graphs for language in ("en", "zh")}
    for drawing in drawings:
        check(Drawing(drawing))


def tangled(seed: int) -> Graph:
    """Return a graph of random ops, leaves, cuts, names and gradients."""
    chance = random.Random(seed)
    count = chance.randint(2, 40)
    nodes: list[Node] = []
    edges: list[Edge] = []
    for number in range(1, count + 1):
        earlier = [node.id for node in nodes if node.kind != "constant"]
        kinds: list[NodeKind] = ["op", "op", "leaf", "constant"]
        kind: NodeKind = chance.choice(kinds) if earlier else "leaf"
        names = tuple(f"name{each}" * chance.randint(1, 4) for each in range(chance.randint(0, 2)))
        states: list[SavedState] = ["kept", "changed", "freed"]
        saved = Saved("result", (3,), 12, number, chance.choice(states))
        if kind == "op":
            nodes.append(Node(number, "op", "SigmoidBackward0", names, (3,), saved=(saved,)))
            for source in chance.sample(earlier, min(len(earlier), chance.randint(1, 3))):
                gradient = chance.choice([None, "", "[0.1, 0.2]", "(3, 2), norm 0.229"])
                edges.append(Edge(source, number, "gradient", gradient))
        else:
            nodes.append(Node(number, kind, "", names, (3,), chance.choice(["grad", "no_grad"])))
            # Memory has one owner, to whom all others are tied.
            owners = set(earlier) - {edge.target for edge in edges if edge.kind == "memory"}
            if owners and chance.random() < 0.5:
                edges.append(Edge(chance.choice(sorted(owners)), number, "memory"))
    constants = [node.id for node in nodes if node.kind == "constant"]
    ops = [node.id for node in nodes if node.kind == "op"]
    for constant in constants:
        if ops and chance.random() < 0.5:
            edges.append(Edge(constant, chance.choice(ops), "constant"))
    return Graph(tuple(nodes), tuple(edges))


@pytest.mark.parametrize("seed", range(60))
def test_tangled_graphs(seed: int) -> None:
    check(Drawing(svg(tangled(seed), translator("en"))))


def laid(boxes: int, links: list[tuple[int, int]], width: float = 100) -> Layout:
    numbers = range(1, boxes + 1)
    view = View(
        tuple(Box((Node(number, "op", ""),)) for number in numbers),
        tuple(Link(source, target, "gradient") for source, target in links),
    )
    return lay_out(view, dict.fromkeys(numbers, Size(width, 30)), [None] * len(links))


def test_six_in_a_row_fit_a_phone() -> None:
    layout = laid(7, [(leaf, 7) for leaf in range(1, 7)], 90)
    assert layout.size.width == WIDTH
    assert len({layout.boxes[leaf].y for leaf in range(1, 7)}) == 2
    assert all(layout.boxes[leaf].y < layout.boxes[7].y for leaf in range(1, 7))


def test_what_a_phone_is_too_narrow_for_gets_the_room_it_needs() -> None:
    assert laid(1, [], 500).size.width == 516


def test_a_chain_is_straight() -> None:
    layout = laid(5, [(1, 2), (2, 3), (3, 4), (4, 5)])
    assert len({box.x for box in layout.boxes.values()}) == 1


def test_a_link_over_several_rows_goes_around_what_is_between() -> None:
    layout = laid(3, [(1, 2), (2, 3), (1, 3)])
    assert [layout.boxes[each].y for each in (1, 2, 3)] == sorted(
        layout.boxes[each].y for each in (1, 2, 3)
    )
    between = layout.boxes[2]
    passing = [point for point in layout.routes[2].points if between.y <= point.y <= between.y + 30]
    assert passing
    assert all(abs(point.x - between.x) > between.width / 2 for point in passing)
