"""Tensors without data, made as torch's fake mode makes them, but several times faster.

What an operator returns for fake tensors follows from their layouts and its other arguments alone,
so of each such call the result's layout is remembered. Views are asked of their kernels directly.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, TypeGuard

import torch
from torch._subclasses.fake_tensor import (
    FakeTensor,
    FakeTensorConverter,
    FakeTensorMode,
    in_kernel_invocation_manager,
)
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.types import py_sym_types
from torch.utils._pytree import tree_leaves


class _Layout(NamedTuple):
    """What a fake tensor with memory of its own can be made from."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


# What becomes of a call: the layout of what it returns or, for several results, a list; or that it
# returns its first argument, changed in place, or nothing; or that only torch can tell.
_FIRST_ARGUMENT, _NOTHING, _UNKNOWN = "first argument", "nothing", "unknown"
_Outcome = Any
_META = torch.device("meta")


class _Converter(FakeTensorConverter):
    """Remembers none of the tensors it makes: a module moves no parameter that is referred to."""

    def set_tensor_memo(self, t: torch.Tensor, v: torch.Tensor) -> None:
        """Remember nothing."""


class FakeMode(FakeTensorMode):
    """Fake tensors that modules can be moved with and that can be copied deeply."""

    def __init__(self) -> None:
        """Make a mode whose fake tensors may meet real ones."""
        super().__init__(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
        self.fake_tensor_converter = _Converter()
        self._known: dict[Any, _Outcome] = {}
        self._looks: dict[torch.device, dict[str, Any]] = {}

    def __deepcopy__(self, memo: object) -> FakeMode:
        """Stay one: what a copy of it referred to would be freed twice."""
        return self

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what an operator returns; no mode within this one may be active."""
        if _is_view(func) and not kwargs and _is_plain(args[0]):
            return self._view(func, args)
        try:
            key = func, torch.get_default_dtype(), _described(args), _described((*kwargs.items(),))
            is_known = key in self._known
        except TypeError:
            return func(*args, **kwargs)
        if is_known and self._known[key] != _UNKNOWN:
            return self._made(self._known[key], args)
        result = func(*args, **kwargs)
        if not is_known:
            self._known[key] = self._outcome(func, args, kwargs, result)
        return result

    def _view(self, func: Any, args: tuple[Any, ...]) -> Any:
        with in_kernel_invocation_manager(self):
            views = func(*args)
        device = args[0].fake_device
        if isinstance(views, torch.Tensor):
            return views if views is args[0] else self._fake(views, device)
        return [self._fake(view, device) for view in views]

    def _made(self, outcome: _Outcome, args: tuple[Any, ...]) -> Any:
        if isinstance(outcome, _Layout):
            with torch._C._DisableTorchDispatch():
                empty = torch.empty_strided(
                    outcome.shape, outcome.stride, dtype=outcome.dtype, device=_META
                )
            return self._fake(empty, outcome.device)
        if isinstance(outcome, list):
            return tuple([self._made(each, args) for each in outcome])
        return args[0] if outcome == _FIRST_ARGUMENT else None

    def _fake(self, meta: torch.Tensor, device: torch.device) -> torch.Tensor:
        """Make a fake tensor of one without a device, as its class does, but at once."""
        looks = self._looks.get(device)
        if looks is None:
            made = FakeTensor(self, meta, device)
            self._looks[device] = dict(vars(made))
            return made
        made = torch.Tensor._make_subclass(
            FakeTensor,
            meta,
            meta.requires_grad,
            dispatch_device=True,
            device_for_backend_keys=device,
        )
        torch._C._set_warn_deprecated_on_mutable_data_ptr(made)
        vars(made).update(looks)
        return made

    def _outcome(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> _Outcome:
        """Tell how the result of a call can be made again."""
        if args and result is args[0]:
            return _UNKNOWN if torch.Tag.inplace_view in func.tags else _FIRST_ARGUMENT
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        storages = {_storage(each)._cdata for each in given}
        if not isinstance(result, tuple):
            return self._layout(result, storages)
        layouts: list[_Outcome] = []
        for each in result:
            layouts.append(_NOTHING if each is None else self._layout(each, storages))
            if isinstance(each, torch.Tensor):
                storages.add(_storage(each)._cdata)
        return _UNKNOWN if _UNKNOWN in layouts else layouts

    def _layout(self, result: Any, given: set[int]) -> _Layout | str:
        """Tell a result's layout if that is all there is to it, and its memory is its own."""
        if not _is_plain(result) or _storage(result)._cdata in given:
            return _UNKNOWN
        layout = _Layout(result.shape, result.stride(), result.dtype, result.fake_device)
        made = self._made(layout, ())
        is_same = _storage(made).nbytes() == _storage(result).nbytes()
        return layout if is_same and _kind(made) == _kind(result) else _UNKNOWN


@functools.cache
def _is_view(func: Any) -> bool:
    """Whether an operator returns views and nothing else, and is not made of other operators."""
    if func is torch.ops.aten._unsafe_view.default:  # It is one, except for autograd.
        return True
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return func.is_view and not torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def _is_plain(value: Any) -> TypeGuard[FakeTensor]:
    """Whether a value is a fake tensor that has nothing but a layout."""
    is_fake = type(value) is FakeTensor and value.layout is torch.strided
    return is_fake and value.constant is None


def _described(value: Any) -> Any:
    """Return all of an argument that a fake result depends on, to be looked up by.

    Raises:
        TypeError: There is more to the argument than can be told.
    """
    if isinstance(value, (torch.Tensor, *py_sym_types)):
        if not _is_plain(value):
            raise TypeError
        return value.shape, value.stride(), value.dtype, value.fake_device, _kind(value)
    if isinstance(value, (tuple, list)):
        return tuple([_described(each) for each in value])
    # Of equal numbers of two types come results of two dtypes.
    return type(value), value


def _kind(tensor: torch.Tensor) -> int:
    """Tell conjugates, tensors of inference mode and the like from others."""
    return int(torch._C._dispatch_keys(tensor).raw_repr())


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()
