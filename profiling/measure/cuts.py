"""Sees where values leave autograd's graph, and which of its ops use them later.

A call is a cut where it takes a tensor that requires grad, or a frozen parameter, and returns one
that does not require grad, or plain numbers. Whether it does is asked of the tensors, never of a
table of ops. All that is kept are numbers and names: no tensor and no node stays alive because it
was seen here.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from profiling.measure.nodes import key_of, leaf_of
from profiling.measure.snapshot import ObjectNumbers, function_of, grad_mode
from profiling.model.graph import Cut, GradMode
from profiling.watch import calls
from profiling.watch.flow import tensors_in
from profiling.watch.patches import replaced
from profiling.watch.scalars import floats_in
from profiling.watch.sites import OPTIMIZER, kind

# What takes no more than shape, dtype and device of a tensor.
_SHAPE_ONLY = {
    getattr(owner, name)
    for owner, names in (
        (torch, "empty full ones rand randint randn zeros"),
        (torch.Tensor, "empty full ones zeros"),
    )
    for each in names.split()
    for name in (f"{each}_like", f"new_{each}")
    if hasattr(owner, name)
}
# What cuts off the values of a parameter that is frozen, whatever uses it.
FROZEN = "requires_grad=False"
# More values than these are not followed.
_MOST = 5_000
# Copying a parameter begins another one.
_NO_FLOW = {*calls.REQUIRE, calls.SET_GRADIENT, calls.SET_DATA, torch.Tensor.__deepcopy__}
_NO_VALUES = calls.IGNORED | _SHAPE_ONLY | _NO_FLOW


class Flow(NamedTuple):
    """A way that values take without a gradient.

    Attributes:
        source: Key of the node, leaf or constant that they come from.
        target: Key of the constant, leaf or op that takes them.
        cut: What cut them off; None if they come from a constant.
    """

    source: Hashable
    target: Hashable
    cut: Cut | None


class _Values(NamedTuple):
    """Values without a gradient, by what they were computed from.

    Attributes:
        cuts: Keys of nodes and leaves that they were cut from, and by what; in order.
        constants: Keys of other such values; in order.
    """

    cuts: dict[tuple[Hashable, Cut], None]
    constants: dict[Hashable, None]


class _Taken(NamedTuple):
    """What a call took, before it ran.

    Attributes:
        tensors: All tensors.
        keys: Keys of those that require grad, by id.
        functions: The nodes of those that are no leaves.
        constants: Keys of the values that come from a cut.
        frozen: Keys of parameters that do not require grad.
        mode: The mode it ran in.
    """

    tensors: list[torch.Tensor]
    keys: dict[int, Hashable]
    functions: list[Any]
    constants: list[Hashable]
    frozen: list[Hashable]
    mode: GradMode


class Cuts(TorchFunctionMode):
    """Watches the calls of torch functions while it is entered."""

    def __init__(
        self,
        objects: ObjectNumbers,
        on_backward: Callable[[list[torch.Tensor]], None] | None = None,
    ) -> None:
        """Start without having seen anything.

        Args:
            objects: Numbers of tensors.
            on_backward: Called before and after each call of backward, with the tensors it takes.
        """
        super().__init__()
        self._objects = objects
        self._on_backward = on_backward
        self._values: dict[Hashable, _Values] = {}
        self._used: dict[Hashable, _Values] = {}
        # The graph above what was cut, which may be freed before it is recorded.
        self._above: dict[Hashable, tuple[Hashable, ...]] = {}
        # Each float is kept, so that no other gets its id.
        self._floats: dict[int, tuple[float, Hashable]] = {}
        self._arrays: dict[int, tuple[weakref.ref[Any], Hashable]] = {}

    def __torch_function__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run a call, and note what it cut and what it took of cut values."""
        kwargs = kwargs or {}
        if func in calls.BACKWARD:
            return self._run_backward(func, args, kwargs)
        if func in _NO_VALUES or kind(sys._getframe(1).f_code) == OPTIMIZER:
            return func(*args, **kwargs)
        return self._watched(func, func, args, kwargs)

    def __enter__(self) -> Cuts:
        """Watch; also custom functions and new parameters, which are no torch functions."""
        function, parameter = torch.autograd.Function, torch.nn.Parameter
        apply, new = vars(function)["apply"].__func__, vars(parameter)["__new__"].__func__

        def applied(cls: Any, *args: Any, **kwargs: Any) -> Any:
            return self._watched(f"{cls.__name__}.apply", apply, (cls, *args), kwargs)

        def made(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if sys._getframe(1).f_code.co_name == "__deepcopy__":
                return new(cls, *args, **kwargs)
            return self._watched("nn.Parameter", new, (cls, *args), kwargs)

        self._patches = contextlib.ExitStack()
        self._patches.enter_context(replaced(function, "apply", classmethod(applied)))
        self._patches.enter_context(replaced(parameter, "__new__", staticmethod(made)))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        """Watch no more."""
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._patches.close()

    def _watched(
        self, call: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a function, and note what it did under the name of a call."""
        taken = self._take(args, kwargs)
        result = function(*args, **kwargs)
        if taken is not None:
            self._note(call, taken, result)
        return result

    def flows(self, present: Collection[Hashable]) -> Iterator[Flow]:
        """Yield the ways that values took without a gradient to what is recorded.

        What was cut may not be recorded, as it has been freed: see `nearest`.

        Args:
            present: Keys of what is recorded. What values went through besides, such as constants
                without a name, is left out.
        """
        for target in present:
            for values in filter(None, (self._used.get(target), self._values.get(target))):
                yield from self._flows_to(target, values, present)

    def _flows_to(
        self, target: Hashable, values: _Values, present: Collection[Hashable]
    ) -> Iterator[Flow]:
        found: dict[Flow, None] = {}
        seen, waiting = {target}, [values]
        while waiting:
            each = waiting.pop()
            found.update((Flow(source, target, cut), None) for source, cut in each.cuts)
            for constant in each.constants:
                if constant in seen:
                    continue
                seen.add(constant)
                if constant in present:
                    found[Flow(constant, target, None)] = None
                elif constant in self._values:
                    waiting.append(self._values[constant])
        return (each for each in found if each.source != target)

    def nearest(self, key: Hashable, present: Collection[Hashable]) -> list[Hashable]:
        """Return a node or, if it is not recorded, the nearest recorded ones above it.

        Args:
            key: The node's.
            present: Keys of what is recorded.
        """
        found: list[Hashable] = []
        seen, waiting = {key}, [key]
        for each in waiting:
            if each in present:
                found.append(each)
                continue
            above = [other for other in self._above.get(each, ()) if other not in seen]
            seen.update(above)
            waiting += above
        return found

    def _run_backward(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._on_backward is None:
            return func(*args, **kwargs)
        tensors = tensors_in(args[:1], [])
        self._on_backward(tensors)
        try:
            return func(*args, **kwargs)
        finally:
            self._on_backward(tensors)

    def _take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Taken | None:
        """Return what a call takes that has to do with gradients or cuts; None if nothing has."""
        if len(self._values) >= _MOST:
            return None
        try:
            tensors = tensors_in(args, [])
            if kwargs:
                tensors_in(kwargs.values(), tensors)
            taken = _Taken(tensors, {}, [], [], [], cast("GradMode", grad_mode()))
            for tensor in tensors:
                self._sort(tensor, taken)
            if self._floats or self._arrays:
                taken.constants.extend(self._keys_of_numbers((*args, *kwargs.values())))
        except (RuntimeError, ValueError):  # A tensor may refuse to answer.
            return None
        return taken if taken.keys or taken.constants or taken.frozen else None

    def _sort(self, tensor: torch.Tensor, taken: _Taken) -> None:
        """Put a tensor where it belongs among what a call takes."""
        if tensor.requires_grad:
            function = function_of(tensor)
            if function is None:
                taken.keys[id(tensor)] = self._objects[tensor]
            else:
                taken.keys[id(tensor)] = key_of(function, self._objects)
                taken.functions.append(function)
            return
        if isinstance(tensor, torch.nn.Parameter):
            taken.frozen.append(self._objects[tensor])
        key = self._key_of(tensor)
        if key is not None:
            taken.constants.append(key)

    def _key_of(self, tensor: torch.Tensor) -> Hashable | None:
        """Return the key of a tensor that came from a cut; None for any other."""
        number = self._objects.known(tensor)
        if number in self._values:
            return number
        return self._key_at(tensor.data_ptr()) if self._arrays else None

    def _key_at(self, address: int) -> Hashable | None:
        array, key = self._arrays.get(address, (None, None))
        return None if array is None or array() is None else key

    def _keys_of_numbers(self, values: Sequence[Any]) -> Iterator[Hashable]:
        for value in values:
            key = self._key_at(value.ctypes.data) if isinstance(value, np.ndarray) else None
            if key is not None:
                yield key
        for number in floats_in(values, []):
            if id(number) in self._floats:
                yield self._floats[id(number)][1]

    def _note(self, call: Any, taken: _Taken, result: Any) -> None:
        """Note what a call made of what it took.

        Args:
            call: A torch function, or what another call is called.
            taken: What it took.
            result: What it returned.
        """
        # ``x[0] = y`` returns nothing.
        outputs = taken.tensors[:1] if result is None else tensors_in((result,), [])
        if not outputs:
            self._note_numbers(call, taken, result)
        with contextlib.suppress(RuntimeError, ValueError):
            for output in outputs:
                self._note_tensor(call, taken, output)

    def _note_tensor(self, call: Any, taken: _Taken, output: torch.Tensor) -> None:
        function = function_of(output)
        is_new_leaf = function is None and id(output) not in taken.keys
        if is_new_leaf or not output.requires_grad:
            self._cut(self._objects[output], call, taken)
        elif function is not None and (taken.constants or taken.frozen):
            self._use(function, taken)

    def _note_numbers(self, call: Any, taken: _Taken, result: Any) -> None:
        key = ("numbers", len(self._values))
        if isinstance(result, np.ndarray):
            self._arrays[result.ctypes.data] = (weakref.ref(result), key)
        else:
            floats = floats_in((result,), [])
            if not floats:
                return
            self._floats.update((id(each), (each, key)) for each in floats)
        self._cut(key, call, taken)

    def _cut(self, made: Hashable, call: Any, taken: _Taken) -> None:
        """Note values without a gradient that a call made."""
        cut = Cut(call if isinstance(call, str) else _words(calls.name_of(call)), taken.mode)
        values = self._values.setdefault(made, _Values({}, {}))
        cuts = [(key, cut) for key in taken.keys.values()]
        if not cut.is_explicit:
            cuts += [(key, Cut(FROZEN, cut.mode)) for key in taken.frozen]
        values.cuts.update(dict.fromkeys(each for each in cuts if each[0] != made))
        values.constants.update(dict.fromkeys(each for each in taken.constants if each != made))
        self._remember(taken.functions)

    def _remember(self, functions: Iterable[Any]) -> None:
        """Note the graph above nodes."""
        waiting = [*functions]
        for function in waiting:
            key = key_of(function, self._objects)
            if key in self._above:
                continue
            above = [each for each, _ in function.next_functions if each is not None]
            self._above[key] = tuple(key_of(each, self._objects) for each in above)
            waiting += above

    def _use(self, top: Any, taken: _Taken) -> None:
        """Note that the ops of a call take values without a gradient.

        Of the nodes that a call adds it is the first, from the leaves, with an input that gets no
        gradient.
        """
        known, user, waiting = {*taken.keys.values()}, top, [top]
        if key_of(top, self._objects) in known:
            return
        for function in waiting:
            known.add(key_of(function, self._objects))
            above = [each for each, _ in function.next_functions]
            if None in above:
                user = function
            waiting += [
                each
                for each in above
                if each is not None
                and leaf_of(each) is None
                and key_of(each, self._objects) not in known
            ]
        values = self._used.setdefault(key_of(user, self._objects), _Values({}, {}))
        values.constants.update(dict.fromkeys((*taken.constants, *taken.frozen)))


def _words(name: str) -> str:
    """Return a call's name as it is written: that of a property with a dot.

    Example:
        >>> _words("data.__get__"), _words("torch.argmax")
        ('.data', 'argmax')
    """
    if name.endswith(".__get__"):
        return f".{name.removesuffix('.__get__')}"
    return name.removeprefix("torch.")
