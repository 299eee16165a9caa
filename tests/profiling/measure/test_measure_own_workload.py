"""Files of a person's own, and what a workload's functions may take and return."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from profiling.measure import own_workload
from profiling.measure.gradients import gradient_reach
from profiling.measure.step import State, Step
from profiling.model.errors import InputError
from profiling.model.run import Reach
from profiling.model.words import translator
from tests.profiling.planted import cell

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
    module = own_workload.load(write("from __future__ import annotations\nx: nonsense = 3\n"))
    assert module.x == 3
    assert not module.__name__.startswith("mine")
    # Python 3.15 warns of a module without a loader when a traceback or a warning shows its lines.
    assert module.__spec__.origin == module.__file__
    assert "nonsense" in module.__spec__.loader.get_source(module.__name__)


def test_a_spec_may_name_a_class(write: Writer) -> None:
    spec = write("class Mine:\n    x = 3\n    def f(y): return y + 1\n")
    assert own_workload.load(f"{spec}:Mine").x == 3
    assert own_workload.load(f"{spec}:Mine").f(1) == 2


def test_the_main_part_of_a_script_does_not_run(write: Writer) -> None:
    own_workload.load(write("if __name__ == '__main__':\n    raise ValueError\n"))


def test_our_own_future_imports_are_not_the_files(write: Writer) -> None:
    assert own_workload.load(write("def f(x: int): pass\n")).f.__annotations__ == {"x": int}


def test_a_relative_path_is_that_of_the_current_folder(
    write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("x = 3\n")
    monkeypatch.chdir(tmp_path)
    assert own_workload.load("mine.py").x == 3


def test_a_changed_file_is_seen_at_once(write: Writer) -> None:
    values = []
    for value in (1, 2, 3):  # of the same length, within the same second
        values.append(own_workload.load(write(f"x = {value}\n")).x)
    assert values == [1, 2, 3]


def test_modules_beside_the_file_are_found_and_run_anew_too(write: Writer, tmp_path: Path) -> None:
    path, before = write("import beside_mine\nx = beside_mine.x\n"), list(sys.path)
    values = []
    for value in (1, 2, 3):
        write(f"x = {value}\n", "beside_mine.py")
        values.append(own_workload.load(path).x)
    assert values == [1, 2, 3]
    assert sys.path == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["beside_mine.py", "mine.py"]


def test_nothing_of_one_run_reaches_the_next(write: Writer) -> None:
    write("cache = []\n", "beside_mine.py")
    path = write("import beside_mine\ncache = []\n")
    first, second = own_workload.load(path), own_workload.load(path)
    first.cache.append(1)
    first.beside_mine.cache.append(1)
    assert second.cache == second.beside_mine.cache == []


def test_what_was_imported_before_stays(write: Writer, tmp_path: Path) -> None:
    path = write("import torch, json\n")
    before = {name: sys.modules[name] for name in ("torch", "torch.nn", "json")}
    own_workload.load(path)
    own_workload.load(path)
    assert all(sys.modules[name] is module for name, module in before.items())


def test_an_error_while_running_is_found_in_its_line(write: Writer) -> None:
    path = write("import beside_mine\n\n\nbeside_mine.f()\n")
    write("def f():\n    raise ValueError('planted')\n", "beside_mine.py")
    before = list(sys.path)
    with pytest.raises(ValueError, match="planted") as caught:
        own_workload.load(path)
    assert own_workload.place_of_error(caught.value) == "mine.py:4"
    assert sys.path == before
    write("def f():\n    pass\n", "beside_mine.py")
    own_workload.load(path)


def test_leaving_the_program_is_an_error_like_others(write: Writer) -> None:
    with pytest.raises(SystemExit) as caught:
        own_workload.load(write("\nimport sys\nsys.exit(3)\n"))
    assert own_workload.place_of_error(caught.value) == "mine.py:3"


def test_the_last_line_inside_the_file_is_named(write: Writer) -> None:
    text = "import torch\ndef g(x):\n    return x @ x\ndef f(x):\n    return g(x)\n"
    module = own_workload.load(write(text))
    with pytest.raises(RuntimeError) as caught:
        module.f(torch.ones(2, 3))
    assert own_workload.place_of_error(caught.value) == "mine.py:3"


def test_an_error_of_ours_has_no_place_in_such_a_file() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert own_workload.place_of_error(caught.value) is None


def test_running_a_file_must_leave_torch_as_it_was(write: Writer) -> None:
    with pytest.raises(InputError) as caught:
        own_workload.load(write("import torch\ntorch.set_default_dtype(torch.float64)\n"))
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
    place = f"{Path(__file__).name}:{line}"
    assert own_workload.place_of(f) == own_workload.place_of(wrapped(f)) == place
    assert own_workload.place_of(own_workload.load(write("\n\ndef f(): pass\n")).f) == "mine.py:3"
    assert own_workload.place_of(torch.sigmoid) == "sigmoid"


Builder = Callable[..., State]

BUILD = """\
import torch
from torch import nn

def build(size):
    return {
        "model": nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)),
        "frozen": nn.Linear(2, 1).requires_grad_(False),
        "x": torch.randn(size, 2),
        "w": torch.ones(2, requires_grad=True),
        "names": ["a", "b"],
    }
"""


@pytest.fixture
def build(tmp_path: Path) -> Builder:
    """Return a function that builds the state of a workload from its text."""

    def build(text: str, **values: Any) -> State:
        path = tmp_path / "mine.py"
        path.write_text(text, encoding="utf-8")
        return State(cell("mine", file=str(path), **({"parameters": {}} | values)))

    return build


def said(action: Callable[[], object]) -> str:
    """Return what a person is told of a rule that is broken."""
    with pytest.raises(InputError) as caught:
        action()
    return translator("en")(caught.value.key, **caught.value.values)


def test_build_may_return_anything_by_name(build: Builder) -> None:
    state = build(BUILD, dtype="float64", size=3)
    assert list(state.arguments) == ["model", "frozen", "x", "w", "names"]
    assert state.arguments["names"] == ["a", "b"]
    assert state.arguments["x"].dtype is torch.float64
    assert state.arguments["x"].shape == (3, 2)
    assert {each.dtype for each in state.arguments["model"].parameters()} == {torch.float64}


@pytest.mark.parametrize(
    ("returned", "got"), [("[1]", "list"), ("None", "NoneType"), ("{1: 2}", "dict")]
)
def test_build_must_return_a_dict_by_name(build: Builder, returned: str, got: str) -> None:
    assert said(lambda: build(f"\ndef build(size):\n    return {returned}\n")) == (
        "mine.py:2: build must return a dict of the branches' arguments by name;"
        f" it returned {got}."
    )


def test_an_error_in_build_is_passed_on_with_its_line(build: Builder) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        build("def build(size):\n    size = 0\n    return 1 / size\n")
    assert own_workload.place_of_error(caught.value) == "mine.py:3"


def test_build_must_leave_torch_as_it_was(build: Builder) -> None:
    text = "import torch\ndef build(size):\n    torch.manual_seed(size)\n    return {}\n"
    assert said(lambda: build(text)) == (
        "mine.py:2: build did not restore torch's global state: torch.manual_seed."
        " Change it only inside a with block, and set no seed."
    )


def test_groups_are_what_can_be_trained_unless_they_are_given(build: Builder) -> None:
    state = build(BUILD)
    assert list(state.groups) == ["model", "w"]
    assert state.groups["w"] == [state.arguments["w"]]
    found, wanted = state.groups["model"], list(state.arguments["model"].parameters())
    assert len(found) == len(wanted) == 4
    assert all(mine is its for mine, its in zip(found, wanted, strict=True))
    given = build(BUILD + "def groups(model):\n    return {'last': list(model[1].parameters())}\n")
    assert {name: len(leaves) for name, leaves in given.groups.items()} == {"last": 2}


@pytest.mark.parametrize(
    "returned", ["[w]", "{'w': w}", "{'w': [w * 2]}", "{'w w': [w]}", "{1: [w]}", "{'w': ['w']}"]
)
def test_groups_must_be_leaves_by_name(build: Builder, returned: str) -> None:
    text = f"{BUILD}def groups(w):\n    return {returned}\n"
    assert said(lambda: build(text)) == (
        "mine.py:12: groups must return a dict of names and lists of leaf tensors."
    )


def test_without_a_reference_gradients_are_told_and_not_judged(build: Builder) -> None:
    state = build(BUILD + "def ours(w, model):\n    return w.sum()\n")
    reference = state.reference()
    assert reference == {}
    state.step("ours").check()
    found = gradient_reach(state.groups, reference)
    assert found == (
        Reach("model", 4, 0, None, None, None),
        Reach("w", 1, 1, None, None, None),
    )
    assert [(each.outcome, each.right) for each in found] == [("unchecked", None)] * 2
    assert gradient_reach(state.groups, None) == found


def test_a_group_that_the_reference_leaves_out_is_not_judged(build: Builder) -> None:
    text = "def reference(w):\n    return {'w': [torch.ones_like(w)]}\n"
    state = build(BUILD + text + "def ours(w):\n    return w.sum()\n")
    state.step("ours").check()
    found = gradient_reach(state.groups, state.reference())
    assert [each.outcome for each in found] == ["unchecked", "missing"]  # reference() resets
    reference = state.reference()
    state.step("ours").check()
    found = gradient_reach(state.groups, reference)
    assert [each.outcome for each in found] == ["unchecked", "equal"]


@pytest.mark.parametrize(
    "returned", ["None", "[w]", "{'v': None}", "{'w': []}", "{'w': [w[:1]]}", "{'w': [None]}"]
)
def test_a_reference_must_fit_the_groups(build: Builder, returned: str) -> None:
    state = build(f"{BUILD}def reference(w):\n    return {returned}\n")
    assert said(state.reference) == (
        "mine.py:12: reference must return a dict that maps some of these groups to None or to one"
        " gradient per tensor: model, w."
    )


@pytest.mark.parametrize("name", ["groups", "reference", "prepare_ours", "ours"])
def test_functions_take_what_build_returns(build: Builder, name: str) -> None:
    ours = "" if name == "ours" else "def ours(w):\n    return w.sum()\n"
    text = f"{BUILD}def {name}(w, v):\n    pass\n{ours}"

    def use() -> None:
        state = build(text)
        state.reference()
        state.step("ours").check()

    assert said(use) == (
        f"mine.py:12: {name} takes 'v', but build returns only: model, frozen, x, w, names."
    )


def step(build: Builder, body: str) -> Step:
    """Return the step of a branch with this body."""
    return build(f"{BUILD}def ours(model, x, w):\n    {body}\n").step("ours")


@pytest.mark.parametrize(
    "body", ["return w.sum()", "return w.sum(), x", "return w[:1]", "pass", "return None, x"]
)
def test_what_a_step_may_return(build: Builder, body: str) -> None:
    step(build, body).check()


@pytest.mark.parametrize(
    ("body", "got", "cause"),
    [
        ("return w * 2", "Tensor(shape=(2,), requires_grad=True)", "only for scalar outputs"),
        ("return x.sum()", "Tensor(shape=(), requires_grad=False)", "does not require grad"),
        ("return w * 2, x", "Tensor(shape=(2,), requires_grad=True)", "only for scalar outputs"),
        ("return w.sum().item()", "float", "'float' object has no attribute 'backward'"),
        ("return [w.sum()]", "list", "'list' object has no attribute 'backward'"),
        ("return ()", "tuple", "tuple index out of range"),
    ],
)
def test_what_no_loss_is(build: Builder, body: str, got: str, cause: str) -> None:
    with pytest.raises(InputError) as caught:
        step(build, body).check()
    assert translator("en")(caught.value.key, **caught.value.values) == (
        "mine.py:12: ours must return loss, (loss, kept) or None; the loss must have one element"
        f" and require grad. It returned {got}."
    )
    assert cause in str(caught.value.__cause__)


def test_an_error_in_backward_is_torchs_own(build: Builder) -> None:
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        step(build, "h = w.exp(); s = h.sum(); h.detach().zero_(); return s").check()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("torch.set_grad_enabled(False)", "torch.set_grad_enabled"),
        ("torch.manual_seed(0); return w.sum()", "torch.manual_seed"),
    ],
)
def test_a_step_must_leave_torch_as_it_was(build: Builder, body: str, what: str) -> None:
    assert said(step(build, body).check) == (
        f"mine.py:12: ours did not restore torch's global state: {what}."
        " Change it only inside a with block, and set no seed."
    )
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("x.add_(1)", "x"),
        ("torch.optim.SGD(model.parameters(), 0.1).step()", None),
        ("model(x).sum().backward(); torch.optim.SGD(model.parameters(), 0.1).step()", "model"),
        ("x.add_(1); w.detach().add_(1)", "x, w"),
        ("(x + 1).add_(1)", None),
    ],
)
def test_a_step_must_leave_its_arguments_as_they_were(
    build: Builder, body: str, what: str | None
) -> None:
    tried = step(build, body)
    if what is None:
        tried.check()
    else:
        assert said(tried.check) == (
            f"mine.py:12: ours changed its arguments in place: {what}."
            " Every branch must start from the same state."
        )


def test_running_statistics_may_change(build: Builder) -> None:
    text = "from torch import nn\nimport torch\ndef build(size):\n"
    text += "    return {'norm': nn.BatchNorm1d(2), 'x': torch.randn(size, 2)}\n"
    build(text + "def ours(norm, x):\n    return norm(x).sum()\n").step("ours").check()


def test_every_branch_and_the_reference_draw_the_same_mask(build: Builder) -> None:
    text = """\
import torch
from torch import nn

def build(size):
    return {"drop": nn.Dropout(0.5), "x": torch.ones(100), "w": torch.ones(100, requires_grad=True)}

def reference(drop, x, w):
    return {"w": torch.autograd.grad((drop(x) * w).sum(), [w])}

def first(drop, x, w):
    return (drop(x) * w).sum()

def second(drop, x, w):
    return (drop(x) * w).sum()
"""
    state = build(text)
    reference = state.reference()
    for branch in ("first", "second", "first#2"):
        state.step(branch).check()
        assert [each.outcome for each in gradient_reach(state.groups, reference)] == ["equal"]
    assert reference["w"] is not None
    assert 0 < int(reference["w"][0].count_nonzero()) < 100


def test_what_a_preparation_does_is_undone_for_every_tensor(build: Builder) -> None:
    text = "def prepare_ours(frozen, x):\n    frozen.requires_grad_(True)\n    x.requires_grad_()\n"
    text += "def ours(frozen, x):\n    return frozen(x).sum()\ndef theirs(w):\n    return w.sum()\n"
    state = build(BUILD + text)
    state.step("ours").check()
    assert state.arguments["x"].grad is not None
    state.step("theirs").reset()
    leaves = [state.arguments["x"], *state.arguments["frozen"].parameters()]
    assert [(leaf.requires_grad, leaf.grad) for leaf in leaves] == [(False, None)] * 3


def test_a_class_uses_only_its_own_functions(build: Builder, tmp_path: Path) -> None:
    body = "    def build(size):\n        return {'w': torch.ones(size, requires_grad=True)}\n"
    text = f"import torch\nclass Base:\n{body}    def reference(w):\n        return {{'w': None}}\n"
    text += (
        f"class Mine(Base):\n{body}    @staticmethod\n    def ours(w):\n        return w.sum()\n"
    )
    build(BUILD)
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    state = State(cell("Mine", file=f"{tmp_path}/mine.py:Mine", parameters={}))
    assert state.reference() == {}
    state.step("ours").check()
    assert state.arguments["w"].grad.tolist() == [1, 1, 1, 1]
