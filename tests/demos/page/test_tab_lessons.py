"""The tab Lessons: the choice of a device, and what a link may start."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from demos.page.lessons import LessonsTab, device_choice, runs_at_once
from demos.page.links import LessonPlace
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor
from profiling.model.lesson import LessonRequest


@pytest.mark.parametrize(
    ("devices", "asked", "visible"),
    [
        (("cpu",), "auto", False),
        (("cpu",), "cpu", False),
        (("cpu",), None, False),
        # One that a link asks for and that is not here can be changed.
        (("cpu",), "cuda", True),
        (("cuda", "cpu"), "auto", True),
        (("cuda", "cuda:1", "cpu"), "cpu", True),
        # Nothing is known yet.
        ((), "auto", False),
    ],
)
def test_a_device_can_be_chosen_where_there_are_several(
    devices: tuple[str, ...], asked: str | None, visible: bool
) -> None:
    offered = device_choice(devices, "baseline", asked)
    assert offered["visible"] is visible
    assert [label for label, _ in offered["choices"]] == list(devices or ("auto",))
    # The page's own device needs no name.
    assert [value for _, value in offered["choices"]] == ["auto", *devices[1:]]
    assert device_choice(devices, "numpy_needs_detach", asked)["visible"] is False
    assert device_choice(devices, "nonsense", asked) == offered


@pytest.fixture(params=[False, True])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine, which lends GPUs or not."""
    worker = InlineExecutor()
    opened = Engine("cpu", worker, lender=worker if request.param else None)
    yield opened
    opened.close()


def test_what_can_be_asked_for_is_known_once_the_machine_is(engine: Engine) -> None:
    engine.environment()
    assert engine.devices() == (("cpu", "cuda") if engine.lends else ("cpu",))


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda"])
def test_a_link_never_takes_a_visitors_quota(engine: Engine, device: str) -> None:
    request = LessonRequest("baseline", device=device)
    is_lent = engine.lends and device == "cuda"
    assert engine.lends_for(request) is is_lent
    assert runs_at_once(LessonPlace(request, "lesson", 2), engine) is not is_lent
    assert not runs_at_once(LessonPlace(request, "lesson"), engine)
    # It needs no GPU wherever it is asked to run.
    own = LessonRequest("numpy_needs_detach", device=device)
    assert runs_at_once(LessonPlace(own, "wrong", 2), engine)


@pytest.mark.parametrize(
    ("has_run", "place", "values", "device"),
    [
        ("1", None, "1, 2, 3", "auto"),  # run meanwhile
        ("", (LessonPlace(LessonRequest("baseline")), "a"), "1, 2, 3", "auto"),  # a link's step
        ("", None, "5", "auto"),
        ("", None, "one", "auto"),
        ("", None, "1, 2, 3", "cpu"),
    ],
)
def test_only_what_is_asked_for_as_it_is_is_opened(
    has_run: str, place: Any, values: str, device: str
) -> None:
    tab: Any = object.__new__(LessonsTab)
    tab._controls = SimpleNamespace(view="view")
    tab._engine = SimpleNamespace(opened_lesson=lambda name: pytest.fail(name))
    shown = tab.open("baseline", has_run, place, values, "sigmoid", device, gr.Request())
    assert shown == gr.skip()
