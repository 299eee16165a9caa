"""A setting of a comparison is declared once: the shell, the form, links and the API follow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from profiling.engine.plan import PAGE_SETTINGS, SETTINGS
from profiling.model import request
from profiling.model.errors import InputError
from profiling.model.request import Flag, Request, Settings, settings
from profiling.model.run import Cell
from profiling.model.words import LANGUAGES, table

ROOT = Path(__file__).parents[3]

# Declares three settings more than there are, and looks for them everywhere.
_DECLARED = '''
import contextlib, importlib.util, io, sys

spec = importlib.util.find_spec("profiling.model.request")
source, place = spec.loader.get_source(spec.name), "    force: Annotated["
assert source.count(place) == 1
declared = """
    fused: Annotated[bool, Flag(about="Run fused kernels.")] = False
    rounds: Annotated[int, Number(about="Rounds to run.", word="turns", low=1, high=9)] = 3
    layout: Annotated[
        Name, Choice(about="Memory layout.", choices=("strided", "blocked"))
    ] = "strided"
"""
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
exec(compile(source.replace(place, declared + place), spec.origin, "exec"), vars(module))

from types import SimpleNamespace
from urllib.parse import parse_qsl

import gradio as gr
from msgspec.structs import replace

from profiling.model.words import translator
from demos.page.links import Comparison, Link, read_link, usual_comparison, write_link
from demos.page.api import create_api
from demos.page.compare.form import Form
from demos.page.common import labels
from profiling import cli
from profiling.engine import plan
from profiling.model.errors import InputError
from tests.profiling.planted import MACHINE

CHANGED = {"fused": True, "rounds": 5, "layout": "blocked"}

def shell(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(["compare", *arguments])
    return code, " ".join(out.getvalue().split()), err.getvalue()

code, told, _ = shell("--help")
assert code == 0
assert "--fused Run fused kernels." in told
assert "--turns INTEGER Rounds to run. From 1 to 9. [default: 3]" in told
assert "--layout [strided|blocked] Memory layout. [default: strided]" in told
workload = ("--workload", "elementwise")
assert shell(*workload, "--turns", "10") == (2, "", "error: turns must be between 1 and 9.\\n")
said = "error: layout cannot be 'x'. It is one of strided, blocked.\\n"
assert shell(*workload, "--layout", "x") == (2, "", said)

usual = usual_comparison("elementwise")
assert (usual.request.fused, usual.request.rounds, usual.request.layout) == (False, 3, "strided")
link = Link("compare", None, Comparison(replace(usual.request, **CHANGED)))
text = write_link(link)
assert "&turns=5&layout=blocked" in text and "&fused=1" in text
assert read_link(dict(parse_qsl(text[1:]))) == (link, ())
assert "fused" not in write_link(Link("compare", None, usual))
found, faults = read_link({"workload": "elementwise", "turns": "10", "layout": "x", "fused": "2"})
assert found.comparison == usual
keys = ["error.link_value", "error.setting_range", "error.setting_choice"]
assert [each.key for each in faults] == keys

(cell,) = plan.plan(replace(link.comparison.request, branches=("detach",), sizes=(4,)), MACHINE)
assert {name: getattr(cell, name) for name in CHANGED} == CHANGED

with gr.Blocks() as page:
    form = Form("cpu", labels())
controls = dict(zip(form.names, form.inputs, strict=True))
assert isinstance(controls["fused"], gr.Checkbox) and controls["fused"].value is False
turns = controls["turns"]
assert isinstance(turns, gr.Slider)
assert (turns.minimum, turns.maximum, turns.step, turns.value) == (1, 9, 1, 3)
assert isinstance(controls["layout"], gr.Dropdown)
assert [value for _, value in controls["layout"].choices] == ["strided", "blocked"]
values = {name: each.value for name, each in controls.items()}
values |= {"turns": 5, "fused": True, "layout": "blocked"}
request = form.request(*values.values())
assert {name: getattr(request, name) for name in CHANGED} == CHANGED
filled = form.fill(link.comparison, translator("en"))
assert [filled[controls[word]] for word in ("fused", "turns", "layout")] == [True, 5, "blocked"]

asked = []
engine = SimpleNamespace(compare=lambda request: asked.append(request) or iter(()))
with gr.Blocks() as page:
    create_api(engine)
(endpoint,) = (each for each in page.fns.values() if each.api_name == "compare")
parameters = page.get_api_info()["named_endpoints"]["/compare"]["parameters"]
described = {each["parameter_name"]: each for each in parameters}
assert described["fused"]["type"] == {"type": "boolean"}
assert described["rounds"]["parameter_default"] == 3
assert described["layout"]["type"]["enum"] == ["strided", "blocked"]
_, told, _ = gr.utils.get_function_description(endpoint.fn)
assert told["rounds"] == "Rounds to run. From 1 to 9."
given = {"workload": "elementwise"} | CHANGED
with contextlib.suppress(gr.Error):  # Nothing was measured.
    list(endpoint.fn(SimpleNamespace(headers={}), *(given.get(name) for name in described)))
assert {name: getattr(asked[0], name) for name in CHANGED} == CHANGED
'''


def test_a_new_setting_is_in_the_shell_the_link_the_form_and_the_api() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DECLARED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_on_the_page_has_its_words(language: str) -> None:
    needed = {setting.label for setting in PAGE_SETTINGS.values()}
    flags = [each for each in PAGE_SETTINGS.values() if isinstance(each, Flag)]
    needed |= {f"{setting.label}_about" for setting in flags}
    assert needed <= set(table(language))


def test_requests_and_cells_have_the_same_settings() -> None:
    of_cell = settings(Settings)
    assert settings(Cell) == of_cell
    # A request may ask for several modes, of which each cell has one.
    assert settings(Request) == request.SETTINGS == {"modes": SETTINGS["modes"]} | of_cell
    assert list(SETTINGS) == ["modes", "dtype", "device", "budget_s", "seed", "force"]
    assert list(PAGE_SETTINGS) == ["modes", "dtype", "device", "budget_s", "force"]


def test_what_is_left_out_of_a_request_is_measured_as_ever() -> None:
    usual = {name: setting.default for name, setting in SETTINGS.items()}
    expected = {"dtype": "float32", "device": "auto", "budget_s": 2.0, "seed": 0, "force": False}
    assert usual == {"modes": ("eager",)} | expected
    request = Request("elementwise", ("detach",), (4,))
    assert {name: getattr(request, name) for name in SETTINGS} == usual


@pytest.mark.parametrize(
    ("name", "good", "bad", "values"),
    [
        ("modes", ("compiled", "eager"), ("eager", "jit"), {"value": "jit"}),
        ("modes", ("autocast",), (), {"allowed": "eager, compiled, autocast"}),
        ("dtype", "float16", "int8", {"value": "int8"}),
        (
            "device",
            "cuda",
            "x" * 50,
            {"value": "x" * 40 + "…", "allowed": "auto, cpu, cuda, xpu, mps"},
        ),
        ("device", "cuda:1", "cuda:", {"value": "cuda:"}),
        ("device", "xpu:12", "cuda:1234", {"value": "cuda:1234"}),
        ("device", "cuda:0", "cpu:1", {"value": "cpu:1"}),
        ("device", "auto", "auto:0", {"value": "auto:0"}),
        ("budget_s", 60.0, 60.1, {"name": "budget", "low": 0.05, "high": 60.0}),
        ("budget_s", 0.05, float("nan"), {"name": "budget", "low": 0.05}),
        ("seed", 2**32 - 1, 2**32, {"low": 0, "high": 2**32 - 1}),
    ],
)
def test_values_are_checked(name: str, good: Any, bad: Any, values: dict[str, Any]) -> None:
    SETTINGS[name].check(good)
    with pytest.raises(InputError) as refused:
        SETTINGS[name].check(bad)
    assert values.items() <= refused.value.values.items()


def test_the_page_has_narrower_bounds() -> None:
    PAGE_SETTINGS["budget_s"].check(0.2)
    for outside in (0.1, 20.5):
        SETTINGS["budget_s"].check(outside)
        with pytest.raises(InputError):
            PAGE_SETTINGS["budget_s"].check(outside)
