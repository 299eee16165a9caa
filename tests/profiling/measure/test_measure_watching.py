"""Lessons and a person's own code, watched: causes, lines and names; nothing stays changed."""

from __future__ import annotations

import pytest
import torch

from profiling.analysis.diagnosis import Diagnosis, diagnose
from profiling.catalogue import LESSONS
from profiling.measure.watching import watch_code, watch_lesson
from profiling.model.lesson import LessonRequest

CODE = """\
import torch
w = torch.ones(3, requires_grad=True)
b = torch.zeros(3, requires_grad=True)
print("not shown")
loss = (w.detach() * 2 + b).sum()
loss.backward()
"""
CARRIED = """\
import torch
cell = torch.nn.GRUCell(3, 4)
h = torch.zeros(2, 4)
for _ in range(5):
    x = torch.ones(2, 3)
    h = cell(x, h)
    h.mean().backward(retain_graph=True)
"""
FORCES = """\
import torch
net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
x = torch.ones(4, 2, requires_grad=True)
force, = torch.autograd.grad(net(x).sum(), x, create_graph=True)
force.pow(2).sum().backward()
"""
UNUSED = """\
import torch
extra = torch.nn.Linear(3, 1)
used = torch.nn.Linear(3, 1)
used(torch.ones(2, 3)).sum().backward()
"""


def names(found: Diagnosis, finding: int = 0) -> list[str]:
    parameters = found.watch.parameters
    return [parameters[each].names[0] for each in found.findings[finding].parameters]


@pytest.mark.parametrize(
    ("lesson", "cause", "line", "named"),
    [
        ("rebuilt_from_numbers", "item", 11, ["model.weight", "model.bias"]),
        ("nothing_requires_grad", "detach", 11, ["model.weight", "model.bias"]),
        ("total_loss_grows", "graph_leak", 14, []),
        ("data_or_detach", "silent_mutation", 15, ["x"]),
    ],
)
def test_a_lesson_names_its_cause(lesson: str, cause: str, line: int, named: list[str]) -> None:
    found = diagnose(watch_lesson(LessonRequest(lesson, device="cpu")))
    first = found.findings[0]
    assert (first.cause, first.lines[0].line, names(found)) == (cause, line, named)
    assert first.lines[0].path.endswith(f"{lesson}.py")


@pytest.mark.parametrize(
    ("lesson", "cause"),
    [
        ("truncated_bptt", "backward_twice"),
        ("second_backward", "backward_twice"),
        ("total_loss_grows", "graph_leak"),
    ],
)
def test_a_graph_of_earlier_steps_leads_to_the_lesson_that_shows_it(
    lesson: str, cause: str
) -> None:
    found = diagnose(watch_lesson(LessonRequest(lesson, device="cpu")))
    assert [each.lesson for each in found.findings if each.cause == cause] == [lesson]


def test_a_carried_state_that_grows_leads_to_truncated_backpropagation() -> None:
    found = diagnose(watch_code(CARRIED, 10.0))
    leaks = [(each.cause, each.lesson, each.lines[0].line) for each in found.findings]
    assert leaks == [("graph_leak", "truncated_bptt", 6)]


def test_what_a_derivative_does_not_depend_on_is_a_note() -> None:
    found = diagnose(watch_code(FORCES, 10.0))
    told = [(each.level, each.cause, each.lines[0].line) for each in found.findings]
    assert (told, names(found)) == ([("note", "not_in_derivative", 4)], ["net.2.bias"])


def test_an_unused_module_is_named_where_it_was_made() -> None:
    found = diagnose(watch_code(UNUSED, 10.0)).findings
    lines = [(each.cause, [(at.line, at.role) for at in each.lines]) for each in found]
    assert lines == [("unused", [(2, "constructed")])]


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_lesson_is_too_much(lesson: str) -> None:
    found = diagnose(watch_lesson(LessonRequest(lesson, device="cpu")))
    assert found.watch.notes == ()
    assert torch.is_grad_enabled()


def test_own_code_is_watched_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = diagnose(watch_code(CODE, 10.0))
    first = found.findings[0]
    assert (first.cause, names(found)) == ("detach", ["w"])
    (line,) = first.lines
    assert (line.path, line.line) == ("playground.py", 5)
    assert line.text == "loss = (w.detach() * 2 + b).sum()"
    assert capsys.readouterr() == ("", "")


def test_own_code_that_fails_never_ends_or_is_none_is_a_record_too() -> None:
    raised = watch_code("import torch\ntorch.ones(2) @ torch.ones(3)\n", 10.0)
    assert raised.failure is not None
    assert raised.failure.type == "RuntimeError"
    broken = watch_code("x = (\n", 10.0)
    assert broken.failure is not None
    assert broken.failure.type == "SyntaxError"
    endless = watch_code("import torch\nwhile True:\n    torch.ones(2)\n", 0.5)
    assert endless.failure is not None
    assert endless.failure.type == "TimeLimit"
    assert watch_code("", 10.0).counts.operations == 0
