"""Large graphs in few boxes, from which nothing is missing."""

from __future__ import annotations

import graphlib
from collections.abc import Callable

import pytest
import torch
from torch import nn

from profiling.graphs.fold import View, fold
from profiling.measure.graph import graph
from profiling.model.graph import Cut, Edge, Graph, Node
from tests.profiling.measure.cells import reads_saved


def named(module: nn.Module, **others: torch.Tensor) -> dict[str, torch.Tensor]:
    return {f"net.{name}": each for name, each in module.named_parameters()} | others


def transformer() -> dict[str, torch.Tensor]:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.0)
    net = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
    return named(net, loss=net(torch.ones(1, 3, 4)).sum())


def loop() -> dict[str, torch.Tensor]:
    weight, state = torch.eye(2, requires_grad=True), torch.ones(2)
    for _ in range(100):
        state = torch.tanh(weight @ state)
    return {"weight": weight, "state": state, "loss": state.sum()}


def loop_with_a_loss_a_step() -> dict[str, torch.Tensor]:
    net = nn.ModuleDict({"cell": nn.RNNCell(2, 2), "head": nn.Linear(2, 1)})
    state, loss = torch.zeros(1, 2), torch.zeros(())
    for _ in range(40):
        state = net["cell"](torch.ones(1, 2), state)
        loss = loss + net["head"](state).square().mean()
    return named(net, loss=loss)


def residual() -> dict[str, torch.Tensor]:
    net = nn.Sequential(
        *[nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)) for _ in range(20)]
    )
    x = torch.ones(1, 2)
    for block in net:
        x = x + block(x)
    return named(net, loss=x.sum())


def unconnected() -> dict[str, torch.Tensor]:
    leaves = [torch.ones(1, requires_grad=True) for _ in range(200)]
    return {f"loss{place}": leaf.exp() for place, leaf in enumerate(leaves)}


LARGE = [transformer, loop, loop_with_a_loss_a_step, residual, unconnected]


def held(view: View) -> list[int]:
    boxed = [node for box in view.boxes for node in (*box.nodes, *box.inner)]
    return sorted(node.id for node in (*boxed, *view.unconnected))


@pytest.mark.parametrize("make", LARGE)
def test_a_large_graph_becomes_few_boxes_and_loses_nothing(
    make: Callable[[], dict[str, torch.Tensor]],
) -> None:
    whole = graph(make())
    view = fold(whole)
    assert len(whole.nodes) > 60
    assert len(view.boxes) <= 60
    assert held(view) == sorted(node.id for node in whole.nodes)
    above: dict[int, list[int]] = {box.id: [] for box in view.boxes}
    for link in view.links:
        above[link.target].append(link.source)
    graphlib.TopologicalSorter(above).prepare()  # would raise if boxes led in a circle


def test_a_small_graph_is_left_as_it_is() -> None:
    whole = graph(named(net := nn.Linear(2, 2), loss=net(torch.ones(1, 2)).sum()))
    view = fold(whole)
    assert [box.nodes for box in view.boxes] == [(node,) for node in whole.nodes]
    assert [(link.source, link.target, link.kind) for link in view.links] == [
        (edge.source, edge.target, edge.kind) for edge in whole.edges
    ]


def test_layers_are_found_by_the_names_of_their_parameters() -> None:
    modules = [box.module for box in fold(graph(residual())).boxes if box.module]
    assert modules == [f"net.{number}" for number in range(20)]


@reads_saved
def test_the_steps_of_a_loop_become_one_box_beside_the_weight_that_they_share() -> None:
    view = fold(graph(loop()))
    assert sorted(len(box.nodes) for box in view.boxes) == [1, 201]
    (link,) = view.links
    assert link.kind == "gradient"


def test_what_backward_carried_is_kept_with_the_link() -> None:
    tensors = loop()
    with_gradients = [
        Edge(edge.source, edge.target, edge.kind, "1") if edge.kind == "gradient" else edge
        for edge in graph(tensors).edges
    ]
    whole = graph(tensors)
    (link,) = fold(Graph(whole.nodes, tuple(with_gradients))).links
    assert link.gradients == ("1",) * 100


@reads_saved
def test_cuts_and_changed_tensors_stay_in_boxes_of_their_own() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x
    for step in range(80):
        y = y.sigmoid()
        if step == 20:
            middle = y
        if step == 60:
            late = y
    cut = middle.detach()
    late.detach().zero_()
    view = fold(graph({"x": x, "middle": middle, "cut": cut, "late": late, "loss": y.sum()}))
    alone = {name for box in view.boxes if len(box.nodes) == 1 for name in box.nodes[0].names}
    assert {"middle", "cut", "late"} <= alone
    assert [link.kind for link in view.links].count("memory") == 1
    assert len(view.boxes) <= 12


def chain(first: int, count: int, start: int) -> tuple[list[Node], list[Edge]]:
    """Return ops that follow each other, from a leaf on."""
    ops = range(first, first + count)
    edges = [Edge(before, op, "gradient") for before, op in zip([start, *ops], ops, strict=False)]
    return [Node(op, "op", f"Op{op % 2}") for op in ops], edges


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize("most", [8, 60])
def test_both_sides_of_a_cut_stay_boxes_of_their_own(most: int, through: bool) -> None:
    """Two chains of one leaf; the second takes what is cut from the middle of the first."""
    one, along_one = chain(101, 80, 1)
    other, along_other = chain(201, 80, 1)
    cut = Cut("detach")
    ways = [Edge(140, 241, "cut", cut=cut)]
    nodes = [Node(1, "leaf", "", ("net.w",)), *one, *other]
    if through:
        nodes.append(Node(2, "constant", "", ("c",)))
        ways = [Edge(140, 2, "cut", cut=cut), Edge(2, 241, "constant")]
    view = fold(Graph(tuple(nodes), (*along_one, *along_other, *ways)), most)
    held = [[node.id for node in box.nodes] for box in view.boxes]
    (link,) = [link for link in view.links if link.ways]
    assert link.source == 140
    (used,) = (ops for ops in held if 241 in ops)
    assert used[0] == 241
    assert all(ops[-1] == 140 for ops in held if 140 in ops)
    assert len(view.boxes) <= 8
    above: dict[int, list[int]] = {box.id: [] for box in view.boxes}
    for link in view.links:
        above[link.target].append(link.source)
    graphlib.TopologicalSorter(above).prepare()  # would raise if boxes led in a circle


def test_a_network_and_what_follows_it_are_two_boxes() -> None:
    encoder = nn.Sequential(*[nn.Linear(2, 2) for _ in range(20)])
    head = nn.Linear(2, 1)
    named_leaves = {f"encoder.{name}": each for name, each in encoder.named_parameters()}
    named_leaves |= {f"head.{name}": each for name, each in head.named_parameters()}
    view = fold(graph({**named_leaves, "loss": head(encoder(torch.ones(1, 2))).sum()}), 8)
    assert sorted(box.module for box in view.boxes) == ["encoder", "head"]


def test_parameters_that_the_same_boxes_use_share_one() -> None:
    net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(20)])
    one, other = net(torch.ones(1, 2)).sum(), net(torch.zeros(1, 2)).sum()
    view = fold(graph(named(net, one=one, other=other)), 8)
    (box,) = (box for box in view.boxes if box.nodes[0].kind == "leaf")
    assert (box.module, len(box.nodes)) == ("net", 40)
    assert [len(each.nodes) for each in view.boxes] == [21, 21, 40]


def test_tensors_without_an_edge_are_put_apart_only_beside_a_graph() -> None:
    x, y = torch.ones(1, requires_grad=True), torch.ones(1)
    assert [node.names for node in fold(graph({"x": x, "y": y, "z": x * 2})).unconnected] == [
        ("y",)
    ]
    assert fold(graph({"x": x, "y": y})).unconnected == ()
    inference = Node(3, "constant", "", ("i",), made_in="inference")
    connected = Graph(
        (Node(1, "leaf", ""), Node(2, "op", "A"), inference), (Edge(1, 2, "gradient"),)
    )
    assert fold(connected).unconnected == ()


def test_only_an_op_that_passed_nothing_on_is_where_backward_stopped() -> None:
    x = Node(1, "leaf", "")
    reached = Node(2, "op", "A", gradient="1")
    for gradient, stopped in ((None, {2}), ("1", set()), ("", set())):
        edge = Edge(1, 2, "gradient", gradient)
        assert fold(Graph((x, reached), (edge,))).stopped == stopped
    assert fold(Graph((x, Node(2, "op", "A")), (Edge(1, 2, "gradient"),))).stopped == set()
