from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from profiling.measure.playground import step_code
from profiling.model.lesson import LessonError


def raised(code: str, seconds: float = 30.0) -> LessonError:
    error = step_code(code, seconds).error
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("code", "kind", "line", "text"),
    [
        ("x = 1\ny = (", "SyntaxError", 2, "never closed"),
        ("x = 1\n  y = 2", "IndentationError", 2, "unexpected indent"),
        ("x = 1\0", "SyntaxError", 1, "null"),
        ("x = 1\nraise ValueError('<b>no</b>')", "ValueError", 2, "<b>no</b>"),
        ("import sys\n\nsys.exit(3)", "SystemExit", 3, "3"),
        ("import torch\nt = torch.empty(10**15)", "RuntimeError", 2, "allocate"),
        ("input()", "EOFError", 1, "EOF"),
    ],
)
def test_whatever_goes_wrong_is_told_at_its_line(
    code: str, kind: str, line: int, text: str
) -> None:
    error = raised(code)
    assert (error.type, error.line) == (kind, line)
    assert text in error.text


def test_an_endless_recursion() -> None:
    assert raised("def f():\n    return f()\n\nf()").type == "RecursionError"


def test_the_time_limit_names_the_line_and_keeps_what_was_reached() -> None:
    part = step_code("import time\nx = 1\ntime.sleep(60)", 0.2)
    assert part.error is not None
    assert (part.error.type, part.error.line) == ("TimeLimit", 3)
    assert [step.line for step in part.steps] == [1, 2, 3]


def test_no_except_exception_stops_the_time_limit() -> None:
    code = "while True:\n    try:\n        x = 1\n    except Exception:\n        pass"
    assert raised(code, 0.2).type == "TimeLimit"


def test_it_runs_as_a_script_would_in_an_empty_folder() -> None:
    before = Path.cwd(), sys.stdin, signal.getsignal(signal.SIGALRM)
    part = step_code(
        "import os\nname = __name__\nfiles = os.listdir()\nopen('f', 'w').close()", 30.0
    )
    assert part.error is None
    assert {each.name: each.text for each in part.steps[-1].values} == {
        "name": "'__main__'",
        "files": "[]",
    }
    assert (Path.cwd(), sys.stdin, signal.getsignal(signal.SIGALRM)) == before
