# ruff: noqa: B007, F841 (names are there to be watched)
from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

from profiling import catalogue
from profiling.measure.stepper import MAX_NAMES, MAX_STEPS, Stepper, run_lesson, step_code
from profiling.model.lesson import LessonError, LessonRequest, LessonStep, PartTrace, TensorState
from tests.profiling.measure.cells import reads_saved


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


def imports() -> None:
    import warnings

    code = compile("import warnings; warnings.warn('internal', FutureWarning)", "planted", "exec")
    exec(code, {"__name__": "torch.planted"})
    warnings.warn("mine", FutureWarning, stacklevel=1)
    exec(code, {"__name__": "planted"})


def test_what_torch_warns_of_while_it_imports_its_own_modules_is_not_the_codes() -> None:
    printed = [each.printed for each in step(imports).steps]
    assert [each for each in printed if each] == [
        "FutureWarning: mine\n",
        "FutureWarning: internal\n",
    ]


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


def transformed() -> None:
    kept = []

    def loss(x: torch.Tensor) -> torch.Tensor:
        hidden = x**2
        kept.append(hidden)
        return hidden

    gradient = torch.func.grad(loss)(torch.tensor(3.0))


def test_what_runs_in_a_transform_and_what_it_leaves_is_not_read() -> None:
    part = step(transformed)
    assert part.error is None
    assert lines(part, transformed) == [1, 3, 8]
    assert [(each.name, each.values) for each in part.steps[-1].tensors] == [("gradient", (6.0,))]


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


def at(step: LessonStep) -> dict[str, TensorState]:
    return {tensor.name: tensor for tensor in step.tensors}


def test_a_step_for_every_line_with_the_tensors_after_it() -> None:
    (part,) = run_lesson(LessonRequest("detach_then_zero")).parts
    first = catalogue.lesson("detach_then_zero").parts["lesson"].first_line
    assert [step.line - first for step in part.steps] == [1, 2, 3, 4, 5]
    assert [list(at(step)) for step in part.steps] == [
        ["a"],
        ["a", "out"],
        ["a", "out", "c"],
        ["a", "out", "c"],
        ["a", "out", "c"],
    ]


@reads_saved
def test_storage_version_and_graph_as_the_lesson_goes() -> None:
    (part,) = run_lesson(LessonRequest("detach_then_zero")).parts
    steps = [at(step) for step in part.steps]
    assert [{name: state.storage for name, state in step.items()} for step in steps] == [
        {"a": 1},
        {"a": 1, "out": 2},
        *[{"a": 1, "out": 2, "c": 2}] * 3,
    ]
    assert [step["out"].version for step in steps[1:]] == [0, 0, 1, 1]
    assert [step["c"].version for step in steps[2:]] == [0, 1, 1]
    assert [step["out"].counter == step["c"].counter for step in steps[2:]] == [True] * 3
    saved = [node.saved for node in part.steps[3].graph.nodes if node.label == "SigmoidBackward0"]
    assert [(each.name, each.state) for each in saved[0]] == [("result", "changed")]


def test_the_error_is_noted_with_its_line_and_text() -> None:
    (part,) = run_lesson(LessonRequest("detach_then_zero")).parts
    source = catalogue.lesson("detach_then_zero").parts["lesson"]
    assert part.error is not None
    assert part.error.type == "RuntimeError"
    # An older torch names the function in full.
    assert part.error.text.replace("SigmoidBackward0", "Sigmoid").startswith(
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation: [torch.FloatTensor [3]], which is output 0 of Sigmoid, is at version 1; "
        "expected version 0 instead."
    )
    line = source.text.splitlines()[part.error.line - source.first_line]
    assert line.strip() == "out.sum().backward()"


def test_a_lesson_without_an_error() -> None:
    (part,) = run_lesson(LessonRequest("baseline", (1.0, -2.0), "square")).parts
    assert part.error is None
    end = at(part.steps[-1])["a"]
    assert (end.values, end.grad) == ((1.0, -2.0), (2.0, -4.0))


def test_the_request_comes_back_with_the_trace() -> None:
    request = LessonRequest("baseline", (1.0,), "exp")
    assert run_lesson(request).request == request


def test_inputs_are_shown_apart_and_not_among_the_names() -> None:
    (part,) = run_lesson(LessonRequest("baseline")).parts
    assert part.steps[-1].values == ()


def test_what_is_wrong_and_what_is_right_are_two_parts() -> None:
    wrong, right = run_lesson(LessonRequest("leaf_in_place")).parts
    assert (wrong.name, right.name) == ("wrong", "right")
    assert wrong.error is not None
    assert wrong.error.text.startswith("a leaf Variable that requires grad")
    assert right.error is None


def test_each_part_starts_from_the_same_seed() -> None:
    wrong, right = run_lesson(LessonRequest("gan_discriminator_step")).parts
    weights = [at(part.steps[0])["generator.weight"].values for part in (wrong, right)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("name", ["baseline", "detach_then_zero"])
def test_the_trace_function_is_put_back(name: str) -> None:
    def tracer(frame: FrameType, event: str, argument: object) -> None:
        return None

    outer = sys.gettrace()
    sys.settrace(tracer)
    try:
        run_lesson(LessonRequest(name))
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(outer)


def test_random_numbers_are_the_same_every_time_and_torchs_own_are_left_alone() -> None:
    before = torch.get_rng_state()
    first, second = (run_lesson(LessonRequest("freeze_and_finetune")) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


def raised(code: str, seconds: float = 30.0) -> LessonError:
    error = step_code(code, seconds).error
    assert error is not None
    return error


# What Python raises on a null character in code.
NULL_CHARACTER = "SyntaxError" if sys.version_info >= (3, 11, 4) else "ValueError"


@pytest.mark.parametrize(
    ("code", "kind", "line", "text"),
    [
        ("x = 1\ny = (", "SyntaxError", 2, "never closed"),
        ("x = 1\n  y = 2", "IndentationError", 2, "unexpected indent"),
        ("x = 1\0", NULL_CHARACTER, 1, "null"),
        ("x = 1\nraise ValueError('<b>no</b>')", "ValueError", 2, "<b>no</b>"),
        ("import sys\n\nsys.exit(3)", "SystemExit", 3, "3"),
        ("import torch\nt = torch.empty(10**15)", "RuntimeError", 2, "allocate"),
        ("input()", "EOFError", 1, "EOF"),
    ],
)
def test_whatever_goes_wrong_is_told_at_its_line(
    code: str, kind: str, line: int, text: str
) -> None:
    error = raised(code)
    assert (error.type, error.line) == (kind, line)
    assert text in error.text


def test_an_endless_recursion() -> None:
    assert raised("def f():\n    return f()\n\nf()").type == "RecursionError"


def test_the_time_limit_names_the_line_and_keeps_what_was_reached() -> None:
    part = step_code("import time\nx = 1\ntime.sleep(600)", 3.0)
    assert part.error is not None
    assert (part.error.type, part.error.line) == ("TimeLimit", 3)
    assert [step.line for step in part.steps] == [1, 2, 3]


def test_no_except_exception_stops_the_time_limit() -> None:
    code = "while True:\n    try:\n        x = 1\n    except Exception:\n        pass"
    assert raised(code, 0.2).type == "TimeLimit"


def test_it_runs_as_a_script_would_in_an_empty_folder() -> None:
    before = Path.cwd(), sys.stdin, signal.getsignal(signal.SIGALRM)
    timer = signal.setitimer(signal.ITIMER_REAL, 1000, 2000)
    part = step_code(
        "import os\nname = __name__\nfiles = os.listdir()\nopen('f', 'w').close()", 30.0
    )
    assert part.error is None
    assert {each.name: each.text for each in part.steps[-1].values} == {
        "name": "'__main__'",
        "files": "[]",
    }
    assert (Path.cwd(), sys.stdin, signal.getsignal(signal.SIGALRM)) == before
    left, interval = signal.setitimer(signal.ITIMER_REAL, *timer)
    assert 0 < left <= 1000
    assert interval == 2000
