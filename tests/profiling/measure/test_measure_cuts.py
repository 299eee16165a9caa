"""Where values leave the graph, and which of its ops use them."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from profiling.measure.cuts import Cuts
from profiling.measure.graph import Graphs
from profiling.measure.snapshot import Snapshots
from profiling.model.graph import Cut, Edge, Graph

Named = dict[str, torch.Tensor]


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(values, requires_grad=True)


def recorded(make: Callable[[], Named]) -> Graph:
    snapshots = Snapshots()
    cuts = Cuts(snapshots.objects)
    with cuts:
        named = make()
    return Graphs(snapshots, cuts).record(named, watch=False)


def ways(found: Graph) -> set[tuple[str, str, str]]:
    """Return what was cut, what uses it and the way, by names, or labels where there is none."""
    labels = {node.id: "/".join(node.names) or node.label or node.kind for node in found.nodes}
    return {
        (labels[edge.source], labels[edge.target], edge.cut.way)
        for edge in found.edges
        if edge.cut is not None
    }


def without_a_name() -> Named:
    x = leaf(1.0)
    h = x.exp()
    return {"x": x, "h": h, "y": h * h.detach()}


def with_a_name() -> Named:
    x = leaf(1.0)
    h = x.exp()
    c = h.detach()
    return {"x": x, "h": h, "c": c, "y": h * c}


def through_ops_on_constants() -> Named:
    x = leaf(1.4)
    return {"x": x, "y": x + 2 * (x.round() - x).detach().abs()}


def through_data() -> Named:
    x = leaf(1.0)
    return {"x": x, "y": x * x.data}


def in_place() -> Named:
    x = leaf(1.0)
    h = x.exp()
    kept = h.sin()
    h.detach_()
    return {"x": x, "kept": kept, "y": x + h}


def under_no_grad() -> Named:
    x = leaf(1.0)
    with torch.no_grad():
        goal = (x * 2).exp()
    return {"x": x, "y": x * (goal + 1)}


def in_inference_mode() -> Named:
    x = leaf(1.0)
    with torch.inference_mode():
        goal = x * 2
    return {"x": x, "y": x * goal.clone()}


def without_a_gradient() -> Named:
    x = leaf(1.0, 2.0)
    return {"x": x, "y": x[x.argmax()]}


def through_a_number() -> Named:
    x = leaf(1.7)
    return {"x": x, "y": x * x.exp().item()}


def rebuilt_from_a_list() -> Named:
    x = leaf(1.7, 2.7)
    new = torch.tensor(x.exp().tolist(), requires_grad=True)
    return {"x": x, "new": new, "y": new.sum()}


def through_an_array() -> Named:
    x = leaf(1.7)
    array: np.ndarray = x.detach().numpy()
    return {"x": x, "y": x * torch.from_numpy(array)}


def required_again() -> Named:
    x = leaf(1.0)
    h = x.exp()
    c = h.detach().requires_grad_()
    return {"x": x, "h": h, "c": c, "y": c * 2}


def written_into_a_buffer() -> Named:
    x, buffer = leaf(1.0), torch.zeros(2)
    buffer[0] = x.exp().detach()[0]
    return {"x": x, "buffer": buffer, "y": (x * buffer).sum()}


def from_the_nearest_that_lives() -> Named:
    x = leaf(1.0)
    h = x.exp()
    return {"x": x, "h": h, "y": h + h.sin().cos().detach()}


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
        return one * other

    @staticmethod
    def backward(ctx, g):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
        return g, g


def into_a_custom_function() -> Named:
    x = leaf(1.0)
    h = x.exp()
    product: torch.Tensor = Product.apply(x, h.detach())  # type: ignore[no-untyped-call]
    return {"x": x, "h": h, "y": product}


def made_a_parameter() -> Named:
    x = leaf(1.0)
    h = x.exp()
    new = nn.Parameter(h)
    return {"x": x, "h": h, "new": new, "y": new * 2}


def through_a_frozen_layer() -> Named:
    layer, w = nn.Linear(1, 1).requires_grad_(False), leaf(1.0)
    return {"weight": layer.weight, "w": w, "y": w * layer(torch.ones(1))}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (without_a_name, {("h", "y", "detach")}),
        (with_a_name, {("h", "c", "detach")}),
        (through_ops_on_constants, {("x", "y", "detach")}),
        (through_data, {("x", "y", ".data")}),
        (in_place, {("ExpBackward0", "y", "detach_")}),
        (under_no_grad, {("x", "y", "no_grad")}),
        (in_inference_mode, {("x", "y", "inference_mode")}),
        (without_a_gradient, {("x", "y", "argmax")}),
        (through_a_number, {("x", "y", "item")}),
        (rebuilt_from_a_list, {("x", "new", "tolist")}),
        (through_an_array, {("x", "y", "detach")}),
        (required_again, {("h", "c", "detach")}),
        (written_into_a_buffer, {("x", "buffer", "detach")}),
        (from_the_nearest_that_lives, {("h", "y", "detach")}),
        (into_a_custom_function, {("h", "y", "detach")}),
        (made_a_parameter, {("h", "new", "nn.Parameter")}),
        (through_a_frozen_layer, {("weight", "y", "requires_grad=False")}),
    ],
)
def test_each_cut_leads_from_what_was_cut_to_what_uses_it(
    make: Callable[[], Named], expected: set[tuple[str, str, str]]
) -> None:
    assert ways(recorded(make)) == expected


def test_a_constant_that_came_from_a_cut_leads_to_the_ops_that_only_add_it() -> None:
    def make() -> Named:
        x = leaf(1.4)
        correction = (x.round() - x).detach()
        return {"x": x, "correction": correction, "y": x + correction}

    found = recorded(make)
    labels = {node.id: node.names[0] for node in found.nodes}
    assert {(labels[edge.source], labels[edge.target], edge.kind) for edge in found.edges} == {
        ("x", "y", "gradient"),
        ("x", "correction", "cut"),
        ("correction", "y", "constant"),
    }


def test_what_was_cut_and_freed_is_shown_unless_its_leaves_show_it() -> None:
    def make() -> Named:
        one, other = nn.Linear(1, 1), nn.Linear(1, 1)
        state = one(other(torch.ones(1)).detach())
        state = one(state.detach())
        return {"weight": one.weight, "bias": one.bias, "y": state} | {
            f"other.{name}": each for name, each in other.named_parameters()
        }

    found = recorded(make)
    assert ways(found) == {("ViewBackward0", "AddmmBackward0", "detach")}
    assert [node.label for node in found.nodes if node.freed] == ["ViewBackward0"]


def keeps() -> Named:
    x = leaf(1.0)
    return {"x": x, "y": (x.clone() * torch.zeros_like(x) + x.new_ones(1)).sum()}


def takes_a_step() -> Named:
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.Adam(layer.parameters(), weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss = layer(torch.ones(1)).sum()
        loss.backward()
        optimizer.step()
    return {"weight": layer.weight, "bias": layer.bias, "loss": loss}


def copies_a_network() -> Named:
    layer = nn.Linear(1, 1)
    other = copy.deepcopy(layer)
    return {"weight": layer.weight, "copy": other.weight, "y": other(layer(torch.ones(1)))}


def trains_through_a_frozen_layer() -> Named:
    stem, frozen = nn.Linear(1, 1), nn.Linear(1, 1).requires_grad_(False)
    return {"frozen": frozen.weight, "stem": stem.weight, "y": frozen(stem(torch.ones(1)))}


@pytest.mark.parametrize(
    "make", [keeps, takes_a_step, copies_a_network, trains_through_a_frozen_layer]
)
def test_what_keeps_the_graph_or_takes_no_values_is_no_cut(make: Callable[[], Named]) -> None:
    assert ways(recorded(make)) == set()


def test_an_op_of_several_nodes_is_used_where_an_input_has_no_gradient() -> None:
    def make() -> Named:
        x, layer = leaf(1.0), nn.Linear(1, 1)
        y = nn.functional.cosine_similarity(layer(torch.ones(1)), x.exp().detach(), dim=0)
        return {"x": x, "weight": layer.weight, "y": y}

    assert {target for _, target, _ in ways(recorded(make))} == {"MulBackward0"}


def test_watching_keeps_nothing_alive() -> None:
    cuts = Cuts(Snapshots().objects)
    with cuts:
        x = leaf(1.0)
        h = x.exp()
        c = h.detach().clone()
        y = x * c
    held = [weakref.ref(each.untyped_storage()) for each in (h, c, y)]
    del h, c, y
    gc.collect()
    assert [each() for each in held] == [None] * 3


def test_an_error_is_the_same_and_nothing_of_it_is_noted() -> None:
    cuts = Cuts(Snapshots().objects)
    x = leaf(1.0)
    with cuts, pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
        x.numpy()
    assert not list(cuts.flows({1: 1}))


def test_a_record_from_before_cuts_were_recorded_is_read() -> None:
    old = b'{"source":1,"target":2,"kind":"memory","gradient":null}'
    assert msgspec.json.decode(old, type=Edge) == Edge(1, 2, "memory")
    new = Edge(1, 2, "cut", cut=Cut("relu", "no_grad"))
    assert msgspec.json.decode(msgspec.json.encode(new), type=Edge) == new
