from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from profiling.catalogue import WORKLOADS
from profiling.measure import gradients
from profiling.measure.gradients import gradient_reach
from profiling.measure.own_workload import Reference
from profiling.measure.step import State
from profiling.model.run import Reach
from tests.profiling.planted import cell

INFINITY, NAN = float("inf"), float("nan")


def leaf(grad: Sequence[float] | None, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return a leaf with that gradient."""
    made = torch.zeros(2 if grad is None else len(grad), dtype=dtype, requires_grad=True)
    made.grad = None if grad is None else torch.tensor(grad, dtype=dtype)
    return made


def reached(
    got: Sequence[Sequence[float] | None],
    wanted: Sequence[Sequence[float]] | None,
    dtype: torch.dtype = torch.float32,
) -> Reach:
    reference = None if wanted is None else [torch.tensor(each, dtype=dtype) for each in wanted]
    leaves = [leaf(grad, dtype) for grad in got]
    (found,) = gradient_reach({"g": leaves}, {"g": reference})
    return found


def test_right_gradients() -> None:
    found = reached([[1, 2], [3, 4]], [[1, 2], [3, 4]])
    assert found == Reach("g", 2, 2, True, True, 0.0, 0.0)
    assert (found.outcome, found.right) == ("equal", True)


def test_wrong_gradients() -> None:
    found = reached([[1, 2], [3, 4]], [[1, 2], [3, 4.5]])
    # The second parameter is off by 0.5 of |(3, 4.5)|, the group by 0.5 of |(1, 2, 3, 4.5)|.
    assert found == Reach("g", 2, 2, True, False, 0.5, found.relative_error)
    assert found.relative_error == pytest.approx(0.5 / math.hypot(3, 4.5))
    assert (found.outcome, found.right) == ("different", False)


def test_missing_gradients() -> None:
    found = reached([[1, 2], None], [[1, 2], [3, 4]])
    assert found == Reach("g", 2, 1, True, None, None)
    assert (found.outcome, found.right) == ("missing", False)


def test_unwanted_gradients() -> None:
    found = reached([[1, 2], None], None)
    assert found == Reach("g", 2, 1, False, None, None)
    assert (found.outcome, found.right) == ("unwanted", False)
    zeros = reached([[0, 0], None], None)
    assert zeros == Reach("g", 2, 1, False, None, None, zeros=1)
    assert (zeros.outcome, zeros.right) == ("zeros", False)
    assert reached([[0, 0], [0, 1]], None).outcome == "unwanted"


def test_rightly_no_gradients() -> None:
    found = reached([None, None], None)
    assert found == Reach("g", 2, 0, False, None, None)
    assert (found.outcome, found.right) == ("none", True)


def test_zeros_are_a_gradient_and_not_none() -> None:
    assert reached([[0, 0]], [[0, 0]]) == Reach("g", 1, 1, True, True, 0.0, 0.0, zeros=1)
    assert reached([None], [[0, 0]]).outcome == "missing"


@pytest.mark.parametrize(
    ("dtype", "near", "far"),
    [
        (torch.float64, 9e-10, 1.1e-9),
        (torch.float32, 9e-4, 1.1e-3),
        (torch.float16, 9e-3, 1.2e-2),
        (torch.bfloat16, 1.5e-2, 2.5e-2),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 2.0**-10])
def test_equal_is_within_the_dtypes_relative_error(
    dtype: torch.dtype, near: float, far: float, scale: float
) -> None:
    assert reached([[scale * (1 + near)]], [[scale]], dtype).outcome == "equal"
    assert reached([[scale * (1 + far)]], [[scale]], dtype).outcome == "different"


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1.0, 1e30])
def test_a_gradient_is_judged_by_its_own_size(scale: float) -> None:
    want = [3 * scale, 4 * scale]
    for got, error in (
        ([0.0, 0.0], 1.0),
        ([-3 * scale, -4 * scale], 2.0),
        ([9 * scale, 12 * scale], 2.0),
        ([4 * scale, 3 * scale], math.sqrt(2) / 5),
        ([3 * scale, 4.9 * scale], 0.18),
    ):
        found = reached([got], [want])
        assert found.outcome == "different"
        assert found.relative_error == pytest.approx(error, rel=1e-6)


def test_squares_that_leave_the_range_of_the_dtype_do_no_harm() -> None:
    for scale in (1e-200, 1e200):
        found = reached([[-3 * scale, -4 * scale]], [[3 * scale, 4 * scale]], torch.float64)
        assert found.relative_error == pytest.approx(2.0)


def test_a_small_parameter_is_judged_apart_from_a_large_one_beside_it() -> None:
    assert reached([[1.0], [-1e-5]], [[1.0], [1e-5]]).outcome == "different"
    # Below the rounding noise of the group it cannot be told from what cancels to zero.
    assert reached([[1.0], [-1e-7]], [[1.0], [1e-7]]).outcome == "equal"


def test_where_the_right_gradient_is_zero_any_other_is_wrong() -> None:
    found = reached([[0.0, 2.0**-60]], [[0.0, 0.0]])
    assert found == Reach("g", 1, 1, True, False, 2.0**-60, None)


def test_sparse_and_complex_gradients_are_compared_too() -> None:
    table = torch.nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1, 1])).sum().backward()
    want = torch.zeros(4, 2)
    want[1] = 2.0
    assert gradient_reach({"g": [table.weight]}, {"g": [want]})[0].outcome == "equal"
    assert gradient_reach({"g": [table.weight]}, {"g": [want * 2]})[0].relative_error == 0.5
    value = torch.zeros(1, dtype=torch.complex64, requires_grad=True)
    value.grad = torch.tensor([3 + 4j])
    want = torch.tensor([3 - 4j])
    assert gradient_reach({"g": [value]}, {"g": [want]})[0].relative_error == pytest.approx(8 / 5)


def test_gradients_are_compared_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "_CHUNK", 3)
    got = [float(number) for number in range(10)]
    assert reached([got], [[*got[:9], 0.0]]).relative_error == pytest.approx(
        9 / math.sqrt(sum(number**2 for number in range(9)))
    )


def spoilt(want: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what a wrong step might give instead of a gradient."""
    flat = want.reshape(-1)
    permuted = flat[torch.arange(len(flat) - 1, -1, -1)].reshape(want.shape)
    return {
        "zeros": torch.zeros_like(want),
        "negated": -want,
        "tripled": 3 * want,
        "permuted": permuted,
    }


# These only evaluate: there is no gradient to be right.
TRAINED = sorted(set(WORKLOADS) - {"call_alone", "evaluation_logging", "feature_cache"})
CASES = [
    # At this size the gradients of some are below any absolute tolerance.
    pytest.param(
        name, size, dtype, marks=() if size == 16 or name == "frozen_middle" else pytest.mark.long
    )
    for name in TRAINED
    for size in (16, 1024)
    for dtype in ("float64", "float32", "bfloat16", "float16")
]


@pytest.mark.parametrize(("name", "size", "dtype"), CASES)
def test_a_spoilt_gradient_of_a_workload_is_never_equal(name: str, size: int, dtype: str) -> None:
    state = State(cell(name, size=size, dtype=dtype))
    reference = state.reference()
    wanted = {group: want for group, want in reference.items() if want is not None}
    assert wanted
    for group, want in wanted.items():
        leaves = state.groups[group]
        for leaf, gradient in zip(leaves, want, strict=True):
            leaf.grad = gradient
        for leaf, gradient in zip(leaves, want, strict=True):
            if not gradient.count_nonzero():
                continue  # In low precision a small gradient may be nothing but zeros.
            for how, wrong in spoilt(gradient).items():
                if torch.equal(wrong, gradient):
                    continue  # All its elements are the same.
                leaf.grad = wrong
                (found,) = gradient_reach({group: leaves}, {group: want})
                assert found.outcome == "different", (group, how, found)
            leaf.grad = gradient
        (found,) = gradient_reach({group: leaves}, {group: want})
        assert found.relative_error == 0.0


def test_the_largest_difference_of_all_parameters_is_kept() -> None:
    assert reached([[1, 2], [0, 0], [5, 6]], [[1, 2.25], [0, -4], [5, 6]]).max_difference == 4.0


@pytest.mark.parametrize("number", [INFINITY, -INFINITY, NAN])
def test_a_difference_that_is_not_finite_is_no_number(number: float) -> None:
    assert reached([[number]], [[1]]) == Reach("g", 1, 1, True, False, None, None)


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
