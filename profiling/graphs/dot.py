"""Writes a backward graph as Graphviz text, unfolded, with the terms of its records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from profiling.graphs.fold import BAD
from profiling.model.graph import Edge, EdgeKind, Graph, Node, NodeKind
from profiling.model.units import show_bytes

_NODES: Mapping[NodeKind, Mapping[str, str]] = {
    "op": {"style": "filled", "fillcolor": "#ffffff", "color": "#6b7686"},
    "leaf": {"style": "filled,rounded", "fillcolor": "#e3f4ec", "color": "#00684a"},
    "constant": {"style": "dashed", "color": "#6b7686"},
}
_EDGES: Mapping[EdgeKind, Mapping[str, str]] = {
    # Edges point forward and gradients flow back, so the arrowhead is at the edge's tail.
    "gradient": {"dir": "back", "color": "#6b7686"},
    "memory": {"dir": "none", "style": "dashed", "color": "#7a5200", "constraint": "false"},
    "constant": {"dir": "none", "style": "dotted", "color": "#6b7686"},
    "cut": {"dir": "none", "style": "dashed", "color": "#8e24aa", "fontcolor": "#8e24aa"},
}
_BAD = {"fillcolor": "#fdecea", "color": "#b3261e", "penwidth": "2"}
_CARRIED = {"color": "#0068a8", "fontcolor": "#0068a8", "penwidth": "3"}
_FONT = {"fontname": "monospace", "fontsize": "10"}


def dot(graph: Graph) -> str:
    """Return the whole graph in the DOT language."""
    return "\n".join(
        (
            "digraph {",
            f"node {_attributes({'shape': 'box', **_FONT})}",
            f"edge {_attributes(_FONT)}",
            *(f"{node.id} {_attributes(_node(node))}" for node in graph.nodes),
            *(f"{edge.source} -> {edge.target} {_attributes(_edge(edge))}" for edge in graph.edges),
            "}",
            "",
        )
    )


def _node(node: Node) -> dict[str, str]:
    bad = _BAD if any(saved.state in BAD for saved in node.saved) else {}
    return {**_NODES[node.kind], **bad, "label": "\n".join(_lines(node))}


def _lines(node: Node) -> Iterator[str]:
    yield node.label or node.kind
    named = [", ".join(node.names), "" if node.shape is None else str(node.shape)]
    if any(named):
        yield " ".join(filter(None, named))
    if node.made_in != "grad":
        yield node.made_in
    if node.freed:
        yield "freed"
    for saved in node.saved:
        yield " ".join(filter(None, (saved.name, show_bytes(saved.bytes), saved.state)))
    if node.gradient:
        yield f"grad {node.gradient}"


def _edge(edge: Edge) -> dict[str, str]:
    carried = {**_CARRIED, "label": edge.gradient} if edge.gradient else {}
    text = edge.kind if edge.cut is None else f"✂ {edge.cut.way}"
    label = {"label": text} if edge.kind != "gradient" else {}
    return {**_EDGES[edge.kind], **carried, **label}


def _attributes(values: Mapping[str, str]) -> str:
    return f"[{', '.join(f'{key}={_quoted(value)}' for key, value in values.items())}]"


def _quoted(text: str) -> str:
    """Quote a string; Graphviz interprets backslashes in it as escape sequences."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
