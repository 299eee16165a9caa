"""Workloads of one's own: which sentence a broken one gets."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.model.errors import InputError
from profiling.model.words import translator
from tests.conftest import SMALLEST, Writer


def sentence(spec: str, language: str = "en") -> str:
    """Return what a person is told when a workload is refused."""
    with pytest.raises(InputError) as caught:
        catalogue.register(spec)
    assert catalogue.workloads() == WORKLOADS
    return translator(language)(caught.value.key, **caught.value.values)


BUILD = "def build(size):\n    return {}\n"
REFUSED = {
    "syntax": ("x = 1\ndef (\n", "mine.py:2: invalid Python: invalid syntax."),
    "no build": (
        "\ndef ours():\n    pass\n",
        "mine.py:1: there is no function build, which returns the arguments of the branches.",
    ),
    "no branch": (
        BUILD + "def reference():\n    pass\ndef _ours():\n    pass\n",
        "mine.py:1: there is no branch. Every function is a branch unless its name is build, groups"
        " or reference, or starts with prepare_ or _.",
    ),
    "no literal": (
        SMALLEST + "SIZES = tuple(range(3))\n",
        "mine.py:5: SIZES must be a literal: positive whole numbers, such as (64, 256).",
    ),
    "sizes": (
        "SIZES = (64, 0)\n" + SMALLEST,
        "mine.py:1: SIZES must be a literal: positive whole numbers, such as (64, 256).",
    ),
    "one size": (
        "SIZES = 64\n" + SMALLEST,
        "mine.py:1: SIZES must be a literal: positive whole numbers, such as (64, 256).",
    ),
    "no sizes": (
        "SIZES: tuple[int, ...] = ()\n" + SMALLEST,
        "mine.py:1: SIZES must be a literal: positive whole numbers, such as (64, 256).",
    ),
    "size": (
        "SIZE = 'rows a batch'\n" + SMALLEST,
        'mine.py:1: SIZE must be a literal: what the size counts, such as "batch".',
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
        "mine.py:2: build must take the size, then the names in PARAMETERS:"
        " build(size, width, depth).",
    ),
    "build takes too much": (
        "def build(size, width):\n    return {}\ndef ours():\n    pass\n",
        "mine.py:1: build must take the size, then the names in PARAMETERS: build(size).",
    ),
    "raises": (
        "RAISES = {'theirs': 'text'}\n" + SMALLEST,
        "mine.py:1: RAISES must be a literal: branches with part of their error message.",
    ),
    "looped": (
        "LOOPED = 1\n" + SMALLEST,
        "mine.py:1: LOOPED must be a literal: True or False.",
    ),
    "absent": (
        "ABSENT = ('detach',)\n" + SMALLEST,
        "mine.py:1: your own workload does not need ABSENT; leave the function out.",
    ),
    "preparation": (
        SMALLEST + "def prepare_theirs():\n    pass\n",
        "mine.py:5: prepare_theirs belongs to no branch. Branches: ours.",
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
        "mine.py:5: invalid name 'großes'; use at most 64 ASCII letters, digits and underscores.",
    ),
    "branch's parameter": (
        SMALLEST + "def theirs(größe):\n    pass\n",
        "mine.py:5: invalid name 'größe'; use at most 64 ASCII letters, digits and underscores.",
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
        "Cannot read 'nowhere/mine.py': No such file or directory."
    )


@pytest.mark.parametrize("spec", ["mine.pyx", "mine.py.txt", "mine.txt:Mine", "Mine", ""])
def test_what_is_no_python_file(spec: str) -> None:
    assert sentence(spec) == (
        f"{spec!r} is not a Python file; give path/file.py, or path/file.py:NAME for a class in it."
    )


def test_what_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_bytes(b"\xff\xfe\x00")
    assert sentence("mine.py").startswith("mine.py:1: invalid Python: ")
    Path("mine.py").write_bytes(b"x = 1\x00")
    assert sentence("mine.py").startswith("mine.py:1: invalid Python: ")


@pytest.mark.parametrize(
    ("classes", "allowed"), [("", "–"), ("class A: ...\nclass B: ...", "A, B")]
)
def test_a_class_that_is_not_there(write: Writer, classes: str, allowed: str) -> None:
    spec = write(f"{classes}\ndef f():\n    class Mine: ...\n")
    assert sentence(f"{spec}:Mine") == (
        f"mine.py has no top-level class 'Mine'. Classes: {allowed}."
    )


def test_a_name_that_no_record_can_have(write: Writer) -> None:
    assert sentence(write(SMALLEST, "my-steps.py")) == (
        "my-steps.py:1: invalid name 'my-steps'; use at most 64 ASCII letters, digits and"
        " underscores."
    )


def test_a_name_that_is_taken(write: Writer, tmp_path: Path) -> None:
    assert sentence(write(SMALLEST, "elementwise.py")) == (
        "elementwise.py: a workload 'elementwise' already exists; choose another name."
    )
    catalogue.register(write(SMALLEST))
    with pytest.raises(InputError) as caught:
        catalogue.register(str(tmp_path / "mine.py"))
    assert caught.value.key == "error.own_taken"
