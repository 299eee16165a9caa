"""What is measured by a torch that lacks a name which we use although it is not public."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from profiling import catalogue
from profiling.measure import fake_tensors
from profiling.measure.cell import measure_cell
from profiling.measure.device import Cuda
from profiling.measure.fake_tensors import is_fast
from profiling.measure.global_state import kept
from profiling.measure.prediction import Predictions, predict
from profiling.measure.snapshot import Snapshots, in_transform, named_tensors
from profiling.model.run import Cell, Status
from tests.profiling.measure.cells import EVERY_METRIC, metrics
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

_ROOT = Path(__file__).parents[3]
# A step whose backward sums gradients, which the prediction has to know.
_SUMMING = "side_branch"

# Without these the same is predicted, more slowly.
_FOR_SPEED = (
    "torch._C._DisableTorchDispatch",
    "torch._C._dispatch_has_kernel_for_dispatch_key",
    "torch._C._dispatch_keys",
    "torch._C._set_warn_deprecated_on_mutable_data_ptr",
    "torch.Tensor._make_subclass",
    "fake_tensor.in_kernel_invocation_manager",
)
# Without these nothing is predicted.
_FOR_PREDICTIONS = (
    (torch.Tensor, "_is_view"),
    (torch.Tensor, "_use_count"),
    (torch.UntypedStorage, "_cdata"),
    (torch.autograd.graph, "_engine_run_backward"),
)
# What one guard imports together, and what is still measured without it.
_IMPORTED = (
    (
        (
            "torch._subclasses.fake_tensor",
            "torch._subclasses.fake_tensor.FakeTensor",
            "torch._subclasses.fake_tensor.FakeTensorMode",
            "torch.utils._pytree.tree_leaves",
        ),
        EVERY_METRIC[1:],
    ),
    (
        ("torch.utils._python_dispatch.TorchDispatchMode", "torch.utils._pytree.tree_leaves"),
        EVERY_METRIC[1:],
    ),
    (("torch._C._profiler._ExperimentalConfig",), EVERY_METRIC),
)
_IN_OTHER_TESTS = {
    "_GLOBAL_DEVICE_CONTEXT",
    "_cuda_getDriverVersion",
    "_functorch",
    "_len_torch_function_stack",
    "_pop_torch_function_stack",
    "_unsafe_set_version_counter",
    "counters",
}
# Not torch's, or an operator's name.
# What stands for an object of ours, or its class.
_OURS = {"self", "cls", "other", "super()"}
_NOT_TORCHS = {"_asdict", "_getframe", "_replace", "_unsafe_view"}
# Public in all but its name: what torch's documentation explains, and tells people to read.
_DOCUMENTED = {"_base", "_sequence_nr", "_version"}

_WITHOUT = """
import builtins, sys
missing = [name.rpartition(".")[::2] for name in sys.argv[2:]]
import_ = builtins.__import__

def refusing(name, globals=None, locals=None, fromlist=(), level=0):
    asks = (globals or {}).get("__name__", "")
    if asks.startswith("profiling.") and any((name, each) in missing for each in fromlist or ()):
        raise ImportError(name)
    return import_(name, globals, locals, fromlist, level)

builtins.__import__ = refusing
from pathlib import Path
from profiling.engine.worker import import_measuring
import_measuring()
from profiling.measure.cell import measure_cell
from tests.profiling.planted import cell
asked = cell(size=64, branches=("attached", "detach"))
for result in measure_cell(asked, Path(sys.argv[1])).results:
    metrics = dict.fromkeys(sample.metric for sample in result.samples)
    print(result.branch, result.status.value, *metrics)
"""


def _asked() -> Cell:
    entry = catalogue.workload(_SUMMING)
    return cell(_SUMMING, size=entry.sizes[0], branches=("attached",))


def _predicted() -> Predictions:
    return predict(_asked(), _asked().branches)


def _hide(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """Let a module or class of torch's lack a name that torch itself does not need."""

    def refuse(_: object) -> Any:
        raise AttributeError(name)

    if isinstance(owner, type):  # It has the name from a class of C++'s, which keeps it.
        monkeypatch.setattr(owner, name, property(refuse), raising=False)
    else:
        monkeypatch.delattr(owner, name)


def _without(whole: Any, name: str) -> SimpleNamespace:
    """Return all that a module or class has, but for one name in it, such as ``"_C._name"``."""
    found = dict(vars(whole))
    first, _, inner = name.partition(".")
    if inner:
        found[first] = _without(found[first], inner)
    else:
        found.pop(first, None)
    return SimpleNamespace(**found)


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """Let what this torch can do be found out anew."""
    for remembered in (is_fast, fake_tensors._is_view):
        remembered.cache_clear()
    yield
    for remembered in (is_fast, fake_tensors._is_view):
        remembered.cache_clear()


@pytest.mark.parametrize("name", _FOR_SPEED)
def test_a_name_that_is_for_speed_alone_changes_no_prediction(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = _predicted()
    is_fast.cache_clear()
    fake_tensors._is_view.cache_clear()
    # Only what we see of torch lacks it, since torch itself would miss it.
    module, _, inner = name.partition(".")
    monkeypatch.setattr(fake_tensors, module, _without(getattr(fake_tensors, module), inner))
    assert not is_fast()
    assert _predicted() == usual


@pytest.mark.parametrize(("owner", "name"), _FOR_PREDICTIONS)
def test_all_but_the_prediction_is_measured_without_a_name_it_needs(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _hide(monkeypatch, owner, name)
    (result,) = measure_cell(_asked(), tmp_path).results
    assert result.status is Status.OK, result.message
    assert metrics(result) == EVERY_METRIC[1:]


@pytest.mark.parametrize(("names", "measured"), _IMPORTED)
def test_a_cell_is_measured_without_names_that_are_imported(
    names: tuple[str, ...], measured: list[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _WITHOUT, str(tmp_path), *names]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=_ROOT)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["attached", "ok", *measured],
        ["detach", "ok", *measured],
    ]


def test_the_default_device_is_put_back_without_the_stack_of_modes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_len_torch_function_stack", "_pop_torch_function_stack"):
        _hide(monkeypatch, torch._C, name)
    with kept() as changed:
        torch.set_default_device("meta")
    assert changed == ["torch.set_default_device"]
    assert torch.get_default_device() == torch.device("cpu")


def test_the_default_device_is_told_where_torch_trips_over_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tripping = SimpleNamespace(device_context=None)

    def tell() -> torch.device:
        if hasattr(tripping, "device_context"):
            raise AttributeError("'NoneType' object has no attribute 'device'")
        return torch.device("cpu")

    monkeypatch.setattr(torch, "_GLOBAL_DEVICE_CONTEXT", tripping, raising=False)
    monkeypatch.setattr(torch, "get_default_device", tell)
    with kept() as changed:
        pass
    assert changed == []
    assert not hasattr(tripping, "device_context")


def test_a_view_counts_with_its_base_where_no_version_can_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _hide(monkeypatch, torch._C._autograd, "_unsafe_set_version_counter")
    a = torch.zeros(4)
    named = {"a": a, "view": a[:2], "other": a[2:], "again": a, "copy": a.clone()}
    found = {each.name: each.counter for each in Snapshots().tensors(named)}
    assert found["a"] == found["view"] == found["other"] == found["again"] != found["copy"]


def test_where_transforms_cannot_be_asked_for_nothing_is_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch._C, "_functorch")
    assert not in_transform()
    assert [name for name, _ in named_tensors({"a": torch.ones(1), "b": 1})] == ["a"]


def test_a_driver_that_cannot_be_asked_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_cuda_getDriverVersion", raising=False)
    assert Cuda().driver() is None


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _private_names(path: Path) -> Iterator[str]:
    """Yield what a module names of torch's that is private, asks by getattr or imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            is_inside = any(map(_is_private, str(node.module).split(".")))
            yield from (each.name for each in node.names if is_inside or _is_private(each.name))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr):
            yield from (
                []
                if ast.unparse(node.value) in ("self", "cls", "other", "super()")
                else [node.attr]
            )
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
            name = getattr(node.args[1], "value", None)
            if isinstance(name, str) and _is_private(name):
                yield name


def test_every_private_name_that_is_used_can_be_missing() -> None:
    rooms = (_ROOT / "profiling" / "measure").glob("*.py")
    used = {name for path in rooms for name in _private_names(path)}
    imported = (name for names, _ in _IMPORTED for name in names)
    hidden = {name.rpartition(".")[2] for name in (*_FOR_SPEED, *imported)}
    hidden |= {name for _, name in _FOR_PREDICTIONS} | _IN_OTHER_TESTS
    assert used - {"_C", "_autograd"} - _NOT_TORCHS - _DOCUMENTED <= hidden
