from __future__ import annotations

import pytest

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.engine import plan
from profiling.measure.branches import branch_graph
from profiling.measure.environment import detect
from profiling.model.graph import BranchGraph, Node
from profiling.model.run import Request


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


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_branch_of_every_workload_has_a_graph(workload: str) -> None:
    entry = catalogue.workload(workload)
    for branch in entry.branches:
        if branch in entry.absent:
            continue
        found = drawn(workload, branch)
        assert found.graph.nodes
        expected = entry.raises.get(branch)
        assert (found.error is None) if expected is None else (expected in (found.error or ""))
