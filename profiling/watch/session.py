"""A watch at work: its parts, and what is true of each thread."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .backward import Pass, Passes
from .flow import CustomFunction, Flow, Node, Operation
from .memory import Memory
from .mode import Mode
from .patches import patched
from .saved import Saved
from .scalars import Scalars
from .sites import USER, Site, definition, here, kind
from .training import Optimizers, Parameters

_MOST_TROUBLE = 20
# Backward passes after which an optimizer is no longer expected to step.
_MANY_PASSES = 64


class Enough(BaseException):
    """Ends a script that was to be watched for some steps only."""


class _Thread(threading.local):
    """What is true of one thread.

    Attributes:
        busy: Nothing is watched while this is not 0.
        stepping: How many optimizers are stepping.
        off_site: Where gradients were turned off.
        inference_sites: Where inference mode was entered.
        functions: The custom Functions that are running.
        modules: Whether a module is running.
    """

    busy = 0
    stepping = 0
    off_site: Site | None = None
    modules = 0

    def __init__(self) -> None:
        self.inference_sites: list[Site] = []
        self.functions: list[CustomFunction] = []


class Session:
    """Watches from `start` to `stop`.

    Attributes:
        compiled: Whether something asked for ``torch.compile``.
        module_hooks: Where hooks on the gradients of modules were registered, and defined.
        operations: How many operations were seen.
        steps: How many steps the first optimizer took.
        notes: Troubles of the watcher itself.
        stopped: Why it ended early.
        forked: Whether this is a child of the process that is watched.
    """

    def __init__(
        self,
        values: bool = True,
        most_steps: int | None = None,
        on_iteration: Callable[[int], None] | None = None,
    ) -> None:
        """Prepare to watch.

        Args:
            values: Whether to look at the values of gradients, for zeros.
            most_steps: Steps after which to raise `Enough`.
            on_iteration: Called after each iteration with their number.
        """
        self.thread = _Thread()
        self.flow = Flow(self._connected, self._leaf)
        self.scalars = Scalars()
        self.parameters = Parameters()
        self.optimizers = Optimizers(self.parameters, values)
        self.saved = Saved(self.flow)
        self.memory = Memory(self.flow)
        self.passes = Passes(self.flow, self.saved, self.memory, self.parameters, values)
        self.passes.guarded = self.guarded
        self.compiled = False
        self.module_hooks: list[Site] = []
        self.operations = 0
        self.steps = 0
        self.notes: list[str] = []
        self.stopped = ""
        self.forked = False
        self.began = time.monotonic()
        self.ended: float | None = None
        self._most_steps = most_steps
        self._on_iteration = on_iteration
        self._home = threading.get_ident()
        self._mode = Mode(self)
        self._stack = contextlib.ExitStack()
        self._first_optimizer: int | None = None
        self._passes_since_step = 0
        self._first_site: Site | None = None

    # Life

    def start(self) -> None:
        """Begin to watch this thread and those that start from now on."""
        if not torch.is_grad_enabled():
            self.thread.off_site = here()
        self._stack.enter_context(patched(self))
        self._stack.enter_context(self.entered())
        _watching.add(self)

    def stop(self) -> None:
        """End watching, and put everything back."""
        self._stack.close()
        _watching.discard(self)
        self.ended = time.monotonic()
        self.thread.busy += 1
        with self.guarded("end"):
            self.flow.iteration += 1
            self.memory.end_iteration(last=True)
            self.flow.iteration -= 1

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Watch the calls of the thread at hand."""
        if threading.get_ident() != self._home:
            self.flow.threaded = True
        with self._mode:
            yield

    @contextlib.contextmanager
    def guarded(self, name: str) -> Iterator[None]:
        """Keep a fault of the watcher from becoming the script's."""
        try:
            yield
        except Exception as error:
            self.trouble(name, error)

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """Do something that is not to be seen."""
        self.thread.busy += 1
        try:
            yield
        finally:
            self.thread.busy -= 1

    def trouble(self, name: str, error: Exception) -> None:
        """Note a fault of the watcher."""
        if len(self.notes) < _MOST_TROUBLE:
            last = traceback.extract_tb(error.__traceback__)[-1]
            self.notes.append(
                f"{name}: {type(error).__name__}: {error} ({last.name}:{last.lineno})"
            )

    def in_other_thread(self) -> bool:
        """Return whether this is another thread than the one that watching began in."""
        return self.flow.threaded and threading.get_ident() != self._home

    # Events

    def operation(self, name: str, site: Site, grad: bool) -> Operation:
        """Return an operation in the modes of the thread at hand."""
        thread = self.thread
        operation = Operation(name, site, self.flow.iteration)
        operation.grad = grad
        operation.inference = torch.is_inference_mode_enabled()
        if operation.inference and thread.inference_sites:
            operation.off_site = thread.inference_sites[0]
        elif not grad:
            operation.off_site = thread.off_site
        if thread.functions:
            running = thread.functions[-1]
            operation.function, operation.function_site = running.name, running.site
            operation.backward = running.backward
        self.operations += 1
        return operation

    def backward(
        self, original: Callable[..., Any], outputs: Any, args: tuple[Any, ...], kwargs: Any
    ) -> Any:
        """Run a backward pass, watched unless it is a part of another one."""
        if self.thread.busy:
            return original(outputs, *args, **kwargs)
        values = dict(zip(("grad_outputs", "keep", "create", "inputs"), args, strict=False))
        accumulate = bool(kwargs.get("accumulate_grad", True))
        form = "backward" if accumulate else "grad"
        at = Pass(form, here(), self.flow.clock, self.flow.iteration)
        at.create_graph = bool(values.get("create"))
        with self.unwatched():
            result = self.passes.run(
                lambda: original(outputs, *args, **kwargs),
                list(outputs),
                list(values.get("inputs") or ()),
                at,
                bool(values.get("keep")),
            )
            if at.create_graph and any(_elsewhere(each) for each in outputs):
                # The engine's own thread numbers what it makes.
                self.flow.threaded = True
        if form == "backward":
            self._after_backward(at)
        return result

    def before_step(self, made: Any) -> None:
        """Look at what an optimizer is about to do."""
        if self.forked:
            return
        self.thread.stepping += 1
        in_backward = self.thread.busy > 0
        with self.unwatched(), self.guarded("step"):
            self.optimizers.before_step(
                made, self._cleared, self.flow.clock, self.passes.looks, in_backward
            )

    def after_step(self, made: Any) -> None:
        """Note what an optimizer has changed, and end the iteration with the first one's step."""
        if self.forked:
            return
        self.thread.stepping = max(0, self.thread.stepping - 1)
        known = self.optimizers.of(made)
        known.steps += 1
        self.passes.step(known.number)
        with self.unwatched(), self.guarded("step"):
            site = here()
            for tensor, version in known.versions:
                if tensor._version != version:
                    storage = self.flow.storage(tensor)
                    self.saved.write(storage, tensor, f"{known.name}.step", site, known)
            known.versions = []
        if self._first_optimizer is None:
            self._first_optimizer = known.number
        if known.number == self._first_optimizer:
            self.steps += 1
            self._passes_since_step = 0
            self._end_iteration()

    def enter_module(self, module: nn.Module) -> None:
        """Note that a module begins its forward, which no other module has called."""
        self.thread.modules = 1
        with self.unwatched(), self.guarded("forward"):
            self.parameters.runs(module)
            self.memory.begin_forward(id(module))

    def module_hook(self, hook: Any, site: Site) -> None:
        """Note that a hook on a module's gradients was registered."""
        code = getattr(getattr(hook, "__func__", hook), "__code__", None)
        self.module_hooks.append(site)
        if code is not None and kind(code) == USER:
            self.module_hooks.append(definition(code))

    def _connected(self, node: Node, new: list[Any]) -> None:
        self.saved.look(node, new)
        if node.iteration != node.oldest:
            self.memory.extend(node)

    def _leaf(self, tensor: Tensor, node: Node) -> None:
        self.parameters.on_leaf(tensor, node)

    def _cleared(self, gradient: Tensor, since: int) -> Site | None:
        """Return where a gradient was last written to after it had arrived."""
        storage = self.flow.storage(gradient)
        written = None if storage is None else self.flow.written.get(storage)
        if written is None or written.id < since or written.operation is None:
            return None
        return written.operation.site

    def _after_backward(self, at: Pass) -> None:
        """End an iteration without an optimizer's step, where the same line runs backward again."""
        if self._first_site is None:
            self._first_site = at.site
        if at.site is self._first_site:
            self._passes_since_step += 1
            if not self.optimizers.all:
                self.steps += 1
                self._end_iteration()
            elif self._passes_since_step > _MANY_PASSES:
                self._end_iteration()

    def _end_iteration(self) -> None:
        with self.unwatched(), self.guarded("iteration"):
            gone = self.flow.expired()
            self.saved.forget(gone)
            self.memory.end_iteration()
            self.saved.next_iteration()
            self.passes.next_iteration()
            self.flow.next_iteration()
            if self._on_iteration is not None:
                self._on_iteration(self.flow.iteration)
        if self._most_steps is not None and self.steps >= self._most_steps:
            self.stopped = "steps"
            raise Enough


def _in_child() -> None:
    """Watch nothing in a child process."""
    for each in _watching:
        each.forked = True
        each.thread.busy += 1


_watching: weakref.WeakSet[Session] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _elsewhere(output: Any) -> bool:
    return isinstance(output, Tensor) and output.device.type != "cpu"
