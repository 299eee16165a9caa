"""A diagnosis in words."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from profiling.analysis import diagnosis as room
from profiling.analysis.diagnosis import (
    NOTE,
    PROBLEM,
    Diagnosis,
    Fate,
    Finding,
    Line,
    SavedLine,
    explained,
    sentences,
    told,
)
from profiling.analysis.diagnosis.facts import Facts
from profiling.analysis.diagnosis.lessons import CARRIED, CAUSES, LESSONS
from profiling.catalogue import LESSONS as ALL_LESSONS
from profiling.model.words import LANGUAGES, table, translator
from profiling.watch.record import (
    Backward,
    Counts,
    Environment,
    Failure,
    File,
    Optimizer,
    Parameter,
    Place,
    Site,
    Watch,
)

SAY = translator("en")
FOLDER = Path("/home/me")
COUNTS = Counts(backward=3, steps=3, iterations=3, operations=9, tensors=117, seconds=1.08)


RAN = Backward("backward", 0, 1, 0, (), ())


def parameter(name: str) -> Parameter:
    return Parameter((name,), "Linear", (2,), 8, requires_grad=True, is_parameter=True)


def watch(*names: str) -> Watch:
    """Return a record of a script with some parameters."""
    return Watch(
        script=("train.py",),
        environment=Environment("2.13.0", "3.11.7", "Linux"),
        counts=COUNTS,
        files=(File("/home/me/train.py", own=True, text="import torch\nloss.backward()\n"),),
        sites=(Site(Place(0, 2)),),
        parameters=tuple(map(parameter, names)),
        optimizers=(Optimizer("SGD", 0, 3),),
    )


def line(number: int, text: str, role: str, path: str = "/home/me/train.py") -> Line:
    return Line(path, number, text, role)


TOLIST = Finding(
    "gradient",
    PROBLEM,
    "tolist",
    (line(12, "w = f(x).tolist()", "cut"), line(14, "w = torch.tensor(w)", "rebuilt")),
    (2, 3),
    lesson="rebuilt_from_numbers",
)
NAMES = ("model.weight", "model.bias", "weighter.0.weight", "weighter.0.bias")
FATES = (
    Fate(0, "arrives"),
    Fate(1, "arrives"),
    Fate(2, "none", 0),
    Fate(3, "none", 0),
)


def test_the_report_says_what_where_and_what_to_write() -> None:
    leak = Finding(
        "memory", PROBLEM, "graph_leak", (line(18, "total += loss", "grows"),), values={"span": 7}
    )
    change = Finding(
        "in_place",
        PROBLEM,
        "inplace_saved",
        (line(19, "optD.step()", "changed"), line(14, "d_fake = D(fake)", "saved")),
        values={"saver": "F.linear", "writer": "Adam.step", "saved_version": 1, "version": 2},
    )
    frozen = Finding(
        "gradient", NOTE, "frozen", (line(9, "p.requires_grad_(False)", "frozen"),), (4,)
    )
    saved = (
        SavedLine(line(15, "", "saves"), 9_542_042),
        SavedLine(line(12, "", "saves"), 4_299_161),
    )
    found = Diagnosis(
        replace(watch(*NAMES, "base.weight"), backward=(RAN,), stopped="steps"),
        (TOLIST, leak, change, frozen),
        (*FATES, Fate(4, "frozen", 3)),
        saved,
    )
    assert told(found, folder=FOLDER).splitlines() == [
        "3 backward, 3 optimizer steps, 117 tensors, 1.1 s; stopped after 3 steps",
        "Gradients: 2 of 4 parameters get one; 2 do not and should; 1 is frozen",
        "  ✗ weighter.0.{weight, bias}          turned into Python numbers; what is built from them"
        " reaches the loss",
        "      train.py:12   w = f(x).tolist()     ← cut",
        "      train.py:14   w = torch.tensor(w)   ← rebuilt",
        "      keep it a tensor: compute with the tensor itself, combine tensors with torch.stack()"
        "      lesson: rebuilt_from_numbers",
        "Memory: a graph grows from iteration to iteration (over 7 so far)",
        "      train.py:18   total += loss   ← grows",
        "      keep values only: total += loss.item(), or state = state.detach() between "
        "iterations",
        "In place: F.linear saved a tensor at version 1; Adam.step made it version 2",
        "      train.py:19   optD.step()        ← changed",
        "      train.py:14   d_fake = D(fake)   ← saved",
        "      change a copy (x = x + 1 instead of x += 1), or change it after backward()",
        "Notes:",
        "  base.weight: frozen (requires_grad is False) (train.py:9)",
        "Saved for backward, one iteration: 13.2 MiB      train.py:15  9.1 MiB · train.py:12  4.1 "
        "MiB",
    ]


def test_an_error_is_said_first_and_what_cannot_be_known_is_said() -> None:
    raised = replace(
        watch(*NAMES),
        backward=(RAN,),
        failure=Failure("ValueError", "boom\nmore", 0, "elsewhere"),
        optimizers=(),
    )
    found = Diagnosis(raised, (), tuple(Fate(each, "unknown") for each in range(4)), ())
    assert told(found, folder=FOLDER).splitlines() == [
        "3 backward, no optimizer, 117 tensors, 1.1 s",
        "Error: ValueError: boom",
        "      train.py:2   loss.backward()   ← raised",
        "Gradients: nothing can be said of 4 parameters, because the script raised an error first",
    ]


def test_limits_of_what_was_seen_are_said() -> None:
    limited = replace(
        watch(*NAMES),
        complete=False,
        compiled=True,
        notes=("step: KeyError: 1 (f:3)", "x"),
    )
    found = Diagnosis(limited, (), tuple(Fate(each, "none") for each in range(4)), ())
    assert told(found).splitlines()[1:] == [
        "The script was ended from outside or by os._exit(): this is what was recorded after 3 "
        "iterations.",
        "Code given to torch.compile was watched in eager mode.",
        "The watcher failed 2 times, so something may be missing: step: KeyError: 1 (f:3)",
        "Gradients: backward() was not called, so no parameter got one",
        "No problems found in these steps.",
    ]


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("SyntaxError", "Nothing was watched: Python could not compile train.py."),
        ("ValueError", "Nothing was watched: the script ended before it called torch."),
    ],
)
def test_a_script_that_did_nothing_is_one_sentence(type_: str, said: str) -> None:
    failed = replace(watch(), counts=Counts(), failure=Failure(type_, "x", None, "elsewhere"))
    assert explained(failed) == said


def test_an_interrupt_is_no_error() -> None:
    stopped = replace(watch(), failure=Failure("KeyboardInterrupt", "", 0, "elsewhere"))
    assert "Stopped by Ctrl-C\n" in explained(stopped)
    assert "Error" not in explained(stopped)


def test_likely_causes_and_lines_of_libraries_are_said_so() -> None:
    inside = replace(TOLIST.lines[0], inside=("/lib/torchvision/ops.py", 7))
    found = Diagnosis(watch(*NAMES), (replace(TOLIST, likely=True, lines=(inside,)),), FATES, ())
    text = told(found, folder=FOLDER)
    assert " likely: turned into Python numbers; " in text
    assert "      train.py:12   w = f(x).tolist()   ← cut, in ops.py:7\n" in text


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.weight"], "a.weight"),
        (["a.weight", "a.bias"], "a.{weight, bias}"),
        (["a.0.weight", "a.0.bias", "a.2.weight"], "a.0.{weight, bias}, a.2.weight"),
        ([f"a.{n}.w" for n in range(12)], "a.{12 parameters}"),
        ([f"a.b.{n}.w" for n in range(12)] + ["c.w"], "a.b.{12 parameters}, c.w"),
        (["w1", "w2", "w3"], "w1, w2, w3"),
        (["w1", "w2", "w3", "w4"], "w1, and 3 more"),
        ([f"m{n}.w" for n in range(9)], "m0.w, m1.w, m2.w, m3.w, and 5 more"),
    ],
)
def test_names_are_grouped(names: list[str], said: str) -> None:
    assert sentences.grouped_names(names, SAY) == said


def test_paths_are_as_short_as_tells_them_apart() -> None:
    paths = ["/home/me/train.py", "/home/me/net/train.py", "/x/net/blocks.py", "/y/net/blocks.py"]
    paths += ["relative.py", "C:\\work\\run.py", "<stdin>", "/"]
    assert sentences.short_paths(paths, FOLDER) == {
        "/home/me/train.py": "train.py",
        "/home/me/net/train.py": "net/train.py",
        "/x/net/blocks.py": "x/net/blocks.py",
        "/y/net/blocks.py": "y/net/blocks.py",
        "relative.py": "relative.py",
        "C:\\work\\run.py": "run.py",
        "<stdin>": "<stdin>",
        "/": "/",
    }


def test_many_findings_are_counted() -> None:
    many = tuple(
        Finding("gradient", level, "unused", parameters=(0,))
        for level, count in ((PROBLEM, 30), (NOTE, 30))
        for _ in range(count)
    )
    lines = told(Diagnosis(watch(*NAMES), many, FATES, ())).splitlines()
    assert sum("not used in any of these steps" in each for each in lines) == 28
    assert [each for each in lines if "more" in each] == [
        "  and 10 more of this kind",
        "  and 22 more of this kind",
    ]


def test_every_cause_has_words_and_the_lesson_exists() -> None:
    for language in LANGUAGES:
        for area in ("cause", "instead"):
            start = f"explain.{area}."
            keys = {key.removeprefix(start) for key in table(language) if key.startswith(start)}
            assert keys == set(CAUSES)
    assert {CARRIED, *filter(None, LESSONS.values())} <= set(ALL_LESSONS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", [*CAUSES, "one that is not known"])
def test_every_cause_is_said_whatever_is_known_of_it(cause: str, language: str) -> None:
    say = translator(language)
    known: list[dict[str, str | int]] = [
        {},
        {"name": "relu", "names": "losses", "count": 2},
        {"steers": 1, "name": ""},
    ]
    for values in known:
        found = Finding("gradient", PROBLEM, cause, values=values)
        assert sentences.sentence(found, say)
        assert sentences.instead(found, say)


def strings(of: str) -> set[str]:
    """Return the literals of the diagnosis that are a line's role or a finding's cause."""
    found = set()
    for path in Path(room.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                arguments = {
                    "role": {"line": 1, "lines": 1, "definition": 1, "_off": 1},
                    "cause": {"_say": 1, "Zero": 0},
                }[of]
                at = arguments.get(name)
                if at is not None and len(node.args) > at:
                    value = node.args[at]
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        found.add(value.value)
    return found


def test_every_role_and_cause_of_the_diagnosis_has_words() -> None:
    roles = {key.removeprefix("explain.role.") for key in table("en") if ".role." in key}
    assert len(strings("role")) > 10
    assert strings("role") <= roles
    assert len(strings("cause")) > 10
    assert strings("cause") <= set(CAUSES)


def test_nothing_but_the_standard_library_is_needed() -> None:
    # A person's own environment has torch, and may have none of this project's requirements.
    code = """
import sys
sys.modules |= dict.fromkeys(("msgspec", "pandas", "numpy", "click", "rich", "torch"))
from profiling.analysis.diagnosis import explained
from profiling.watch.record import Counts, Environment, Watch
print(explained(Watch((), Environment("", "", ""), Counts(backward=1)), "zh"))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        cwd=Path(room.__file__).parents[3],
    )
    assert done.stdout


def test_lines_are_counted_as_python_counts_them() -> None:
    text = "a = 1\r\n# \x0b \x0c \x1c \x85 \u2028\n\x0c\rb = '\u2029'\nloss.backward()"
    line = ast.parse(text).body[-1].lineno
    path = "/home/me/train.py"
    facts = Facts(replace(watch(), files=(File(path, own=True, text=text),)))
    assert (line, facts.text_at(path, line)) == (5, "loss.backward()")
