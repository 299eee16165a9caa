"""The lessons on training loops: verdicts and errors; their numbers are in a file beside."""

from __future__ import annotations

import pytest
import torch

from demos.lessons.training import LESSONS
from profiling import catalogue
from tests.demos.lessons.traced import (
    all_verdicts,
    error_text,
    failing_line,
    part,
    traced,
    values_of,
)

NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"
SECOND_TIME = "Trying to backward through the graph a second time"
IN_PLACE = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [torch.FloatTensor [1, 1]], which is output 0 of "
)

VERDICTS = {
    "gan_discriminator_step": {
        "trains_one": "wrong",
        "fake_serves_twice": "wrong",
        "no_grad_does_as_well": "holds_partly",
        "detach_cuts_one_loss": "holds",
    },
    "gan_generator_step": {
        "detach_spares_discriminator": "wrong",
        "no_grad_spares_discriminator": "wrong",
        "frozen_lets_through": "holds",
        "freezing_acts_on_forward": "holds",
    },
    "truncated_bptt": {
        "chunk_by_chunk": "wrong",
        "retain_graph_helps": "wrong",
        "step_is_in_place": "holds",
        "detach_forgets": "wrong",
        "detach_cuts": "holds",
    },
    "lstm_state_is_a_tuple": {
        "like_a_gru": "holds_partly",
        "hidden_is_enough": "wrong",
        "each_is_detached": "holds",
    },
    "total_loss_grows": {
        "keeps_all": "holds_partly",
        "harmless_without_backward": "wrong",
        "keeps_nothing": "holds",
        "same_totals": "holds",
    },
    "detach_after_forward": {
        "forward_saves_less": "wrong",
        "detach_frees": "holds_partly",
        "last_reference_frees": "holds",
        "no_grad_saves_nothing": "holds",
    },
    "target_network": {
        "needs_no_cut": "holds_partly",
        "same_gradient": "holds",
        "record_nothing": "holds_partly",
    },
    "checkpoint_frozen_input": {
        "block_trains": "wrong",
        "always_raises": "holds_partly",
        "not_reentrant_works": "holds",
        "input_that_requires_grad": "holds",
    },
    "second_backward": {
        "own_heads_own_graphs": "wrong",
        "never_twice": "holds_partly",
        "sum_or_retain_graph": "holds",
        "sum_passes_once": "holds",
    },
    "step_before_backward": {
        "retain_graph_is_enough": "wrong",
        "step_is_in_place": "holds",
        "only_the_critic_changed": "holds_partly",
        "forward_again": "holds",
        "backward_first": "holds",
    },
    "old_graph_lives_on": {
        "detach_lets_go": "holds_partly",
        "next_forward_replaces": "holds_partly",
        "backward_frees_all": "holds_partly",
        "cache_detached": "holds_partly",
        "del_before_forward": "holds",
    },
    "create_graph_cycle": {
        "del_is_enough": "wrong",
        "collector_finds_it": "wrong",
        "grad_none_ends_it": "holds",
        "grad_makes_no_cycle": "holds",
    },
    "replaced_layer": {
        "optimizer_follows_the_model": "holds_partly",
        "something_tells": "wrong",
        "new_layer_trains": "wrong",
        "made_after": "holds",
    },
    "scaler_without_gradients": {
        "an_infinite_gradient": "wrong",
        "plain_step_raises_too": "holds_partly",
        "no_gradient_at_all": "holds",
        "reached_works": "holds",
    },
    "scaler_half_weights": {
        "half_model_is_mixed": "wrong",
        "any_low_precision": "holds_partly",
        "autocast_computes_in_half": "holds",
        "step_unscales": "holds",
    },
    "recomputed_otherwise": {
        "backward_uses_forward": "wrong",
        "in_place_is_noticed": "holds_partly",
        "counts_what_is_saved": "holds",
        "cut_part_is_skipped": "wrong",
        "changed_after_backward": "holds",
    },
    "ema_without_guard": {
        "frozen_teacher_stays_out": "wrong",
        "noticed_at_once": "holds_partly",
        "same_gradient": "wrong",
        "halved_each_step": "holds",
        "guarded": "holds",
    },
    "ddp_unused_parameters": {
        "frozen_is_left_out": "holds_partly",
        "first_step_averages": "wrong",
        "only_freezing": "wrong",
        "find_unused_helps": "holds",
        "frozen_before": "holds",
    },
    "compiled_zeros": {
        "cut_encoder_gets_none": "holds_partly",
        "zeros_are_harmless": "wrong",
        "one_loss_after_the_other": "holds_partly",
        "losses_added": "holds",
        "cut_for_all": "holds",
    },
}
# Which checks made a verdict that is neither all nor nothing.
PARTLY = {
    "cut_encoder_gets_none": {"without_compiler": True, "compiled": False},
    "one_loss_after_the_other": {"without_compiler": True, "compiled": False},
    "no_grad_does_as_well": {"same_for_discriminator": True, "generator_can_learn": False},
    "like_a_gru": {"gru_detaches": True, "lstm_detaches": False},
    "keeps_all": {"nodes": True, "activations": False},
    "detach_frees": {"encoder_gets_none": True, "activation_gone": False},
    "needs_no_cut": {"q_net_as_with_no_grad": True, "target_net_stays": False},
    "record_nothing": {"no_grad": True, "detach": False},
    "always_raises": {"with_head": False, "with_frozen_head": True},
    "never_twice": {"penalty_raised": False, "value_loss_raised": True},
    "only_the_critic_changed": {"actor_unchanged": True, "actor_loss_unaffected": False},
    "detach_lets_go": {"logged_has_no_graph": True, "activation_gone": False},
    "next_forward_replaces": {"gone_during_it": False, "gone_after_it": True},
    "backward_frees_all": {"saved_tensors": True, "cached_activation": False},
    "cache_detached": {"no_graph": True, "no_memory": False},
    "optimizer_follows_the_model": {"first_layer_held": True, "new_layer_held": False},
    "plain_step_raises_too": {"plain": False, "scaled": True},
    "any_low_precision": {"float16": True, "bfloat16": False},
    "in_place_is_noticed": {"without_checkpoint": True, "with_checkpoint": False},
    "noticed_at_once": {"first_raises": False, "third_raises": True},
    "frozen_is_left_out": {"first_step_runs": True, "second_step_runs": False},
}
# How the error of `wrong` begins, and its line, which is the last.
RAISED = {
    "compiled_zeros": (SECOND_TIME, "other.backward()"),
    "gan_discriminator_step": (SECOND_TIME, "g_loss.backward()"),
    "gan_generator_step": (NO_GRAD_FN, "g_loss.backward()"),
    "truncated_bptt": (IN_PLACE, "next_output.sum().backward()"),
    "lstm_state_is_a_tuple": (SECOND_TIME, "output.sum().backward()"),
    "checkpoint_frozen_input": (NO_GRAD_FN, "head(hidden).mean().backward()"),
    "second_backward": (SECOND_TIME, "value_loss.backward()"),
    "step_before_backward": (IN_PLACE, "actor_loss.backward()"),
    "scaler_without_gradients": (
        "No inf checks were recorded for this optimizer.",
        "scaler.step(optimizer)",
    ),
    "scaler_half_weights": ("Attempting to unscale FP16 gradients.", "scaler.step(optimizer)"),
    "recomputed_otherwise": (
        "torch.utils.checkpoint: A different number of tensors was saved during the original "
        "forward and recomputation.\nNumber of tensors saved during forward: 2\n"
        "Number of tensors saved during recomputation: 1.",
        "out.sum().backward()",
    ),
    "ema_without_guard": (SECOND_TIME, "gap.square().sum().backward()"),
}
# Those that are no RuntimeError.
TYPES = {
    "scaler_without_gradients": "AssertionError",
    "scaler_half_weights": "ValueError",
    "recomputed_otherwise": "CheckpointError",
}


@pytest.mark.parametrize("name", LESSONS)
def test_verdicts(name: str) -> None:
    expected = {claim: {verdict} for claim, verdict in VERDICTS[name].items()}
    assert all_verdicts(name) == expected


def test_every_lesson_and_claim_is_expected() -> None:
    assert tuple(VERDICTS) == LESSONS
    partly = {
        claim
        for claims in VERDICTS.values()
        for claim, verdict in claims.items()
        if verdict == "holds_partly"
    }
    assert partly == set(PARTLY)


@pytest.mark.parametrize("name", LESSONS)
def test_which_checks_hold_of_what_holds_partly(name: str) -> None:
    for result in traced(name).claims:
        if result.claim in PARTLY:
            assert result.checks == PARTLY[result.claim]


@pytest.mark.parametrize("name", LESSONS)
def test_wrong_ends_as_it_should(name: str) -> None:
    trace = traced(name)
    wrong = part(trace, "wrong")
    start, line = RAISED.get(name, ("", ""))
    if not start:
        assert wrong.error is None
        return
    assert wrong.error is not None
    assert wrong.error.type == TYPES.get(name, "RuntimeError")
    assert wrong.error.text.startswith(start)
    assert failing_line(trace, wrong) == line
    source = catalogue.lesson(name).parts["wrong"]
    assert wrong.error.line == source.first_line + len(source.text.splitlines()) - 1


@pytest.mark.parametrize("name", LESSONS)
def test_right_raises_and_warns_of_nothing(name: str) -> None:
    right = part(traced(name), "right")
    assert error_text(right) == ""
    assert not any(step.printed for step in right.steps)


def test_truncated_bptt_raises_one_error_after_the_other() -> None:
    wrong = part(traced("truncated_bptt"), "wrong")
    assert values_of(wrong)["second_time"].startswith(f"'{SECOND_TIME}")
    assert "is at version 2; expected version 1 instead" in error_text(wrong)


def test_lstm_state_has_no_detach() -> None:
    wrong = part(traced("lstm_state_is_a_tuple"), "wrong")
    assert values_of(wrong)["no_detach"] == "\"'tuple' object has no attribute 'detach'\""


def test_checkpoint_warns_where_it_is_called() -> None:
    wrong = part(traced("checkpoint_frozen_input"), "wrong")
    source = catalogue.lesson("checkpoint_frozen_input").parts["wrong"]
    lines = source.text.splitlines()
    warned = {lines[step.line - source.first_line]: step.printed for step in wrong.steps}
    said = {line.strip(): text for line, text in warned.items() if text}
    assert list(said) == ["hidden = checkpoint(block, embedded, use_reentrant=True)"]
    assert "None of the inputs have requires_grad=True. Gradients will be None" in str(said)


def test_create_graph_warns_where_backward_is_called() -> None:
    wrong = part(traced("create_graph_cycle"), "wrong")
    source = catalogue.lesson("create_graph_cycle").parts["wrong"]
    lines = source.text.splitlines()
    warned = [lines[step.line - source.first_line] for step in wrong.steps if step.printed]
    assert [line.strip() for line in warned] == ["loss.backward(create_graph=True)"]


def test_ddp_names_the_parameters_that_got_no_gradient_in_the_step_before() -> None:
    wrong = part(traced("ddp_unused_parameters"), "wrong")
    refused = values_of(wrong)["refused"]
    assert refused.startswith("'Expected to have finished reduction in the prior iteration")
    assert not torch.distributed.is_initialized()
