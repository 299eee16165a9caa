"""The article's scenarios, with every op: what happens, and the verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from demos.lessons import article
from profiling import catalogue
from profiling.model.lesson import PartTrace
from tests.demos.lessons.traced import (
    INPUTS,
    all_verdicts,
    error_text,
    failing_line,
    last,
    traced,
    verdicts,
)

SAVES_RESULT = {"sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "relu": "Relu"}
DERIVATIVES: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)) * (1 - 1 / (1 + math.exp(-v))),
    "tanh": lambda v: 1 - math.tanh(v) ** 2,
    "exp": math.exp,
    "relu": lambda v: float(v > 0),
    "square": lambda v: 2 * v,
    "mul2": lambda v: 2.0,
}
CUT_SHORT = "does not require grad and does not have a grad_fn"
CUT = f"element 0 of tensors {CUT_SHORT}"
ERRORS = {
    "backward_through_detached": CUT,
    "detach_inplace_after": CUT,
    "detach_or_detach_inplace": CUT,
}

# What does not depend on op and values.
VERDICTS = [
    ("baseline", "out_in_graph", "holds"),
    ("baseline", "reaches_a", "holds"),
    ("detach_untouched", "new_tensor", "holds"),
    ("detach_untouched", "same_memory", "holds"),
    ("detach_untouched", "no_gradient", "holds"),
    ("detach_untouched", "difference", "holds"),
    ("detach_untouched", "backward_unaffected", "holds"),
    ("backward_through_detached", "raises", "holds"),
    ("backward_through_detached", "goes_no_further", "holds"),
    ("detach_then_zero", "both_change", "holds"),
    ("detach_then_zero", "noticed", "holds"),
    ("detach_inplace_before", "becomes_leaf", "holds"),
    ("detach_inplace_before", "skips_m", "holds_partly"),
    ("detach_inplace_before", "cuts_x", "wrong"),
    ("detach_inplace_after", "becomes_leaf", "holds"),
    ("detach_inplace_after", "cuts_x", "holds"),
    ("detach_inplace_after", "only_skips_m", "holds_partly"),
    ("detach_or_detach_inplace", "new_or_self", "holds"),
    ("detach_or_detach_inplace", "detach_can_be_undone", "holds"),
    ("detach_or_detach_inplace", "detach_inplace_cannot", "holds_partly"),
    ("requires_grad_again", "never_grad", "holds_partly"),
    ("requires_grad_again", "stops_here", "holds"),
    ("freeze_and_finetune", "keeps_some", "holds"),
    ("freeze_and_finetune", "tunes_the_rest", "holds"),
    ("freeze_and_finetune", "backward_stops", "holds"),
    ("side_branch", "needs_a_stop", "holds"),
    ("side_branch", "main_unaffected", "holds"),
    ("side_branch", "side_learns", "holds"),
]
OP_VERDICTS = ["raises", "would_be_wrong"]
# Not only the verdict but which checks made it.
CHECKS = [
    (
        "detach_inplace_before",
        "skips_m",
        {"requires_grad_false": True, "m_has_no_grad": True, "not_computed": False},
    ),
    ("detach_inplace_before", "cuts_x", {"y_lost_edge": False, "x_has_no_grad": False}),
    (
        "detach_inplace_after",
        "only_skips_m",
        {"requires_grad_false": True, "m_has_no_grad": True, "backward_ran": False},
    ),
    (
        "detach_or_detach_inplace",
        "detach_inplace_cannot",
        {"m_is_cut": True, "graph_is_gone": False},
    ),
    ("requires_grad_again", "never_grad", {"c_has_no_grad": False, "original_gets_none": True}),
]


def shown(name: str, values: tuple[float, ...] | None = None, op: str | None = None) -> PartTrace:
    return traced(name, values, op).parts[0]


def true_gradient(name: str, op: str, values: tuple[float, ...]) -> dict[str, Any]:
    """Return the gradients by name that the lesson should end with, from the true formulas."""
    once = tuple(DERIVATIVES[op](value) for value in values)
    twice = tuple(2 * slope for slope in once)
    nothing = None
    gradients: dict[str, dict[str, Any]] = {
        "baseline": {"a": once},
        "detach_untouched": {"a": once, "c": nothing},
        "backward_through_detached": {"a": nothing, "c": nothing},
        "detach_then_zero": {"a": nothing if op in SAVES_RESULT else once, "c": nothing},
        "detach_inplace_before": {"x": twice, "m": nothing},
        "detach_inplace_after": {"x": nothing, "m": nothing},
        "detach_or_detach_inplace": {"x": twice, "m": nothing, "c": nothing},
        "requires_grad_again": {"a": nothing, "c": (1.0,) * len(values)},
    }
    return gradients[name]


OPS = {
    name: tuple(catalogue.OPS) if catalogue.lesson(name).op else (None,) for name in article.LESSONS
}
WITH_OP = [name for name in article.LESSONS if catalogue.lesson(name).op]


@pytest.mark.parametrize("values", [(1.0, 2.0, 3.0), (-1.0, 0.0, 2.0), (0.5,)])
@pytest.mark.parametrize("op", catalogue.OPS)
@pytest.mark.parametrize("name", WITH_OP)
def test_gradients_are_those_of_the_formulas(name: str, op: str, values: tuple[float, ...]) -> None:
    tensors = last(shown(name, values, op))
    for tensor, expected in true_gradient(name, op, values).items():
        assert tensors[tensor].grad == (expected and pytest.approx(expected, rel=1e-5, abs=1e-7))


def test_baseline_gives_the_numbers_of_the_article() -> None:
    for name in ("baseline", "detach_untouched"):
        grad = last(shown(name))["a"].grad
        assert grad is not None
        assert [f"{number:.4f}" for number in grad] == ["0.1966", "0.1050", "0.0452"]


@pytest.mark.parametrize("values", INPUTS)
@pytest.mark.parametrize("name", article.LESSONS)
def test_no_error_but_the_one_the_lesson_is_about(
    name: str, values: tuple[float, ...] | None
) -> None:
    for op in OPS[name]:
        trace, run = traced(name, values, op), shown(name, values, op)
        if name == "detach_then_zero" and op in SAVES_RESULT:
            assert "modified by an inplace operation" in error_text(run)
            assert f"output 0 of {SAVES_RESULT[op]}" in error_text(run)
            assert "is at version 1; expected version 0 instead" in error_text(run)
        else:
            assert error_text(run) == ERRORS.get(name, "")
        if run.error:
            assert run.error.type == "RuntimeError"
            assert failing_line(trace, run).endswith(".sum().backward()")


@pytest.mark.parametrize(("name", "claim", "verdict"), VERDICTS)
def test_verdict_for_every_op_and_input(name: str, claim: str, verdict: str) -> None:
    assert all_verdicts(name)[claim] == {verdict}


@pytest.mark.parametrize(("name", "claim", "checks"), CHECKS)
def test_which_checks_failed(name: str, claim: str, checks: dict[str, bool]) -> None:
    for op in OPS[name]:
        found = {result.claim: result.checks for result in traced(name, None, op).claims}
        assert found[claim] == checks


def test_every_claim_has_an_expected_verdict() -> None:
    expected = {(name, claim) for name, claim, _ in VERDICTS}
    expected |= {("detach_then_zero", claim) for claim in OP_VERDICTS}
    assert expected == {
        (name, claim) for name in article.LESSONS for claim in verdicts(traced(name))
    }


@pytest.mark.parametrize("op", catalogue.OPS)
def test_overwritten_result_matters_only_where_it_was_saved(op: str) -> None:
    saved = op in SAVES_RESULT
    for values in ((1.0, 2.0, 3.0), (-1.0, 0.0, 2.0)):
        trace = traced("detach_then_zero", values, op)
        found = verdicts(trace)
        assert {found[claim] for claim in OP_VERDICTS} == {"holds" if saved else "wrong"}
        run = shown("detach_then_zero", values, op)
        assert (run.error is not None) == saved
        tensors = last(run)
        assert tensors["out"].values == tensors["c"].values == (0.0,) * 3
        assert tensors["out"].version == tensors["c"].version == 1
        assert tensors["out"].storage == tensors["c"].storage
        if not saved:
            slopes = [DERIVATIVES[op](value) for value in values]
            assert tensors["a"].grad == pytest.approx(slopes)


@pytest.mark.parametrize(("op", "values"), [("relu", (-5.0, -6.0)), ("tanh", (0.0,))])
def test_raises_though_zeros_would_give_the_right_gradient(
    op: str, values: tuple[float, ...]
) -> None:
    found = verdicts(traced("detach_then_zero", values, op))
    assert found["raises"] == "holds"
    assert found["would_be_wrong"] == "wrong"


def test_freezing_keeps_the_encoder_and_tunes_the_head() -> None:
    steps = shown("freeze_and_finetune").steps
    first = next(
        {tensor.name: tensor for tensor in step.tensors}
        for step in steps
        if any(tensor.name == "head.bias" for tensor in step.tensors)
    )
    end = last(shown("freeze_and_finetune"))
    for parameter in ("encoder.weight", "encoder.bias"):
        assert end[parameter].values == first[parameter].values
        assert end[parameter].grad is None
    for parameter in ("head.weight", "head.bias"):
        grad = end[parameter].grad
        assert grad is not None
        moved = [v - 0.1 * g for v, g in zip(first[parameter].values, grad, strict=True)]
        assert end[parameter].values == pytest.approx(moved, rel=1e-5)


def test_side_branch_adds_nothing_to_the_trunk() -> None:
    end = last(shown("side_branch"))
    assert end["trunk.weight"].grad == end["alone"].values
    assert any(end["leak"].values)
    assert any(end["side.weight"].grad or ())
