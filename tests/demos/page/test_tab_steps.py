"""Steps of a lesson as the page shows them: rows, memory by version counter, marks."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest
from msgspec.structs import replace

from demos.page.stepper import Block, Cell, Counter, PartView, StepView, linked, part_view
from profiling import catalogue
from profiling.catalogue import Source
from profiling.measure.stepper import run_lesson
from profiling.model.graph import Graph
from profiling.model.lesson import (
    LessonError,
    LessonRequest,
    LessonStep,
    PartTrace,
    TensorState,
    ValueState,
)
from profiling.model.words import Text, translator

SAY = translator("en")
SOURCE = Source("def lesson():\n    x = 1 < 2\n    y = x\n", 7, "demos/some.py")
HEADS = ["values", "grad", "requires_grad", "is_leaf", "grad_fn", "version"]


def tensor(name: str, **changes: Any) -> TensorState:
    """Return a tensor of two numbers on a memory of its own."""
    plain = TensorState(
        name=name,
        shape=(2,),
        dtype="float32",
        values=(1.0, 2.0),
        requires_grad=False,
        is_leaf=True,
        grad_fn=None,
        grad=None,
        storage=1,
        storage_bytes=8,
        version=0,
        counter=1,
    )
    return replace(plain, **changes)


def step(*tensors: TensorState, values: tuple[ValueState, ...] = (), line: int = 8) -> LessonStep:
    return LessonStep(line, "", "grad", tensors, values, "", Graph())


def shown(*steps: LessonStep, error: LessonError | None = None) -> list[StepView]:
    part = PartTrace("lesson", steps, error)
    return part_view(part, SOURCE, translator("en")).steps


@functools.cache
def real(name: str) -> dict[str, PartView]:
    """Return the parts of a lesson that really ran."""
    entry, trace = catalogue.lesson(name), run_lesson(LessonRequest(name))
    text = translator("en")
    return {part.name: part_view(part, entry.parts[part.name], text) for part in trace.parts}


def changed(view: StepView) -> set[tuple[str, str]]:
    return {(row.name, cell.head) for row in view.rows for cell in row.cells if cell.changed}


def new(view: StepView) -> set[str]:
    return {row.name for row in view.rows if row.new}


def blocks(view: StepView) -> list[tuple[list[list[str]], list[str]]]:
    """Return the names on each memory, by counter, and the arrays."""
    return [([each.names for each in block.counters], block.arrays) for block in view.blocks]


def test_a_row_has_every_cell_as_text() -> None:
    plain = tensor("x", values=(1.0, -2.5), grad=(0.125, 3.14159), requires_grad=True)
    odd = tensor(
        "h",
        shape=(2, 3),
        dtype="bool",
        values=(1.0,),
        is_leaf=False,
        grad_fn="MulBackward0",
        version=None,
    )
    ((first, second),) = (view.rows for view in shown(step(plain, odd)))
    assert (first.name, first.kind, first.new) == ("x", "float32 (2)", True)
    assert first.cells == [
        Cell("values", "[1.0000, -2.5000]", False),
        Cell("grad", "[0.1250, 3.1416]", False),
        Cell("requires_grad", "True", False),
        Cell("is_leaf", "True", False),
        Cell("grad_fn", "None", False),
        Cell("version", "0", False),
    ]
    assert second.kind == "bool (2, 3)"
    assert [cell.text for cell in second.cells] == [
        *("[1.0000, …]", "None", "False", "False", "MulBackward0", "–"),
    ]


def test_where_a_tensor_is_stands_beside_it_unless_that_is_the_cpu() -> None:
    here, there = tensor("x"), tensor("y", device="cuda:1", storage=2)
    (view,) = shown(step(here, there))
    assert [row.kind for row in view.rows] == ["float32 (2)", "float32 (2) cuda:1"]
    assert [block.place for block in view.blocks] == ["", "cuda:1"]


def test_a_scalar_has_no_brackets_and_an_empty_tensor_no_numbers() -> None:
    (view,) = shown(step(tensor("s", shape=(), values=(6.0,)), tensor("e", shape=(0,), values=())))
    scalar, empty = view.rows
    assert (scalar.kind, scalar.cells[0].text) == ("float32 ()", "6.0000")
    assert (empty.kind, empty.cells[0].text) == ("float32 (0)", "[]")


@pytest.mark.parametrize(
    ("change", "head"),
    [
        ({"values": (1.0, 2.5)}, "values"),
        ({"grad": (1.0, 1.0)}, "grad"),
        ({"requires_grad": True}, "requires_grad"),
        ({"is_leaf": False}, "is_leaf"),
        ({"grad_fn": "ExpBackward0"}, "grad_fn"),
        ({"version": 1}, "version"),
        ({"version": None}, "version"),
    ],
)
def test_a_cell_is_changed_if_it_says_something_else_than_before(
    change: dict[str, Any], head: str
) -> None:
    before, after = shown(step(tensor("x")), step(tensor("x", **change)))
    assert (new(before), changed(before)) == ({"x"}, set())
    assert (new(after), changed(after)) == (set(), {("x", head)})


def test_what_differs_in_no_digit_shown_is_not_changed() -> None:
    _, after = shown(step(tensor("x")), step(tensor("x", values=(1.00001, 2.0))))
    assert changed(after) == set()


def test_a_name_that_was_gone_is_new_again() -> None:
    views = shown(step(tensor("x")), step(), step(tensor("x", version=3)))
    assert [new(view) for view in views] == [{"x"}, set(), {"x"}]
    assert changed(views[2]) == set()


def test_names_on_one_memory_and_counter_stand_together_the_most_shared_first() -> None:
    alone = tensor("a", storage=1, storage_bytes=4, counter=1)
    pair = [tensor(name, storage=2, counter=2, version=5) for name in ("b", "c")]
    (view,) = shown(step(alone, *pair))
    assert view.blocks == [
        Block(2, 8, "", [Counter(["b", "c"], 5, False)], []),
        Block(1, 4, "", [Counter(["a"], 0, False)], []),
    ]


def test_a_change_through_one_counter_marks_that_one_alone() -> None:
    x, data = tensor("x"), tensor("data", counter=2)
    _, after = shown(step(x, data), step(x, replace(data, version=1)))
    (block,) = after.blocks
    assert block.counters == [Counter(["x"], 0, False), Counter(["data"], 1, True)]


def test_an_array_stands_on_the_memory_that_it_shares() -> None:
    array = ValueState("array", "[1. 2.]", storage=2)
    number = ValueState("n", "3")
    (view,) = shown(
        step(tensor("x"), tensor("y", storage=2, counter=2), values=(array, number)),
    )
    assert blocks(view) == [([["y"]], ["array"]), ([["x"]], [])]
    assert view.values == [array, number]


def test_inference_tensors_have_no_counter() -> None:
    (view,) = shown(step(tensor("i", version=None, counter=None, made_in="inference")))
    assert view.blocks == [Block(1, 8, "", [Counter(["i"], None, False)], [])]


def test_detach_and_zero_as_it_really_happens() -> None:
    views = real("detach_then_zero")["lesson"].steps
    assert [new(view) for view in views] == [{"a"}, {"out"}, {"c"}, set(), set()]
    zeroed = {(name, head) for name in ("out", "c") for head in ("values", "version")}
    assert [changed(view) for view in views] == [set(), set(), set(), zeroed, set()]
    assert [cell.head for cell in views[0].rows[0].cells] == HEADS
    assert blocks(views[2]) == [([["out", "c"]], []), ([["a"]], [])]
    shared = views[3].blocks[0]
    assert (shared.size, shared.counters) == (12, [Counter(["out", "c"], 1, True)])
    assert views[4].blocks[0].counters == [Counter(["out", "c"], 1, False)]


def test_data_has_a_counter_of_its_own_and_detach_has_not() -> None:
    parts = real("data_or_detach")
    wrong, right = (parts[name].steps[3].blocks[0] for name in ("wrong", "right"))
    assert wrong.counters == [Counter(["gate"], 0, False), Counter(["clipped"], 1, True)]
    assert right.counters == [Counter(["gate", "clipped"], 1, True)]
    assert changed(parts["wrong"].steps[3]) == {
        ("gate", "values"),
        ("clipped", "values"),
        ("clipped", "version"),
    }
    assert changed(parts["wrong"].steps[4]) == {("x", "grad")}
    (x,) = (row for row in parts["wrong"].steps[4].rows if row.name == "x")
    assert x.cells[1] == Cell("grad", "[0.1966, 0.1600, 0.1600]", True)


def test_an_array_of_numpy_as_it_really_happens() -> None:
    parts = real("numpy_needs_detach")
    ends = {name: part.steps[-1] for name, part in parts.items()}
    assert (([["gate"]], ["percent"])) in blocks(ends["wrong"])
    assert (([["gate"]], [])) in blocks(ends["right"])
    # The array's change is noticed by nobody: numbers change, the version does not.
    (multiplied,) = (view for view in parts["wrong"].steps if ("gate", "values") in changed(view))
    assert changed(multiplied) == {("gate", "values")}


def test_the_error_belongs_to_the_last_step_and_its_line_is_marked() -> None:
    error = LessonError("RuntimeError", "so <b>", 9)
    part = PartTrace("lesson", (step(line=8), step(line=9)), error)
    view = part_view(part, SOURCE, translator("en"))
    assert [each.error for each in view.steps] == [None, error]
    assert re.findall(r'id="([\w-]+)" class="lab-now"', view.code) == ["line-lesson-9"]
    assert view.code.count('class="hll"') == 1
    assert re.search(r'<span id="line-lesson-9" class="lab-now"><span class="hll">', view.code)


def test_the_line_that_ran_last_is_marked_and_no_other() -> None:
    view = part_view(PartTrace("right", (step(line=8),)), SOURCE, translator("en"))
    assert re.findall(r'id="([\w-]+)" class="lab-now"', view.code) == ["line-right-8"]
    assert 'class="hll"' not in view.code
    assert [f'id="line-right-{line}"' in view.code for line in (6, 7, 8, 9, 10)] == [
        *(False, True, True, True, False),
    ]


def test_what_never_ran_has_its_code_and_its_error_line_alone(text: Text) -> None:
    error = LessonError("SyntaxError", "invalid syntax", 8)
    view = part_view(PartTrace("playground", (), error, cut_off=False), SOURCE, text)
    assert (view.name, view.source, view.steps, view.cut_off) == ("playground", SOURCE, [], False)
    assert "lab-now" not in view.code
    assert '<span id="line-playground-8"><span class="hll">' in view.code


def test_that_it_was_cut_off_is_kept() -> None:
    part = PartTrace("lesson", (step(),), cut_off=True)
    assert part_view(part, SOURCE, translator("en")).cut_off


def test_each_step_has_its_graph_as_drawing_and_as_text() -> None:
    views = real("detach_then_zero")["lesson"].steps
    drawn = [set(re.findall(r'data-node="(\d+)"', view.graph)) for view in views]
    assert [len(nodes) for nodes in drawn] == [1, 2, 3, 3, 3]
    assert [view.number for view in views] == [0, 1, 2, 3, 4]
    assert all(view.dot.startswith("digraph") for view in views)
    assert "SigmoidBackward0" not in views[0].dot
    assert "SigmoidBackward0" in views[1].dot


def test_steps_of_wrong_and_right_code_go_together_where_the_same_is_done() -> None:
    wrong = Source("def wrong():\n    a = f()\n    b = a\n    c = b\n", 1, "demos/some.py")
    right = Source(
        "def right():\n    a = f()\n    d = a\n    e = d\n    c = b\n", 9, "demos/some.py"
    )
    views = [
        part_view(PartTrace(name, tuple(step(line=line) for line in lines)), source, SAY)
        for name, source, lines in (("wrong", wrong, (2, 3, 4)), ("right", right, (10, 11, 12, 13)))
    ]
    one, other = linked(views)
    assert one.matching == [0, 0, 3]
    assert other.matching == [0, 0, 0, 2]
    assert [each.matching for each in linked(views[:1])] == [()]
    # In a loop each turn goes with its own.
    turns = part_view(
        PartTrace("wrong", tuple(step(line=each) for each in (2, 3, 2, 3))), wrong, SAY
    )
    assert [each.matching for each in linked([turns, turns])] == [[0, 1, 2, 3]] * 2
    empty = part_view(PartTrace("right", ()), right, SAY)
    assert [each.matching for each in linked([views[0], empty])] == [[0, 0, 0], []]
