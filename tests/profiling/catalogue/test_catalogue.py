from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from profiling import catalogue
from profiling.catalogue import BRANCHES, LESSONS, TOPICS, WORKLOADS
from profiling.model.content import CONTENT
from profiling.model.errors import InputError
from profiling.model.run import BASELINE

ROOT = CONTENT.parent


def source(function: object) -> str:
    assert inspect.isfunction(function)
    return inspect.getsource(function).rstrip("\n")


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_read_from_its_text_is_what_importing_gives(name: str) -> None:
    module = importlib.import_module(f"demos.workloads.{name}")
    entry = catalogue.workload(name)
    assert entry.name == name
    assert (entry.size, entry.sizes) == (module.SIZE, module.SIZES)
    absent = getattr(module, "ABSENT", ())
    assert entry.absent == absent
    assert entry.raises == getattr(module, "RAISES", {})
    parameters = {
        key: (each.default, each.low, each.high) for key, each in entry.parameters.items()
    }
    assert parameters == getattr(module, "PARAMETERS", {})
    assert all(low <= default <= high for default, low, high in parameters.values())
    present = [branch for branch in BRANCHES if hasattr(module, branch)]
    assert entry.branches == tuple(b for b in BRANCHES if b in present or b in absent)
    assert set(present).isdisjoint(absent)
    assert set(entry.sources) == set(present)
    assert set(entry.raises) <= set(present)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_code_shown_is_the_code_that_runs(name: str) -> None:
    module = importlib.import_module(f"demos.workloads.{name}")
    entry = catalogue.workload(name)
    file = f"demos/workloads/{name}.py"
    for branch, shown in entry.sources.items():
        function = getattr(module, branch)
        prepare = getattr(module, f"prepare_{branch}", None)
        first = function if prepare is None else prepare
        parts = [source(each) for each in (prepare, function) if each is not None]
        assert shown.text == "\n\n\n".join(parts)
        assert shown.first_line == inspect.getsourcelines(first)[1]
        assert shown.file == file
        lines = (ROOT / file).read_text("utf-8").splitlines()
        count = len(shown.text.splitlines())
        assert "\n".join(lines[shown.first_line - 1 :][:count]) == shown.text
    assert entry.reference is not None
    assert entry.reference.text == source(module.reference)
    assert entry.reference.first_line == inspect.getsourcelines(module.reference)[1]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_read_from_its_text_is_what_importing_gives(name: str) -> None:
    entry = catalogue.lesson(name)
    assert name in TOPICS[entry.topic]
    module = importlib.import_module(f"demos.lessons.{entry.topic}.{name}")
    assert entry.name == name
    assert entry.values == getattr(module, "VALUES", None)
    assert entry.op == getattr(module, "OP", None)
    assert entry.errors == getattr(module, "ERRORS", ())
    defined = [part for part in ("lesson", "wrong", "right") if hasattr(module, part)]
    assert list(entry.parts) == defined
    for part, shown in entry.parts.items():
        assert shown.text == source(getattr(module, part))
        assert shown.first_line == inspect.getsourcelines(getattr(module, part))[1]
        assert shown.file == f"demos/lessons/{entry.topic}/{name}.py"


@pytest.mark.parametrize(
    ("folder", "names"),
    [("workloads", WORKLOADS), *((f"lessons/{topic}", names) for topic, names in TOPICS.items())],
)
def test_every_file_is_listed(folder: str, names: tuple[str, ...]) -> None:
    files = {path.stem for path in (ROOT / "demos" / folder).glob("*.py")} - {"__init__"}
    assert files == set(names)
    assert len(names) == len(set(names))


def test_every_topic_is_a_folder_and_no_lesson_is_in_two() -> None:
    folders = {path.parent.name for path in (ROOT / "demos" / "lessons").glob("*/__init__.py")}
    assert folders == set(TOPICS)
    assert [path.name for path in (ROOT / "demos" / "lessons").glob("*.py")] == ["__init__.py"]
    assert tuple(name for names in TOPICS.values() for name in names) == LESSONS
    assert len(LESSONS) == len(set(LESSONS))


def test_branches_are_listed_once_the_baseline_first() -> None:
    assert BRANCHES[0] == BASELINE == "attached"
    assert len(set(BRANCHES)) == len(BRANCHES)
    for name in WORKLOADS:
        assert catalogue.workload(name).branches[0] == BASELINE


def test_usual_branches_are_those_that_most_people_ask_about() -> None:
    usual = catalogue.workload("frozen_backbone").usual
    assert usual == ("attached", "detach", "clone_detach", "no_grad", "frozen")
    for each in map(catalogue.workload, WORKLOADS):
        assert each.usual[0] == each.branches[0]
        assert not {*each.usual} & {*each.absent}


def test_where_the_reason_of_an_absent_branch_is_found() -> None:
    entry = catalogue.workload("side_branch")
    assert entry.absent_reason("frozen") == "workload.side_branch.absent.frozen"


@pytest.mark.parametrize("name", ["", "nonsense", "__init__", "../catalogue", "baseline.py"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        catalogue.workload(name)
    assert caught.value.key == "error.unknown_workload"
    assert caught.value.values["name"] == name
    with pytest.raises(InputError) as caught:
        catalogue.lesson(name)
    assert caught.value.key == "error.unknown_lesson"
    assert caught.value.values["name"] == name


def test_every_op_is_a_function_of_one_tensor() -> None:
    import torch

    values = torch.tensor([-1.0, 0.0, 2.0])
    wanted = {
        "sigmoid": values.sigmoid(),
        "tanh": values.tanh(),
        "exp": values.exp(),
        "relu": values.relu(),
        "square": values.square(),
        "mul2": values * 2,
    }
    found = {name: eval(text, {"torch": torch})(values) for name, text in catalogue.OPS.items()}
    assert list(found) == list(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_reading_imports_neither_torch_nor_the_files() -> None:
    code = """
import sys
from profiling import catalogue
from profiling.catalogue import LESSONS, WORKLOADS
names = {"torch", "pandas", "gradio"} | {f"demos.workloads.{name}" for name in WORKLOADS}
for name in LESSONS:
    names.add(f"demos.lessons.{catalogue.lesson(name).topic}.{name}")
for name in WORKLOADS:
    catalogue.workload(name)
sys.exit(str(names & set(sys.modules)) if names & set(sys.modules) else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
