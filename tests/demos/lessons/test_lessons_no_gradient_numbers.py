"""The lessons on gradients that do not arrive: what the tensors end with."""

from __future__ import annotations

import ast
import math

from profiling.model.lesson import PartTrace
from tests.demos.lessons.traced import is_close, last, part, traced, unused, values_of

NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"
NO_RETAIN = "can't retain_grad on Tensor that has requires_grad=False"
X = (1.0, 2.0)


def wrong(name: str) -> PartTrace:
    return part(traced(name), "wrong")


def right(name: str) -> PartTrace:
    return part(traced(name), "right")


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_flag_on_the_loss_leaves_the_parameters_without_gradient() -> None:
    shown = wrong("nothing_requires_grad")
    end = last(shown)
    assert values_of(shown)["message"] == repr(NO_GRAD_FN)
    assert end["loss"].is_leaf
    assert end["loss"].grad == (1.0,)
    assert end["model.weight"].grad is None
    assert end["model.bias"].grad is None


def test_without_the_cut_the_parameters_get_their_gradients() -> None:
    end = last(right("nothing_requires_grad"))
    (weight,), (bias,) = end["model.weight"].values, end["model.bias"].values
    first, second = weight + bias - 2, 2 * weight + bias - 4
    assert is_close(end["model.weight"].grad, (first + 2 * second,))
    assert is_close(end["model.bias"].grad, (first + second,))


def test_stacked_losses_train_and_rebuilt_ones_do_not() -> None:
    end = last(right("rebuilt_from_numbers"))
    (weight,), (bias,) = end["model.weight"].values, end["model.bias"].values
    first, second = weight + bias - 3, 2 * weight + bias - 6
    assert is_close(end["model.weight"].grad, (first + 2 * second,))
    assert is_close(end["model.bias"].grad, (first + second,))
    rebuilt = last(wrong("rebuilt_from_numbers"))
    assert is_close(rebuilt["loss"].values, end["loss"].values)
    assert rebuilt["loss"].requires_grad
    assert rebuilt["model.weight"].grad is None
    assert rebuilt["model.bias"].grad is None


def test_argmax_gives_whole_numbers_without_a_node() -> None:
    end = last(wrong("argmax_as_loss"))
    assert end["predicted"].dtype == "int64"
    assert end["predicted"].grad_fn is None
    assert end["loss"].dtype == "float32"
    assert not end["loss"].requires_grad
    assert end["model.weight"].grad is None


def test_cross_entropy_trains_towards_the_labels() -> None:
    end = last(right("argmax_as_loss"))
    logits = end["logits"].values[:3], end["logits"].values[3:]
    labels = (0, 2)
    grad = [0.0] * 3
    for row, label in zip(logits, labels, strict=True):
        for each in range(3):
            softmax = math.exp(row[each]) / sum(map(math.exp, row))
            grad[each] += (softmax - (each == label)) / 2
    assert is_close(end["model.bias"].grad, tuple(grad))
    mistakes = sum(row[label] < max(row) for row, label in zip(logits, labels, strict=True)) / 2
    assert mistakes > 0
    assert end["mistakes"].values == (mistakes,)
    assert last(wrong("argmax_as_loss"))["loss"].values == (mistakes,)


def test_gradient_of_a_non_leaf_is_kept_only_when_asked_before() -> None:
    end = last(wrong("non_leaf_has_no_grad"))
    assert end["x"].grad == (18.0, 36.0)
    assert end["hidden"].grad is None
    values = values_of(wrong("non_leaf_has_no_grad"))
    assert values["grad"] == values["late"] == "None"
    assert "The .grad attribute of a Tensor that is not a leaf Tensor" in values["message"]
    end = last(right("non_leaf_has_no_grad"))
    assert end["x"].grad == (18.0, 36.0)
    assert end["hidden"].grad == end["grad"].values == (6.0, 12.0)


def test_clone_trains_the_target_as_well_and_turns_the_sign_around() -> None:
    cloned, cut = last(wrong("clone_does_not_cut")), last(right("clone_does_not_cut"))
    (difference,) = cut["difference"].values
    assert cloned["difference"].values == (difference,)
    assert is_close(cut["critic.weight"].grad, (2 * difference,))
    assert is_close(cloned["critic.weight"].grad, (2 * difference * (1 - 0.5 * 3),))
    assert is_close(cloned["critic.bias"].grad, (2 * difference * (1 - 0.5),))


def test_clone_has_its_own_memory_and_detach_has_not() -> None:
    cloned, cut = last(wrong("clone_does_not_cut")), last(right("clone_does_not_cut"))
    assert cloned["fixed"].storage != cloned["estimate"].storage
    assert cut["fixed"].storage == cut["estimate"].storage
    assert cloned["fixed"].grad_fn == "CloneBackward0"
    assert cut["fixed"].grad_fn is None


def test_no_grad_cuts_results_and_freezes_nothing() -> None:
    end = last(wrong("no_grad_keeps_parameters"))
    assert {end[name].made_in for name in ("backbone.weight", "scale", "inside")} == {"no_grad"}
    assert end["backbone.weight"].requires_grad
    assert end["scale"].requires_grad
    assert not end["inside"].requires_grad
    assert end["features"].values == end["inside"].values
    head = end["head.weight"].values
    assert is_close(end["backbone.bias"].grad, head)
    assert is_close(end["backbone.weight"].grad, (head[0], 2 * head[0], head[1], 2 * head[1]))


def test_frozen_backbone_gets_no_gradient_and_its_head_does() -> None:
    end = last(right("no_grad_keeps_parameters"))
    assert end["backbone.weight"].grad is None
    assert end["backbone.bias"].grad is None
    assert end["features"].grad_fn is None
    assert end["head.weight"].grad == end["features"].values


def test_what_grad_says_of_detached_and_sliced_tensors() -> None:
    messages = values_of(wrong("grad_of_unused"))["messages"]
    assert messages == repr(["One of the differentiated Tensors does not require grad", unused(0)])


def test_what_grad_gives_for_an_unused_tensor() -> None:
    end = last(right("grad_of_unused"))
    assert end["grads[0]"].values == end["zeros[0]"].values == (2.0, 4.0)
    assert "grads[1]" not in end
    assert end["zeros[1]"].values == (0.0,)
    assert end["first"].values == (2.0,)


def test_straight_through_gives_x_the_gradient_that_round_turns_into_zero() -> None:
    rounded, through = last(wrong("straight_through")), last(right("straight_through"))
    assert rounded["quantized"].grad_fn == "RoundBackward0"
    assert rounded["quantized"].values == through["quantized"].values == (0.0, 1.0, -1.0)
    assert rounded["x"].grad == (0.0, 0.0, 0.0)
    assert through["x"].grad == (-4.0, -2.0, -6.0)


def test_penalty_trains_only_with_a_graph_of_the_slope() -> None:
    end = last(wrong("double_backward"))
    assert end["critic.weight"].grad == X
    assert not end["penalty"].requires_grad
    end = last(right("double_backward"))
    weight = end["critic.weight"].values
    norm = math.hypot(*weight)
    penalty = [2 * (norm - 1) * each / norm for each in weight]
    grad = tuple(x + each for x, each in zip(X, penalty, strict=True))
    assert is_close(end["critic.weight"].grad, grad)


def test_second_derivative_misses_the_change_of_a_slope_from_forward() -> None:
    end = last(wrong("detached_factor"))
    assert end["first"].values == tuple(6 * x**5 for x in X)
    assert end["second"].values == tuple(18 * x**4 for x in X)
    end = last(right("detached_factor"))
    assert end["first"].values == tuple(6 * x**5 for x in X)
    assert end["second"].values == tuple(30 * x**4 for x in X)


def test_hooks_run_where_a_gradient_arrives() -> None:
    refused, taken = values_of(wrong("hooks_on_detached")), values_of(right("hooks_on_detached"))
    assert refused["message"] == f'"{NO_RETAIN}"'
    assert refused["calls"] == "[]"
    assert taken["calls"] == "['features']"
    end = last(right("hooks_on_detached"))
    assert end["features"].grad == end["head.weight"].values
    assert end["encoder.weight"].grad is None


def test_tangent_passes_no_grad_and_not_detach() -> None:
    end = last(wrong("forward_mode"))
    assert end["gate"].made_in == "no_grad"
    first, second = map(sigmoid, X)
    assert is_close(end["gate"].values, (first, second))
    assert is_close(end["tangent"].values, (first * (1 - first), -second * (1 - second)))
    assert last(right("forward_mode"))["gate"].values == end["gate"].values
    assert values_of(right("forward_mode"))["tangent"] == "None"


def test_sample_is_cut_and_rsample_and_log_prob_train() -> None:
    end = last(wrong("sample_or_rsample"))
    assert (end["action"].grad_fn, end["mean"].grad) == (None, None)
    end = last(right("sample_or_rsample"))
    (action,), (sampled,), (cost,) = (end[name].values for name in ("action", "sampled", "cost"))
    assert is_close(end["through_action"].values, (2 * (action - 2),))
    assert is_close(end["mean"].grad, ((sampled - 0.5) * cost,))


def test_value_of_a_surrogate_stays_while_it_trains() -> None:
    shown = values_of(wrong("surrogate_loss"))
    assert shown["losses"] == "[-2.0, -2.0, -2.0]"
    # Each step of rate 1 along -2 * log_prob moves the scores by 2 * (1 - chance) each.
    apart, chances = 0.0, []
    for _ in range(3):
        chances.append(sigmoid(apart))
        apart += 4 * (1 - chances[-1])
    assert is_close(tuple(ast.literal_eval(shown["chances"])), tuple(chances))
    shown = values_of(right("surrogate_loss"))
    ratio = sigmoid(2) / 0.5
    assert is_close(tuple(ast.literal_eval(shown["ratios"])), (1.0, ratio, ratio))


def test_vector_is_reduced_by_weights() -> None:
    shown = wrong("vector_loss")
    assert values_of(shown)["mismatch"] == repr(
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([]) "
        "and output[0] has a shape of torch.Size([2])."
    )
    end = last(right("vector_loss"))
    weight, (bias,) = end["model.weight"].values, end["model.bias"].values
    slopes = [2 * (a * weight[0] + b * weight[1] + bias) for a, b in ((1, 2), (3, 5))]
    first, second = (slopes[0], 2 * slopes[0]), (3 * slopes[1], 5 * slopes[1])
    total = tuple(map(sum, zip(first, second, strict=True)))
    assert is_close(end["by_ones"].values, total)
    assert is_close(end["by_sum"].values, total)
    assert is_close(end["by_mean"].values, tuple(each / 2 for each in total))
    assert is_close(end["model.weight"].grad, second)


def test_numpy_gives_the_same_loss_and_no_gradient_to_the_encoder() -> None:
    cut, kept = last(wrong("numpy_in_forward")), last(right("numpy_in_forward"))
    assert is_close(cut["loss"].values, kept["loss"].values)
    assert cut["head.weight"].grad is not None
    assert cut["encoder.weight"].grad is None
    slope = [1 - each**2 for each in kept["features"].values]
    by_hand = [each * w for each, w in zip(slope, kept["head.weight"].values, strict=True)]
    assert is_close(kept["encoder.bias"].grad, tuple(by_hand))


def test_where_has_no_nan_and_its_gradient_has() -> None:
    end = last(wrong("where_sqrt_nan"))
    assert end["root"].values == (0.0, 0.0, 2.0)
    assert str(end["gradient"].values) == "(nan, nan, 0.25)"
    assert last(right("where_sqrt_nan"))["gradient"].values == (0.0, 0.0, 0.25)


def test_func_grad_of_what_is_cut_is_zero() -> None:
    assert last(wrong("func_grad_and_no_grad"))["gradient"].values == (0.0,)
    assert last(right("func_grad_and_no_grad"))["gradient"].values == (24.0,)


def test_derivatives_of_a_cube() -> None:
    end = last(right("second_derivative"))
    assert (end["slope"].values, end["curvature"].values) == ((12.0,), (12.0,))
    assert last(wrong("second_derivative"))["slope"].values == (12.0,)
