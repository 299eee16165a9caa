"""Workloads of one's own: what is read of them, and which sentence a broken one gets."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from demos import catalogue
from demos.catalogue import Source
from demos.grammar import Parameter
from demos.locales import translator
from demos.workloads import WORKLOADS
from profiling.engine import plan
from profiling.errors import InputError
from profiling.records import Request
from tests.profiling.planted import MACHINE

Writer = Callable[..., str]

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
SMALLEST = """\
def build(size):
    return {}
def ours():
    pass
"""


@pytest.fixture(autouse=True)
def _no_own_workloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_own", {})


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """Return a function that writes a file into the current folder and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write


def sentence(spec: str, language: str = "en") -> str:
    """Return what a person is told when a workload is refused."""
    with pytest.raises(InputError) as caught:
        catalogue.register(spec)
    assert catalogue.workloads() == WORKLOADS
    return translator(language)(caught.value.key, **caught.value.values)


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
    assert caught.value.values["allowed"] == ", ".join((*WORKLOADS, "second", "first"))


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
    catalogue._own.clear()
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


BUILD = "def build(size):\n    return {}\n"
REFUSED = {
    "syntax": ("x = 1\ndef (\n", "mine.py:2: this is not valid Python: invalid syntax."),
    "no build": (
        "\ndef ours():\n    pass\n",
        "mine.py:1: there is no function build, which returns what the steps work on.",
    ),
    "no branch": (
        BUILD + "def reference():\n    pass\ndef _ours():\n    pass\n",
        "mine.py:1: there is no branch; every function is one whose name is not build, groups or"
        " reference and does not begin with prepare_ or _.",
    ),
    "no literal": (
        SMALLEST + "SIZES = tuple(range(3))\n",
        "mine.py:5: SIZES must be a literal: whole numbers above 0, such as (64, 256).",
    ),
    "sizes": (
        "SIZES = (64, 0)\n" + SMALLEST,
        "mine.py:1: SIZES must be a literal: whole numbers above 0, such as (64, 256).",
    ),
    "one size": (
        "SIZES = 64\n" + SMALLEST,
        "mine.py:1: SIZES must be a literal: whole numbers above 0, such as (64, 256).",
    ),
    "no sizes": (
        "SIZES: tuple[int, ...] = ()\n" + SMALLEST,
        "mine.py:1: SIZES must be a literal: whole numbers above 0, such as (64, 256).",
    ),
    "size": (
        "SIZE = 'rows a batch'\n" + SMALLEST,
        'mine.py:1: SIZE must be a literal: the name of what the size counts, such as "batch".',
    ),
    "parameters": (
        "\nPARAMETERS = {'width': (65, 1, 64)}\n" + SMALLEST,
        "mine.py:2: PARAMETERS must be a literal: names with (default, low, high), whole numbers,"
        " low ≤ default ≤ high.",
    ),
    "a parameter's range": (
        "PARAMETERS = {'width': 64}\n" + SMALLEST,
        "mine.py:1: PARAMETERS must be a literal: names with (default, low, high), whole numbers,"
        " low ≤ default ≤ high.",
    ),
    "build takes": (
        "PARAMETERS = {'width': (8, 1, 64), 'depth': (1, 1, 2)}\n" + SMALLEST,
        "mine.py:2: build must take a size and then what PARAMETERS names:"
        " build(size, width, depth).",
    ),
    "build takes too much": (
        "def build(size, width):\n    return {}\ndef ours():\n    pass\n",
        "mine.py:1: build must take a size and then what PARAMETERS names: build(size).",
    ),
    "raises": (
        "RAISES = {'theirs': 'text'}\n" + SMALLEST,
        "mine.py:1: RAISES must be a literal: branches with a part of the text of their error.",
    ),
    "looped": (
        "LOOPED = 1\n" + SMALLEST,
        "mine.py:1: LOOPED must be a literal: True or False.",
    ),
    "absent": (
        "ABSENT = ('detach',)\n" + SMALLEST,
        "mine.py:1: ABSENT is not for a workload of one's own; leave the function out.",
    ),
    "preparation": (
        SMALLEST + "def prepare_theirs():\n    pass\n",
        "mine.py:5: prepare_theirs has no branch to prepare. Branches: ours.",
    ),
    "any parameters": (
        SMALLEST + "def theirs(**arguments):\n    pass\n",
        "mine.py:5: theirs must take plain parameters, without *, ** or /.",
    ),
    "parameters by name alone": (
        SMALLEST + "def theirs(*, x):\n    pass\n",
        "mine.py:5: theirs must take plain parameters, without *, ** or /.",
    ),
    "branch": (
        SMALLEST + "def großes():\n    pass\n",
        "mine.py:5: 'großes' cannot be a name here; use at most 64 ASCII letters, digits and"
        " underscores.",
    ),
    "branch's parameter": (
        SMALLEST + "def theirs(größe):\n    pass\n",
        "mine.py:5: 'größe' cannot be a name here; use at most 64 ASCII letters, digits and"
        " underscores.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_gets_one_line(write: Writer, name: str) -> None:
    text, wanted = REFUSED[name]
    spec = write(text)
    assert sentence(spec) == wanted
    assert "\n" not in sentence(spec, "zh")
    in_class = write("class Mine:\n" + textwrap.indent(text, "    "), "classes.py") + ":Mine"
    if name != "syntax":
        place, _, rule = wanted.partition(": ")
        line = int(place.partition(":")[2])
        # A class itself begins a line before its first constant or function.
        if "there is no" not in rule:
            line += 1
        assert sentence(in_class) == f"classes.py:{line}: {rule}"


def test_a_file_that_is_not_there() -> None:
    assert sentence("nowhere/mine.py") == (
        "'nowhere/mine.py' cannot be read: No such file or directory."
    )


@pytest.mark.parametrize("spec", ["mine.pyx", "mine.py.txt", "mine.txt:Mine", "Mine", ""])
def test_what_is_no_python_file(spec: str) -> None:
    assert sentence(spec) == (
        f"{spec!r} is not a Python file; give path/file.py, or path/file.py:NAME for a class in it."
    )


def test_what_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_bytes(b"\xff\xfe\x00")
    assert sentence("mine.py").startswith("mine.py:1: this is not valid Python: ")
    Path("mine.py").write_bytes(b"x = 1\x00")
    assert sentence("mine.py").startswith("mine.py:1: this is not valid Python: ")


@pytest.mark.parametrize(
    ("classes", "allowed"), [("", "–"), ("class A: ...\nclass B: ...", "A, B")]
)
def test_a_class_that_is_not_there(write: Writer, classes: str, allowed: str) -> None:
    spec = write(f"{classes}\ndef f():\n    class Mine: ...\n")
    assert sentence(f"{spec}:Mine") == (
        f"mine.py has no class 'Mine' at its top level. Classes: {allowed}."
    )


def test_a_name_that_no_record_can_have(write: Writer) -> None:
    assert sentence(write(SMALLEST, "my-steps.py")) == (
        "my-steps.py:1: 'my-steps' cannot be a name here; use at most 64 ASCII letters, digits and"
        " underscores."
    )


def test_a_name_that_is_taken(write: Writer, tmp_path: Path) -> None:
    assert sentence(write(SMALLEST, "elementwise.py")) == (
        "elementwise.py: there is a workload 'elementwise' already; give this one another name."
    )
    catalogue.register(write(SMALLEST))
    with pytest.raises(InputError) as caught:
        catalogue.register(str(tmp_path / "mine.py"))
    assert caught.value.key == "error.own_taken"


@pytest.mark.parametrize(
    ("text", "is_spec"),
    [("mine.py", True), ("a/mine.py:Mine", True), ("side_branch", False), ("nonsense", False)],
)
def test_names_and_specs_are_told_apart(text: str, is_spec: bool) -> None:
    assert catalogue.is_spec(text) is is_spec
