"""Every lesson, with every op: what happens, the verdicts, and the words for them."""

from __future__ import annotations

import builtins
import dis
import functools
import importlib
import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec
import pytest
import torch

from demos import catalogue, locales
from demos.lessons import LESSONS
from profiling.lesson_records import LessonRequest, LessonTrace, TensorState
from profiling.measure.lesson import SHOWN_VALUES, run_lesson

LARGEST_FLOAT = 3.4e38
INPUTS = (
    None,
    (-1.0, 0.0, 2.0),
    (0.0,),
    (5.0,),
    (-5.0, -6.0),
    tuple(number / 4 - 2 for number in range(16)),
    (-1e3, 1e3),
    (LARGEST_FLOAT, -LARGEST_FLOAT),
    (1e-40,),
    (200.0,),  # its exp is infinite
    (1e308,),  # infinite as float32
)
SAVES_RESULT = {"sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "relu": "Relu"}
DERIVATIVES: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)) * (1 - 1 / (1 + math.exp(-v))),
    "tanh": lambda v: 1 - math.tanh(v) ** 2,
    "exp": math.exp,
    "relu": lambda v: float(v > 0),
    "square": lambda v: 2 * v,
    "mul2": lambda v: 2.0,
}
CUT_SHORT = "does not require grad and does not have a grad_fn"
CUT = f"element 0 of tensors {CUT_SHORT}"
ERRORS = {
    "backward_through_detached": CUT,
    "detach_inplace_after": CUT,
    "detach_or_detach_inplace": CUT,
}

# What does not depend on op and values.
VERDICTS = [
    ("baseline", "out_in_graph", "holds"),
    ("baseline", "reaches_a", "holds"),
    ("detach_untouched", "new_tensor", "holds"),
    ("detach_untouched", "same_memory", "holds"),
    ("detach_untouched", "no_gradient", "holds"),
    ("detach_untouched", "difference", "holds"),
    ("detach_untouched", "backward_unaffected", "holds"),
    ("backward_through_detached", "raises", "holds"),
    ("backward_through_detached", "goes_no_further", "holds"),
    ("detach_then_zero", "both_change", "holds"),
    ("detach_then_zero", "noticed", "holds"),
    ("detach_inplace_before", "becomes_leaf", "holds"),
    ("detach_inplace_before", "skips_m", "holds_partly"),
    ("detach_inplace_before", "cuts_x", "wrong"),
    ("detach_inplace_after", "becomes_leaf", "holds"),
    ("detach_inplace_after", "cuts_x", "holds"),
    ("detach_inplace_after", "only_skips_m", "holds_partly"),
    ("detach_or_detach_inplace", "new_or_self", "holds"),
    ("detach_or_detach_inplace", "detach_can_be_undone", "holds"),
    ("detach_or_detach_inplace", "detach_inplace_cannot", "holds_partly"),
    ("requires_grad_again", "never_grad", "holds_partly"),
    ("requires_grad_again", "stops_here", "holds"),
    ("freeze_and_finetune", "keeps_some", "holds"),
    ("freeze_and_finetune", "tunes_the_rest", "holds"),
    ("freeze_and_finetune", "backward_stops", "holds"),
    ("side_branch", "needs_a_stop", "holds"),
    ("side_branch", "main_unaffected", "holds"),
    ("side_branch", "side_learns", "holds"),
]
OP_VERDICTS = ["raises", "would_be_wrong"]
# Not only the verdict but which checks made it.
CHECKS = [
    (
        "detach_inplace_before",
        "skips_m",
        {"requires_grad_false": True, "m_has_no_grad": True, "not_computed": False},
    ),
    ("detach_inplace_before", "cuts_x", {"y_lost_edge": False, "x_has_no_grad": False}),
    (
        "detach_inplace_after",
        "only_skips_m",
        {"requires_grad_false": True, "m_has_no_grad": True, "backward_ran": False},
    ),
    (
        "detach_or_detach_inplace",
        "detach_inplace_cannot",
        {"m_is_cut": True, "graph_is_gone": False},
    ),
    ("requires_grad_again", "never_grad", {"c_has_no_grad": False, "original_gets_none": True}),
]


@functools.cache
def traced(
    name: str, values: tuple[float, ...] | None = None, op: str | None = None
) -> LessonTrace:
    return run_lesson(LessonRequest(name, values, op))


def ops(name: str) -> tuple[str | None, ...]:
    return tuple(catalogue.OPS) if catalogue.lesson(name).op else (None,)


def verdicts(trace: LessonTrace) -> dict[str, str]:
    return {claim.claim: claim.verdict.value for claim in trace.claims}


def last(trace: LessonTrace) -> dict[str, TensorState]:
    return {tensor.name: tensor for tensor in trace.steps[-1].tensors}


def error_text(trace: LessonTrace) -> str:
    return trace.error.text if trace.error else ""


def true_gradient(name: str, op: str, values: tuple[float, ...]) -> dict[str, Any]:
    """Return the gradients by name that the lesson should end with, from the true formulas."""
    once = tuple(DERIVATIVES[op](value) for value in values)
    twice = tuple(2 * slope for slope in once)
    nothing = None
    gradients: dict[str, dict[str, Any]] = {
        "baseline": {"a": once},
        "detach_untouched": {"a": once, "c": nothing},
        "backward_through_detached": {"a": nothing, "c": nothing},
        "detach_then_zero": {"a": nothing if op in SAVES_RESULT else once, "c": nothing},
        "detach_inplace_before": {"x": twice, "m": nothing},
        "detach_inplace_after": {"x": nothing, "m": nothing},
        "detach_or_detach_inplace": {"x": twice, "m": nothing, "c": nothing},
        "requires_grad_again": {"a": nothing, "c": (1.0,) * len(values)},
    }
    return gradients[name]


WITH_OP = [name for name in LESSONS if catalogue.lesson(name).op]


@pytest.mark.parametrize("values", [(1.0, 2.0, 3.0), (-1.0, 0.0, 2.0), (0.5,)])
@pytest.mark.parametrize("op", catalogue.OPS)
@pytest.mark.parametrize("name", WITH_OP)
def test_gradients_are_those_of_the_formulas(name: str, op: str, values: tuple[float, ...]) -> None:
    tensors = last(traced(name, values, op))
    for tensor, expected in true_gradient(name, op, values).items():
        assert tensors[tensor].grad == (expected and pytest.approx(expected, rel=1e-5, abs=1e-7))


def test_baseline_gives_the_numbers_of_the_article() -> None:
    for name in ("baseline", "detach_untouched"):
        grad = last(traced(name))["a"].grad
        assert grad is not None
        assert [f"{number:.4f}" for number in grad] == ["0.1966", "0.1050", "0.0452"]


@pytest.mark.parametrize("values", INPUTS)
@pytest.mark.parametrize("name", LESSONS)
def test_no_error_but_the_one_the_lesson_is_about(
    name: str, values: tuple[float, ...] | None
) -> None:
    for op in ops(name):
        trace = traced(name, values, op)
        if name == "detach_then_zero" and op in SAVES_RESULT:
            assert "modified by an inplace operation" in error_text(trace)
            assert f"output 0 of {SAVES_RESULT[op]}" in error_text(trace)
            assert "is at version 1; expected version 0 instead" in error_text(trace)
        else:
            assert error_text(trace) == ERRORS.get(name, "")
        if trace.error:
            entry = catalogue.lesson(name)
            line = entry.source.text.splitlines()[trace.error.line - entry.source.first_line]
            assert trace.error.type == "RuntimeError"
            assert line.strip().endswith(".sum().backward()")


@pytest.mark.parametrize(("name", "claim", "verdict"), VERDICTS)
def test_verdict_for_every_op_and_input(name: str, claim: str, verdict: str) -> None:
    reached = {verdicts(traced(name, values, op))[claim] for values in INPUTS for op in ops(name)}
    assert reached == {verdict}


@pytest.mark.parametrize(("name", "claim", "checks"), CHECKS)
def test_which_checks_failed(name: str, claim: str, checks: dict[str, bool]) -> None:
    for op in ops(name):
        found = {result.claim: result.checks for result in traced(name, None, op).claims}
        assert found[claim] == checks


def test_every_claim_has_an_expected_verdict() -> None:
    expected = {(name, claim) for name, claim, _ in VERDICTS}
    expected |= {("detach_then_zero", claim) for claim in OP_VERDICTS}
    assert expected == {(name, claim) for name in LESSONS for claim in verdicts(traced(name))}


@pytest.mark.parametrize("op", catalogue.OPS)
def test_overwritten_result_matters_only_where_it_was_saved(op: str) -> None:
    saved = op in SAVES_RESULT
    for values in ((1.0, 2.0, 3.0), (-1.0, 0.0, 2.0)):
        trace = traced("detach_then_zero", values, op)
        found = verdicts(trace)
        assert {found[claim] for claim in OP_VERDICTS} == {"holds" if saved else "wrong"}
        assert (trace.error is not None) == saved
        tensors = last(trace)
        assert tensors["out"].values == tensors["c"].values == (0.0,) * 3
        assert tensors["out"].version == tensors["c"].version == 1
        assert tensors["out"].storage == tensors["c"].storage
        if not saved:
            slopes = [DERIVATIVES[op](value) for value in values]
            assert tensors["a"].grad == pytest.approx(slopes)


@pytest.mark.parametrize(("op", "values"), [("relu", (-5.0, -6.0)), ("tanh", (0.0,))])
def test_raises_though_zeros_would_give_the_right_gradient(
    op: str, values: tuple[float, ...]
) -> None:
    found = verdicts(traced("detach_then_zero", values, op))
    assert found["raises"] == "holds"
    assert found["would_be_wrong"] == "wrong"


def test_freezing_keeps_the_encoder_and_tunes_the_head() -> None:
    steps = traced("freeze_and_finetune").steps
    first = next(
        {tensor.name: tensor for tensor in step.tensors}
        for step in steps
        if any(tensor.name == "head.bias" for tensor in step.tensors)
    )
    end = last(traced("freeze_and_finetune"))
    for parameter in ("encoder.weight", "encoder.bias"):
        assert end[parameter].values == first[parameter].values
        assert end[parameter].grad is None
    for parameter in ("head.weight", "head.bias"):
        grad = end[parameter].grad
        assert grad is not None
        moved = [v - 0.1 * g for v, g in zip(first[parameter].values, grad, strict=True)]
        assert end[parameter].values == pytest.approx(moved, rel=1e-5)


def test_side_branch_adds_nothing_to_the_trunk() -> None:
    end = last(traced("side_branch"))
    assert end["trunk.weight"].grad == end["alone"].values
    assert any(end["leak"].values)
    assert any(end["side.weight"].grad or ())


# The shown code


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_can_be_pasted(name: str) -> None:
    module = importlib.import_module(f"demos.lessons.{name}")
    function = module.lesson
    entry = catalogue.lesson(name)
    assert inspect.isfunction(function)
    assert not hasattr(function, "__wrapped__")
    assert function.__closure__ is None
    assert function.__doc__ is None
    assert function.__defaults__ is None
    assert function.__annotations__ == {}
    taken = [key for key, used in (("values", entry.values), ("op", entry.op)) if used]
    assert list(inspect.signature(function).parameters) == taken
    source = inspect.getsource(function).rstrip("\n")
    assert entry.source.text == source
    assert inspect.getsourcelines(function)[1] == entry.source.first_line
    assert len(source.splitlines()) <= 15
    assert globals_used(function.__code__) <= {"torch", *vars(builtins)}


def globals_used(code: CodeType) -> set[str]:
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= globals_used(constant)
    return names


@pytest.mark.parametrize("name", LESSONS)
def test_pasted_text_does_what_the_lesson_does(name: str) -> None:
    entry = catalogue.lesson(name)
    for values in (entry.values, (-1.0, 0.0, 2.0), (0.5,), (1.5,) * 16):
        assert values is not None
        for op in ops(name):
            notebook: dict[str, Any] = {"torch": torch}
            exec(entry.source.text, notebook)
            arguments: dict[str, Any] = {"values": list(values)}
            if op is not None:
                arguments["op"] = eval(catalogue.OPS[op])
            names, error = final_names(notebook["lesson"], arguments)
            trace = traced(name, values, op)
            assert error == error_text(trace)
            tensors = named_tensors(names)
            states = last(trace)
            assert set(tensors) == set(states)
            for key, tensor in tensors.items():
                assert shown(tensor) == states[key].values
                grad = tensor.grad if tensor.is_leaf else None
                assert (None if grad is None else shown(grad)) == states[key].grad


def final_names(
    function: Callable[..., Any], arguments: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Call a function and return its local names as it left them, and its error's text."""
    code = getattr(function, "__code__", None)
    names: dict[str, Any] = {}

    def leave(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            names.update(frame.f_locals)

    outer = sys.getprofile()
    error = ""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sys.setprofile(leave)
        try:
            function(**arguments)
        except RuntimeError as raised:
            error = str(raised)
        finally:
            sys.setprofile(outer)
    return names, error


def named_tensors(names: dict[str, Any]) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for name, value in names.items():
        if isinstance(value, torch.Tensor):
            tensors[name] = value
        elif isinstance(value, torch.nn.Module):
            tensors |= {f"{name}.{key}": inner for key, inner in value.named_parameters()}
    return tensors


def shown(tensor: torch.Tensor) -> tuple[float, ...]:
    return tuple(float(number) for number in tensor.detach().flatten()[:SHOWN_VALUES])


# The words


def words(language: str) -> dict[str, str]:
    path = Path(locales.__file__).parent / language / "lessons.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def keys_needed() -> set[str]:
    keys = set()
    for name in LESSONS:
        keys |= {f"lesson.{name}.{part}" for part in ("title", "question", "rule")}
        for values in INPUTS:
            for op in ops(name):
                for result in traced(name, values, op).claims:
                    claim = result.claim
                    keys.add(f"lesson.{name}.claim.{claim}")
                    keys.add(f"lesson.{name}.why.{claim}.{result.verdict.value}")
                    keys |= {f"lesson.{name}.check.{claim}.{check}" for check in result.checks}
    return keys


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_every_text_is_there_and_used(language: str) -> None:
    found = words(language)
    assert set(found) == keys_needed()
    assert found.items() <= locales.table(language).items()


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_texts_keep_the_form(language: str) -> None:
    for key, text in words(language).items():
        assert text.strip() == text != ""
        assert not set(text) & set("{}\u2013\u2014\n")
        assert text.count("`") % 2 == 0
        part = key.split(".")[2]
        if part == "title":
            assert len(text) <= 50
        elif part in ("rule", "claim", "why"):
            assert text.endswith("." if language == "en" else "。")
            assert "。" not in text[:-1]
        elif part == "question":
            assert text.endswith("?" if language == "en" else "？")


def test_languages_quote_the_same_errors() -> None:
    english, chinese = (words(language) for language in locales.LANGUAGES)
    for key, text in english.items():
        for quoted in (CUT, CUT_SHORT, "modified by an inplace operation"):
            assert (quoted in text) == (quoted in chinese[key])


def test_texts_are_one_a_line_in_the_order_of_the_lessons() -> None:
    files = [Path(locales.__file__).parent / one / "lessons.json" for one in locales.LANGUAGES]
    for path, language in zip(files, locales.LANGUAGES, strict=True):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line[:1] for line in (lines[0], lines[-1])] == ["{", "}"]
        assert len(lines) - 2 == len(words(language))
        order = [LESSONS.index(key.split(".")[1]) for key in words(language)]
        assert order == sorted(order)
    assert list(words("en")) == list(words("zh"))
