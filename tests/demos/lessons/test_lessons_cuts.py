"""The graphs of lessons show each cut that their claims speak of."""

from __future__ import annotations

import pytest

from profiling.catalogue import LESSONS
from profiling.model.graph import Graph
from profiling.model.lesson import LessonTrace
from tests.demos.lessons.traced import part, traced

# What is cut there is no edge of a backward graph.
APART = {
    "detached_factor": "a custom function keeps the slope to itself",
    "forward_mode": "a tangent is dropped",
    "func_grad_and_no_grad": "nothing is read inside of torch.func",
}


def claims_a_cut(trace: LessonTrace) -> bool:
    """Whether something is said to be cut, and is."""
    checks = [
        (f"{each.claim}.{name}", holds)
        for each in trace.claims
        for name, holds in each.checks.items()
    ]
    return any(holds for name, holds in checks if "cut" in name and "no_cut" not in name)


def cuts(graph: Graph) -> set[tuple[str, str, str]]:
    """Return what was cut, what uses it and the way, by names, or labels where there is none."""
    labels = {node.id: "/".join(node.names) or node.label for node in graph.nodes}
    return {
        (labels[edge.source], labels[edge.target], edge.cut.way)
        for edge in graph.edges
        if edge.cut is not None
    }


def at_the_end(name: str, shown: str) -> Graph:
    return part(traced(name), shown).steps[-1].graph


@pytest.mark.parametrize("name", LESSONS)
def test_a_claimed_cut_is_drawn(name: str) -> None:
    trace = traced(name)
    if name in APART or not claims_a_cut(trace):
        return
    assert any(cuts(step.graph) for each in trace.parts for step in each.steps)


@pytest.mark.parametrize(
    ("name", "shown", "expected"),
    [
        ("baseline", "lesson", set()),
        ("gan_discriminator_step", "right", {("fake", "AddmmBackward0", "detach")}),
        (
            "gan_discriminator_step",
            "wrong",
            {
                ("generator.weight", "constant_fake", "no_grad"),
                ("generator.bias", "constant_fake", "no_grad"),
            },
        ),
        ("straight_through", "right", {("x", "correction", "detach")}),
        ("straight_through", "wrong", set()),
        ("side_branch", "lesson", {("h", "AddmmBackward0", "detach")}),
        ("argmax_as_loss", "wrong", {("logits", "predicted", "argmax")}),
        ("inference_mode_inside", "right", {("score", "total", "inference_mode")}),
        (
            "freeze_and_finetune",
            "lesson",
            {
                ("encoder.weight", "h", "requires_grad=False"),
                ("encoder.bias", "h", "requires_grad=False"),
                ("head.weight", "head_before", "detach"),
            },
        ),
    ],
)
def test_the_cuts_at_the_end(name: str, shown: str, expected: set[tuple[str, str, str]]) -> None:
    assert cuts(at_the_end(name, shown)) == expected


def test_the_detached_batch_leads_to_the_discriminators_first_op() -> None:
    graph = at_the_end("gan_discriminator_step", "right")
    names = {node.id: node.names for node in graph.nodes}
    (cut,) = (edge for edge in graph.edges if edge.kind == "cut")
    above = {
        names[edge.source] for edge in graph.edges if edge.target == cut.target and edge is not cut
    }
    assert ("discriminator.bias",) in above
    assert ("fake",) not in above


def test_the_correction_is_added_to_what_it_was_cut_from() -> None:
    graph = at_the_end("straight_through", "right")
    names = {node.id: "/".join(node.names) for node in graph.nodes}
    ends = {(names[edge.source], names[edge.target], edge.kind) for edge in graph.edges}
    assert {
        ("x", "correction", "cut"),
        ("correction", "quantized", "constant"),
        ("x", "quantized", "gradient"),
    } <= ends
