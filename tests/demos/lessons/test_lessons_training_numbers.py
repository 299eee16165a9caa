"""The lessons on training loops: gradients, versions and what is kept, computed by hand."""

from __future__ import annotations

from math import exp, tanh

import pytest

from profiling.model.graph import Graph, Node
from profiling.model.lesson import PartTrace, TensorState
from tests.demos.lessons.traced import last, part, traced, values_of
from tests.profiling.measure.cells import reads_saved


def first(shown: PartTrace, name: str) -> tuple[float, ...]:
    """Return the first numbers that a name stood for."""
    return next(each.values for step in shown.steps for each in step.tensors if each.name == name)


def history(shown: PartTrace, name: str) -> list[tuple[float, ...]]:
    """Return the numbers that a name stood for, each once, in order."""
    seen = [each.values for step in shown.steps for each in step.tensors if each.name == name]
    return list(dict.fromkeys(seen))


def outer(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(each * by for each in one for by in other)


def scaled(numbers: tuple[float, ...], by: float) -> tuple[float, ...]:
    return tuple(by * each for each in numbers)


def close(expected: tuple[float, ...]) -> object:
    return pytest.approx(expected, rel=1e-5, abs=1e-6)


def of(states: dict[str, TensorState], *names: str) -> list[tuple[float, ...]]:
    return [states[name].values for name in names]


def before(graph: Graph, name: str) -> list[Node]:
    """Return the recorded ops that a result leads back to."""
    nodes = {node.id: node for node in graph.nodes}
    waiting = [node.id for node in graph.nodes if name in node.names]
    for number in waiting:
        waiting += [
            each.source
            for each in graph.edges
            if each.target == number and each.kind == "gradient" and each.source not in waiting
        ]
    return [nodes[number] for number in waiting if nodes[number].kind == "op"]


def test_discriminator_loss_leaks_into_the_generator() -> None:
    wrong = part(traced("gan_discriminator_step"), "wrong")
    end = last(wrong)
    weight, noise = end["discriminator.weight"].values, end["noise"].values
    assert values_of(wrong)["no_grad_gave"] == "None"
    assert end["leaked"].values == end["generator.weight"].grad == close(outer(weight, noise))


def test_detached_fake_gives_each_network_its_own_gradient() -> None:
    right = part(traced("gan_discriminator_step"), "right")
    end = last(right)
    weight, fake = end["discriminator.weight"].values, end["fake"].values
    assert values_of(right)["not_leaked"] == "None"
    assert end["d_gradient"].values == close((fake[0] - 1, fake[1] - 1))
    pull = scaled(outer(weight, end["noise"].values), -1)
    assert end["generator.weight"].grad == close(pull)


def test_generator_step_with_detach_trains_the_discriminator_alone() -> None:
    wrong = part(traced("gan_generator_step"), "wrong")
    end = last(wrong)
    assert values_of(wrong)["to_generator"] == "None"
    assert end["to_discriminator"].values == close(scaled(end["fake"].values, -1))
    assert (end["score"].made_in, end["score"].grad_fn) == ("no_grad", None)


def test_generator_step_with_frozen_discriminator() -> None:
    end = last(part(traced("gan_generator_step"), "right"))
    assert end["discriminator.weight"].grad is None
    assert end["discriminator.weight"].requires_grad
    pull = scaled(outer(end["discriminator.weight"].values, (1.0, 2.0)), -1)
    assert end["generator.weight"].grad == close(pull)


def test_optimizer_step_raises_the_version_of_the_recurrent_weight() -> None:
    wrong = part(traced("truncated_bptt"), "wrong")
    versions = [
        each.version
        for step in wrong.steps
        for each in step.tensors
        if each.name == "rnn.weight_hh_l0"
    ]
    assert set(versions) == {1, 2}
    assert versions[-3:] == [2, 2, 2]  # after the step, and two statements later


def test_truncated_gradient_by_hand() -> None:
    right = part(traced("truncated_bptt"), "right")
    end = last(right)
    assert history(right, "carried") == [(0.0,), history(right, "state")[1]]
    (carried,) = end["carried"].values
    weight = {}
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        state = end[f"rnn.{name}"]
        assert state.grad is not None
        weight[name] = state.values[0] + 0.1 * state.grad[0]  # before the last step
    bias = weight["weight_ih_l0"] + weight["bias_ih_l0"] + weight["bias_hh_l0"]
    recurrent = weight["weight_hh_l0"]
    one = tanh(bias + recurrent * carried)
    two = tanh(bias + recurrent * one)
    slope_one = (1 - one**2) * carried
    slope_two = (1 - two**2) * (one + recurrent * slope_one)
    assert end["output"].values == close((one, two))
    assert end["rnn.weight_hh_l0"].grad == close((slope_one + slope_two,))


def test_lstm_goes_on_from_its_detached_state() -> None:
    right = part(traced("lstm_state_is_a_tuple"), "right")
    end = last(right)

    def sigmoid(number: float) -> float:
        return 1 / (1 + exp(-number))

    hidden = cell = 0.0
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    ih, hh, bias_ih, bias_hh = (end[f"lstm.{name}"].values for name in names)
    for _ in range(2):
        gates = [ih[i] + bias_ih[i] + hh[i] * hidden + bias_hh[i] for i in range(4)]
        cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * tanh(gates[2])
        hidden = sigmoid(gates[3]) * tanh(cell)
    assert (end["state[0]"].values, end["state[1]"].values) == (close((hidden,)), close((cell,)))
    assert end["state[0]"].is_leaf
    assert end["state[1]"].is_leaf


@reads_saved
def test_totals_keep_nodes_and_without_backward_activations() -> None:
    wrong = part(traced("total_loss_grows"), "wrong")
    graph = wrong.steps[-1].graph
    for total, state in (("train_total", "freed"), ("eval_total", "kept")):
        ops = before(graph, total)
        assert len(ops) == 15  # t, addmm, sigmoid, mean and add, three times
        results = [node.saved[0] for node in ops if node.label == "SigmoidBackward0"]
        assert [(each.name, each.bytes, each.state) for each in results] == [
            ("result", 16, state)
        ] * 3


def test_totals_without_a_graph() -> None:
    right = part(traced("total_loss_grows"), "right")
    total = last(right)["train_total"]
    assert (total.grad_fn, total.requires_grad) == (None, False)
    assert total.values == close(
        last(part(traced("total_loss_grows"), "wrong"))["train_total"].values
    )
    assert float(values_of(right)["eval_total"]) == pytest.approx(total.values[0], rel=1e-6)


def test_activation_lives_as_long_as_the_features() -> None:
    wrong, right = traced("detach_after_forward").parts
    assert values_of(wrong) == {
        "kept_by_forward": "True",
        "kept_after_detach": "True",
        "kept_without_features": "False",
    }
    assert values_of(right) == {"kept": "False"}
    assert last(wrong)["encoder.weight"].grad is None
    assert last(right)["head.weight"].grad == last(right)["features"].values


def test_uncut_target_moves_by_its_gradient() -> None:
    wrong = part(traced("target_network"), "wrong")
    end = last(wrong)
    weight, bias = first(wrong, "q_net.weight"), first(wrong, "q_net.bias")[0]
    there, shift = first(wrong, "target_net.weight"), first(wrong, "target_net.bias")[0]
    target = 1 + 0.9 * (2 * there[0] + 3 * there[1] + shift)
    error = weight[0] + 2 * weight[1] + bias - target
    assert end["target"].values == close((target,))
    assert end["q_net.weight"].grad == close((2 * error, 4 * error))
    leak = (-0.9 * 2 * error * 2, -0.9 * 2 * error * 3)
    assert end["target_net.weight"].grad == close(leak)
    moved = tuple(number - 0.1 * slope for number, slope in zip(there, leak, strict=True))
    assert end["target_net.weight"].values == close(moved)


def test_cut_target_gives_the_same_gradient_to_the_q_net_alone() -> None:
    wrong, right = (last(each) for each in traced("target_network").parts)
    assert right["gradient"].values == wrong["q_net.weight"].grad
    assert right["q_net.weight"].grad == wrong["q_net.weight"].grad
    assert right["target_net.weight"].grad is None
    assert (right["next_value"].grad_fn, right["next_value"].made_in) == (None, "no_grad")
    assert right["recorded_value"].grad_fn == "AddmmBackward0"


def test_checkpoint_leaves_the_block_out_or_not() -> None:
    wrong, right = (last(each) for each in traced("checkpoint_frozen_input").parts)
    assert (wrong["hidden"].requires_grad, wrong["block.weight"].grad) == (False, None)
    assert wrong["head.weight"].grad == close(wrong["hidden"].values)
    by_hand = outer(right["head.weight"].values, right["embedded"].values)
    assert right["block.weight"].grad == close(by_hand)


def test_second_backward_adds_to_the_penalty_that_ran_twice() -> None:
    end = last(part(traced("second_backward"), "wrong"))
    at_trunk = [w * (1 - h**2) for w, h in zip(*of(end, "policy.weight", "hidden"), strict=True)]
    expected = tuple(2 + each for each in outer(tuple(at_trunk), (1.0, 2.0)))
    assert end["trunk.weight"].grad == close(expected)


def test_gradients_meet_before_the_trunk() -> None:
    end = last(part(traced("second_backward"), "right"))
    policy, value, hidden = of(end, "policy.weight", "value.weight", "hidden")
    both = tuple(one + other for one, other in zip(policy, value, strict=True))
    arrived = [end[f"arrived[{place}]"].values for place in range(3)]
    assert "arrived[3]" not in end
    assert arrived == [close(both), close(policy), close(value)]
    at_trunk = tuple(each * (1 - h**2) for each, h in zip(both, hidden, strict=True))
    assert end["trunk.weight"].grad == close(outer(at_trunk, (1.0, 2.0)))
    assert end["at_once"].values == close(outer(at_trunk, (1.0, 2.0)))


def test_step_between_changes_the_weight_that_the_other_loss_saved() -> None:
    wrong, right = traced("step_before_backward").parts
    end = last(wrong)
    assert (end["critic.weight"].version, end["actor.weight"].version) == (2, 1)
    # The first loss reached the actor through the uncut action.
    assert end["actor.weight"].grad is not None
    end = last(right)
    (weight,) = end["critic.weight"].values
    assert end["actor.weight"].grad == close((-weight, -2 * weight))


def test_names_and_attributes_keep_activations() -> None:
    wrong, right = traced("old_graph_lives_on").parts
    kept = {name: text for name, text in values_of(wrong).items() if name.startswith("kept")}
    assert kept == {"kept_in_next_forward": "True", "kept_after_it": "False"}
    assert values_of(right)["kept"] == "False"
    assert last(right)["logged"].values == last(wrong)["logged"].values


def test_gradient_with_a_graph_keeps_its_weight_until_it_is_none() -> None:
    wrong, right = traced("create_graph_cycle").parts
    kept = {name: text for name, text in values_of(wrong).items() if name.startswith("kept")}
    assert kept == {
        "kept_after_del": "True",
        "kept_after_collect": "True",
        "kept_without_grad": "False",
    }
    ended = values_of(right)
    assert (ended["has_graph"], ended["kept"]) == ("True", "False")


def test_replaced_layer_gets_its_gradient_and_stays() -> None:
    wrong, right = (last(each) for each in traced("replaced_layer").parts)
    assert wrong["moved"].values == (0.0, 0.0)
    assert wrong["left"].values == wrong["model.1.weight"].grad
    assert right["moved"].values != (0.0, 0.0)


def test_checkpoint_has_the_value_of_forward_and_the_gradient_of_the_change() -> None:
    wrong, right = traced("recomputed_otherwise").parts
    assert (last(wrong)["value"].values, last(wrong)["gradient"].values) == ((3.0,), (0.0,))
    assert (last(right)["value"].values, last(right)["gradient"].values) == ((3.0,), (3.0,))


def test_unguarded_average_halves_the_gradient_with_each_step() -> None:
    wrong, right = (last(each) for each in traced("ema_without_guard").parts)
    student, teacher = (right[f"{name}.weight"].values[0] for name in ("student", "teacher"))
    gaps = [(student - teacher) * 2**number for number in (2, 1, 0)]
    full = [right[f"gradients[{number}]"].values for number in range(3)]
    assert full == [close((2 * gap,)) for gap in gaps]
    shares = [wrong[f"gradients[{number}]"].values for number in range(2)]
    assert shares == [close((gaps[0],)), close((gaps[1] / 2,))]
    assert "gradients[2]" not in wrong


def test_ddp_frozen_before_sums_the_gradients_of_two_steps() -> None:
    end = last(part(traced("ddp_unused_parameters"), "right"))
    w00, w01, w10, w11 = end["encoder.weight"].values
    one, two = end["encoder.bias"].values
    assert end["head.weight"].grad == close((2 * (w00 + w01 + one), 2 * (w10 + w11 + two)))
    assert end["encoder.weight"].grad is None
