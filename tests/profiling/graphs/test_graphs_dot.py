"""Graphviz text."""

from __future__ import annotations

import torch

from profiling.graphs.dot import dot
from profiling.measure.graph import graph
from profiling.model.graph import Cut, Edge, Graph, Node, Saved

HEAD = """digraph {
node [shape="box", fontname="monospace", fontsize="10"]
edge [fontname="monospace", fontsize="10"]
"""


def test_a_graph_word_by_word() -> None:
    saved = Saved("result", (3,), 12, 2, "changed")
    nodes = (
        Node(1, "leaf", "", ("a",), (3,), gradient="[1]"),
        Node(2, "op", "SigmoidBackward0", ("out",), (3,), saved=(saved,)),
        Node(3, "constant", "", ("c",), (3,), "no_grad"),
    )
    edges = (Edge(1, 2, "gradient", "[1]"), Edge(2, 3, "memory"), Edge(3, 2, "constant"))
    assert dot(Graph(nodes, edges)) == (
        HEAD
        + '1 [style="filled,rounded", fillcolor="#e3f4ec", color="#00684a", '
        + 'label="leaf\\na (3,)\\ngrad [1]"]\n'
        + '2 [style="filled", fillcolor="#fdecea", color="#b3261e", penwidth="2", '
        + 'label="SigmoidBackward0\\nout (3,)\\nresult 12 B changed"]\n'
        + '3 [style="dashed", color="#6b7686", label="constant\\nc (3,)\\nno_grad"]\n'
        + '1 -> 2 [dir="back", color="#0068a8", fontcolor="#0068a8", penwidth="3", label="[1]"]\n'
        + '2 -> 3 [dir="none", style="dashed", color="#7a5200", constraint="false", '
        + 'label="memory"]\n'
        + '3 -> 2 [dir="none", style="dotted", color="#6b7686", label="constant"]\n}\n'
    )


def test_a_cut_says_by_what() -> None:
    nodes = (Node(1, "leaf", "", ("x",)), Node(2, "op", "AddBackward0"))
    text = dot(Graph(nodes, (Edge(1, 2, "cut", cut=Cut("sin", "no_grad")),)))
    assert text.splitlines()[-2] == (
        '1 -> 2 [dir="none", style="dashed", color="#8e24aa", fontcolor="#8e24aa", '
        'label="✂ no_grad"]'
    )


def test_nothing_gets_out_of_its_quotes() -> None:
    text = dot(Graph((Node(1, "leaf", "", ('d["a\\"]\n',)),)))
    assert 'label="leaf\\nd[\\"a\\\\\\"]\\n"]' in text
    assert len(text.splitlines()) == 5


def test_nothing_of_a_large_graph_is_left_out() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(100):
        y = y.sin()
    text = dot(graph({"x": x, "alone": torch.ones(1), "y": y}))
    assert text.count("SinBackward0") == 100
    assert text.count(" -> ") == 100
    assert "alone" in text


def test_an_empty_graph() -> None:
    assert dot(Graph()) == HEAD + "}\n"
