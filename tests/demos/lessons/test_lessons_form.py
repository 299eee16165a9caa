"""The form of every lesson: what is shown is what runs, it can be pasted, and watching it changes
nothing.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

from profiling import catalogue
from profiling.catalogue import LESSONS, TOPICS
from profiling.measure.snapshot import named_tensors, numbers
from profiling.measure.stepper import run_lesson
from profiling.model.lesson import LessonRequest
from tests.demos.lessons.traced import apart, error_text, inputs, last, part, traced
from tests.demos.pasting import globals_used

PARTS = [(name, each) for name in LESSONS for each in catalogue.lesson(name).parts]


def module_of(name: str) -> Any:
    return importlib.import_module(f"demos.lessons.{catalogue.lesson(name).topic}.{name}")


def test_every_lesson_has_its_name_once_and_its_file() -> None:
    assert len(set(LESSONS)) == len(LESSONS) >= 34
    for topic, names in TOPICS.items():
        folder = importlib.import_module(f"demos.lessons.{topic}").__path__[0]
        files = {path.stem for path in Path(folder).glob("[!_]*.py")}
        assert files == set(names)


@pytest.mark.parametrize("name", LESSONS)
def test_a_file_has_nothing_but_what_the_grammar_knows(name: str) -> None:
    tree = ast.parse(inspect.getsource(module_of(name)))
    assert ast.get_docstring(tree)
    for node in tree.body[1:]:
        if isinstance(node, ast.Assign):
            assert next(each.id for each in node.targets if isinstance(each, ast.Name)) in {
                "VALUES",
                "OP",
                "ERRORS",
                "DEVICE",
                "MEASURED",
            }
        elif isinstance(node, ast.FunctionDef):
            known = {*catalogue.lesson(name).parts, "claims"}
            assert node.name in known or node.name.startswith("_")
        else:
            assert isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef))
    assert list(catalogue.lesson(name).parts) in (["lesson"], ["wrong", "right"])


@pytest.mark.parametrize(("name", "shown"), PARTS)
def test_code_can_be_pasted(name: str, shown: str) -> None:
    function = getattr(module_of(name), shown)
    entry = catalogue.lesson(name)
    assert inspect.isfunction(function)
    assert not hasattr(function, "__wrapped__")
    assert function.__closure__ is None
    assert function.__doc__ is None
    assert function.__defaults__ is None
    assert function.__annotations__ == {}
    taken = [key for key, used in (("values", entry.values), ("op", entry.op)) if used]
    assert set(inspect.signature(function).parameters) <= set(taken)
    source = inspect.getsource(function).rstrip("\n")
    assert entry.parts[shown].text == source
    assert inspect.getsourcelines(function)[1] == entry.parts[shown].first_line
    assert len(source.splitlines()) <= 15
    assert globals_used(function.__code__) <= {"torch", *vars(builtins)}


@pytest.mark.parametrize(("name", "shown"), PARTS)
def test_watching_changes_nothing(name: str, shown: str) -> None:
    """What the displayed text does in a notebook is what its steps end with."""
    entry = catalogue.lesson(name)
    for values, op in inputs(name)[:: 1 if entry.op is None else 7]:
        notebook: dict[str, Any] = {"torch": torch}
        exec(entry.parts[shown].text, notebook)
        given: dict[str, Any] = {"values": list(values or entry.values or ())}
        if entry.op is not None:
            given["op"] = eval(catalogue.OPS[op or entry.op])
        function = notebook[shown]
        taken = {key: given[key] for key in inspect.signature(function).parameters}
        names, error = apart(final_names, function, taken)
        run = part(traced(name, values, op), shown)
        assert error == error_text(run)
        states = last(run)
        tensors = dict(named_tensors(names))
        assert set(tensors) == set(states)
        for key, tensor in tensors.items():
            kept = tensor.is_leaf or tensor.retains_grad
            grad = tensor.grad if kept else None
            assert same(numbers(tensor), states[key].values), key
            assert same(None if grad is None else numbers(grad), states[key].grad), key
            assert tensor.requires_grad == states[key].requires_grad
            assert tensor.is_leaf == states[key].is_leaf
            if not tensor.is_inference():
                assert tensor._version == states[key].version


def same(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    """Whether numbers are equal to the last bit, nan like nan."""
    return repr(one) == repr(other)


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
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        sys.setprofile(leave)
        try:
            function(**arguments)
        except Exception as raised:
            error = str(raised)
        finally:
            sys.setprofile(outer)
    return {key: each for key, each in names.items() if key not in arguments}, error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", LESSONS)
def test_steps_are_few_and_quick_to_read(name: str) -> None:
    for run in traced(name).parts:
        assert 2 <= len(run.steps) <= 60
        assert not run.cut_off
        for step in run.steps:
            assert len(step.graph.nodes) <= 60
            assert not step.graph.cut_off


@pytest.mark.parametrize("name", LESSONS)
def test_nothing_stays_changed(name: str) -> None:
    assert apart(modes_after, name) == (True, False, torch.float32)


def modes_after(name: str) -> tuple[bool, bool, torch.dtype]:
    """Run a lesson and return the modes of the thread that it ran in."""
    run_lesson(LessonRequest(name))
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_default_dtype()


@pytest.mark.parametrize("name", LESSONS)
def test_every_claim_is_decided_by_what_happened(name: str) -> None:
    claims = traced(name).claims
    assert len(claims) >= 2
    for claim in claims:
        assert claim.checks
        assert all(isinstance(held, bool) for held in claim.checks.values()), claim


@pytest.mark.parametrize("name", LESSONS)
def test_every_error_it_explains_is_raised(name: str) -> None:
    said = []
    for run in traced(name).parts:
        said.append(error_text(run))
        said += [value.text for value in run.steps[-1].values]
        said += [step.printed for step in run.steps]
    for text in catalogue.lesson(name).errors:
        parts = [each.strip() for each in text.split("{}")]
        assert any(all(each in words for each in parts) for words in said), text
