"""The lessons on copying and saving: verdicts, errors, and the numbers they show."""

from __future__ import annotations

import math

import pytest

from demos.lessons import copying
from tests.demos.lessons.traced import (
    error_text,
    failing_line,
    is_close,
    last,
    part,
    traced,
    values_of,
)

VERDICTS = [
    ("numpy_needs_detach", "is_a_copy", "wrong"),
    ("numpy_needs_detach", "change_is_noticed", "wrong"),
    ("numpy_needs_detach", "force_copies", "holds_partly"),
    ("numpy_needs_detach", "copy_is_right", "holds"),
    ("clone_detach_order", "clone_is_enough", "holds_partly"),
    ("clone_detach_order", "detach_is_enough", "holds_partly"),
    ("clone_detach_order", "order_matters", "wrong"),
    ("clone_detach_order", "one_node_more", "holds"),
    ("clone_detach_order", "original_is_safe", "holds"),
    ("slice_pins_all", "graph_is_let_go", "holds"),
    ("slice_pins_all", "rest_is_freed", "wrong"),
    ("slice_pins_all", "contiguous_copies", "wrong"),
    ("slice_pins_all", "clone_frees", "holds"),
    ("state_dict_is_aliased", "outside_graph", "holds"),
    ("state_dict_is_aliased", "is_a_snapshot", "wrong"),
    ("state_dict_is_aliased", "copying_the_dict", "wrong"),
    ("state_dict_is_aliased", "deepcopy_restores", "holds"),
    ("deepcopy_of_non_leaf", "copies_any_tensor", "holds_partly"),
    ("deepcopy_of_non_leaf", "parameters_to_blame", "wrong"),
    ("deepcopy_of_non_leaf", "detached_cache_copies", "holds"),
    ("deepcopy_of_non_leaf", "model_trains_on", "holds"),
    ("pickled_non_leaf", "graph_is_saved", "wrong"),
    ("pickled_non_leaf", "loaded_as_constant", "holds_partly"),
    ("pickled_non_leaf", "others_refuse", "holds"),
    ("pickled_non_leaf", "detach_first", "holds"),
    ("tensor_of_tensor", "stays_in_graph", "wrong"),
    ("tensor_of_tensor", "flag_connects", "holds_partly"),
    ("tensor_of_tensor", "is_detach_clone", "holds"),
    ("tensor_of_tensor", "as_tensor_cuts_too", "wrong"),
    ("tensor_of_tensor", "stack_and_detach", "holds"),
]
# Of a claim that holds partly, the checks that fail.
FAILED = [
    ("numpy_needs_detach", "force_copies", {"own_memory"}),
    ("clone_detach_order", "clone_is_enough", {"requires_grad_false", "x_has_no_grad"}),
    ("clone_detach_order", "detach_is_enough", {"own_memory", "gate_unchanged"}),
    ("deepcopy_of_non_leaf", "copies_any_tensor", {"result"}),
    ("pickled_non_leaf", "loaded_as_constant", {"requires_grad_false"}),
    ("tensor_of_tensor", "flag_connects", {"weight_gets_grad"}),
]
RAISED = [
    (
        "deepcopy_of_non_leaf",
        "teacher = copy.deepcopy(model)",
        "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol "
        "at the moment.",
    ),
    (
        "tensor_of_tensor",
        "copied.sum().backward()",
        "element 0 of tensors does not require grad and does not have a grad_fn",
    ),
]
SIGMOID = tuple(1 / (1 + math.exp(-x)) for x in (1.0, 2.0, 3.0))
SLOPES = tuple(y * (1 - y) for y in SIGMOID)


@pytest.mark.parametrize(("name", "line", "text"), RAISED)
def test_error(name: str, line: str, text: str) -> None:
    trace = traced(name)
    shown = part(trace, "wrong")
    assert shown.error is not None
    assert shown.error.type == "RuntimeError"
    assert error_text(shown).startswith(text)
    assert failing_line(trace, shown) == line


def test_nothing_else_raises() -> None:
    raising = [
        (name, shown.name)
        for name in copying.LESSONS
        for shown in traced(name).parts
        if shown.error is not None
    ]
    assert raising == [(name, "wrong") for name, *_ in RAISED]


def test_array_is_the_memory_of_the_tensor() -> None:
    wrong = part(traced("numpy_needs_detach"), "wrong")
    refused = (
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
    )
    assert refused in values_of(wrong)["refused"]
    end = last(wrong)
    array = next(each for each in wrong.steps[-1].values if each.name == "percent")
    assert array.storage == end["gate"].storage
    percents = tuple(100 * y for y in SIGMOID)
    assert is_close(end["gate"].values, percents)
    assert end["gate"].version == 0
    assert is_close(end["x"].grad, tuple(p * (1 - p) for p in percents))


def test_copied_array_leaves_the_tensor_alone() -> None:
    right = part(traced("numpy_needs_detach"), "right")
    array = next(each for each in right.steps[-1].values if each.name == "percent")
    assert array.storage is None
    assert array.text.startswith("[73.1")
    assert is_close(last(right)["gate"].values, SIGMOID)
    assert is_close(last(right)["x"].grad, SLOPES)


def test_half_a_copy_keeps_the_graph_or_the_memory() -> None:
    wrong, right = map(last, traced("clone_detach_order").parts)
    assert wrong["cloned"].grad_fn == "CloneBackward0"
    assert wrong["cloned"].storage != wrong["gate"].storage
    assert is_close(wrong["x"].grad, SLOPES)
    assert wrong["detached"].storage == wrong["gate"].storage
    assert wrong["gate"].values == (0.0, 0.0, 0.0)
    copies = [right["detached_first"], right["cloned_first"]]
    assert len({each.storage for each in (*copies, right["gate"])}) == 3
    assert {each.grad_fn for each in copies} == {None}
    assert is_close(right["gate"].values, SIGMOID)
    assert is_close(right["x"].grad, SLOPES)


def test_slice_holds_and_writes_the_whole_storage() -> None:
    wrong, right = traced("slice_pins_all").parts
    assert values_of(wrong)["held"] == "16000"
    assert values_of(right)["held"] == "16"
    saved = int(values_of(wrong)["written"]) - int(values_of(right)["written"])
    assert saved == pytest.approx(16000 - 16, abs=256)  # alignment within the file
    for shown in (wrong, right):
        assert "hidden" not in last(shown)
        assert last(shown)["last"].shape == (4,)
    assert last(wrong)["last"].storage_bytes == 16000
    assert last(right)["last"].storage_bytes == 16
    assert last(wrong)["last"].values == last(right)["last"].values


def test_state_dict_moves_with_the_weights() -> None:
    wrong, right = map(last, traced("state_dict_is_aliased").parts)
    start = wrong["start"].values
    # The gradient of the weight is the input, [1, 2], and the learning rate 0.1.
    stepped = (start[0] - 0.1, start[1] - 0.2)
    assert wrong["best['weight']"].storage == wrong["model.weight"].storage
    assert is_close(wrong["best['weight']"].values, stepped)
    assert is_close(wrong["model.weight"].values, stepped)
    assert right["start"].values == start
    assert right["best['weight']"].storage != right["model.weight"].storage
    assert is_close(right["trained"].values, stepped)
    assert right["model.weight"].values == right["best['weight']"].values == start


def test_detached_cache_is_copied() -> None:
    wrong, right = traced("deepcopy_of_non_leaf").parts
    assert last(wrong)["output"].grad_fn == "AddmmBackward0"
    assert "teacher.weight" not in last(wrong)
    end = last(right)
    assert end["teacher.weight"].values == end["model.weight"].values
    assert end["teacher.weight"].storage != end["model.weight"].storage
    assert end["teacher.weight"].grad is None
    assert end["model.weight"].grad == (1.0, 2.0, 1.0, 2.0)


def test_loaded_result_is_a_leaf_that_requires_grad() -> None:
    wrong, right = traced("pickled_non_leaf").parts
    assert "Cowardly refusing to serialize non-leaf tensor" in values_of(wrong)["refused"]
    end = last(wrong)
    assert end["loaded"].values == end["features"].values
    assert (end["loaded"].is_leaf, end["loaded"].requires_grad) == (True, True)
    assert end["loaded"].grad == (1.0, 1.0)
    assert end["encoder.weight"].grad is None
    end = last(right)
    assert not end["loaded"].requires_grad
    assert end["loaded"].grad is None
    assert end["head.weight"].grad == end["loaded"].values


def test_tensor_of_a_tensor_warns_and_is_a_leaf() -> None:
    wrong, right = traced("tensor_of_tensor").parts
    said = [step.printed for step in wrong.steps if step.printed]
    copying_one, converting, flagging = said
    assert copying_one.startswith("UserWarning: To copy construct from a tensor, it is recommended")
    assert converting.startswith("UserWarning: Converting a tensor with requires_grad=True to a")
    assert flagging == copying_one
    end = last(wrong)
    for name in ("copied", "listed", "flagged"):
        assert (end[name].values, end[name].is_leaf) == ((3.0, 6.0), True)
        assert end[name].storage != end["scaled"].storage
    assert (end["flagged"].grad, end["weight"].grad) == ((1.0, 1.0), None)
    assert last(right)["weight"].grad == (9.0, 18.0)
    assert last(right)["converted"].storage == last(right)["scaled"].storage
    assert not any(step.printed for step in right.steps)
