"""Tensors without data, as torch's `FakeTensorMode` makes them, but three times as fast.

The result of an operator on fake tensors depends only on their layouts and the other arguments, so
`FastFakeMode` remembers the result's layout for each such call. For views it asks the kernels
directly. It uses internals of torch; where these are different, `fake_mode` returns the plain mode,
which gives the same results.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any, NamedTuple, TypeGuard

import torch

try:
    from torch._subclasses import fake_tensor
    from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv
    from torch.utils._pytree import tree_leaves
except ImportError:
    # A torch that has them elsewhere: modes cannot be made, so nothing is predicted.
    FakeTensorMode = object  # type: ignore[misc, assignment]


class _Layout(NamedTuple):
    """All that is needed to make a fake tensor with memory of its own."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


# The outcome of a call is the layout of its result, a list of outcomes for several results, or one
# of these: it returns its first argument changed in place, it returns None, or only torch can tell.
_FIRST_ARGUMENT, _NOTHING, _UNKNOWN = "first argument", "nothing", "unknown"
_Outcome = Any
_META = torch.device("meta")


class FakeMode(FakeTensorMode):
    """torch's own fake mode, for modules that are moved and copied."""

    def __init__(self) -> None:
        """Make a mode whose fake tensors may be used together with real ones."""
        super().__init__(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
        # A module cannot move a parameter that has a weak reference, such as that of the memo.
        with contextlib.suppress(AttributeError):
            converter: Any = self.fake_tensor_converter
            converter.set_tensor_memo = _remember_nothing

    def __deepcopy__(self, memo: object) -> FakeMode:
        """Return itself: copies would free what they share twice."""
        return self

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what an operator returns; no mode inside this one may be active."""
        return func(*args, **kwargs)


class FastFakeMode(FakeMode):
    """A fake mode that remembers the layouts of results."""

    def __init__(self) -> None:
        """Make a mode that remembers nothing yet."""
        super().__init__()
        self._known: dict[Any, _Outcome] = {}
        self._attributes: dict[torch.device, dict[str, Any]] = {}

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what an operator returns; no mode inside this one may be active."""
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
        with fake_tensor.in_kernel_invocation_manager(self):
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
        """Make a fake tensor from a meta tensor, as its class does, but in one step."""
        attributes = self._attributes.get(device)
        if attributes is None:
            made = FakeTensor(self, meta, device)
            self._attributes[device] = dict(vars(made))
            return made
        made = torch.Tensor._make_subclass(
            FakeTensor,
            meta,
            meta.requires_grad,
            dispatch_device=True,
            device_for_backend_keys=device,
        )
        torch._C._set_warn_deprecated_on_mutable_data_ptr(made)
        vars(made).update(attributes)
        return made

    def _outcome(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> _Outcome:
        """Return how the result of a call can be made again."""
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
        """Return a result's layout if it has nothing else and shares no memory."""
        if not _is_plain(result) or _storage(result)._cdata in given:
            return _UNKNOWN
        layout = _Layout(result.shape, result.stride(), result.dtype, result.fake_device)
        made = self._made(layout, ())
        is_same = _storage(made).nbytes() == _storage(result).nbytes()
        return layout if is_same and _kind(made) == _kind(result) else _UNKNOWN


def fake_mode() -> FakeMode:
    """Return a new fake mode, the fast one if it works with this torch."""
    return FastFakeMode() if is_fast() else FakeMode()


@functools.cache
def is_fast() -> bool:
    """Whether `FastFakeMode` gives what torch gives, for one call of each kind."""
    try:
        with FastFakeMode() as mode:
            x = torch.empty(3, 4)
            calls: list[tuple[Any, tuple[Any, ...]]] = [
                (torch.ops.aten.sin.default, (x,)),
                (torch.ops.aten.add_.Tensor, (x, 1)),
                (torch.ops.aten.max.dim, (x, 0)),
                (torch.ops.aten.t.default, (x,)),
                (torch.ops.aten.split.Tensor, (x, 2)),
            ]
            return all(
                _described(mode.call(func, args, {})) == _described(func(*args))
                for func, args in calls
                for _ in range(2)  # The second result is made from memory.
            )
    except Exception:
        return False


def _remember_nothing(*_: object) -> None:
    """Stand in for what would remember a fake tensor by the real one."""


@functools.cache
def _is_view(func: Any) -> bool:
    """Whether an operator returns only views, and is not composed of other operators."""
    if func is torch.ops.aten._unsafe_view.default:  # A view for all but autograd.
        return True
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return func.is_view and not torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def _is_plain(value: Any) -> TypeGuard[FakeTensor]:
    """Whether a value is a fake tensor with nothing but a layout."""
    is_fake = type(value) is FakeTensor and value.layout is torch.strided
    return is_fake and value.constant is None


def _described(value: Any) -> Any:
    """Return all of an argument that a fake result depends on, as a key.

    Raises:
        TypeError: The result depends on more.
    """
    if isinstance(value, (torch.Tensor, *torch.types.py_sym_types)):
        if not _is_plain(value):
            raise TypeError
        return value.shape, value.stride(), value.dtype, value.fake_device, _kind(value)
    if isinstance(value, (tuple, list)):
        return tuple([_described(each) for each in value])
    # Equal numbers of two types give results of two dtypes.
    return type(value), value


def _kind(tensor: torch.Tensor) -> int:
    """Return what tells conjugates, inference tensors and the like from others."""
    return int(torch._C._dispatch_keys(tensor).raw_repr())


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()
