"""Links: what is written is read again, and rubbish leaves the defaults with a sentence."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demos.page.links import (
    NAMES,
    PARAMETER,
    TABS,
    Comparison,
    LessonPlace,
    Link,
    read_link,
    usual_comparison,
    usual_lesson,
    write_link,
)
from profiling import catalogue
from profiling.catalogue import LESSONS, WORKLOADS
from profiling.catalogue.advisor import GRADIENTS, Answers
from profiling.engine import plan
from profiling.engine.plan import PAGE_SETTINGS
from profiling.measure.device import CHOICES
from profiling.model.lesson import LessonRequest
from profiling.model.request import AUTOCAST, Choice, Choices, Number, Request, Setting
from profiling.model.words import LANGUAGES, translator
from profiling.output import explanation
from tests.conftest import Writer


@st.composite
def lessons(draw: st.DrawFn) -> LessonPlace:
    entry = catalogue.lesson(draw(st.sampled_from(LESSONS)))
    number = st.floats(-plan.MAX_MAGNITUDE, plan.MAX_MAGNITUDE)
    numbers = st.lists(number, min_size=1, max_size=plan.MAX_VALUES).map(tuple)
    values = draw(st.none() | numbers) if entry.values is not None else None
    op = draw(st.none() | st.sampled_from(sorted(catalogue.OPS))) if entry.op is not None else None
    step = draw(st.none() | st.integers(1, 1_000_000))
    part = draw(st.sampled_from(sorted(entry.parts))) if step else next(iter(entry.parts))
    device = draw(st.sampled_from(CHOICES))
    return LessonPlace(LessonRequest(entry.name, values, op, device), part, step)


def values(setting: Setting) -> st.SearchStrategy[Any]:
    """Values that the page's control of a setting can have."""
    match setting:
        case Choices():
            names = st.lists(st.sampled_from(setting.choices), min_size=1, unique=True)
            return names.map(tuple)
        case Choice():
            return st.sampled_from(setting.choices)
        case Number(whole=True):
            return st.integers(int(setting.low), int(setting.high))
        case Number():
            return st.floats(setting.low, setting.high)
    return st.booleans()


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    entry = catalogue.workload(draw(st.sampled_from(WORKLOADS)))
    offered = [branch for branch in entry.branches if branch not in entry.absent]
    names = (
        draw(st.lists(st.sampled_from(sorted(entry.parameters)), unique=True))
        if (entry.parameters)
        else []
    )
    size = st.integers(1, plan.MAX_SIZE)
    chosen = {name: draw(values(setting)) for name, setting in PAGE_SETTINGS.items()}
    if AUTOCAST in chosen["modes"]:
        chosen["dtype"] = "float32"
    return Comparison(
        Request(
            workload=entry.name,
            branches=tuple(draw(st.lists(st.sampled_from(offered), unique=True))),
            sizes=tuple(draw(st.lists(size, min_size=1, max_size=plan.MAX_SIZES))),
            parameters={
                name: draw(st.integers(entry.parameters[name].low, entry.parameters[name].high))
                for name in names
            },
            **chosen,
        ),
        draw(st.booleans()),
    )


answers = st.builds(
    Answers, st.sampled_from(GRADIENTS), st.booleans(), st.booleans(), st.booleans()
)
links = st.builds(
    Link,
    st.sampled_from(("", *TABS)),
    st.none() | lessons(),
    st.none() | comparisons(),
    st.none() | answers,
    st.none() | st.sampled_from(sorted(explanation.examples())),
)


# The first text is slow, as tables of letters are made for it.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def query(text: str) -> dict[str, str]:
    """Read a query as the page's server does."""
    return dict(parse_qsl(text.removeprefix("?"), keep_blank_values=True))


@_patient
@given(links)
def test_what_is_written_is_read_again(link: Link) -> None:
    assert read_link(query(write_link(link))) == (link, ())


_OTHER = (f"{PARAMETER}depth", f"{PARAMETER}<b>", "lang", "")


@_patient
@given(
    st.dictionaries(
        st.sampled_from(NAMES + _OTHER), st.text(max_size=40) | st.sampled_from(LESSONS)
    )
)
def test_whatever_a_link_says_it_is_read_and_its_faults_can_be_said(given: dict[str, str]) -> None:
    link, faults = read_link(given)
    assert read_link(query(write_link(link))) == (link, ())
    for language in LANGUAGES:
        for fault in faults:
            assert translator(language)(fault.key, **fault.values)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("tab=nonsense", "error.link_value"),
        ("tab=", "error.link_value"),
        ("lesson=nonsense", "error.link_lesson"),
        ("lesson=../baseline", "error.link_lesson"),
        ("lesson=baseline&values=abc", "error.values_text"),
        ("lesson=baseline&values=nan", "error.values"),
        ("lesson=baseline&values=", "error.values"),
        ("lesson=baseline&op=__import__", "error.unknown_op"),
        ("lesson=leaf_in_place&values=1", "error.no_values_here"),
        ("lesson=baseline&part=wrong", "error.link_value"),
        ("lesson=baseline&step=0", "error.link_step"),
        ("lesson=baseline&step=-1", "error.link_step"),
        ("lesson=baseline&step=" + "9" * 500, "error.link_step"),
        ("lesson=baseline&step=٣", "error.link_step"),
        ("lesson=" + "x" * 10_000, "error.link_long"),
        ("workload=nonsense", "error.unknown_workload"),
        ("workload=side_branch&branches=", "error.unknown_branch"),
        ("workload=side_branch&branches=detach,item", "error.unknown_branch"),
        ("workload=side_branch&branches=frozen", "workload.side_branch.absent.frozen"),
        ("workload=side_branch&sizes=-4", "error.size_range"),
        ("workload=side_branch&sizes=four", "error.sizes_text"),
        ("workload=side_branch&sizes=", "error.size_count"),
        ("workload=side_branch&dtype=int8", "error.unknown_dtype"),
        ("workload=side_branch&device=tpu", "error.no_such_device"),
        ("workload=side_branch&budget=60", "error.budget_range"),
        ("workload=side_branch&budget=nan", "error.budget_range"),
        ("workload=side_branch&budget=long", "error.budget_range"),
        ("workload=side_branch&twice=yes", "error.link_value"),
        ("workload=side_branch&p.depth=1000", "error.parameter_range"),
        ("workload=side_branch&p.depth=8.5", "error.parameter_text"),
        ("workload=side_branch&p.rank=8", "error.unknown_parameter"),
        ("lesson=baseline&on=tpu", "error.no_such_device"),
        ("lesson=baseline&on=cuda:x", "error.no_such_device"),
        ("gradient=before", "error.link_value"),
        ("frozen=maybe", "error.link_value"),
    ],
)
def test_one_fault_leaves_the_rest(text: str, key: str) -> None:
    given = query(text)
    link, faults = read_link(given)
    assert [fault.key for fault in faults] == [key]
    *rest, _ = given
    without, none = read_link({name: given[name] for name in rest})
    assert none == ()
    if rest:
        assert link == without
    for language in LANGUAGES:
        assert len(translator(language)(faults[0].key, **faults[0].values)) < 2000


def test_the_example_of_a_lesson() -> None:
    text = "tab=lessons&lesson=detach_then_zero&values=1,2,3&op=relu&on=cuda:1&part=lesson&step=4"
    request = LessonRequest("detach_then_zero", (1.0, 2.0, 3.0), "relu", "cuda:1")
    link = Link("lessons", LessonPlace(request, "lesson", 4))
    assert read_link(query(text)) == (link, ())
    assert write_link(link) == f"?{text}"


def test_the_example_of_a_comparison() -> None:
    text = (
        "tab=compare&workload=side_branch&branches=attached,detach&sizes=1024&modes=eager"
        "&dtype=float32&device=auto&budget=2&twice=1&p.depth=4"
    )
    request = Request(
        "side_branch", ("attached", "detach"), (1024,), parameters={"depth": 4}, budget_s=2.0
    )
    link = Link("compare", None, Comparison(request, twice=True))
    assert read_link(query(text)) == (link, ())
    assert write_link(link) == f"?{text}"


def test_what_is_not_said_is_as_usual() -> None:
    assert read_link({}) == (Link(), ())
    link, _ = read_link({"lesson": "baseline"})
    assert link.lesson == LessonPlace(usual_lesson("baseline"), "lesson")
    assert write_link(link) == "?lesson=baseline"
    assert read_link({"lang": "zh", "utm": "<script>"}) == (Link(), ())
    link, _ = read_link({"workload": "elementwise"})
    assert link.comparison == usual_comparison("elementwise")
    assert read_link({"tab": "playground"}, ("start", "lessons"))[1][0].key == "error.link_value"


def test_a_parameter_of_ones_own_may_have_any_name(write: Writer) -> None:
    catalogue.register(
        write(
            'SIZE = "n"\nSIZES = (4,)\nPARAMETERS = {"dtype": (1, 1, 9)}\n'
            "def build(size, dtype):\n    return {}\ndef ours():\n    pass\n"
        )
    )
    link = Link(
        "compare", None, Comparison(Request("mine", ("ours",), (4,), parameters={"dtype": 7}))
    )
    assert read_link(query(write_link(link))) == (link, ())
