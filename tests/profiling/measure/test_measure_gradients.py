from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from profiling.measure.gradients import gradient_reach
from profiling.measure.own_workload import Reference
from profiling.model.run import Reach

INFINITY, NAN = float("inf"), float("nan")


def leaf(grad: Sequence[float] | None, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return a leaf with that gradient."""
    made = torch.zeros(2 if grad is None else len(grad), dtype=dtype, requires_grad=True)
    made.grad = None if grad is None else torch.tensor(grad, dtype=dtype)
    return made


def reached(
    gradients: Sequence[Sequence[float] | None],
    wanted: Sequence[Sequence[float]] | None,
    dtype: torch.dtype = torch.float32,
) -> Reach:
    reference = None if wanted is None else [torch.tensor(each, dtype=dtype) for each in wanted]
    leaves = [leaf(grad, dtype) for grad in gradients]
    (found,) = gradient_reach({"g": leaves}, {"g": reference})
    return found


def test_right_gradients() -> None:
    found = reached([[1, 2], [3, 4]], [[1, 2], [3, 4]])
    assert found == Reach("g", 2, 2, True, True, 0.0)
    assert (found.outcome, found.right) == ("equal", True)


def test_wrong_gradients() -> None:
    found = reached([[1, 2], [3, 4]], [[1, 2], [3, 4.5]])
    assert found == Reach("g", 2, 2, True, False, 0.5)
    assert (found.outcome, found.right) == ("different", False)


def test_missing_gradients() -> None:
    found = reached([[1, 2], None], [[1, 2], [3, 4]])
    assert found == Reach("g", 2, 1, True, None, None)
    assert (found.outcome, found.right) == ("missing", False)


def test_unwanted_gradients() -> None:
    found = reached([[1, 2], None], None)
    assert found == Reach("g", 2, 1, False, None, None)
    assert (found.outcome, found.right) == ("unwanted", False)
    assert reached([[0, 0]], None).outcome == "unwanted"


def test_rightly_no_gradients() -> None:
    found = reached([None, None], None)
    assert found == Reach("g", 2, 0, False, None, None)
    assert (found.outcome, found.right) == ("none", True)


def test_zeros_are_a_gradient_and_not_none() -> None:
    assert reached([[0, 0]], [[0, 0]]) == Reach("g", 1, 1, True, True, 0.0)
    assert reached([None], [[0, 0]]).outcome == "missing"


@pytest.mark.parametrize(
    ("dtype", "near", "far"),
    [
        (torch.float32, 1e-6, 1e-4),
        (torch.float64, 5e-8, 5e-7),
        (torch.float16, 5e-4, 5e-3),
        (torch.bfloat16, 1e-2, 5e-2),
    ],
)
def test_equal_is_within_the_dtypes_tolerance(dtype: torch.dtype, near: float, far: float) -> None:
    assert reached([[1 + near]], [[1]], dtype).outcome == "equal"
    assert reached([[1 + far]], [[1]], dtype).outcome == "different"


def test_the_largest_difference_of_all_parameters_is_kept() -> None:
    assert reached([[1, 2], [0, 0], [5, 6]], [[1, 2.25], [0, -4], [5, 6]]).max_difference == 4.0


@pytest.mark.parametrize("number", [INFINITY, -INFINITY, NAN])
def test_a_difference_that_is_not_finite_is_no_number(number: float) -> None:
    assert reached([[number]], [[1]]) == Reach("g", 1, 1, True, False, None)


def test_a_reference_that_overflows_is_matched_by_the_same_overflow() -> None:
    assert reached([[INFINITY, 1]], [[INFINITY, 1]]).outcome == "equal"
    assert reached([[NAN, 1]], [[NAN, 1]]).outcome == "equal"
    assert reached([[INFINITY]], [[-INFINITY]]).outcome == "different"


def test_groups_keep_their_order_and_are_judged_apart() -> None:
    groups = {"b": [leaf([1, 1])], "a": [leaf(None)], "c": [leaf([2, 2])]}
    reference: Reference = {"a": [torch.ones(2)], "b": [torch.ones(2)], "c": None}
    found = gradient_reach(groups, reference)
    assert [(each.group, each.outcome) for each in found] == [
        ("b", "equal"),
        ("a", "missing"),
        ("c", "unwanted"),
    ]


def test_gradients_are_looked_at_and_left_alone() -> None:
    mine = leaf([1, 2])
    grad = mine.grad
    gradient_reach({"g": [mine]}, {"g": [torch.tensor([5.0, 6.0])]})
    assert mine.grad is grad
    assert grad is not None
    assert grad.tolist() == [1, 2]
