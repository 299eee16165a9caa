"""The lessons on in-place changes: verdicts, errors, and the numbers they show."""

from __future__ import annotations

import math

import pytest

from demos.lessons import in_place
from profiling.model.graph import Node
from profiling.model.lesson import PartTrace, TensorState
from tests.demos.lessons.traced import (
    error_text,
    failing_line,
    is_close,
    last,
    part,
    traced,
    values_of,
)
from tests.profiling.measure.cells import reads_saved

VERDICTS = [
    ("data_or_detach", "same_as_detach", "holds_partly"),
    ("data_or_detach", "no_error_means_right", "wrong"),
    ("data_or_detach", "detach_raises", "holds"),
    ("data_or_detach", "counted_by_hand", "holds"),
    ("data_or_detach", "copy_is_right", "holds"),
    ("saves_nothing", "always_raises", "holds_partly"),
    ("saves_nothing", "both_counted", "holds"),
    ("saves_nothing", "harmless_to_gradient", "holds"),
    ("saves_nothing", "logits_intact", "wrong"),
    ("resize_detached", "shape_is_private", "holds_partly"),
    ("resize_detached", "refused", "wrong"),
    ("resize_detached", "grows_memory", "holds"),
    ("resize_detached", "out_of_place", "holds"),
    ("detach_inplace_saved", "detach_inplace_saves_a_name", "wrong"),
    ("detach_inplace_saved", "refused_because_saved", "holds"),
    ("detach_inplace_saved", "detach_gives_both", "holds"),
    ("detach_inplace_on_view", "same_in_place", "wrong"),
    ("detach_inplace_on_view", "any_view", "holds"),
    ("detach_inplace_on_view", "detach_cuts", "holds"),
    ("detach_inplace_on_view", "states_train_on", "holds"),
    ("leaf_in_place", "forbidden_with_grad", "holds_partly"),
    ("leaf_in_place", "left_untouched", "holds"),
    ("leaf_in_place", "rebinding_is_the_same", "holds_partly"),
    ("leaf_in_place", "no_grad_updates", "holds"),
    ("wrong_flag", "flag_cuts_a_result", "wrong"),
    ("wrong_flag", "tokens_can_learn", "wrong"),
    ("wrong_flag", "table_learns_instead", "holds"),
    ("wrong_flag", "detach_leaves_features", "holds"),
    ("view_made_in_no_grad", "is_cut_off", "wrong"),
    ("view_made_in_no_grad", "modes_must_match", "holds_partly"),
    ("view_made_in_no_grad", "both_inside", "holds"),
    ("view_made_in_no_grad", "both_outside", "holds"),
    ("view_made_in_no_grad", "view_stays_usable", "wrong"),
    ("identity_pack_hook", "only_looks", "wrong"),
    ("identity_pack_hook", "detach_is_enough", "holds_partly"),
    ("identity_pack_hook", "identity_leaks", "holds"),
    ("identity_pack_hook", "run_of_its_own", "holds"),
    ("changed_after_saved", "plus_equals_is_plus", "holds_partly"),
    ("changed_after_saved", "names_the_change", "wrong"),
    ("changed_after_saved", "inplace_relu_is_safe", "holds_partly"),
    ("changed_after_saved", "hook_may_write", "wrong"),
    ("changed_after_saved", "new_tensors", "holds"),
    ("write_in_a_loop", "other_rows_are_safe", "holds_partly"),
    ("write_in_a_loop", "one_counter", "holds"),
    ("write_in_a_loop", "writing_raises", "holds_partly"),
    ("write_in_a_loop", "freed_with_its_name", "holds_partly"),
    ("write_in_a_loop", "clone_what_is_read", "holds"),
    ("write_in_a_loop", "stack", "holds"),
]
# Of a claim that holds partly, the checks that fail.
FAILED = [
    ("data_or_detach", "same_as_detach", {"version_rose"}),
    ("saves_nothing", "always_raises", {"logits_raised"}),
    ("resize_detached", "shape_is_private", {"no_error"}),
    ("leaf_in_place", "forbidden_with_grad", {"result_raised"}),
    ("leaf_in_place", "rebinding_is_the_same", {"is_leaf"}),
    ("view_made_in_no_grad", "modes_must_match", {"change_inside_refused"}),
    ("identity_pack_hook", "detach_is_enough", {"still_raises"}),
    ("changed_after_saved", "plus_equals_is_plus", {"no_error"}),
    ("changed_after_saved", "inplace_relu_is_safe", {"behind_sigmoid"}),
    ("write_in_a_loop", "other_rows_are_safe", {"no_error"}),
    ("write_in_a_loop", "writing_raises", {"without_reading"}),
    ("write_in_a_loop", "freed_with_its_name", {"row_read"}),
]
CHANGED = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [torch.FloatTensor [{shape}]], which is output 0 of {op}"
)
RAISED = [
    (
        "saves_nothing",
        "wrong",
        "loss.backward()",
        CHANGED.format(shape="1, 3", op="LogSoftmax"),
    ),
    (
        "resize_detached",
        "wrong",
        "gate.sum().backward()",
        CHANGED.format(shape="1, 3", op="Sigmoid"),
    ),
    (
        "identity_pack_hook",
        "right",
        "gate.sum().backward()",
        CHANGED.format(shape="3", op="Sigmoid"),
    ),
    (
        "detach_inplace_saved",
        "wrong",
        "loss.backward()",
        "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_()",
    ),
    (
        "detach_inplace_on_view",
        "wrong",
        "last.detach_()",
        "Can't detach views in-place. Use detach() instead.",
    ),
    (
        "leaf_in_place",
        "wrong",
        "weight -= 0.1 * gradient",
        "a leaf Variable that requires grad is being used in an in-place operation.",
    ),
    (
        "wrong_flag",
        "wrong",
        "features.requires_grad_(False)",
        "you can only change requires_grad flags of leaf variables.",
    ),
    (
        "view_made_in_no_grad",
        "wrong",
        "padding.zero_()",
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled.",
    ),
    (
        "changed_after_saved",
        "wrong",
        "head(hidden).sum().backward()",
        CHANGED.format(shape="1, 2", op="Sigmoid"),
    ),
    (
        "write_in_a_loop",
        "wrong",
        "out.sum().backward()",
        "one of the variables needed for gradient computation has been modified by an inplace ",
    ),
]
SIGMOID = tuple(1 / (1 + math.exp(-x)) for x in (1.0, 2.0, 3.0))
SLOPES = tuple(y * (1 - y) for y in SIGMOID)


def states(shown: PartTrace, name: str) -> list[TensorState]:
    """Return what a name stood for, step by step."""
    return [each for step in shown.steps for each in step.tensors if each.name == name]


def node(shown: PartTrace, name: str) -> Node:
    """Return the last node that a name stood for."""
    return next(each for each in shown.steps[-1].graph.nodes if name in each.names)


@pytest.mark.parametrize(("name", "which", "line", "text"), RAISED)
def test_error(name: str, which: str, line: str, text: str) -> None:
    trace = traced(name)
    shown = part(trace, which)
    assert shown.error is not None
    assert shown.error.type == "RuntimeError"
    assert error_text(shown).startswith(text)
    assert failing_line(trace, shown) == line
    versions = "is at version 1; expected version 0 instead." in error_text(shown)
    assert versions == ("which is output 0 of" in text)


def test_nothing_else_raises() -> None:
    raising = {
        (name, shown.name)
        for name in in_place.LESSONS
        for shown in traced(name).parts
        if shown.error is not None
    }
    assert raising == {(name, which) for name, which, _, _ in RAISED}


def test_data_keeps_the_counter_and_spoils_the_gradient() -> None:
    wrong = last(part(traced("data_or_detach"), "wrong"))
    assert wrong["clipped"].storage == wrong["gate"].storage
    assert wrong["clipped"].counter != wrong["gate"].counter
    assert (wrong["gate"].version, wrong["clipped"].version) == (0, 1)
    assert is_close(wrong["gate"].values, (SIGMOID[0], 0.8, 0.8))
    assert is_close(wrong["x"].grad, (SLOPES[0], 0.16, 0.16))


def test_detach_shares_the_counter_and_a_copy_does_not() -> None:
    right = part(traced("data_or_detach"), "right")
    gates, clipped = states(right, "gate"), states(right, "clipped")
    shared = next(each for each in clipped if each.version == 1)
    assert shared.counter == gates[0].counter
    assert max(each.version or 0 for each in gates) == 1
    end = last(right)
    assert end["gate"].version == 0
    assert end["clipped"].storage != end["gate"].storage
    assert is_close(end["clipped"].values, (SIGMOID[0], 0.8, 0.8))
    assert is_close(end["x"].grad, SLOPES)
    assert "modified by an inplace operation" in values_of(right)["noticed"]


@reads_saved
def test_only_the_tensor_that_was_saved_matters() -> None:
    wrong, right = traced("saves_nothing").parts
    saved = [each.state for each in node(wrong, "log_probs").saved]
    assert saved == ["changed"]
    assert last(wrong)["log_probs"].version == last(right)["logits"].version == 1
    assert last(wrong)["head.weight"].grad is None
    before, after = states(right, "logits")[0].values, last(right)["logits"].values
    top = max(before)
    assert is_close(after, tuple(each - top for each in before))
    log_probs = last(right)["log_probs"].values
    errors = [math.exp(each) - (place == 1) for place, each in enumerate(log_probs)]
    assert is_close(last(right)["head.weight"].grad, tuple(e * x for e in errors for x in (1, 2)))


def test_reshaping_in_place_counts() -> None:
    wrong, right = map(last, traced("resize_detached").parts)
    assert (wrong["gate"].shape, wrong["flat"].shape) == ((1, 3), (3,))
    assert wrong["gate"].values == right["gate"].values
    assert wrong["gate"].version == 1
    assert wrong["x"].grad is None
    assert right["flat"].shape == (3,)
    assert right["gate"].version == 0
    assert is_close(right["x"].grad, SLOPES)


def test_detach_of_a_view_leaves_its_base_in_the_graph() -> None:
    wrong, right = map(last, traced("detach_inplace_on_view").parts)
    assert wrong["last"].grad_fn == "SelectBackward0"
    assert right["last"].grad_fn is right["carried"].grad_fn is None
    assert right["last"].storage == right["states"].storage
    a, b, c, d = right["states"].values
    # The inputs are [[1, 2], [3, 4]], and the loss is the sum of squares.
    weight = (2 * (a + 3 * c), 2 * (2 * a + 4 * c), 2 * (b + 3 * d), 2 * (2 * b + 4 * d))
    assert is_close(right["encoder.weight"].grad, weight)


def test_leaf_is_updated_under_no_grad_only() -> None:
    wrong, right = traced("leaf_in_place").parts
    assert last(wrong)["weight"].values == (1.0, 2.0)
    view = "a view of a leaf Variable that requires grad is being used in an in-place operation."
    assert view in values_of(wrong)["of_a_view"]
    end = last(right)["weight"]
    assert is_close(end.values, (4.8, 1.6))
    assert is_close(end.grad, (9.6, 3.2))
    assert (end.version, end.is_leaf, end.requires_grad) == (2, True, True)


def test_whole_numbers_cannot_require_grad() -> None:
    wrong, right = traced("wrong_flag").parts
    assert "nly Tensors of floating point" in values_of(wrong)["switched_on"]
    expected = "Only Tensors of floating point and complex dtype can require gradients"
    assert expected in values_of(wrong)["made_with_it"]
    end = last(right)
    assert not end["tokens"].requires_grad
    assert not end["constant"].requires_grad
    assert end["features"].grad_fn == "EmbeddingBackward0"
    rows = end["constant"].values
    assert end["embedding.weight"].grad == (*rows[:2], 0.0, 0.0, *rows[2:])


def test_view_from_no_grad_still_belongs_to_the_weight() -> None:
    wrong, right = traced("view_made_in_no_grad").parts
    padding = last(wrong)["padding"]
    assert padding.requires_grad
    assert padding.grad_fn is None
    assert padding.made_in == "no_grad"
    assert any(padding.values)
    end = last(right)
    assert end["embedding.weight"].values[:2] == (0.0, 0.0)
    assert end["embedding.weight"].grad == (1.0, 1.0, 1.0, 1.0, 10.0, 10.0)
    assert end["hidden"].grad_fn == "torch::autograd::CopySlices"


@reads_saved
def test_hook_hides_the_change() -> None:
    wrong, right = traced("identity_pack_hook").parts
    assert last(wrong)["gate"].values == (0.0, 0.0, 0.0)
    assert last(wrong)["gate"].version == 1
    assert last(wrong)["x"].grad == (0.0, 0.0, 0.0)
    assert values_of(wrong)["sizes"] == values_of(right)["sizes"] == "[12]"
    hooked = [
        each.state
        for step in wrong.steps
        for shown in step.graph.nodes
        if "gate" in shown.names
        for each in shown.saved
    ]
    assert "hooked" in hooked
    assert not {"kept", "changed"} & set(hooked)
    assert [each.state for each in node(right, "gate").saved] == ["changed"]
    assert last(right)["x"].grad is None


def test_hook_that_writes_changes_the_gradient_of_another_tensor() -> None:
    wrong, right = (last(each) for each in traced("changed_after_saved").parts)
    # The slope of the square at 2 + 3 is 10; the hook multiplies by 5 for late, or for both.
    assert wrong["x"].grad == (10 * 5 * 2 + 10 * 5 * 3,)
    assert right["x"].grad == (10 * 2 + 10 * 5 * 3,)
    assert (wrong["hidden"].version, right["hidden"].version) == (1, 0)
    assert wrong["hidden"].values == right["shifted"].values


def test_rows_share_the_counter_of_the_whole() -> None:
    wrong = part(traced("write_in_a_loop"), "wrong")
    assert states(wrong, "out")[-1].version == 3
    assert "is at version 3; expected version 2 instead" in error_text(wrong)
    end = last(part(traced("write_in_a_loop"), "right"))
    assert end["out"].version == 0
    assert end["out"].values == states(wrong, "out")[-1].values
