# ruff: noqa: B007, F841 (names are there to be watched)
from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from profiling.measure.stepper import MAX_NAMES, MAX_STEPS, Stepper
from profiling.model.lesson import PartTrace


def step(function: Callable[[], Any]) -> PartTrace:
    source, first = inspect.getsourcelines(function)
    return Stepper(function.__code__, "".join(source), first, ()).run("lesson", function)


def lines(part: PartTrace, function: Callable[[], Any]) -> list[int]:
    """Return each step's line, counted from that of the def."""
    return [each.line - function.__code__.co_firstlineno for each in part.steps]


def looped() -> None:
    total = torch.zeros(1)
    for number in range(2):
        total = total + number
        if number:
            total = total * 10


def test_every_statement_of_loops_and_conditions_is_a_step() -> None:
    part = step(looped)
    assert lines(part, looped) == [1, 2, 3, 4, 2, 3, 4, 5, 2]
    totals = [next(each.values for each in one.tensors) for one in part.steps]
    assert totals == [(0.0,)] * 5 + [(1.0,)] * 2 + [(10.0,)] * 2
    assert [value.text for value in part.steps[-1].values] == ["1"]


def in_blocks() -> None:
    x = torch.ones(1, requires_grad=True)
    with torch.no_grad():
        y = x * 2
    z = x * 2
    with torch.inference_mode():
        i = x * 2


def test_with_blocks_and_the_mode_after_each_statement() -> None:
    part = step(in_blocks)
    assert [each.grad_mode for each in part.steps] == [
        "grad",
        "no_grad",
        "no_grad",
        "grad",
        "grad",
        "inference",
        "inference",
        "grad",
    ]
    made = {each.name: each.made_in for each in part.steps[-1].tensors}
    assert made == {"x": "grad", "y": "no_grad", "z": "grad", "i": "inference"}


def over_lines() -> None:
    x = torch.tensor(
        [
            1.0,
            2.0,
        ]
    )
    y = x * 2


def test_a_statement_over_several_lines_is_one_step() -> None:
    assert lines(step(over_lines), over_lines) == [1, 7]


def prints() -> None:
    print("one")
    x = torch.ones(1, requires_grad=True) * 2
    x.grad  # noqa: B018
    print("two")


def test_printed_text_and_warnings_belong_to_their_step() -> None:
    printed = [each.printed for each in step(prints).steps]
    assert printed[0] == "one\n"
    assert printed[1] == ""
    assert printed[2].startswith("UserWarning: The .grad attribute of a Tensor that is not a leaf")
    assert printed[3] == "two\n"


def with_generator() -> None:
    def batches() -> Any:
        with torch.no_grad():
            batch = torch.ones(1)
            yield batch

    for each in batches():
        seen = torch.is_grad_enabled()


def test_inner_functions_are_stepped_with_their_names() -> None:
    part = step(with_generator)
    inner = [each for each in part.steps if each.function == "batches"]
    assert [each.line for each in inner][:2] == [part.steps[0].line + 1, part.steps[0].line + 2]
    assert "batch" in {tensor.name for tensor in inner[1].tensors}
    # What is suspended leaves its mode to its caller, and so is seen there.
    assert part.steps[-1].grad_mode == "grad"
    assert any(each.grad_mode == "no_grad" for each in part.steps if not each.function)


def raises() -> None:
    x = torch.ones(1)
    x.backward()
    x = x * 2


def test_an_error_has_its_line_and_the_rest_is_not_run() -> None:
    part = step(raises)
    assert part.error is not None
    assert part.error.line == part.steps[-1].line == raises.__code__.co_firstlineno + 2
    assert part.error.text == (
        "element 0 of tensors does not require grad and does not have a grad_fn"
    )


def raises_inside() -> None:
    def helper() -> None:
        raise ValueError("inside")

    helper()


def test_an_error_in_an_inner_function_is_told_where_it_was_raised() -> None:
    error = step(raises_inside).error
    assert error is not None
    assert (error.type, error.text) == ("ValueError", "inside")
    assert error.line == raises_inside.__code__.co_firstlineno + 2


def endless() -> None:
    x = torch.zeros(1)
    for _ in range(MAX_STEPS):
        x = x + 1


def test_too_many_steps_are_cut_off_and_it_runs_on() -> None:
    source, first = inspect.getsourcelines(endless)
    stepper = Stepper(endless.__code__, "".join(source), first, ())
    part = stepper.run("lesson", endless)
    assert (len(part.steps), part.cut_off) == (MAX_STEPS, True)
    assert stepper.final["x"].item() == MAX_STEPS


def many_names() -> None:
    layers = torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(MAX_NAMES))
    count = len(layers)


def test_too_many_tensors_are_counted() -> None:
    last = step(many_names).steps[-1]
    assert (len(last.tensors), last.left_out) == (MAX_NAMES, MAX_NAMES)


def leaves_things_changed() -> None:
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)


def test_what_it_changes_is_put_back() -> None:
    outer = sys.gettrace()
    step(leaves_things_changed)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert sys.gettrace() is outer
    assert not torch.is_warn_always_enabled()


def catches() -> None:
    try:
        torch.ones(1).backward()
    except RuntimeError as raised:
        text = str(raised)

    class Named:
        @staticmethod
        def size() -> int:
            return 3

    size = Named.size()


def test_handlers_decorators_and_classes_are_steps_of_their_own() -> None:
    part = step(catches)
    assert lines(part, catches) == [1, 2, 3, 4, 6, 7, 6, 9, 11]
    assert {each.name for each in part.steps[-1].values} == {"text", "size"}
    assert not any(each.name.startswith("__") for one in part.steps for each in one.values)


def exits() -> None:
    sys.exit(3)


def test_an_exit_ends_the_function_and_nothing_else() -> None:
    error = step(exits).error
    assert error is not None
    assert (error.type, error.text) == ("SystemExit", "3")


@pytest.mark.parametrize("hidden", [(), ("x",)])
def test_hidden_names_are_not_noted(hidden: tuple[str, ...]) -> None:
    source, first = inspect.getsourcelines(raises)
    part = Stepper(raises.__code__, "".join(source), first, hidden).run("lesson", raises)
    assert [each.name for each in part.steps[0].tensors] == ([] if hidden else ["x"])
