"""The lessons on gradients that do not arrive: which beliefs hold, and what is raised."""

from __future__ import annotations

import pytest

from demos.lessons.no_gradient import LESSONS
from tests.demos.lessons.traced import (
    all_verdicts,
    error_text,
    failing_line,
    names_unused,
    part,
    traced,
    unused,
)

NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"
NO_HOOK = "cannot register a hook on a tensor that doesn't require gradient"
NAN = "Function 'SqrtBackward0' returned nan values in its 0th output."
CAPTURED = (
    "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call "
    "in-place operation (aten::copy_) that would mutate a captured Tensor. This is not supported; "
    "please rewrite the function being transformed to explicitly accept the mutated Tensor(s) as "
    "inputs."
)

VERDICTS = {
    "nothing_requires_grad": {
        "nothing_to_start_from": "holds",
        "flag_repairs": "holds_partly",
        "ends_in_loss": "holds",
        "other_causes": "holds",
        "reaches_parameters": "holds",
    },
    "rebuilt_from_numbers": {
        "same_number": "holds",
        "connected_again": "holds_partly",
        "new_leaf": "holds",
        "stack_keeps_graph": "holds",
    },
    "argmax_as_loss": {
        "argmax_cuts": "holds",
        "float_brings_it_back": "wrong",
        "like_round": "holds_partly",
        "cross_entropy_trains": "holds",
    },
    "non_leaf_has_no_grad": {
        "none_is_kept": "holds",
        "gradient_was_lost": "wrong",
        "asked_afterwards": "wrong",
        "asked_before": "holds",
    },
    "clone_does_not_cut": {
        "clone_cuts": "wrong",
        "clone_in_graph": "holds",
        "memory_is_the_reverse": "holds",
        "detach_cuts": "holds",
    },
    "no_grad_keeps_parameters": {
        "built_frozen": "wrong",
        "made_inside_as_asked": "holds",
        "results_are_cut": "holds",
        "flag_freezes": "holds",
    },
    "grad_of_unused": {
        "same_numbers_will_do": "wrong",
        "names_the_place": "holds" if names_unused() else "wrong",
        "allowed": "holds",
        "allows_all": "holds_partly",
        "whole_then_slice": "holds",
    },
    "straight_through": {
        "round_cuts": "wrong",
        "gradient_is_zero": "holds",
        "same_numbers": "holds",
        "passes_unchanged": "holds",
        "true_derivative": "wrong",
    },
    "double_backward": {
        "first_is_right": "holds",
        "retain_is_enough": "wrong",
        "goes_unnoticed": "holds",
        "created_graph": "holds",
    },
    "detached_factor": {
        "first_is_right": "holds",
        "create_graph_suffices": "holds_partly",
        "slope_is_constant": "holds",
        "saved_input_counts": "holds",
    },
    "hooks_on_detached": {
        "module_hook_runs": "holds_partly",
        "needs_a_recorded_forward": "holds",
        "tensor_refuses": "holds",
        "leaf_takes_hooks": "holds",
    },
    "forward_mode": {
        "no_grad_cuts": "wrong",
        "tangent_is_whole": "holds",
        "cuts_backward": "holds",
        "modes_are_alike": "holds_partly",
        "detach_cuts": "holds",
    },
    "sample_or_rsample": {
        "sample_passes": "wrong",
        "same_numbers": "holds",
        "rsample_passes": "holds",
        "every_distribution": "holds_partly",
        "log_prob_trains": "holds",
    },
    "surrogate_loss": {
        "constant_trains_nothing": "holds_partly",
        "gradient_of_log_prob": "holds",
        "clamp_limits": "wrong",
        "old_log_prob_limits": "holds",
        "same_first_step": "holds",
    },
    "vector_loss": {
        "always_raises": "holds_partly",
        "one_for_all": "wrong",
        "ones_are_sum": "holds",
        "sum_is_mean": "holds_partly",
        "weights_samples": "holds",
    },
    "numpy_in_forward": {
        "advice_is_enough": "wrong",
        "something_tells": "wrong",
        "flag_brings_it_back": "wrong",
        "torch_keeps_it": "holds",
    },
    "moved_is_no_leaf": {
        "flag_makes_a_leaf": "wrong",
        "to_always_makes_a_result": "holds_partly",
        "module_stays": "holds",
        "flag_last": "holds",
    },
    "where_sqrt_nan": {
        "not_picked_no_gradient": "holds_partly",
        "repaired_afterwards": "wrong",
        "anomaly_mode_names_it": "holds",
        "masked_before": "holds",
    },
    "second_derivative": {
        "retain_graph_is_enough": "wrong",
        "x_is_at_fault": "wrong",
        "create_graph_records": "holds",
        "other_ways": "holds",
    },
    "func_grad_and_no_grad": {
        "a_cut_raises": "holds_partly",
        "inside_is_ignored": "wrong",
        "outside_turns_it_off": "wrong",
        "x_needs_no_flag": "holds",
    },
    "func_in_place": {
        "as_in_plain_code": "holds_partly",
        "own_tensors_are_free": "holds_partly",
        "refused_changes_nothing": "holds",
        "returned_instead": "holds",
    },
}
# Which of the checks failed where a claim holds in part.
FAILED = {
    ("nothing_requires_grad", "flag_repairs"): {"parameters_have_grad"},
    ("rebuilt_from_numbers", "connected_again"): {"parameters_have_grad"},
    ("argmax_as_loss", "like_round"): {"round_is_cut"},
    ("grad_of_unused", "allows_all"): {"detached"},
    ("detached_factor", "create_graph_suffices"): {"second"},
    ("hooks_on_detached", "module_hook_runs"): {"encoder_called"},
    ("forward_mode", "modes_are_alike"): {"no_grad_drops"},
    ("sample_or_rsample", "every_distribution"): {"categorical"},
    ("surrogate_loss", "constant_trains_nothing"): {"chance_stays"},
    ("vector_loss", "always_raises"): {"one_number"},
    ("vector_loss", "sum_is_mean"): {"same_size"},
    ("moved_is_no_leaf", "to_always_makes_a_result"): {"same_dtype"},
    ("where_sqrt_nan", "not_picked_no_gradient"): {"gradient_is_finite"},
    ("func_grad_and_no_grad", "a_cut_raises"): {"func_grad_raises"},
    ("func_in_place", "as_in_plain_code"): {"vmap", "grad"},
    ("func_in_place", "own_tensors_are_free"): {"zeros"},
}
# What the wrong code ends in; the others end in a wrong result.
RAISES = {
    "argmax_as_loss": (NO_GRAD_FN, "loss.backward()"),
    "grad_of_unused": (unused(1), "torch.autograd.grad(loss, [weight, bias])"),
    "hooks_on_detached": (
        NO_HOOK,
        'features.register_hook(lambda grad: calls.append("features"))',
    ),
    "sample_or_rsample": (NO_GRAD_FN, "loss.backward()"),
    "vector_loss": ("grad can be implicitly created only for scalar outputs", "losses.backward()"),
    "moved_is_no_leaf": ("can't optimize a non-leaf Tensor", "torch.optim.SGD([weight], lr=0.1)"),
    "where_sqrt_nan": (NAN, "again.sum().backward()"),
    "second_derivative": (NO_GRAD_FN, "curvature = torch.autograd.grad(slope, x)[0]"),
    "func_in_place": (CAPTURED, "seen[0] = x"),
}


def test_every_lesson_has_its_verdicts() -> None:
    assert tuple(VERDICTS) == LESSONS


@pytest.mark.parametrize("name", LESSONS)
def test_verdicts(name: str) -> None:
    assert all_verdicts(name) == {claim: {verdict} for claim, verdict in VERDICTS[name].items()}


@pytest.mark.parametrize("name", LESSONS)
def test_which_checks_fail_where_a_claim_holds_in_part(name: str) -> None:
    for claim in traced(name).claims:
        if claim.verdict.value == "holds_partly":
            failed = {check for check, passed in claim.checks.items() if not passed}
            assert failed == FAILED[name, claim.claim]


@pytest.mark.parametrize("name", LESSONS)
def test_errors(name: str) -> None:
    assert part(traced(name), "right").error is None
    shown = part(traced(name), "wrong")
    if name not in RAISES:
        assert shown.error is None
        return
    assert shown.error is not None
    text, line = RAISES[name]
    assert shown.error.type == ("ValueError" if name == "moved_is_no_leaf" else "RuntimeError")
    assert error_text(shown) == text
    assert failing_line(traced(name), shown) == line


@pytest.mark.parametrize("name", [name for name in LESSONS if name != "where_sqrt_nan"])
def test_nothing_is_printed(name: str) -> None:
    for shown in traced(name).parts:
        assert [step.printed for step in shown.steps if step.printed] == []
