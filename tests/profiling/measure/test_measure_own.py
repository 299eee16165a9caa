from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from profiling.measure import own
from profiling.model.errors import InputError

Writer = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Return a function that writes a file and gives its path."""

    def write(text: str, name: str = "mine.py") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_file_is_its_module(write: Writer) -> None:
    module = own.load(write("from __future__ import annotations\nx: nonsense = 3\n"))
    assert module.x == 3
    assert not module.__name__.startswith("mine")


def test_a_spec_may_name_a_class(write: Writer) -> None:
    spec = write("class Mine:\n    x = 3\n    def f(y): return y + 1\n")
    assert own.load(f"{spec}:Mine").x == 3
    assert own.load(f"{spec}:Mine").f(1) == 2


def test_the_main_part_of_a_script_does_not_run(write: Writer) -> None:
    own.load(write("if __name__ == '__main__':\n    raise ValueError\n"))


def test_our_own_future_imports_are_not_the_files(write: Writer) -> None:
    assert own.load(write("def f(x: int): pass\n")).f.__annotations__ == {"x": int}


def test_a_relative_path_is_that_of_the_current_folder(
    write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("x = 3\n")
    monkeypatch.chdir(tmp_path)
    assert own.load("mine.py").x == 3


def test_a_changed_file_is_seen_at_once(write: Writer) -> None:
    values = []
    for value in (1, 2, 3):  # of the same length, within the same second
        values.append(own.load(write(f"x = {value}\n")).x)
    assert values == [1, 2, 3]


def test_modules_beside_the_file_are_found_and_run_anew_too(write: Writer, tmp_path: Path) -> None:
    path, before = write("import beside_mine\nx = beside_mine.x\n"), list(sys.path)
    values = []
    for value in (1, 2, 3):
        write(f"x = {value}\n", "beside_mine.py")
        values.append(own.load(path).x)
    assert values == [1, 2, 3]
    assert sys.path == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["beside_mine.py", "mine.py"]


def test_nothing_of_one_run_reaches_the_next(write: Writer) -> None:
    write("cache = []\n", "beside_mine.py")
    path = write("import beside_mine\ncache = []\n")
    first, second = own.load(path), own.load(path)
    first.cache.append(1)
    first.beside_mine.cache.append(1)
    assert second.cache == second.beside_mine.cache == []


def test_what_was_imported_before_stays(write: Writer, tmp_path: Path) -> None:
    path = write("import torch, json\n")
    before = {name: sys.modules[name] for name in ("torch", "torch.nn", "json")}
    own.load(path)
    own.load(path)
    assert all(sys.modules[name] is module for name, module in before.items())


def test_an_error_while_running_is_found_in_its_line(write: Writer) -> None:
    path = write("import beside_mine\n\n\nbeside_mine.f()\n")
    write("def f():\n    raise ValueError('planted')\n", "beside_mine.py")
    before = list(sys.path)
    with pytest.raises(ValueError, match="planted") as caught:
        own.load(path)
    assert own.place(caught.value) == "mine.py:4"
    assert sys.path == before
    write("def f():\n    pass\n", "beside_mine.py")
    own.load(path)


def test_leaving_the_program_is_an_error_like_others(write: Writer) -> None:
    with pytest.raises(SystemExit) as caught:
        own.load(write("\nimport sys\nsys.exit(3)\n"))
    assert own.place(caught.value) == "mine.py:3"


def test_the_last_line_inside_the_file_is_named(write: Writer) -> None:
    text = "import torch\ndef g(x):\n    return x @ x\ndef f(x):\n    return g(x)\n"
    module = own.load(write(text))
    with pytest.raises(RuntimeError) as caught:
        module.f(torch.ones(2, 3))
    assert own.place(caught.value) == "mine.py:3"


def test_an_error_of_ours_has_no_place_in_such_a_file() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert own.place(caught.value) is None


def test_running_a_file_must_leave_torch_as_it_was(write: Writer) -> None:
    with pytest.raises(InputError) as caught:
        own.load(write("import torch\ntorch.set_default_dtype(torch.float64)\n"))
    assert (caught.value.key, caught.value.values) == (
        "error.changed_state",
        {"place": "mine.py", "what": "torch.set_default_dtype"},
    )
    assert torch.get_default_dtype() is torch.float32


def wrapped(function: Any) -> Any:
    import functools

    return functools.wraps(function)(lambda *arguments: function(*arguments))


def test_where_a_function_is_defined(write: Writer) -> None:
    def f() -> None:
        pass

    line = f.__code__.co_firstlineno
    assert own.place_of(f) == own.place_of(wrapped(f)) == f"{Path(__file__).name}:{line}"
    assert own.place_of(own.load(write("\n\ndef f(): pass\n")).f) == "mine.py:3"
    assert own.place_of(torch.sigmoid) == "sigmoid"
