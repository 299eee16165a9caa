"""Fake tensors made from memory, beside those that torch's own fake mode makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.measure import fake_tensors, prediction
from profiling.measure.fake_tensors import FakeMode, FastFakeMode
from profiling.measure.prediction import predict
from tests.profiling.planted import cell

aten = torch.ops.aten


@pytest.fixture
def mode() -> Iterator[FakeMode]:
    with FastFakeMode() as mode:
        yield mode


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the operators that torch's fake mode is asked of, as they come."""
    names: list[str] = []
    dispatch = FakeTensorMode.dispatch

    def noting(self: FakeTensorMode, func: Any, *arguments: Any, **options: Any) -> Any:
        if func.namespace != "prim":
            names.append(func.name())
        return dispatch(self, func, *arguments, **options)

    monkeypatch.setattr(FakeTensorMode, "dispatch", noting)
    return names


def told(result: Any, args: Any) -> list[Any]:
    """Return all that can be told of results: their looks, and whose memory they have."""
    given = [each for each in tree_leaves(args) if isinstance(each, torch.Tensor)]
    return [
        (
            each.shape,
            each.stride(),
            each.storage_offset(),
            each.dtype,
            each.device,
            each.untyped_storage().nbytes(),
            torch._C._dispatch_keys(each).raw_repr(),
            [each.untyped_storage()._cdata == other.untyped_storage()._cdata for other in given],
            [each is other for other in given],
        )
        if isinstance(each, torch.Tensor)
        else each
        for each in tree_leaves(result)
    ]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_operator_of_every_workload_returns_what_torch_says(
    workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    call = FastFakeMode.call

    def checked(mode: FastFakeMode, func: Any, args: Any, kwargs: Any) -> Any:
        if torch.Tag.inplace_view in func.tags:  # Once more would be once too often.
            return call(mode, func, args, kwargs)
        expected = told(func(*args, **kwargs), (args, kwargs))
        for _ in range(2):  # the second time from memory, if it ever is
            result = call(mode, func, args, kwargs)
            compared.append(func)
            assert told(result, (args, kwargs)) == expected, func
        return result

    monkeypatch.setattr(FastFakeMode, "call", checked)
    entry = catalogue.workload(workload)
    branches = [each for each in entry.branches if each not in entry.absent]
    found = predict(cell(workload), branches).branches
    assert len(compared) > 2 * len(branches)
    assert {name for name in branches if found[name] is None} <= set(entry.raises)


def test_what_is_made_is_in_all_like_what_torch_makes(mode: FakeMode) -> None:
    x = torch.empty(3, 4)
    theirs = torch.sin(x)
    for made in (mode.call(aten.sin.default, (x,), {}) for _ in range(3)):
        assert type(made) is type(theirs)
        assert vars(made) == vars(theirs)
        assert (made.requires_grad, made.device) == (False, torch.device("cpu"))
    made.item_memo = 1  # of one alone
    assert mode.call(aten.sin.default, (x,), {}).item_memo is None


def test_what_is_known_is_not_asked_again(mode: FakeMode, asked: list[str]) -> None:
    x = torch.empty(3, 4)
    asked.clear()
    first, second = (mode.call(aten.sin.default, (x,), {}) for _ in range(2))
    assert asked == ["aten::sin"]
    assert first is not second
    assert first.untyped_storage()._cdata != second.untyped_storage()._cdata
    mode.call(aten.sin.default, (x.t(),), {})
    assert asked.count("aten::sin") == 2


def test_views_are_not_asked_for(mode: FakeMode, asked: list[str]) -> None:
    x = torch.empty(3, 4)
    asked.clear()
    turned = mode.call(aten.t.default, (x,), {})
    parts = mode.call(aten.split.Tensor, (x, 2), {})
    assert asked == []
    assert (turned.shape, turned.stride()) == ((4, 3), (1, 4))
    assert [(each.shape, each.storage_offset()) for each in parts] == [((2, 4), 0), ((1, 4), 8)]
    assert {each.untyped_storage()._cdata for each in (turned, *parts)} == {
        x.untyped_storage()._cdata
    }


def test_equal_numbers_of_two_types_are_two_calls(mode: FakeMode) -> None:
    x = torch.empty(3, dtype=torch.int64)
    dtypes = [mode.call(aten.mul.Tensor, (x, each), {}).dtype for each in (2, 2.0, 2, 2.0)]
    assert dtypes == [torch.int64, torch.float32] * 2


def test_the_default_dtype_is_part_of_a_call(mode: FakeMode) -> None:
    x = torch.empty(3, dtype=torch.int64)
    dtypes = []
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        try:
            dtypes.append(mode.call(aten.div.Tensor, (x, x), {}).dtype)
        finally:
            torch.set_default_dtype(torch.float32)
    assert dtypes == [torch.float32, torch.float64]


def test_inference_mode_is_part_of_what_is_made(mode: FakeMode) -> None:
    x = torch.empty(3)
    usual = [mode.call(aten.sin.default, (x,), {}) for _ in range(2)]
    with torch.inference_mode():
        inferred = [mode.call(aten.sin.default, (x,), {}) for _ in range(2)]
    assert [each.is_inference() for each in (*usual, *inferred)] == [False, False, True, True]


def test_the_value_of_a_constant_is_kept(mode: FakeMode) -> None:
    number = torch.tensor(3)
    for _ in range(2):
        assert mode.call(aten.add.Tensor, (number, 1), {}).item() == 4


def test_memory_that_may_be_shared_is_asked_for(mode: FakeMode, asked: list[str]) -> None:
    x = torch.empty(3, 4)
    asked.clear()
    for _ in range(2):
        result = mode.call(aten.ravel.default, (x,), {})
        assert result.untyped_storage()._cdata == x.untyped_storage()._cdata
    assert asked.count("aten::view") == 2


def test_a_view_that_is_none_by_its_schema_shares_memory_unasked(
    mode: FakeMode, asked: list[str]
) -> None:
    x = torch.empty(3, 4)
    asked.clear()
    for _ in range(2):
        result = mode.call(aten._unsafe_view.default, (x, [12]), {})
        assert result.shape == (12,)
        assert result.untyped_storage()._cdata == x.untyped_storage()._cdata
    assert asked == []


def test_what_is_changed_in_place_is_returned_itself(mode: FakeMode, asked: list[str]) -> None:
    x = torch.empty(3, 4)
    asked.clear()
    assert all(mode.call(aten.add_.Tensor, (x, 1), {}) is x for _ in range(2))
    assert asked == ["aten::add_.Tensor"]
    # Where the layout changes it has to be done.
    for shape in ((3, 1, 4), (3, 1, 1, 4)):
        assert mode.call(aten.unsqueeze_.default, (x, 1), {}) is x
        assert x.shape == shape
    mode.call(aten.resize_.default, (x, [5]), {})
    assert x.shape == (5,)


def test_an_error_is_raised_every_time(mode: FakeMode) -> None:
    x = torch.empty(3)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="3"):
            mode.call(aten.mm.default, (x[None], x[None]), {})


class Without:
    """A module of torch in which some names are missing or stand for something else."""

    def __init__(self, module: Any, *missing: str, **others: Any) -> None:
        self._module, self._missing = module, missing
        vars(self).update(others)

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(name)
        return getattr(self._module, name)


def other_signature() -> None:
    """Take no argument."""


OTHER_TORCHES = [
    *(
        ("torch", Without(torch, _C=Without(torch._C, name)))
        for name in (
            "_DisableTorchDispatch",
            "_set_warn_deprecated_on_mutable_data_ptr",
            "_dispatch_keys",
            "_dispatch_has_kernel_for_dispatch_key",
        )
    ),
    ("torch", Without(torch, types=Without(torch.types, "py_sym_types"))),
    ("fake_tensor", Without(fake_tensor, "in_kernel_invocation_manager")),
    ("fake_tensor", Without(fake_tensor, in_kernel_invocation_manager=other_signature)),
]


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Let every test find out anew whether the fast mode works."""
    caches = (fake_tensors.is_fast, fake_tensors._is_view)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_this_torch_is_as_the_fast_mode_expects(unchecked: None) -> None:
    assert type(fake_tensors.fake_mode()) is FastFakeMode


@pytest.mark.parametrize(("name", "module"), OTHER_TORCHES)
def test_another_torch_gets_the_plain_mode(
    name: str, module: Any, unchecked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_tensors, name, module)
    assert type(fake_tensors.fake_mode()) is FakeMode


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_plain_mode_predicts_the_same(
    workload: str, unchecked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "TIME_LIMIT_S", float("inf"))
    asked = cell(workload, dtype="bfloat16")
    expected = predict(asked, asked.branches)
    monkeypatch.setattr(
        fake_tensors, "fake_tensor", Without(fake_tensor, "in_kernel_invocation_manager")
    )
    fake_tensors.is_fast.cache_clear()
    assert type(fake_tensors.fake_mode()) is FakeMode
    assert predict(asked, asked.branches) == expected


@pytest.mark.parametrize("kind", [FakeMode, FastFakeMode])
def test_a_module_with_a_parameter_from_numbers_can_be_moved(kind: type[FakeMode]) -> None:
    with kind():
        module = torch.nn.Linear(2, 2)
        module.bias = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        assert module.to(torch.bfloat16).bias.dtype is torch.bfloat16
