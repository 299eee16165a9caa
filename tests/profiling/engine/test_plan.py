from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.engine import plan
from profiling.measure.device import CHOICES
from profiling.model.errors import InputError
from profiling.model.lesson import LessonRequest
from profiling.model.request import DTYPES, Request
from profiling.model.run import Environment
from tests.profiling.planted import CPU, GPU, GPU_MACHINE, MACHINE

GOOD = Request("frozen_backbone", ("attached", "detach"), (8, 4))
NAN, INFINITY = float("nan"), float("inf")

BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({"workload": "nonsense"}, "error.unknown_workload"),
    ({"workload": ""}, "error.unknown_workload"),
    ({"workload": "../workloads/elementwise"}, "error.unknown_workload"),
    ({"branches": ()}, "error.no_branches"),
    ({"branches": ("attached", "nonsense")}, "error.unknown_branch"),
    ({"branches": ("build",)}, "error.unknown_branch"),
    ({"branches": ("prepare_frozen",)}, "error.unknown_branch"),
    ({"branches": ("reference",)}, "error.unknown_branch"),
    ({"sizes": ()}, "error.size_count"),
    ({"sizes": tuple(range(1, 14))}, "error.size_count"),
    ({"sizes": (0,)}, "error.size_range"),
    ({"sizes": (4, -1)}, "error.size_range"),
    ({"sizes": (1_000_000_001,)}, "error.size_range"),
    ({"sizes": (10**30,)}, "error.size_range"),
    ({"dtype": "int64"}, "error.unknown_dtype"),
    ({"dtype": "__name__"}, "error.unknown_dtype"),
    ({"dtype": "float16"}, "error.no_such_dtype"),
    ({"modes": ()}, "error.setting_choices"),
    ({"modes": ("eager", "eager")}, "error.setting_choices"),
    ({"modes": ("eager", "fast")}, "error.setting_choice"),
    ({"modes": ("compiled",)}, "error.no_compiler"),
    ({"modes": ("autocast",), "dtype": "float64"}, "error.autocast_dtype"),
    ({"device": "tpu"}, "error.no_such_device"),
    ({"device": "cuda:0"}, "error.no_such_device"),
    ({"device": "cuda:"}, "error.no_such_device"),
    ({"device": "cpu:0"}, "error.no_such_device"),
    ({"device": "cuda"}, "error.no_such_device"),
    ({"budget_s": 0.0}, "error.budget_range"),
    ({"budget_s": 0.0499}, "error.budget_range"),
    ({"budget_s": 60.1}, "error.budget_range"),
    ({"budget_s": -1.0}, "error.budget_range"),
    ({"budget_s": NAN}, "error.budget_range"),
    ({"budget_s": INFINITY}, "error.budget_range"),
    ({"seed": -1}, "error.seed_range"),
    ({"seed": 2**32}, "error.seed_range"),
    ({"parameters": {"nonsense": 1}}, "error.unknown_parameter"),
    ({"parameters": {"size": 1}}, "error.unknown_parameter"),
    ({"parameters": {"depth": 0}}, "error.parameter_range"),
    ({"parameters": {"depth": 65}}, "error.parameter_range"),
    ({"parameters": {"depth": 1, "width": 8193}}, "error.parameter_range"),
    ({"workload": "elementwise", "parameters": {"depth": 1}}, "error.unknown_parameter"),
]


@pytest.mark.parametrize(("changes", "key"), BAD_REQUESTS)
def test_a_request_that_cannot_be_run_is_refused(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as caught:
        plan.plan(replace(GOOD, **changes), MACHINE)
    assert caught.value.key == key


NEEDS_THE_MACHINE: list[dict[str, Any]] = [
    {"dtype": "float16"},
    {"modes": ("compiled",)},
    {"device": "cuda"},
    {"device": "cuda:0"},
]


@pytest.mark.parametrize(
    ("changes", "key"), [case for case in BAD_REQUESTS if case[0] not in NEEDS_THE_MACHINE]
)
def test_what_needs_no_machine_is_refused_without_one(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as caught:
        plan.check(replace(GOOD, **changes))
    assert caught.value.key == key


@pytest.mark.parametrize("changes", NEEDS_THE_MACHINE)
def test_what_a_machine_may_have_is_let_through_without_one(changes: dict[str, Any]) -> None:
    plan.check(replace(GOOD, **changes))


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({"device": "cuda"}, {"value": "cuda", "allowed": "cpu"}),
        (
            {"device": "tpu"},
            {"name": "device", "value": "tpu", "allowed": "auto, cpu, cuda, xpu, mps"},
        ),
        (
            {"dtype": "float16"},
            {"dtype": "float16", "device": "cpu", "allowed": "float32, float64"},
        ),
        (
            {"dtype": "x" * 50},
            {"name": "dtype", "value": "x" * 40 + "…", "allowed": ", ".join(DTYPES)},
        ),
        ({"sizes": (4, 0)}, {"size": 0, "high": 1_000_000_000}),
        ({"sizes": ()}, {"high": 12}),
        ({"parameters": {"depth": 0}}, {"name": "depth", "low": 1, "high": 64}),
        ({"parameters": {"d": 1}}, {"name": "d", "allowed": "depth, width"}),
        ({"workload": "elementwise", "parameters": {"d": 1}}, {"name": "d", "allowed": "–"}),
        ({"seed": -1}, {"name": "seed", "low": 0, "high": 2**32 - 1}),
        ({"budget_s": 0.0}, {"name": "budget", "low": 0.05, "high": 60.0}),
        (
            {"workload": "nonsense"},
            {"name": "nonsense", "nearest": "elementwise, gan_generator, frozen_middle"},
        ),
    ],
)
def test_the_error_says_what_can_be_had(changes: dict[str, Any], values: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        plan.plan(replace(GOOD, **changes), MACHINE)
    assert caught.value.values == values


def test_a_plan_has_one_cell_a_size_in_the_order_asked_for() -> None:
    first, second = plan.plan(replace(GOOD, seed=7, budget_s=0.5), MACHINE)
    assert (first.size, second.size) == (8, 4)
    assert replace(first, size=4) == second
    assert first.workload == "frozen_backbone"
    assert first.branches == ("attached", "detach")
    assert (first.dtype, first.device) == ("float32", "cpu")
    assert (first.seed, first.budget_s) == (7, 0.5)


def test_each_size_is_planned_in_each_mode_where_there_is_a_compiler() -> None:
    machine = replace(MACHINE, devices=(replace(CPU, compiler="g++"),))
    cells = plan.plan(replace(GOOD, modes=("compiled", "eager")), machine)
    assert [(each.size, each.mode) for each in cells] == [
        (8, "compiled"),
        (8, "eager"),
        (4, "compiled"),
        (4, "eager"),
    ]
    assert {each.computation for each in cells} == {"float32 compiled", "float32"}


def test_parameters_that_are_not_given_keep_their_defaults() -> None:
    (planned,) = plan.plan(replace(GOOD, sizes=(1,), parameters={"width": 16}), MACHINE)
    assert planned.parameters == {"depth": 8, "width": 16}
    (planned,) = plan.plan(Request("elementwise", ("attached",), (1,)), MACHINE)
    assert planned.parameters == {}


def test_a_branch_asked_for_again_is_measured_again_under_its_own_label() -> None:
    asked = replace(GOOD, branches=("detach", "no_grad", "detach", "detach"))
    (planned, *_) = plan.plan(asked, MACHINE)
    assert planned.branches == ("detach", "no_grad", "detach#2", "detach#3")
    assert planned.baseline == "detach"
    assert replace(planned, branches=("detach", "attached")).baseline == "attached"


def test_too_many_branches_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        plan.check(replace(GOOD, branches=("detach",) * (plan.MAX_BRANCHES + 1)))
    assert (caught.value.key, caught.value.values) == ("error.branch_count", {"high": 20})


def test_repeated_sizes_count_once() -> None:
    assert len(plan.plan(replace(GOOD, sizes=(1, 2) * 20), MACHINE)) == 2


@pytest.mark.parametrize(
    ("machine", "device", "dtype", "used"),
    [
        (MACHINE, "auto", "float64", "cpu"),
        (GPU_MACHINE, "auto", "float16", "cuda"),
        (GPU_MACHINE, "cpu", "float64", "cpu"),
        (GPU_MACHINE, "cuda", "float32", "cuda"),
    ],
)
def test_the_device_is_the_first_unless_one_is_named(
    machine: Environment, device: str, dtype: str, used: str
) -> None:
    cells = plan.plan(replace(GOOD, device=device, dtype=dtype), machine)
    assert {planned.device for planned in cells} == {used}


def test_the_dtype_must_be_the_chosen_devices_own() -> None:
    with pytest.raises(InputError) as caught:
        plan.plan(replace(GOOD, dtype="float64"), GPU_MACHINE)
    assert caught.value.values["device"] == "cuda"
    assert caught.value.values["allowed"] == "float32, float16"


@pytest.mark.parametrize("changes", [{"budget_s": 0.05}, {"budget_s": 60.0}, {"seed": 2**32 - 1}])
def test_the_ends_of_a_range_belong_to_it(changes: dict[str, Any]) -> None:
    assert len(plan.plan(replace(GOOD, **changes), MACHINE)) == 2


@pytest.mark.parametrize("workload", WORKLOADS)
def test_everything_the_catalogue_offers_can_be_planned(workload: str) -> None:
    entry = catalogue.workload(workload)
    machine = replace(MACHINE, devices=(replace(CPU, dtypes=DTYPES),))
    ends = [
        {name: getattr(parameter, end) for name, parameter in entry.parameters.items()}
        for end in ("low", "high")
    ]
    for dtype in DTYPES:
        for parameters in ends:
            asked = Request(
                workload, entry.branches, entry.sizes, dtype=dtype, parameters=parameters
            )
            cells = plan.plan(asked, machine)
            assert [planned.size for planned in cells] == list(entry.sizes)
            assert {planned.branches for planned in cells} == {entry.branches}
            assert [planned.parameters for planned in cells] == [parameters] * len(cells)
    assert CHOICES[0] == "auto"


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        (LessonRequest("nonsense"), "error.unknown_lesson"),
        (LessonRequest("__init__"), "error.unknown_lesson"),
        (LessonRequest("baseline", op="nonsense"), "error.unknown_op"),
        (LessonRequest("baseline", op="torch.exp"), "error.unknown_op"),
        (LessonRequest("freeze_and_finetune", op="exp"), "error.unknown_op"),
        (LessonRequest("baseline", device="abacus"), "error.no_such_device"),
        (LessonRequest("baseline", device="cuda:x"), "error.no_such_device"),
        (LessonRequest("numpy_needs_detach", device="cpu:1"), "error.no_such_device"),
        (LessonRequest("baseline", ()), "error.values"),
        (LessonRequest("baseline", (1.0,) * 17), "error.values"),
        (LessonRequest("baseline", (1.0, NAN)), "error.values"),
        (LessonRequest("baseline", (INFINITY,)), "error.values"),
        (LessonRequest("baseline", (-INFINITY,)), "error.values"),
        (LessonRequest("baseline", (1.1e6,)), "error.values"),
        (LessonRequest("baseline", (-1.1e6,)), "error.values"),
    ],
)
def test_a_lesson_that_cannot_be_run_is_refused(request_: LessonRequest, key: str) -> None:
    with pytest.raises(InputError) as caught:
        plan.check_lesson(request_)
    assert caught.value.key == key


def test_a_lesson_without_values_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(catalogue.lesson("baseline"), values=None, op=None)
    monkeypatch.setattr(catalogue, "lesson", lambda name: entry)
    plan.check_lesson(LessonRequest("baseline"))
    with pytest.raises(InputError) as caught:
        plan.check_lesson(LessonRequest("baseline", (1.0,)))
    assert caught.value.key == "error.no_values_here"


@pytest.mark.parametrize(
    "request_",
    [
        LessonRequest("baseline"),
        LessonRequest("baseline", (1e6, -1e6, 0.0), "mul2"),
        LessonRequest("freeze_and_finetune", (1.0,) * 16),
    ],
)
def test_a_good_lesson_request_passes(request_: LessonRequest) -> None:
    plan.check_lesson(request_)


@pytest.mark.parametrize(
    ("asked", "placed"),
    [("auto", "cuda"), ("cuda", "cuda"), ("cuda:0", "cuda"), ("cpu", "cpu")],
)
def test_a_lesson_runs_where_it_is_asked_to(asked: str, placed: str) -> None:
    request = LessonRequest("baseline", (1.0,), "exp", asked)
    assert plan.place_lesson(request, GPU_MACHINE) == replace(request, device=placed)
    # Unless it needs the CPU, wherever that is.
    own = LessonRequest("numpy_needs_detach", device=asked)
    for machine in (GPU_MACHINE, MACHINE):
        assert plan.place_lesson(own, machine).device == "cpu"


@pytest.mark.parametrize("asked", ["xpu", "cuda:1"])
def test_a_lesson_is_refused_a_device_that_is_not_here(asked: str) -> None:
    with pytest.raises(InputError) as caught:
        plan.place_lesson(LessonRequest("baseline", device=asked), GPU_MACHINE)
    assert caught.value.key == "error.no_such_device"
    assert caught.value.values == {"value": asked, "allowed": "cuda, cpu"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2,3", (1.0, 2.0, 3.0)),
        (" [1, -2.5 ,3e2] ", (1.0, -2.5, 300.0)),
        ("(0.5)", (0.5,)),
        ("1，2、3", (1.0, 2.0, 3.0)),
        ("1 2\n3", (1.0, 2.0, 3.0)),
        ("", ()),
        (",", ()),
        ("inf", (INFINITY,)),
    ],
)
def test_values_are_read_as_people_write_them(text: str, values: tuple[float, ...]) -> None:
    assert plan.parse_values(text) == values


@pytest.mark.parametrize("text", ["a", "1, two", "1;2", "0x10", "1..2", "__import__('os')"])
def test_values_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        plan.parse_values(text)
    assert (caught.value.key, caught.value.values) == ("error.values_text", {"text": text})


def test_of_a_long_text_that_is_no_number_the_beginning_is_told() -> None:
    with pytest.raises(InputError) as caught:
        plan.parse_values("x" * 10_000)
    assert caught.value.values == {"text": "x" * 40 + "…"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a", "error.values_text"),
        ("nan", "error.values"),
        ("inf, 1", "error.values"),
        ("1e999", "error.values"),
        ("1e9", "error.values"),
        ("1 " * 5000, "error.values"),
        (", ".join(["1"] * 17), "error.values"),
        ("", "error.values"),
    ],
)
def test_bad_text_is_refused_when_read_or_when_checked(text: str, key: str) -> None:
    with pytest.raises(InputError) as caught:
        plan.check_lesson(LessonRequest("baseline", plan.parse_values(text)))
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("64, 256", (64, 256)),
        ("64 256", (64, 256)),
        ("1_000,2", (1000, 2)),
        ("64，256、8", (64, 256, 8)),
        ("-1", (-1,)),
        ("", ()),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, sizes: tuple[int, ...]) -> None:
    assert plan.parse_sizes(text) == sizes


@pytest.mark.parametrize("text", ["a", "1.5", "1e3", "64; 256", "nan", "9" * 5000])
def test_sizes_that_are_no_whole_numbers_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        plan.parse_sizes(text)
    assert caught.value.key == "error.sizes_text"
    assert len(str(caught.value.values["text"])) <= 41


@pytest.mark.parametrize(
    ("asked", "first", "planned"),
    [
        ("auto", 0, "cuda"),
        ("auto", 1, "cuda:1"),
        ("cuda", 1, "cuda"),
        ("cuda:0", 1, "cuda"),
        ("cuda:1", 0, "cuda:1"),
        ("cpu", 1, "cpu"),
    ],
)
def test_one_of_several_devices_is_planned_by_its_index(
    asked: str, first: int, planned: str
) -> None:
    gpus = [replace(GPU, index=index) for index in (first, 1 - first)]
    machine = replace(GPU_MACHINE, devices=(*gpus, CPU))
    cells = plan.plan(replace(GOOD, device=asked), machine)
    assert {each.device for each in cells} == {planned}


def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    machine = replace(GPU_MACHINE, devices=(GPU, replace(GPU, index=1), CPU))
    with pytest.raises(InputError) as caught:
        plan.plan(replace(GOOD, device="cuda:2"), machine)
    assert caught.value.values == {"value": "cuda:2", "allowed": "cuda, cuda:1, cpu"}
