"""Sees each call of a torch function, above autograd, and notes what it made of what."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from . import calls, sharding
from .flow import Operation, graph, is_trained, tensors_in, tracing
from .sites import OPTIMIZER, Site, here, kind
from .training import has_values

if TYPE_CHECKING:
    from .session import Session


# Operations between a gradient and what is done with it by hand, such as a step of SGD.
_STEPS_BY_HAND = 5


class Before:
    """The inputs of a call, before it ran."""

    __slots__ = ("above", "grad", "nodes", "tensors", "versions")

    def __init__(self, session: Session, tensors: list[Tensor]) -> None:
        """Note them."""
        flow = session.flow
        self.tensors = tensors
        self.nodes = [flow.node_of(each) for each in tensors]
        self.versions = [None if each.is_inference() else each._version for each in tensors]
        self.grad = torch.is_grad_enabled()
        self.above = [graph(each) for each in tensors] if session.in_other_thread() else None


class Mode(TorchFunctionMode):
    """Watches the calls of the threads it is entered in."""

    def __init__(self, session: Session) -> None:
        """Watch for a session."""
        super().__init__()
        self._session = session

    def __torch_function__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run a call, and note it."""
        kwargs = kwargs or {}
        session = self._session
        thread = session.thread
        if thread.busy or func in calls.IGNORED or func in calls.BACKWARD or tracing():
            return func(*args, **kwargs)
        if thread.stepping and kind(sys._getframe(1).f_code) == OPTIMIZER:
            return func(*args, **kwargs)
        if func is calls.SET_GRAD_MODE:
            return _set_grad_mode(session, args, kwargs)
        try:
            tensors = tensors_in(args, [])
            if kwargs:
                tensors_in(kwargs.values(), tensors)
            before = Before(session, tensors)
        except Exception as error:
            # A lazy parameter answers nothing before it has a shape.
            if not any(map(is_lazy, tensors_in(args, []))):
                session.trouble(calls.name_of(func), error)
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        try:
            _note(session, func, args, kwargs, before, result)
        except Exception as error:
            session.trouble(calls.name_of(func), error)
        return result


def _set_grad_mode(session: Session, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    was_on = torch.is_grad_enabled()
    result = calls.SET_GRAD_MODE(*args, **kwargs)
    if torch.is_grad_enabled():
        session.thread.off_site = None
    elif was_on:
        session.thread.off_site = here()
    return result


def _note(
    session: Session,
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    before: Before,
    result: Any,
) -> None:
    """Note what a call has done."""
    if func in calls.REQUIRE:
        _require(session, before.tensors[0], here())
        return
    if func == calls.SET_GRADIENT:
        _set_gradient(session, args[0], args[1], here())
        return
    if func in calls.HOOKS:
        session.passes.hook(before.tensors[0], here())
        return
    outputs = tensors_in((result,), [])
    changed = [
        number
        for number, (tensor, version) in enumerate(
            zip(before.tensors, before.versions, strict=True)
        )
        if version is not None and tensor._version != version
    ]
    taken = calls.TO_PYTHON.get(func)
    if taken == "bool" or not (outputs or changed or taken or func == calls.SET_DATA):
        _count_uses(session.flow.clock, before, changed)
        return
    operation = session.operation(calls.name_of(func), here(), before.grad)
    sources = [node.id for node in before.nodes]
    _count_uses(session.flow.clock, before, changed)
    if taken:
        _take(session, taken, operation, sources, before, result)
        return
    if func in calls.BUILD or not before.tensors or len(args) > 1 or kwargs:
        _add_numbers(session, func, operation, sources, args, kwargs, before)
    operation.in_place = bool(changed)
    for number in changed:
        _note_change(session, operation, sources, before, number)
    if func == calls.SET_DATA:
        _set_data(session, operation, sources, before.tensors[0])
        return
    known = {id(tensor) for tensor in before.tensors}
    for tensor in outputs:
        if id(tensor) not in known:
            node = session.flow.add("operation" if sources else "leaf", operation, sources, tensor)
            session.flow.register(tensor, node)
            session.flow.connect(tensor, node, before.above)
        elif func in calls.DETACH_IN_PLACE:
            session.flow.register(tensor, session.flow.add("operation", operation, sources, tensor))
    if func in calls.SPLIT and sharding.is_flat(before.tensors[0]):
        flat = before.tensors[0]
        own = session.parameters.pieces(flat)
        for number, tensor in sharding.pieces(flat, outputs):
            session.flow.node_of(tensor).parameter = own[number]


def _require(session: Session, tensor: Tensor, site: Site) -> None:
    """Note that ``requires_grad`` of a tensor was set."""
    if not is_trained(tensor):
        known = session.parameters.known(tensor)
        if known is not None:
            known.frozen_site = site
            known.requires_grad = False
        return
    session.flow.node_of(tensor)
    parameter = session.parameters.of(tensor)
    parameter.requires_grad = tensor.requires_grad
    if not tensor.requires_grad:
        parameter.frozen_site = site


def _set_gradient(session: Session, tensor: Tensor, gradient: Tensor | None, site: Site) -> None:
    if not is_trained(tensor):
        return
    parameter = session.parameters.of(tensor)
    if gradient is None:
        parameter.removed_site = site
        return
    looks = session.passes.looks
    if parameter.gradient == id(gradient) and looks and not has_values(gradient):
        # What ``p.grad *= 0`` ends with: the same tensor, which was changed in place.
        return
    came = parameter.since_step
    session.parameters.arrive(parameter, gradient, session.flow.clock, looks)
    if came and looks and not has_values(gradient):
        parameter.removed_site = site
    _use_gradients(session, [session.flow.node_of(gradient).id])


def _use_gradients(session: Session, nodes: list[int]) -> None:
    """Note which gradients some nodes were computed from: these are used by hand."""
    if not session.passes.count or not nodes:
        return
    found = set(nodes)
    front = list(nodes)
    for _ in range(_STEPS_BY_HAND):
        known = [session.flow.nodes[each] for each in front if each in session.flow.nodes]
        front = [each for node in known for each in node.sources if each not in found]
        found.update(front)
    session.parameters.use_by_hand(found, session.flow.known)


def _take(
    session: Session,
    taken: str,
    operation: Operation,
    sources: list[int],
    before: Before,
    result: Any,
) -> None:
    """Note numbers that left torch."""
    node = session.flow.add("numbers", operation, sources, None)
    node.dtype = taken
    session.scalars.add(result, node)
    if taken == "numpy" and before.tensors:
        session.saved.export(before.tensors[0], operation.name, operation.site)


def _add_numbers(
    session: Session,
    func: Any,
    operation: Operation,
    sources: list[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    before: Before,
) -> None:
    """Add the numbers among the arguments to what a call computes from."""
    whole = func in calls.BUILD or not before.tensors
    values = (*args, *kwargs.values())
    floats, found = session.scalars.sources(
        values if whole else [each for each in values if type(each) is float]
    )
    operation.takes_numbers = floats or (whole and any(_is_array(each) for each in values))
    sources += [each for each in found if each not in sources]


def _note_change(
    session: Session, operation: Operation, sources: list[int], before: Before, number: int
) -> None:
    """Note that a call has changed one of its inputs."""
    flow = session.flow
    tensor, node = before.tensors[number], before.nodes[number]
    storage = flow.storage(tensor)
    if is_trained(tensor):
        own = {each.id for each, t in zip(before.nodes, before.tensors, strict=True) if t is tensor}
        rest = [each for each in sources if each not in own]
        made = flow.add("parameter", operation, rest, tensor)
        session.parameters.on_leaf(tensor, made)
        _use_gradients(session, rest)
    else:
        made = flow.add("operation", operation, sources, tensor)
        made.parameter = node.parameter
        flow.connect(tensor, made, before.above)
    flow.register(tensor, made)
    if storage is not None:
        flow.written[storage] = made
        session.saved.write(storage, tensor, operation.name, operation.site, operation)


def _set_data(session: Session, operation: Operation, sources: list[int], tensor: Tensor) -> None:
    """Note ``tensor.data = ...``, which gives a tensor other memory."""
    flow = session.flow
    trained = is_trained(tensor)
    made = flow.add("parameter" if trained else "operation", operation, sources[1:], tensor)
    if trained:
        session.parameters.on_leaf(tensor, made)
    flow.forget(tensor)
    flow.register(tensor, made)
    flow.succeed(tensor, made)


def _count_uses(clock: int, before: Before, changed: list[int]) -> None:
    """Count the parameters among the inputs as used, unless the call only changed them."""
    for number, node in enumerate(before.nodes):
        parameter: Any = node.parameter
        if parameter is None or number in changed:
            continue
        if before.grad:
            parameter.uses_with_grad += 1
            if parameter.first_use_with_grad is None:
                parameter.first_use_with_grad = clock
        else:
            parameter.uses_without_grad += 1


def _is_array(value: Any) -> bool:
    return type(value).__module__ == "numpy"
