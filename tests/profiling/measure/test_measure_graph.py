from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.engine import plan
from profiling.measure.graph import MAX_NODES, Graphs, branch_graph, graph
from profiling.measure.machine import detect
from profiling.measure.snapshot import Snapshots
from profiling.model.graph import BranchGraph, Edge, Graph, Node
from profiling.model.request import Request
from tests.profiling.measure.cells import reads_saved


def named(found: Graph) -> dict[str, Node]:
    return {name: node for node in found.nodes for name in node.names}


def arrows(found: Graph) -> set[tuple[str, str, str]]:
    """Return the edges by names, or labels where there is none."""
    labels = {node.id: "/".join(node.names) or node.label for node in found.nodes}
    return {(labels[edge.source], labels[edge.target], edge.kind) for edge in found.edges}


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(values, requires_grad=True)


@reads_saved
def test_ops_and_leaves_with_what_is_saved() -> None:
    a = leaf(1.0, 2.0)
    out = a.sigmoid()
    loss = out.sum()
    found = graph({"a": a, "out": out, "loss": loss})
    assert arrows(found) == {("a", "out", "gradient"), ("out", "loss", "gradient")}
    nodes = named(found)
    assert (nodes["a"].kind, nodes["out"].kind, nodes["out"].label) == (
        "leaf",
        "op",
        "SigmoidBackward0",
    )
    (saved,) = nodes["out"].saved
    assert (saved.name, saved.shape, saved.bytes, saved.state) == ("result", (2,), 8, "kept")
    assert nodes["loss"].saved == ()


def test_a_single_tensor_needs_no_name() -> None:
    assert [node.label for node in graph(leaf(1.0).exp() * 2).nodes] == [
        "MulBackward0",
        "ExpBackward0",
        "",
    ]


def test_a_detached_tensor_is_tied_to_what_it_shares_memory_with() -> None:
    a = leaf(1.0)
    out = a.exp()
    c = out.detach()
    d = out.clone().detach()
    found = graph({"a": a, "out": out, "c": c, "d": d})
    assert arrows(found) == {("a", "out", "gradient"), ("out", "c", "memory")}
    assert named(found)["c"].kind == named(found)["d"].kind == "constant"


def test_a_detached_leaf_that_requires_grad_again_is_tied_too() -> None:
    out = leaf(1.0).exp()
    c = out.detach().requires_grad_()
    found = graph({"out": out, "c": c, "loss": c * 3})
    assert ("out", "c", "memory") in arrows(found)
    assert ("c", "loss", "gradient") in arrows(found)


@reads_saved
def test_a_constant_that_an_op_keeps_leads_to_it() -> None:
    w, x = leaf(1.0), torch.tensor([2.0])
    found = graph({"w": w, "x": x, "y": w * x})
    assert arrows(found) == {("w", "y", "gradient"), ("x", "y", "constant")}


@reads_saved
def test_a_result_that_only_its_detached_name_is_left_of_is_tied_to_its_op() -> None:
    h = leaf(1.0).exp()
    z = h.detach()
    loss = h * 2
    del h
    assert ("ExpBackward0", "z", "memory") in arrows(graph({"z": z, "loss": loss}))


@reads_saved
def test_a_change_in_place_shows_before_backward_raises() -> None:
    out = leaf(1.0).exp()
    graphs = Graphs(Snapshots())
    assert named(graphs.record({"out": out}, watch=True))["out"].saved[0].state == "kept"
    out.detach().zero_()
    assert named(graphs.record({"out": out}, watch=True))["out"].saved[0].state == "changed"
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


@reads_saved
def test_a_saved_tensor_that_was_detached_in_place() -> None:
    m = leaf(2.0).exp()
    y = m * m
    graphs = Graphs(Snapshots())
    before = named(graphs.record({"m": m, "y": y}, watch=True))["y"]
    m.detach_()
    after = named(graphs.record({"m": m, "y": y}, watch=True))["y"]
    assert [saved.state for saved in (*before.saved, *after.saved)] == ["kept"] * 2 + [
        "detached"
    ] * 2
    with pytest.raises(RuntimeError, match="detached in-place"):
        y.backward()


@reads_saved
def test_what_backward_carried_and_freed() -> None:
    a = leaf(1.0, 2.0)
    out = a * a
    loss = out.sum()
    graphs = Graphs(Snapshots())
    graphs.record({"a": a, "out": out, "loss": loss}, watch=True)
    loss.backward()
    found = graphs.record({"a": a, "out": out, "loss": loss}, watch=True)
    nodes = named(found)
    assert nodes["loss"].gradient == "1"
    assert nodes["out"].gradient == "[1, 1]"
    assert nodes["a"].gradient == "[2, 4]"
    carried = {(edge.source, edge.target): edge.gradient for edge in found.edges}
    assert carried[nodes["a"].id, nodes["out"].id] == "[1, 2] + [1, 2]"
    assert carried[nodes["out"].id, nodes["loss"].id] == "[1, 1]"
    assert {saved.state for saved in nodes["out"].saved} == {"freed"}
    assert {saved.bytes for saved in nodes["out"].saved} == {8}


def test_where_backward_stopped() -> None:
    a = leaf(1.0)
    out = a.exp()
    loss = out * 3
    graphs = Graphs(Snapshots())
    graphs.record({"a": a, "out": out, "loss": loss}, watch=True)
    out.detach().zero_()
    with pytest.raises(RuntimeError):
        loss.backward()
    found = graphs.record({"a": a, "out": out, "loss": loss}, watch=True)
    nodes = named(found)
    assert (nodes["out"].gradient, nodes["a"].gradient) == ("[3]", None)
    into_a = [edge.gradient for edge in found.edges if edge.source == nodes["a"].id]
    assert into_a == [None]


def test_many_numbers_are_told_by_shape_and_norm() -> None:
    a = torch.zeros(3, 3, requires_grad=True)
    a.sum().backward()
    assert named(graph({"a": a}))["a"].gradient == "(3, 3), norm 3"


def test_node_numbers_stay_from_record_to_record() -> None:
    a = leaf(1.0)
    out = a.exp()
    graphs = Graphs(Snapshots())
    first = named(graphs.record({"a": a, "out": out}, watch=True))
    second = named(graphs.record({"a": a, "out": out, "y": out * 2}, watch=True))
    assert (first["a"].id, first["out"].id) == (second["a"].id, second["out"].id)


@reads_saved
def test_a_hooked_saved_tensor_is_not_unpacked() -> None:
    calls: list[int] = []

    def block(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return x.sigmoid().exp()

    out = checkpoint(block, leaf(1.0), use_reentrant=False)
    (saved,) = named(graph({"out": out}))["out"].saved
    assert (saved.state, saved.bytes, saved.storage) == ("hooked", None, None)
    assert calls == [1]


def test_recording_keeps_nothing_alive() -> None:
    graphs = Graphs(Snapshots())
    a = leaf(1.0)
    out = a.exp()
    held = weakref.ref(out.untyped_storage())
    graphs.record({"a": a, "out": out, "loss": out.sum()}, watch=True)
    del out
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("use", ["grad", "no_grad"])
def test_the_mode_a_constant_was_made_in(use: str) -> None:
    snapshots = Snapshots()
    with torch.set_grad_enabled(use == "grad"):
        x = torch.ones(1) * 2
        snapshots.tensors({"x": x})
    assert named(Graphs(snapshots).record({"x": x}, watch=False))["x"].made_in == use


@reads_saved
def test_custom_functions_and_several_outputs() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
            return g * 2

    y = Double.apply(leaf(1.0, 2.0))  # type: ignore[no-untyped-call]
    first, second = y.unbind()
    found = graph({"y": y, "first": first, "second": second})
    nodes = named(found)
    assert nodes["first"] is nodes["second"]
    assert nodes["first"].names == ("first", "second")
    assert [(saved.name, saved.bytes) for saved in nodes["y"].saved] == [("tensors[0]", 8)]


@reads_saved
def test_a_freed_function_written_in_python() -> None:
    layer = torch.nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda *_: None)
    out = layer(leaf(1.0)[None])
    graphs = Graphs(Snapshots())
    graphs.record({"out": out}, watch=True)
    out.sum().backward()
    found = graphs.record({"out": out}, watch=True)
    states = {saved.state for node in found.nodes for saved in node.saved}
    assert states == {"freed"}


def test_an_edge_that_carried_nothing_has_no_gradient() -> None:
    a, b = leaf(1.0), leaf(2.0)
    y = a * b
    graphs = Graphs(Snapshots())
    graphs.record({"a": a, "b": b, "y": y}, watch=True)
    torch.autograd.grad(y, a)
    found = graphs.record({"a": a, "b": b, "y": y}, watch=True)
    nodes = named(found)
    carried = {edge.source: edge.gradient for edge in found.edges}
    assert carried == {nodes["a"].id: "[2]", nodes["b"].id: None}


def test_a_graph_that_is_too_large_says_so() -> None:
    y = leaf(1.0)
    for _ in range(MAX_NODES + 10):
        y = y + 1
    found = graph(y)
    assert (len(found.nodes), found.cut_off) == (MAX_NODES, True)
    assert all(isinstance(edge, Edge) for edge in found.edges)


def drawn(workload: str, branch: str) -> BranchGraph:
    entry = catalogue.workload(workload)
    request = Request(workload, (branch,), entry.sizes[:1], device="cpu")
    (cell,) = plan.plan(request, detect("cpu"))
    return branch_graph(cell)


def reached(found: BranchGraph) -> set[str]:
    """Return the parameters that a gradient arrived at."""
    return {
        name
        for node in found.graph.nodes
        if node.kind == "leaf" and node.gradient is not None
        for name in node.names
    }


def loss_of(found: BranchGraph) -> Node:
    return next(node for node in found.graph.nodes if "loss" in node.names)


def test_where_the_gradient_went_with_and_without_a_cut() -> None:
    attached, cut = drawn("frozen_backbone", "attached"), drawn("frozen_backbone", "detach")
    assert {name.partition(".")[0] for name in reached(attached)} == {"encoder", "head"}
    assert {name.partition(".")[0] for name in reached(cut)} == {"head"}
    assert loss_of(cut).gradient == "1"


def test_a_branch_that_raises_shows_how_far_it_got() -> None:
    entry = catalogue.workload("gan_generator")
    found = drawn("gan_generator", "no_grad")
    assert found.error is not None
    assert entry.raises["no_grad"] in found.error
    assert found.graph.nodes


CUT = {"detach", "clone_detach", "detach_clone", "detach_inplace", "no_grad", "inference_mode"}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_branch_of_every_workload_has_a_graph_with_its_cuts(workload: str) -> None:
    entry = catalogue.workload(workload)
    for branch in entry.branches:
        if branch in entry.absent:
            continue
        found = drawn(workload, branch)
        assert found.graph.nodes
        expected = entry.raises.get(branch)
        assert (found.error is None) if expected is None else (expected in (found.error or ""))
        cuts = {edge.cut.way for edge in found.graph.edges if edge.cut is not None}
        # What `call_alone` cuts is used by nothing.
        way = {"detach_inplace": "detach_", "no_grad": branch, "inference_mode": branch}
        is_cut = branch in CUT and workload != "call_alone"
        if is_cut:
            assert way.get(branch, "detach") in cuts
        elif branch == "attached":
            # A code of `vq_vae` is chosen by its index, which has no gradient.
            assert cuts == ({"argmin"} if workload == "vq_vae" else set())


def test_a_branch_that_runs_backward_itself_shows_all_of_its_steps() -> None:
    graph = drawn("truncated_bptt", "detach").graph
    labels = {node.id: "/".join(node.names) or node.label for node in graph.nodes}
    cuts = [(labels[e.source], labels[e.target]) for e in graph.edges if e.kind == "cut"]
    assert sorted(cuts) == [
        ("DivBackward0", "kept[0]"),
        ("DivBackward0", "kept[0]"),
        ("TanhBackward0", "AddmmBackward0"),
    ]
    losses = [node for node in graph.nodes if node.label == "DivBackward0"]
    assert [node.gradient for node in losses] == ["1", "1"]
