"""The advisor's table, every path of it, put to the test against measured gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from profiling import catalogue
from profiling.catalogue import BRANCHES, LESSONS, WORKLOADS
from profiling.catalogue.advisor import (
    ADVISED,
    WRONG,
    Answers,
    advise,
    advise_plain,
    every_answer,
    read_answers,
)
from profiling.measure.gradients import gradient_reach
from profiling.measure.step import State
from profiling.model.errors import InputError
from profiling.model.words import LANGUAGES, table, translator
from tests.profiling.planted import cell

SMALL = {"depth": 2, "width": 8, "batch": 3, "length": 5, "chunk": 2}
PATHS = every_answer()
ADVICE = {advise(path).situation: advise(path) for path in PATHS}


def is_right(workload: str, branch: str) -> bool:
    """Whether a branch runs and gives every parameter the gradient that it should have."""
    parameters = {name: SMALL[name] for name in catalogue.workload(workload).parameters}
    state = State(cell(workload, parameters=parameters, dtype="float64"))
    reference, step = state.reference(), state.step(branch)
    step.reset()
    try:
        step.backward(step.forward())
    except RuntimeError:
        return False
    return all(each.right for each in gradient_reach(state.groups, reference))


def name(path: Answers) -> str:
    return "-".join(map(str, (path.gradient, path.only_here, path.frozen, path.in_place)))


def test_there_are_30_paths_to_12_situations() -> None:
    assert len(set(PATHS)) == 30
    assert len(ADVICE) == 12
    assert {advise(path).branches[0] for path in PATHS} == {
        "detach",
        "detach_clone",
        "no_grad",
        "inference_mode",
        "frozen",
    }


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_the_advised_branch_is_never_one_that_the_workload_marks_wrong(path: Answers) -> None:
    advice = advise(path)
    offered = catalogue.workload(advice.workload).sources
    assert set(advice.branches) <= set(offered) & set(ADVISED)
    assert all(is_right(advice.workload, branch) for branch in advice.branches)
    assert advice.lesson in LESSONS
    assert advice.workload in WORKLOADS


@pytest.mark.parametrize("situation", ADVICE)
def test_a_branch_is_called_wrong_exactly_where_it_is(situation: str) -> None:
    advice = ADVICE[situation]
    entry = catalogue.workload(advice.workload)
    assert set(advice.others) | set(advice.branches) == set(ADVISED) <= set(BRANCHES)
    assert not set(advice.others) & set(advice.branches)
    tried = [branch for branch in advice.others if branch in entry.sources]
    assert tried
    for branch in tried:
        said = advice.others[branch].rpartition(".")[2]
        assert is_right(advice.workload, branch) == (said not in WRONG), (branch, said)


def test_each_situation_leads_to_where_it_occurs_and_is_explained() -> None:
    assert {name: (each.workload, each.lesson) for name, each in ADVICE.items()} == {
        "through_frozen": ("frozen_middle", "no_grad_kills_the_stem"),
        "through": ("gan_generator", "gan_generator_step"),
        "shared": ("side_branch", "side_branch"),
        "shared_written": ("side_branch", "detach_then_zero"),
        "alone_frozen": ("frozen_backbone", "freeze_and_finetune"),
        "alone": ("target_network", "target_network"),
        "nothing": ("evaluation_logging", "inference_tensor_in_training"),
        "nothing_written": ("evaluation_logging", "inference_mode_inside"),
        "kept": ("loss_logging", "total_loss_grows"),
        "kept_written": ("feature_cache", "clone_detach_order"),
        "carried": ("truncated_bptt", "truncated_bptt"),
        "skipped": ("straight_through", "straight_through"),
    }


def grads(*modules: nn.Module) -> list[Any]:
    return [parameter.grad for module in modules for parameter in module.parameters()]


class Net:
    """What the code to paste is tried on: its module's last op saves what it returns."""

    def __init__(self, answers: Answers) -> None:
        torch.manual_seed(0)
        self.stem, self.head = (nn.Linear(3, 3, dtype=torch.float64) for _ in range(2))
        linear = nn.Linear(3, 3, dtype=torch.float64)
        self.module = nn.Sequential(linear, nn.Sigmoid())
        if answers.frozen:
            self.module.requires_grad_(False)
        self.data = torch.randn(4, 3, dtype=torch.float64)
        self.factor = 2 if answers.in_place else 1

    def x(self) -> torch.Tensor:
        return torch.tanh(self.stem(self.data))

    def loss(self, result: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.head(result).square().sum()
        return loss

    def grads(self) -> list[list[Any]]:
        return [grads(each) for each in (self.stem, self.module, self.head)]


def wanted(path: Answers) -> list[list[Any]]:
    """Return the gradients that should hold, of numbers that were typed in where a cut is."""
    net = Net(path)
    if path.gradient == "skipped":
        h = net.module(net.x())
        value = h.detach().round().mul(net.factor).requires_grad_()
        net.loss(value).backward()
        assert value.grad is not None
        # As if `h` were multiplied alone.
        h.backward(value.grad * net.factor)
        return net.grads()
    if path.gradient == "through":
        net.module.requires_grad_(False)
        net.loss(net.module(net.x()) * net.factor).backward()
        return net.grads()
    h = net.module(net.x())
    losses = [] if path.only_here else [h.sin().sum()]
    if path.gradient == "after":
        constant = torch.tensor(h.tolist(), dtype=torch.float64)
        losses.append(net.loss(constant * net.factor))
    for loss in losses:
        loss.backward()
    return net.grads()


def pasted(code: str, path: Answers) -> list[list[Any]]:
    """Run code as from a notebook and return the gradients that it leaves."""
    net = Net(path)
    notebook: dict[str, Any] = {"torch": torch, "module": net.module, "x": net.x()}
    exec(code, notebook)
    result = notebook.get("cut", notebook["h"])
    losses = [net.loss(result)] if path.gradient != "none" else []
    if path.gradient in ("after", "none") and not path.only_here:
        losses.append(notebook["h"].sin().sum())
    if path.gradient == "none":
        assert not result.requires_grad
        assert result.is_inference() == ("inference_mode" in code)
    for loss in losses:
        loss.backward()
    assert path.frozen or all(each.requires_grad for each in net.module.parameters())
    return net.grads()


NOT_CARRIED = [path for path in PATHS if path.gradient != "carried"]


@pytest.mark.parametrize("path", NOT_CARRIED, ids=name)
def test_the_code_to_paste_gives_the_gradients_that_should_hold(path: Answers) -> None:
    for found, right in zip(pasted(advise(path).code, path), wanted(path), strict=True):
        for mine, theirs in zip(found, right, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_state_that_is_carried_on_trains_within_its_own_step(in_place: bool) -> None:
    step, *between = advise(Answers("carried", in_place=in_place)).code.splitlines()
    torch.manual_seed(0)
    module = nn.RNNCell(3, 3, dtype=torch.float64)
    parts = torch.randn(3, 2, 3, dtype=torch.float64)
    notebook: dict[str, Any] = {"module": module, "h": torch.zeros(2, 3, dtype=torch.float64)}
    for x in parts:
        start = torch.tensor(notebook["h"].tolist(), dtype=torch.float64)
        module.zero_grad()
        module(x, start).sum().backward()
        right = [each.clone() for each in grads(module)]
        module.zero_grad()
        exec(step, notebook | {"x": x}, notebook)
        notebook["h"].sum().backward()
        torch.testing.assert_close(grads(module), right, rtol=1e-12, atol=1e-15)
        exec("\n".join(between), notebook)


def test_answers_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError) as refused:
        advise(Answers("after", only_here=False, frozen=True))
    assert refused.value.key == "error.advisor_contradiction"


def test_detach_alone_must_not_be_written() -> None:
    path = Answers("after", only_here=False, in_place=True)
    code = advise(path).code
    assert ".detach().clone()" in code
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        pasted(code.replace(".clone()", ""), path)


def test_an_inference_tensor_cannot_be_written_outside() -> None:
    path = Answers("none", in_place=True)
    code = advise(path).code
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        pasted(code.replace("no_grad", "inference_mode"), path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_is_said(language: str) -> None:
    words = table(language)
    for advice in ADVICE.values():
        assert {advice.do, advice.why, *advice.others.values()} <= set(words)
    said = {key for each in ADVICE.values() for key in each.others.values()}
    assert {key for key in words if key.startswith("advisor.not.")} == said


def test_plain_values_for_scripts() -> None:
    plain = advise_plain("after", only_here=True, frozen=False, in_place=False, language="zh")
    assert plain["branches"] == ["no_grad"]
    assert plain["workload"] == "target_network"
    assert plain["why"] == translator("zh")("advisor.why.alone")
    assert plain["others"]["attached"] == translator("zh")("advisor.not.trains_module")
    assert plain["code"] == "with torch.no_grad():\n    h = module(x)"


@pytest.mark.parametrize(
    "values", [{"gradient": "before"}, {"gradient": "after", "frozen": "maybe"}, {"gradient": 1}]
)
def test_other_answers_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        read_answers(values)
    assert refused.value.key == "error.advisor_answers"
