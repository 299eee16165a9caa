"""What the workloads' texts say about memory, to the byte."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from profiling import catalogue
from profiling.measure.device import get
from profiling.measure.memory import measure_memory
from profiling.measure.step import State
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

FLOAT = 4
ROWS = 128
BATCH, LENGTH, WIDTH, DEPTH = 16, 8, 32, 2
NUMBERS = {"depth": DEPTH, "batch": BATCH, "length": LENGTH, "width": WIDTH, "chunk": 4}
NUMBERS |= {"chunks": 8, "vocab": 512, "rank": 4, "steps": 2}
STEPS = (8, 16, 24)
# What a layer returns for one batch, and what the last one does.
ACTIVATION, COLUMN = BATCH * WIDTH * FLOAT, BATCH * FLOAT


def state_of(name: str, size: int) -> State:
    parameters = {key: NUMBERS[key] for key in catalogue.workload(name).parameters}
    return State(cell(name, size=size, parameters=parameters))


def figures(state: State, branch: str) -> dict[str, float]:
    """Return peak and live bytes of a branch that has run before."""
    step = state.step(branch)
    step.reset()
    step.backward(step.forward())
    samples = measure_memory(step, get("cpu")).samples
    return {sample.metric: sample.value for sample in samples if sample.value is not None}


@functools.cache
def over_steps(name: str, branch: str) -> dict[str, list[float]]:
    """Return a branch's figures for 8, 16 and 24 steps."""
    found = [figures(state_of(name, steps), branch) for steps in STEPS]
    return {metric: [each[metric] for each in found] for metric in ("peak", "live")}


def test_evaluating_with_the_graph_keeps_every_batch() -> None:
    kept = DEPTH * ACTIVATION + COLUMN
    found = over_steps("evaluation_logging", "attached")
    assert found["live"] == [steps * kept + FLOAT for steps in STEPS]
    first, second, third = found["peak"]
    assert second - first == third - second == 8 * kept


@pytest.mark.parametrize(
    ("branch", "total"),
    [("detach", FLOAT), ("item", 0), ("no_grad", FLOAT), ("inference_mode", FLOAT)],
)
def test_evaluating_without_the_graph_keeps_nothing(branch: str, total: int) -> None:
    found = over_steps("evaluation_logging", branch)
    assert found["live"] == [total] * 3
    (peak,) = set(found["peak"])
    alone, two = (
        figures(state_of("evaluation_logging", steps), branch)["peak"] for steps in (1, 2)
    )
    assert two == peak
    if branch in ("detach", "item"):
        # The old loss holds its graph while the next one is computed.
        assert two - alone >= DEPTH * ACTIVATION + COLUMN
    else:
        assert two - alone <= 2 * FLOAT


def test_training_keeps_nothing_but_nodes_of_the_graph() -> None:
    peaks = {
        branch: over_steps("loss_logging", branch)["peak"]
        for branch in ("attached", "detach", "item")
    }
    (peak,) = set(peaks["attached"])
    assert peaks["detach"] == [peak] * 3
    assert peaks["item"] == [peak - FLOAT] * 3  # the total is a Python number
    first, second, third = (count_nodes(steps, "attached") for steps in (1, 2, 3))
    # Sum, mean, square, three linear layers with a transposed weight each, two ReLUs.
    assert second - first == third - second == 11
    assert count_nodes(3, "detach") == 0


def count_nodes(steps: int, branch: str) -> int:
    """Count the nodes of the total's graph, without those that stand for parameters."""
    _, total = state_of("loss_logging", steps).step(branch).forward()
    found: set[Any] = set()
    waiting = [total.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [each for each, _ in node.next_functions]
    return sum(node.name() != "torch::autograd::AccumulateGrad" for node in found)


def test_a_cached_view_keeps_the_whole_tensor() -> None:
    whole, last = LENGTH * ACTIVATION, ACTIVATION
    kept = {
        "attached": DEPTH * whole,
        "detach": whole,
        "clone_detach": last,
        "detach_clone": last,
        "no_grad": whole,
        "inference_mode": whole,
    }
    for branch, each in kept.items():
        live = over_steps("feature_cache", branch)["live"]
        assert live == [steps * each for steps in STEPS], branch


def test_truncating_keeps_the_peak_whatever_the_length() -> None:
    for branch in ("detach", "detach_clone", "detach_inplace"):
        assert len(set(over_steps("truncated_bptt", branch)["peak"])) == 1
    first, second, third = over_steps("truncated_bptt", "attached")["peak"]
    assert second - first == third - second >= 8 * 2 * ACTIVATION
    # A step's state, and its copy among all states.
    first, second, third = over_steps("truncated_bptt", "attached")["live"]
    assert second - first == third - second == 8 * 2 * ACTIVATION


def test_a_frozen_middle_still_saves_what_its_gelus_need() -> None:
    state, activation = state_of("frozen_middle", ROWS), ROWS * WIDTH * FLOAT
    live = {
        branch: figures(state, branch)["live"]
        for branch in ("attached", "frozen", "no_grad", "detach")
    }
    assert live["attached"] == (2 + 2 * DEPTH) * activation + FLOAT  # the loss
    assert live["frozen"] == live["attached"] - DEPTH * activation
    peak = {branch: figures(state, branch)["peak"] for branch in live}
    assert peak["no_grad"] < peak["frozen"] < peak["attached"]


def test_how_long_the_generators_graph_lives() -> None:
    state = state_of("gan_discriminator", ROWS)
    found = {branch: figures(state, branch) for branch in ("detach", "detach_kept", "no_grad")}
    graph = DEPTH * ROWS * WIDTH * FLOAT
    assert found["detach"]["live"] == found["no_grad"]["live"]
    assert found["detach_kept"]["live"] == found["detach"]["live"] + graph
    assert found["no_grad"]["peak"] < found["detach"]["peak"] < found["detach_kept"]["peak"]


def test_a_frozen_discriminator_saves_less() -> None:
    state = state_of("gan_generator", ROWS)
    attached, frozen = (figures(state, branch) for branch in ("attached", "frozen"))
    # The inputs of its linear layers: the sample, and what each LeakyReLU returns.
    assert attached["live"] - frozen["live"] == (1 + DEPTH) * ROWS * WIDTH * FLOAT
    assert frozen["peak"] < attached["peak"]


def test_a_target_without_a_graph_costs_least() -> None:
    state = state_of("target_network", ROWS)
    names = ("attached", "detach", "detach_inline", "no_grad", "frozen")
    peak = {branch: figures(state, branch)["peak"] for branch in names}
    assert peak["no_grad"] == peak["frozen"] == peak["detach_inline"]
    assert peak["no_grad"] < peak["detach"] < peak["attached"]


def test_a_transformer_saves_many_times_its_output() -> None:
    state = state_of("transformer_backbone", ROWS)
    names = ("attached", "detach", "detach_inline", "detach_clone", "no_grad", "frozen")
    found = {branch: figures(state, branch) for branch in names}
    last = ROWS * WIDTH * FLOAT
    whole = LENGTH * last
    assert found["attached"]["live"] > 14 * DEPTH * whole
    for branch in ("no_grad", "frozen"):
        assert 3 * found[branch]["peak"] < found["detach"]["peak"]
    # The view of the last position keeps all of them; the head has a layer norm of its own.
    assert found["detach_inline"]["live"] - found["detach_clone"]["live"] == whole - last


def test_chunks_behind_a_boundary_never_hold_all_logits() -> None:
    state = state_of("split_backward", ROWS)
    names = ("attached", "chunked", "checkpoint", "detach_boundary")
    peak = {branch: figures(state, branch)["peak"] for branch in names}
    logits = ROWS * NUMBERS["vocab"] * FLOAT
    # Logits, their log-probabilities and a gradient, of all rows or of one chunk.
    assert peak["attached"] > 3 * logits > peak["chunked"] > logits
    gradient = (WIDTH + 1) * NUMBERS["vocab"] * FLOAT
    assert max(peak["checkpoint"], peak["detach_boundary"]) - gradient < logits


def test_a_gradient_cache_holds_the_graph_of_one_chunk() -> None:
    state = state_of("grad_cache", ROWS)
    peak = {branch: figures(state, branch)["peak"] for branch in ("attached", "detach", "no_grad")}
    assert peak["detach"] == peak["no_grad"] < peak["attached"]


def test_recycling_keeps_its_peak_whatever_the_passes_unless_it_keeps_their_graphs() -> None:
    for branch in ("detach", "no_grad", "inference_mode"):
        assert len(set(over_steps("recycling", branch)["peak"])) == 1
    for branch in ("attached", "detach_last"):
        first, second, third = over_steps("recycling", branch)["peak"]
        # A pass keeps what goes into the block, twice as wide, and what tanh returns.
        assert second - first == third - second == 8 * 3 * ACTIVATION


def test_a_reference_models_graph_lives_until_it_is_cut_inline() -> None:
    state = state_of("dpo_reference", BATCH)
    names = ("detach", "detach_inline", "no_grad", "frozen", "precomputed")
    peak = {branch: figures(state, branch)["peak"] for branch in names}
    assert peak["detach"] > peak["detach_inline"] == peak["no_grad"] == peak["frozen"]
    assert peak["precomputed"] <= peak["no_grad"]


def test_second_order_costs_most_and_leaving_it_out_least() -> None:
    state = state_of("maml", ROWS)
    peak = {b: figures(state, b)["peak"] for b in ("attached", "detach", "first_order")}
    assert peak["first_order"] < peak["detach"] < peak["attached"]


def test_checkpointing_halves_what_lora_keeps() -> None:
    parameters = {"depth": 8, "width": 128, "rank": 4}
    state = State(cell("lora_checkpoint", size=1024, parameters=parameters))
    peak = {branch: figures(state, branch)["peak"] for branch in ("frozen", "checkpoint")}
    assert peak == {"frozen": 9_048_588, "checkpoint": 4_256_012}
