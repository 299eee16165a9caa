"""What a function mode does not see: constructors, custom Functions, modules, optimizers, threads.

Each patch calls what it replaces with the same arguments, and is taken back at the end.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from .flow import CustomFunction, tensors_in, tracing
from .sites import WATCHER, caller_of_torch, here, kind
from .tracebacks import as_without_watcher

if TYPE_CHECKING:
    from .session import Session

_BACKWARD_HOOKS = (
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
    "register_backward_hook",
)


@contextlib.contextmanager
def patched(session: Session) -> Iterator[None]:
    """Watch what a function mode does not see, for a session."""
    with contextlib.ExitStack() as stack:
        for each in (
            _parameters,
            _from_numpy,
            _functions,
            _vmap,
            _inference_mode,
            _engine,
            _optimizers,
            _modules,
            _threads,
            _warnings,
            _eager,
        ):
            stack.enter_context(each(session))
        stack.enter_context(as_without_watcher())
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, new: Any) -> Iterator[None]:
    """Put something else in an attribute's place."""
    old = vars(owner)[name]
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, old)


@contextlib.contextmanager
def _parameters(session: Session) -> Iterator[None]:
    original = nn.Parameter.__new__

    def new(cls: Any, data: Any = None, requires_grad: bool = True) -> Any:
        made = original(cls, data, requires_grad)
        if not session.thread.busy and isinstance(data, Tensor):
            with session.guarded("nn.Parameter"):
                site = here()
                flow = session.flow
                source = flow.node_of(data)
                operation = session.operation("nn.Parameter", site, True)
                node = flow.add("parameter", operation, [source.id], made)
                session.parameters.on_leaf(made, node)
                flow.register(made, node)
                if not requires_grad:
                    session.parameters.of(made).frozen_site = site
        return made

    with replaced(nn.Parameter, "__new__", staticmethod(new)):
        yield


@contextlib.contextmanager
def _from_numpy(session: Session) -> Iterator[None]:
    original = torch.from_numpy

    def from_numpy(array: Any) -> Tensor:
        made = original(array)
        if not session.thread.busy:
            with session.guarded("torch.from_numpy"):
                site = here()
                operation = session.operation("torch.from_numpy", site, torch.is_grad_enabled())
                operation.takes_numbers = True
                session.flow.register(made, session.flow.add("leaf", operation, (), made))
                session.saved.export(made, operation.name, site)
        return made

    with replaced(torch, "from_numpy", from_numpy):
        yield


@contextlib.contextmanager
def _functions(session: Session) -> Iterator[None]:
    function = torch.autograd.Function
    original = vars(function)["apply"].__func__

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        thread = session.thread
        if thread.busy or tracing():
            return original(cls, *args, **kwargs)
        flow = session.flow
        site, name = here(), f"{cls.__module__}.{cls.__qualname__}"
        with session.guarded(name):
            sources = [flow.node_of(each).id for each in tensors_in(args, [])]
        first = flow.clock
        backward = getattr(vars(cls).get("backward"), "__func__", None)
        running = CustomFunction(name, site, getattr(backward, "__code__", None))
        thread.functions.append(running)
        try:
            result = original(cls, *args, **kwargs)
        finally:
            thread.functions.pop()
        with session.guarded(name):
            operation = session.operation(f"{cls.__name__}.apply", site, torch.is_grad_enabled())
            operation.function, operation.function_site = name, site
            operation.backward = running.backward
            for tensor in tensors_in((result,), []):
                known = flow.known(tensor)
                inner = [known.id] if known is not None and known.id >= first else []
                node = flow.add("operation", operation, [*sources, *inner], tensor)
                flow.register(tensor, node)
                flow.connect(tensor, node)
        return result

    with replaced(function, "apply", classmethod(apply)):
        yield


@contextlib.contextmanager
def _vmap(session: Session) -> Iterator[None]:
    """What ``vmap`` hands to its function stands for its argument, and has no graph to be asked."""
    import torch._functorch.vmap as module

    add, remove = vars(module).get("_add_batch_dim"), vars(module).get("_remove_batch_dim")
    if add is None or remove is None:
        yield
        return

    def note(made: Any, source: Any, inside: bool) -> Any:
        if session.thread.busy or not isinstance(made, Tensor) or not isinstance(source, Tensor):
            return made
        with session.guarded("vmap"):
            flow = session.flow
            before = flow.node_of(source)
            operation = session.operation("vmap", here(), torch.is_grad_enabled())
            node = flow.add("operation", operation, [before.id], made)
            if inside:
                node.kept = (before.id,)
                if before.parameter is not None and operation.grad:
                    parameter: Any = before.parameter
                    parameter.uses_with_grad += 1
            flow.register(made, node)
            if not inside:
                flow.connect(made, node)
        return made

    def adding(tensor: Any, *args: Any) -> Any:
        return note(add(tensor, *args), tensor, True)

    def removing(tensor: Any, *args: Any) -> Any:
        return note(remove(tensor, *args), tensor, False)

    with (
        replaced(module, "_add_batch_dim", adding),
        replaced(module, "_remove_batch_dim", removing),
    ):
        yield


@contextlib.contextmanager
def _inference_mode(session: Session) -> Iterator[None]:
    mode = torch.inference_mode
    enter, leave = vars(mode)["__enter__"], vars(mode)["__exit__"]

    def entering(self: Any) -> Any:
        session.thread.inference_sites.append(here())
        return enter(self)

    def leaving(self: Any, *error: Any) -> Any:
        if session.thread.inference_sites:
            session.thread.inference_sites.pop()
        return leave(self, *error)

    with replaced(mode, "__enter__", entering), replaced(mode, "__exit__", leaving):
        yield


@contextlib.contextmanager
def _engine(session: Session) -> Iterator[None]:
    """Every backward pass goes through this one function."""
    name = "_engine_run_backward"
    original = getattr(torch.autograd, name, None)
    if original is None:
        session.notes.append(f"torch.autograd.{name} is not there: no backward pass is seen")
        yield
        return

    def run(outputs: Any, *args: Any, **kwargs: Any) -> Any:
        return session.backward(original, outputs, args, kwargs)

    with replaced(torch.autograd, name, run):
        yield


@contextlib.contextmanager
def _optimizers(session: Session) -> Iterator[None]:
    optimizer = torch.optim.Optimizer
    original = vars(optimizer)["__init__"]

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        with session.guarded("Optimizer"):
            session.optimizers.of(self, here())

    def before(made: Any, args: Any, kwargs: Any) -> None:
        session.before_step(made)

    def after(made: Any, args: Any, kwargs: Any) -> None:
        session.after_step(made)

    handles = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    with replaced(optimizer, "__init__", init):
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@contextlib.contextmanager
def _modules(session: Session) -> Iterator[None]:
    original = vars(nn.Module)["__call__"]

    # A hook would send every call of a module another way, with other lines in tracebacks.
    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        thread = session.thread
        if thread.modules or thread.busy:
            return original(self, *args, **kwargs)
        session.enter_module(self)
        try:
            return original(self, *args, **kwargs)
        finally:
            thread.modules = 0

    def registering(original: Callable[..., Any]) -> Callable[..., Any]:
        def register(self: nn.Module, hook: Any, *args: Any, **kwargs: Any) -> Any:
            session.module_hook(hook, here())
            return original(self, hook, *args, **kwargs)

        return register

    with contextlib.ExitStack() as stack:
        stack.enter_context(replaced(nn.Module, "__call__", call))
        for name in _BACKWARD_HOOKS:
            stack.enter_context(replaced(nn.Module, name, registering(vars(nn.Module)[name])))
        yield


@contextlib.contextmanager
def _threads(session: Session) -> Iterator[None]:
    """Function modes belong to a thread; one that starts is watched from its beginning."""
    name = "_bootstrap_inner" if "_bootstrap_inner" in vars(threading.Thread) else "run"
    original = vars(threading.Thread)[name]

    def run(self: Any) -> Any:
        if session.forked:
            return original(self)
        with session.entered():
            return original(self)

    with replaced(threading.Thread, name, run):
        yield


@contextlib.contextmanager
def _warnings(session: Session) -> Iterator[None]:
    """Let a warning tell the line that it would have told without the watcher."""
    # What C calls, and `catch_warnings` leaves alone; it calls what a script puts in place.
    name = "_showwarnmsg" if hasattr(warnings, "_showwarnmsg") else "showwarning"
    original = getattr(warnings, name)

    def show(message: Any, *rest: Any) -> None:
        filename = rest[1] if rest else message.filename
        own = sys._getframe()
        frame = own.f_back
        while frame is not None and frame.f_code.co_filename != filename:
            frame = frame.f_back
        if frame is None or kind(frame.f_code) != WATCHER or frame.f_code is own.f_code:
            original(message, *rest)
            return
        frame.f_globals.get("__warningregistry__", {}).clear()
        caller = caller_of_torch(frame)
        if caller is None:
            original(message, *rest)
            return
        text, category = (message, rest[0]) if rest else (message.message, message.category)
        with replaced(warnings, name, original):
            warnings.warn_explicit(
                text,
                category,
                caller.f_code.co_filename,
                caller.f_lineno,
                caller.f_globals.get("__name__", "<unknown>"),
                caller.f_globals.setdefault("__warningregistry__", {}),
                caller.f_globals,
                None if rest else message.source,
            )

    with replaced(warnings, name, show):
        yield


@contextlib.contextmanager
def _eager(session: Session) -> Iterator[None]:
    """What asks for ``torch.compile`` runs in eager mode, where it can be watched."""
    original = torch.compile

    def compile(*args: Any, **kwargs: Any) -> Any:
        session.compiled = True
        return original(*args, **kwargs)

    with replaced(torch, "compile", compile), contextlib.ExitStack() as stack:
        with contextlib.suppress(AttributeError, RuntimeError):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
