"""The lessons on frozen layers: verdicts, the gradients that pass, and the bytes that are saved."""

from __future__ import annotations

import pytest

from demos.lessons import freezing
from profiling import catalogue
from profiling.model.lesson import PartTrace, TensorState
from tests.demos.lessons.traced import (
    is_close,
    last,
    part,
    traced,
    values_of,
    verdicts,
)

VERDICTS = [
    ("no_grad_kills_the_stem", "only_the_middle", "wrong"),
    ("no_grad_kills_the_stem", "something_tells", "wrong"),
    ("no_grad_kills_the_stem", "requires_grad_false_lets_through", "holds"),
    ("frozen_parameter_moves", "frozen_weight_stays", "wrong"),
    ("frozen_parameter_moves", "zero_grad_is_enough", "wrong"),
    ("frozen_parameter_moves", "momentum_goes_on", "holds"),
    ("frozen_parameter_moves", "none_is_skipped", "holds"),
    ("frozen_parameter_moves", "new_optimizer_leaves_it", "holds"),
    ("frozen_batchnorm_drifts", "frozen_stays", "wrong"),
    ("frozen_batchnorm_drifts", "no_grad_stops_it", "wrong"),
    ("frozen_batchnorm_drifts", "depends_on_the_batch", "holds"),
    ("frozen_batchnorm_drifts", "eval_keeps", "holds"),
    ("frozen_batchnorm_drifts", "survives_train", "wrong"),
    ("frozen_middle_saves_memory", "gelu_frees_each", "holds"),
    ("frozen_middle_saves_memory", "frozen_from_the_input", "holds"),
    ("frozen_layer_still_saves", "trained_layers_save", "holds"),
    ("frozen_layer_still_saves", "frozen_layers_drop", "holds_partly"),
    ("frozen_layer_still_saves", "folded_norm_drops", "holds"),
    ("zero_is_a_gradient", "cut_weight_stays", "wrong"),
    ("zero_is_a_gradient", "zeros_do_nothing", "holds_partly"),
    ("zero_is_a_gradient", "flag_protects", "wrong"),
    ("zero_is_a_gradient", "none_is_skipped", "holds"),
    ("frozen_cast_again", "frozen_is_no_dearer", "wrong"),
    ("frozen_cast_again", "no_grad_casts_again", "wrong"),
    ("frozen_cast_again", "trained_cast_once", "holds"),
    ("frozen_cast_again", "converted_before", "holds"),
]
OP_CLAIMS = ("middle_keeps_nothing", "frees_nothing")
# By op: bytes saved with a frozen middle and with all but the last layer frozen, 32 an activation,
# and the verdicts on OP_CLAIMS.
BY_OP = {
    "sigmoid": ("160", "64", "wrong", "holds"),
    "tanh": ("160", "64", "wrong", "holds"),
    "exp": ("160", "64", "wrong", "holds"),
    "relu": ("160", "64", "wrong", "holds"),
    "square": ("192", "64", "wrong", "wrong"),
    "mul2": ("64", "32", "holds", "wrong"),
}


def states(shown: PartTrace, name: str) -> list[TensorState]:
    """Return what a name stood for, step by step."""
    return [each for step in shown.steps for each in step.tensors if each.name == name]


def test_every_claim_has_an_expected_verdict() -> None:
    found = {(name, claim) for name in freezing.LESSONS for claim in verdicts(traced(name))}
    expected = {(name, claim) for name, claim, _ in VERDICTS}
    assert expected | {("frozen_middle_saves_memory", claim) for claim in OP_CLAIMS} == found


def test_nothing_raises() -> None:
    for name in freezing.LESSONS:
        assert [shown.error for shown in traced(name).parts] == [None, None]


def test_only_linear_drops_its_input() -> None:
    claims = {each.claim: each.checks for each in traced("frozen_layer_still_saves").claims}
    assert claims["frozen_layers_drop"] == {
        "linear": True,
        "layer_norm": False,
        "conv": False,
        "batch_norm_in_eval": False,
    }


def test_no_grad_ends_the_graph_at_the_features() -> None:
    wrong = part(traced("no_grad_kills_the_stem"), "wrong")
    end = last(wrong)
    assert end["features"].grad_fn is None
    assert end["features"].made_in == "no_grad"
    assert end["stem.weight"].grad is end["stem.bias"].grad is end["middle.weight"].grad is None
    assert end["head.weight"].grad is not None
    assert any(end["head.weight"].grad)


def test_gradient_passes_a_middle_that_does_not_require_grad() -> None:
    right = part(traced("no_grad_kills_the_stem"), "right")
    end = last(right)
    m00, m01, m10, m11 = end["middle.weight"].values
    h00, h01, h10, h11 = end["head.weight"].values
    # The loss is the sum of the output's squares, so its bias gets twice the output.
    bias = end["head.bias"].grad
    assert bias is not None
    one, two = bias
    feature = (one * h00 + two * h10, one * h01 + two * h11)
    stem = (feature[0] * m00 + feature[1] * m10, feature[0] * m01 + feature[1] * m11)
    assert is_close(end["stem.bias"].grad, stem)
    assert is_close(end["stem.weight"].grad, (stem[0], stem[0], stem[1], stem[1]))
    assert end["middle.weight"].grad is end["middle.bias"].grad is None
    wrong = last(part(traced("no_grad_kills_the_stem"), "wrong"))
    assert end["loss"].values == wrong["loss"].values


def test_optimizer_moves_what_has_a_gradient() -> None:
    wrong, right = traced("frozen_parameter_moves").parts
    end = last(wrong)
    (frozen,) = end["frozen"].values
    assert is_close(end["after_old_grad"].values, (frozen - 0.19,))
    assert is_close(end["after_zero_grad"].values, (frozen - 0.19 - 0.171,))
    assert not end["encoder.weight"].requires_grad
    assert end["encoder.weight"].grad == (0.0,)
    assert [each.grad for each in states(right, "encoder.weight")][-1] is None
    assert last(right)["after_step"].values == last(right)["frozen"].values == (frozen,)


def test_adam_moves_what_has_a_gradient_of_zero() -> None:
    wrong, right = (last(each) for each in traced("zero_is_a_gradient").parts)
    assert wrong["encoder.weight"].grad == (0.0,)
    # The averages of a gradient of 1 and then 0, with 0.9 and 0.999, as Adam corrects them.
    step = 0.1 * (0.09 / 0.19) / (0.000999 / 0.001999) ** 0.5
    (moved,) = wrong["moved"].values
    assert is_close((abs(moved),), (step,))
    assert (right["moved"].values, right["encoder.weight"].grad) == ((0.0,), None)
    claims = {each.claim: each.checks for each in traced("zero_is_a_gradient").claims}
    assert [name for name, held in claims["zeros_do_nothing"].items() if held] == ["plain_sgd"]


def test_running_statistics_follow_the_batch() -> None:
    wrong, right = traced("frozen_batchnorm_drifts").parts
    end = last(wrong)
    # The batch has mean 3 and variance 2, and each pass moves them by a tenth of the way.
    assert end["mean_before"].values == (0.0,)
    assert is_close(end["mean_frozen"].values, (0.3,))
    assert is_close(end["mean_no_grad"].values, (0.57,))
    assert is_close(end["norm.running_var"].values, (0.9 * (0.9 + 0.2) + 0.2,))
    assert end["norm.num_batches_tracked"].values == (2.0,)
    spread = (1 + 1e-5) ** 0.5
    assert is_close(end["features"].values, (-1 / spread, 1 / spread))
    end = last(right)
    assert end["mean_after"].values == end["model.0.running_mean"].values == (0.0,)
    assert end["model.0.running_var"].values == (1.0,)
    assert is_close(end["features"].values, (2 / spread, 4 / spread))
    assert is_close(end["model.1.weight"].grad, (6 / spread,))
    assert end["model.0.weight"].grad is None


def test_every_op_has_an_expected_count() -> None:
    assert list(BY_OP) == list(catalogue.OPS)


@pytest.mark.parametrize(("op", "expected"), BY_OP.items())
def test_bytes_that_a_frozen_middle_saves(op: str, expected: tuple[str, ...]) -> None:
    trace = traced("frozen_middle_saves_memory", None, op)
    sizes = [values_of(each)["saved_bytes"] for each in trace.parts]
    found = verdicts(trace)
    assert (*sizes, *(found[each] for each in OP_CLAIMS)) == expected
    assert last(part(trace, "wrong"))["h"].storage_bytes == 32


def test_all_but_linear_save_the_memory_of_their_input() -> None:
    wrong = part(traced("frozen_layer_still_saves"), "wrong")
    assert values_of(wrong)["saved_by"] == "['LayerNorm', 'Conv1d', 'BatchNorm1d']"
    looked_at = {each.storage for each in states(wrong, "tensor")}
    assert last(wrong)["h"].storage in looked_at


def test_folded_norm_saves_its_scale_alone() -> None:
    end = last(part(traced("frozen_layer_still_saves"), "right"))
    assert [name for name in end if name.startswith("saved[")] == ["saved[0]"]
    assert end["saved[0]"].storage == end["scale"].storage != end["h"].storage
    scale = (4 + 1e-5) ** -0.5
    assert is_close(end["out"].values, tuple((each - 1) * scale for each in end["h"].values))
