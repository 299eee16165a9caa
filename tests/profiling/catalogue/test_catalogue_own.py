"""Workloads of one's own: what is read of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from profiling import catalogue
from profiling.catalogue import WORKLOADS, Source
from profiling.catalogue.source import Parameter
from profiling.engine import plan
from profiling.model.errors import InputError
from profiling.model.request import Request
from tests.conftest import SMALLEST, Writer
from tests.profiling.planted import MACHINE

GOOD = '''\
"""Two ways to hold a teacher still.

The student learns from `teacher`.
"""

import torch
from torch import nn

SIZE = "rows"
SIZES = [4, 8]
PARAMETERS = {"width": (16, 1, 64)}
RAISES = {"inplace": "modified by an inplace operation"}
DEPTH = 2 * 3


def build(size, width):
    return {"teacher": nn.Linear(width, 1), "x": _numbers(size, width)}


def _numbers(size, width):
    return torch.randn(size, width)


def reference(teacher, x):
    return {"teacher": None}


def no_grad(teacher, x):
    with torch.no_grad():
        return teacher(x).mean(), None


def prepare_inplace(teacher):
    teacher.requires_grad_(True)


def inplace(teacher, x):
    return teacher(x).exp().mul_(2).sum()
'''


def test_a_file_is_read_as_a_workload(write: Writer) -> None:
    entry = catalogue.register(write(GOOD))
    assert (entry.name, entry.file) == ("mine", "mine.py")
    assert entry.title == "Two ways to hold a teacher still."
    assert entry.about == "The student learns from `teacher`."
    assert (entry.size, entry.sizes) == ("rows", (4, 8))
    assert entry.parameters == {"width": Parameter(16, 1, 64)}
    assert entry.branches == ("no_grad", "inplace")
    assert (entry.absent, entry.looped) == ((), False)
    assert entry.raises == {"inplace": "modified by an inplace operation"}
    lines = GOOD.splitlines()
    assert entry.sources == {
        "no_grad": Source("\n".join(lines[27:30]), 28, "mine.py"),
        "inplace": Source("\n".join(lines[32:38]), 33, "mine.py"),
    }
    assert entry.reference == Source("\n".join(lines[23:25]), 24, "mine.py")
    assert catalogue.workload("mine") == entry


def test_a_class_is_read_as_a_workload(write: Writer) -> None:
    body = textwrap.indent(GOOD, "    ")
    spec = write(f"class Other:\n    pass\n\n\nclass Teacher:\n{body}") + ":Teacher"
    entry = catalogue.register(spec)
    assert (entry.name, entry.file) == ("Teacher", "mine.py:Teacher")
    assert entry.title == "Two ways to hold a teacher still."
    assert entry.branches == ("no_grad", "inplace")
    lines = GOOD.splitlines()
    # Shown without the class's indentation, numbered as in the file.
    assert entry.sources["no_grad"] == Source("\n".join(lines[27:30]), 28 + 5, "mine.py")


def test_what_a_workload_does_not_say_has_a_default(write: Writer) -> None:
    entry = catalogue.register(write(SMALLEST))
    assert (entry.title, entry.about) == ("mine", "")
    assert (entry.size, entry.sizes) == ("batch", (64, 256, 1024))
    assert (entry.parameters, entry.raises, entry.reference) == ({}, {}, None)
    assert entry.branches == ("ours",)


def test_a_decorator_belongs_to_its_function(write: Writer) -> None:
    text = "def build(size):\n    return {}\n@some.thing(\n    1)\ndef ours():\n    pass\n"
    source = catalogue.register(write(text)).sources["ours"]
    assert source == Source("@some.thing(\n    1)\ndef ours():\n    pass", 3, "mine.py")


def test_registered_workloads_are_listed_after_ours(write: Writer, tmp_path: Path) -> None:
    catalogue.register(write(SMALLEST, "second.py"))
    catalogue.register(write(SMALLEST, "first.py"))
    catalogue.register("second.py")  # once more does no harm
    assert catalogue.workloads() == (*WORKLOADS, "second", "first")
    with pytest.raises(InputError) as caught:
        catalogue.workload("third")
    assert caught.value.values["nearest"] == "first, truncated_bptt, split_backward"


def test_a_file_that_changes_is_read_anew(write: Writer) -> None:
    catalogue.register(write(SMALLEST))
    write(SMALLEST + "def theirs():\n    pass\n")
    assert catalogue.workload("mine").branches == ("ours", "theirs")
    write("def (")
    with pytest.raises(InputError) as caught:
        catalogue.workload("mine")
    assert caught.value.key == "error.own_syntax"


def test_reading_runs_nothing(write: Writer) -> None:
    catalogue.register(write("raise SystemExit\n" + SMALLEST))


def test_another_process_finds_the_workload_by_its_spec(write: Writer) -> None:
    entry = catalogue.register(write(GOOD))
    request = Request("mine", ("no_grad",), (4,), force=True)
    (cell,) = plan.plan(request, MACHINE)
    assert (cell.workload, cell.file, cell.unit) == ("mine", "mine.py", "rows")
    assert (cell.parameters, cell.force) == ({"width": 16}, True)
    catalogue._registered.clear()
    assert catalogue.workload(cell.workload, cell.file) == entry


def test_ours_say_what_their_size_counts() -> None:
    (cell,) = plan.plan(Request("elementwise", ("detach",), (4,)), MACHINE)
    assert (cell.file, cell.unit, cell.force) == ("", "elements", False)


@pytest.mark.parametrize("spec", ["mine.py", "./mine.py", "mine.py:Mine", "../mine"])
def test_a_request_cannot_name_a_file(write: Writer, spec: str) -> None:
    write(SMALLEST)
    for check in (plan.check, lambda request: plan.plan(request, MACHINE)):
        with pytest.raises(InputError) as caught:
            check(Request(spec, ("ours",), (4,)))
        assert caught.value.key == "error.unknown_workload"


@pytest.mark.parametrize(
    ("text", "is_spec"),
    [("mine.py", True), ("a/mine.py:Mine", True), ("side_branch", False), ("nonsense", False)],
)
def test_names_and_specs_are_told_apart(text: str, is_spec: bool) -> None:
    assert catalogue.is_spec(text) is is_spec
