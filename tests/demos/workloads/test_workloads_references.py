"""The gradients that should hold, computed once more in another way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.measure.step import State
from tests.profiling.planted import cell

DEEP = {"depth": 2, "width": 8}
LOGGED = {"depth": 2, "batch": 3, "width": 8}
CHUNKED = {"chunk": 2, "batch": 3, "width": 8}


def state_of(name: str, parameters: dict[str, int], size: int = 4) -> State:
    return State(cell(name, size=size, dtype="float64", parameters=parameters))


def constant(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same numbers, typed in."""
    return torch.tensor(tensor.tolist(), dtype=tensor.dtype)


def check(found: Sequence[torch.Tensor] | None, wanted: Sequence[torch.Tensor]) -> None:
    assert found is not None
    assert any(gradient.abs().max() > 1e-4 for gradient in wanted)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)


def leaves(*modules: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter for module in modules for parameter in module.parameters()]


def test_the_stem_learns_what_finite_differences_say() -> None:
    state = state_of("frozen_middle", DEEP)
    stem, middle, head, x = state.arguments.values()
    bias = stem[0].bias
    reference = state.reference()["stem"] or ()
    slopes = []
    for index in range(len(bias)):
        ends = []
        for change in (1e-6, -1e-6):
            moved = constant(bias)
            moved[index] += change
            h = torch.nn.functional.linear(x, stem[0].weight, moved)
            ends.append(head(middle(stem[1](h))).mean().item())
        slopes.append((ends[0] - ends[1]) / 2e-6)
    expected = torch.tensor(slopes, dtype=torch.float64)
    torch.testing.assert_close(reference[1], expected, rtol=1e-6, atol=1e-9)


def test_the_discriminator_learns_from_fakes_as_from_any_other_numbers() -> None:
    state = state_of("gan_discriminator", DEEP)
    generator, discriminator, z, real = state.arguments.values()
    fake = constant(generator(z))
    scores = discriminator(torch.cat([real, fake])).squeeze(1)
    losses = torch.nn.functional.relu(torch.cat([1 - scores[:4], 1 + scores[4:]]))
    wanted = torch.autograd.grad(losses.sum() / 4, leaves(discriminator))
    check(state.reference()["discriminator"], wanted)
    assert state.reference()["generator"] is None


def test_the_generator_learns_by_the_chain_rule() -> None:
    state = state_of("gan_generator", DEEP)
    generator, discriminator, z = state.arguments.values()
    fake = generator(z)
    given = constant(fake).requires_grad_()
    (slope,) = torch.autograd.grad(-discriminator(given).sum() / 4, [given])
    wanted = torch.autograd.grad((fake * slope).sum(), leaves(generator))
    check(state.reference()["generator"], wanted)
    assert state.reference()["discriminator"] is None


def test_the_online_side_learns_as_if_the_target_were_data() -> None:
    state = state_of("target_network", DEEP)
    online, predictor, target, first, second = state.arguments.values()
    goal = constant(target(second))
    prediction = predictor(online(first))
    lengths = prediction.norm(dim=1) * goal.norm(dim=1)
    loss = -((prediction * goal).sum(1) / lengths).mean()
    wanted = torch.autograd.grad(loss, leaves(online, predictor))
    count = len(leaves(online))
    check(state.reference()["online"], wanted[:count])
    check(state.reference()["predictor"], wanted[count:])


def test_the_encoder_learns_as_if_rounding_added_constants() -> None:
    state = state_of("straight_through", DEEP)
    encoder, decoder, x = state.arguments.values()
    h = encoder(x)
    change = constant((h * 16).round() / 16 - h)
    assert 0.02 < change.abs().max() <= 1 / 32
    loss = (decoder(h + change) - x).square().sum() / 4
    wanted = torch.autograd.grad(loss, leaves(encoder, decoder))
    count = len(leaves(encoder))
    check(state.reference()["encoder"], wanted[:count])
    check(state.reference()["decoder"], wanted[count:])


def test_rounding_alone_gives_zeros_and_not_nothing() -> None:
    state = state_of("straight_through", DEEP)
    step = state.step("attached")
    step.reset()
    step.backward(step.forward())
    for group, zero in (("encoder", True), ("decoder", False)):
        for leaf in state.groups[group]:
            assert leaf.grad is not None
            assert (leaf.grad.count_nonzero() == 0) == zero


@pytest.mark.parametrize("steps", [4, 5])
def test_each_chunk_learns_from_its_own_steps(steps: int) -> None:
    state = state_of("truncated_bptt", CHUNKED, size=steps)
    recurrent, head, sequence, chunk = state.arguments.values()
    wanted: list[Any] = [0] * len(leaves(recurrent, head))
    hidden = torch.zeros(3, 8, dtype=torch.float64)
    for start in range(0, steps, chunk):
        hidden = constant(hidden)
        losses = []
        for x in sequence[start : start + chunk]:
            hidden = torch.tanh(
                x @ recurrent.weight_ih.T
                + recurrent.bias_ih
                + hidden @ recurrent.weight_hh.T
                + recurrent.bias_hh
            )
            losses.append(head(hidden).sum() / 3 / steps)
        grads = torch.autograd.grad(torch.stack(losses).sum(), leaves(recurrent, head))
        wanted = [total + grad for total, grad in zip(wanted, grads, strict=True)]
    check(state.reference()["cell"], wanted[:4])
    check(state.reference()["head"], wanted[4:])


def test_one_chunk_alone_is_not_truncated_and_may_be_carried() -> None:
    state = state_of("truncated_bptt", CHUNKED, size=2)
    reference = [*(state.reference()["cell"] or ()), *(state.reference()["head"] or ())]
    for branch in ("attached", "carried", "detach"):
        step = state.step(branch)
        step.reset()
        step.backward(step.forward())
        gradients = [leaf.grad for group in state.groups.values() for leaf in group]
        check(reference, [gradient for gradient in gradients if gradient is not None])


def test_micro_batches_add_up_to_one_batch() -> None:
    state = state_of("loss_logging", LOGGED)
    model, batches = state.arguments.values()
    loss = model(batches.flatten(0, 1)).square().sum() / 3
    check(state.reference()["model"], torch.autograd.grad(loss, leaves(model)))


@pytest.mark.parametrize("name", ["evaluation_logging", "feature_cache"])
def test_what_only_evaluates_gives_no_gradient(name: str) -> None:
    parameters = LOGGED | ({"length": 5} if name == "feature_cache" else {})
    assert state_of(name, parameters).reference() == {"model": None}


def test_the_transformers_head_learns_from_features_as_from_any_other_numbers() -> None:
    state = state_of("transformer_backbone", DEEP | {"length": 5})
    encoder, head, x = state.arguments.values()
    wanted = torch.autograd.grad(head(constant(encoder(x)[:, -1])).mean(), leaves(head))
    check(state.reference()["head"], wanted)
    assert state.reference()["encoder"] is None
    assert encoder.training
    assert all(module.p == 0 for module in encoder.modules() if "Dropout" in str(type(module)))


def test_only_the_last_pass_teaches_the_block() -> None:
    state = state_of("recycling", {"batch": 3, "width": 8})
    block, head, x, passes = state.arguments.values()
    z = torch.zeros_like(x)
    for _ in range(passes - 1):
        z = constant(block(torch.cat((x, z), 1)))
    loss = head(block(torch.cat((x, z), 1))).mean()
    wanted = torch.autograd.grad(loss, leaves(block, head))
    check(state.reference()["block"], wanted[:2])
    check(state.reference()["head"], wanted[2:])


def test_maml_learns_as_if_the_inner_gradients_were_data() -> None:
    state = state_of("maml", DEEP | {"steps": 2})
    model, x, y, steps = state.arguments.values()
    weights = dict(model.named_parameters())
    moved = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for _ in range(steps):
        fast = {name: constant(weights[name] - moved[name]).requires_grad_() for name in weights}
        loss = (torch.func.functional_call(model, fast, x) - y).square().mean()
        grads = torch.autograd.grad(loss, list(fast.values()))
        moved = {name: moved[name] + 0.1 * grad for name, grad in zip(fast, grads, strict=True)}
    last = {name: weights[name] - constant(moved[name]) for name in weights}
    loss = (torch.func.functional_call(model, last, x) - y).square().mean()
    check(state.reference()["model"], torch.autograd.grad(loss, leaves(model)))


def test_the_policy_learns_as_if_the_margin_were_data() -> None:
    numbers = {"length": 5, "vocab": 7, "width": 8, "depth": 2}
    state = state_of("dpo_reference", numbers)
    policy, ref, chosen, rejected, _ = state.arguments.values()
    margin = constant(ref(chosen) - ref(rejected))
    gain = policy(chosen) - policy(rejected) - margin
    loss = torch.log1p(torch.exp(-0.1 * gain)).mean()
    check(state.reference()["policy"], torch.autograd.grad(loss, leaves(policy)))
    assert state.reference()["ref"] is None


def test_codes_and_encoder_learn_from_each_other_as_from_data() -> None:
    state = state_of("vq_vae", {"codes": 6, "depth": 1, "width": 8}, size=16)
    encoder, decoder, codes, x = state.arguments.values()
    z = encoder(x)
    nearest = ((z[:, None] - codes) ** 2).sum(2).argmin(1)
    q = codes[nearest]
    decoded = decoder(z + constant(q - z))
    loss = (decoded - x).square().mean() + (q - constant(z)).square().mean()
    loss = loss + 0.25 * (z - constant(q)).square().mean()
    wanted = torch.autograd.grad(loss, [*leaves(encoder, decoder), codes])
    count = len(leaves(encoder))
    check(state.reference()["encoder"], wanted[:count])
    check(state.reference()["decoder"], wanted[count:-1])
    check(state.reference()["codebook"], wanted[-1:])


def test_actor_and_critic_learn_each_from_their_own_loss() -> None:
    state = state_of("actor_critic", DEEP | {"actions": 3})
    actor, critic, x, taken, returns = state.arguments.values()
    advantage = constant(returns - critic(x))
    logp = torch.log_softmax(actor(x), 1)[torch.arange(len(x)), taken.squeeze(1)]
    wanted = torch.autograd.grad(-(logp * advantage.squeeze(1)).mean(), leaves(actor))
    check(state.reference()["actor"], wanted)
    wanted = torch.autograd.grad((critic(x) - returns).square().mean() / 2, leaves(critic))
    check(state.reference()["critic"], wanted)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_correct_gradients_are_more_than_rounding(workload: str) -> None:
    entry = catalogue.workload(workload)
    parameters = {name: each.default for name, each in entry.parameters.items()}
    asked = cell(workload, size=min(entry.sizes), parameters=parameters)
    coarse, exact = (
        State(replace(asked, dtype=dtype)).reference() for dtype in ("float32", "float64")
    )
    for group, wanted in exact.items():
        if wanted is not None:
            pairs = list(zip(coarse[group] or (), wanted, strict=True))
            missed = sum(float((one.double() - other).square().sum()) for one, other in pairs)
            assert missed < 1e-10 * sum(float(each.square().sum()) for each in wanted), group
