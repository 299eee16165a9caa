"""Reads the backward graph of a workload's branch."""

from __future__ import annotations

from typing import Any

import torch

from profiling.measure.global_state import kept
from profiling.measure.graph import Graphs
from profiling.measure.states import States, named_tensors
from profiling.measure.step import State
from profiling.model.graph import BranchGraph
from profiling.model.run import Cell


def branch_graph(cell: Cell) -> BranchGraph:
    """Run a branch's forward and backward once and return its graph, with the gradients in it.

    Args:
        cell: The cell; its first branch is the one.
    """
    state = State(cell)
    step = state.step(cell.branches[0])
    graphs = Graphs(States())
    error = None
    named = dict(named_tensors(state.arguments))
    with kept():
        try:
            step.reset()
            result = step.forward()
            named |= _results(result)
            graphs.record(named, watch=True)
            step.backward(result)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
        return BranchGraph(graphs.record(named, watch=False), error)


def _results(result: Any) -> dict[str, torch.Tensor]:
    """Name a step's loss, and what else it gives its caller to keep."""
    if not isinstance(result, tuple):
        result = (result, None)
    loss, *rest = result
    return dict(named_tensors({"loss": loss, "kept": rest}))
