"""A workload of one's own on the page: offered if it was named at the start, never otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from profiling.catalogue import WORKLOADS
from profiling.model.words import table
from tests.conftest import OWN_WORKLOAD
from tests.harness.launching import ROOT, App
from tests.harness.scripting import script
from tests.harness.visiting import PATIENCE_S


@pytest.fixture
def client(whole_app: App) -> Iterator[Client]:
    opened = script(whole_app)
    yield opened
    opened.close()


def component(app: App, label: str) -> dict[str, Any]:
    """Return the properties of the component whose label is a key or a text."""
    components = httpx.get(f"{app.url}config", timeout=PATIENCE_S).json()["components"]
    (found,) = (
        each["props"] for each in components if label in str(each["props"].get("label", ""))
    )
    assert isinstance(found, dict)
    return found


def compare(client: Client, workload: str, app: App) -> Any:
    """Compare both branches with heads=3, and whatever other parameters there are at 2."""
    components = httpx.get(f"{app.url}config", timeout=PATIENCE_S).json()["components"]
    numbers = [each["props"]["label"] for each in components if each["type"] == "number"]
    parameters = [3 if label == "heads" else 2 for label in numbers]
    inputs = (
        ["first", "second"],
        "4",
        ["eager"],
        "float32",
        "cpu",
        0.2,
        False,
        False,
        *parameters,
    )
    job = client.submit(workload, *inputs, api_name="/show_compare")
    job.result()
    return job.outputs()[-1]


def test_a_registered_workload_is_offered_and_measured(whole_app: App, client: Client) -> None:
    choices = component(whole_app, "compare.workload")["choices"]
    assert [value for _, value in choices] == [*WORKLOADS, "mine"]
    assert choices[-1][0] == "Mine."
    branches = [value for _, value in component(whole_app, "compare.branches")["choices"]]
    assert branches[-2:] == ["second", "first"]
    assert component(whole_app, "heads")["value"] == 2
    _, _, table, *_ = compare(client, "mine", whole_app)
    table = table["value"] if isinstance(table, dict) else table
    assert table.index(">second<") < table.index(">first<")


@pytest.mark.parametrize("spec", ["trap.py", "mine.py", "trap", "mine.py:Mine"])
def test_the_api_takes_no_file(whole_app: App, client: Client, spec: str) -> None:
    ran = whole_app.temp / "it ran"
    trap = whole_app.temp / "trap.py"
    trap.write_text(f"open({str(ran)!r}, 'w')\n{OWN_WORKLOAD}", encoding="utf-8")
    for workload in (spec, str(trap.with_name(spec))):
        with pytest.raises(AppError) as refused:
            compare(client, workload, whole_app)
        assert str(refused.value) == table("en")["refused.input"]
    assert not ran.exists()


_FORM = """
from pathlib import Path

import gradio as gr

from profiling import catalogue
from demos.page.links import usual_comparison
from profiling.model.words import translator
from demos.page.compare import tab
from demos.page.compare.form import Form
from demos.page.common import labels
from profiling.model.errors import InputError

FILE = Path("PLACE")
catalogue.register(str(FILE))
with gr.Blocks():
    form = Form("cpu", labels())
    does = tab._Handlers(None, form, None, gr.HTML(), None, None)

described = form.describe(usual_comparison("mine"), translator("zh"))
name, about, branches, sizes, *numbers = (described[each] for each in form.described)
assert name == "mine"
assert "What <code>x</code> is for." in about
assert branches["choices"] == branches["value"] == ["second", "first"]
assert (sizes["value"], sizes["label"]) == ("4, 8", "rows")
shown = dict(zip(form.parameters, numbers, strict=True))
assert [name for name, update in shown.items() if update["visible"]] == ["width", "heads"]
assert (shown["width"]["value"], shown["heads"]["value"]) == (3, 2)

def asked(workload, **parameters):
    numbers = dict.fromkeys(form.parameters, 1) | parameters
    fixed = (["first", "second"], "4", ["eager"], "float32", "cpu", 0.2, False, False)
    return form.request(workload, *fixed, *numbers.values())

def refused(workload, **parameters):
    try:
        asked(workload, **parameters)
    except InputError as error:
        return error.key
    raise AssertionError

request = asked("mine", width=5, heads=4)
assert request.branches == ("second", "first")
assert request.parameters == {"width": 5, "heads": 4}
assert refused("mine", heads=None) == "error.parameter_text"
assert refused("mine", heads=5) == "error.parameter_range"
for name in ("mine.py", "mine.py:Mine", "trap", str(FILE), str(FILE.with_name("trap.py"))):
    assert refused(name) == "error.unknown_workload"

FILE.write_text("def (", encoding="utf-8")
(about,) = does.describe("mine", "", None).values()
assert "mine.py:1: invalid Python: invalid syntax." in about
assert refused("mine") == "error.own_syntax"
"""


def test_the_form_follows_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN_WORKLOAD, encoding="utf-8")
    code = _FORM.replace("PLACE", str(tmp_path / "mine.py"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("nowhere.py", "error: Cannot read 'nowhere.py': No such file or directory."),
        (
            "README.md",
            "error: 'README.md' is not a Python file; give path/file.py, or path/file.py:NAME for a"
            " class in it.",
        ),
    ],
)
def test_the_app_does_not_start_with_a_bad_workload(spec: str, line: str) -> None:
    command = [sys.executable, "app.py", "--device", "cpu", "--workload", spec]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{line}\n")
