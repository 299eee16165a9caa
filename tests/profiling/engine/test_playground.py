"""Own code, stepped in processes that are thrown away: whatever it does, the next run works."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiling.engine import playground as playground_module
from profiling.engine.playground import MAX_CHARACTERS, Playground
from profiling.model.errors import InputError, WorkerError
from profiling.model.lesson import LessonError, PartTrace
from tests.profiling.engine.holding import SOON_S


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    """One that leaves all the time that code may need on a busy machine."""
    opened = Playground(SOON_S)
    yield opened
    opened.close()


def error(part: PartTrace) -> LessonError:
    assert part.error is not None
    return part.error


def test_steps_with_tensors_graph_and_printed_text(playground: Playground) -> None:
    part = playground.step(
        "import torch\nx = torch.tensor([2.0], requires_grad=True)\ny = x.exp()\nprint(len(y))\n"
    )
    assert part.error is None
    assert [step.line for step in part.steps] == [1, 2, 3, 4]
    last = part.steps[-1]
    assert [tensor.name for tensor in last.tensors] == ["x", "y"]
    assert last.printed == "1\n"
    assert {node.label for node in last.graph.nodes} == {"ExpBackward0", ""}


@pytest.mark.parametrize(
    "line",
    ["bytearray(2 * 10**9)", "x.extend(bytearray(1000) for _ in range(10**9))"],
    ids=["what_never_fits", "what_is_kept"],
)
def test_too_much_memory_is_an_error_at_its_line(playground: Playground, line: str) -> None:
    raised = error(playground.step(f"x = []\n{line}"))
    assert (raised.type, raised.line) == ("MemoryError", 2)


def test_code_that_takes_too_much_memory_is_explained(playground: Playground) -> None:
    found = playground.explain("x = []\nx.extend(bytearray(1000) for _ in range(10**9))")
    assert found.watch.failure is not None
    assert found.watch.failure.type == "MemoryError"


def test_code_that_will_not_be_stopped_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground_module, "_GRACE_S", 1.0)
    playground = Playground(4.0)
    try:
        with pytest.raises(WorkerError) as raised:
            playground.step(
                "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
            )
        assert raised.value.key == "error.playground_killed"
        assert raised.value.values == {"seconds": 4.0}
    finally:
        playground.close()


@pytest.mark.parametrize("ending", ["os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_code_that_ends_its_process_leaves_no_file(playground: Playground, ending: str) -> None:
    def left() -> set[Path]:
        return set(Path(tempfile.gettempdir()).glob("detach-lab-*/*/*"))

    before = left()
    with pytest.raises(WorkerError) as raised:
        playground.step(f"import os\nopen('file', 'w').close()\n{ending}")
    assert raised.value.key == "error.playground_died"
    assert left() <= before


def test_threads_that_it_leaves_hold_nothing_up(playground: Playground) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    assert playground.step(code).error is None
    assert playground.step("x = 1").error is None


def test_each_run_starts_from_nothing_and_leaves_no_file(playground: Playground) -> None:
    before = sorted(Path().iterdir())
    part = playground.step(
        "from pathlib import Path\nPath('f').write_text('x')\nwhere = str(Path.cwd())"
    )
    where = next(value.text for value in part.steps[-1].values if value.name == "where")
    assert not Path(where.strip("'")).exists()
    assert sorted(Path().iterdir()) == before
    assert error(playground.step("print(where)")).type == "NameError"


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("", "error.playground_empty"),
        (" \n\t", "error.playground_empty"),
        ("#" * (MAX_CHARACTERS + 1), "error.playground_long"),
    ],
)
def test_nothing_and_too_much_are_refused(playground: Playground, code: str, key: str) -> None:
    with pytest.raises(InputError) as raised:
        playground.step(code)
    assert raised.value.key == key
