"""What was seen of a training script: plain data, written as JSON.

Standard library only. Everything refers to everything else by its position in the lists of `Watch`.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from typing import Any

FORMAT = "detach-lab-watch"
VERSION = 1

_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True)
class File:
    """A source file that a site is in.

    Attributes:
        path: Its path as Python knows it.
        own: Whether it is the person's own code rather than a library's.
        text: Its text; only of own files, and None where it could not be read or is too long.
    """

    path: str
    own: bool
    text: str | None = None


@dataclass(frozen=True)
class Place:
    """A line of a file, and the name of the function it is in."""

    file: int
    line: int
    function: str = ""


@dataclass(frozen=True)
class Site:
    """Where something happened.

    Attributes:
        own: The innermost line of the person's own code; None if there is none.
        library: The innermost line outside torch, where that is a library's.
        decorated: The definition of the function that a decorator of torch's, such as
            ``@torch.no_grad()``, turned gradients off for.
    """

    own: Place | None = None
    library: Place | None = None
    decorated: Place | None = None


@dataclass(frozen=True)
class Operation:
    """A call that took or made tensors.

    Attributes:
        name: As the documentation writes it, such as ``"F.relu"``.
        site: Index of its site.
        iteration: The iteration it ran in, from 0.
        grad: Whether gradients were recorded.
        inference: Whether it ran in inference mode.
        off_site: Where gradients were turned off; None if they were on or this was not seen.
        function: The custom ``autograd.Function`` that it ran in; empty outside of one.
        function_site: Where that was applied.
        backward_site: Where its ``backward`` is defined.
        in_place: Whether it changed one of its inputs.
        copying: Whether it ran while a module was copied by ``copy.deepcopy``.
        takes_numbers: Whether Python numbers or NumPy data were among its inputs.
        saved: Bytes that it saved for backward and no earlier operation of its iteration had,
            without parameters.
    """

    name: str
    site: int
    iteration: int
    grad: bool
    inference: bool = False
    off_site: int | None = None
    function: str = ""
    function_site: int | None = None
    backward_site: int | None = None
    in_place: bool = False
    copying: bool = False
    takes_numbers: bool = False
    saved: int = 0


@dataclass(frozen=True)
class Node:
    """A tensor, or the Python numbers made of one, after an operation.

    Attributes:
        kind: ``"parameter"``, ``"operation"`` (its result), ``"leaf"``, ``"alias"`` (shares memory
            with something seen before), ``"unseen"`` (has a graph that was not watched) or
            ``"numbers"`` (left torch).
        clock: Its place in the order of events.
        iteration: The iteration it was made in.
        operation: Index of the operation that made it.
        sources: The nodes that its values were computed from.
        kept: The nodes that autograd's graph connects it to.
        parameter: Index of the parameter that it is the value of.
        dtype: Without ``torch.``; for numbers the call that made them, such as ``"item"``.
        shape: Empty for numbers.
        requires_grad: When it was made.
        differentiable: Whether its dtype is floating point or complex.
    """

    kind: str
    clock: int
    iteration: int
    operation: int | None = None
    sources: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    parameter: int | None = None
    dtype: str = ""
    shape: tuple[int, ...] = ()
    requires_grad: bool = False
    differentiable: bool = True


@dataclass(frozen=True)
class Parameter:
    """A parameter or another leaf that required a gradient, and what became of its gradient.

    Attributes:
        names: Its names, such as ``"model.encoder.0.weight"``; empty if nothing was found that
            holds it.
        module: Class of the module that holds it; empty for a tensor on its own.
        shape: Its shape.
        bytes: Its size.
        requires_grad: At the end.
        is_parameter: Whether it is an ``nn.Parameter``.
        alive: Whether it still existed at the end.
        frozen_site: Where ``requires_grad`` was last turned off.
        optimizers: The optimizers that hold it.
        arrivals: How many times a gradient was brought to it.
        asked: How many times ``autograd.grad`` returned one instead.
        used_by_hand: Whether its gradient was used for something else than an optimizer's step.
        arrived_nonzero: Whether one brought a gradient that is not all zeros; None if the values
            were not looked at.
        arrived_zero: Whether one brought a gradient of zeros only.
        steps: How many steps of its optimizers ran.
        steps_with_gradient: In how many of them its gradient was there and not zero.
        cleared_site: Where a gradient that had arrived was removed or set to zero before a step.
        hook_sites: Where hooks were registered on it.
        only_evaluated: Whether its module ran in evaluation mode only.
        uses_with_grad: Operations that used it while gradients were recorded.
        uses_without_grad: Operations that used it while they were not.
        used_after_backward: Whether it was used only after the last backward pass.
    """

    names: tuple[str, ...]
    module: str
    shape: tuple[int, ...]
    bytes: int
    requires_grad: bool
    is_parameter: bool
    alive: bool = True
    frozen_site: int | None = None
    optimizers: tuple[int, ...] = ()
    arrivals: int = 0
    asked: int = 0
    used_by_hand: bool = False
    arrived_nonzero: bool | None = None
    arrived_zero: bool = False
    steps: int = 0
    steps_with_gradient: int = 0
    cleared_site: int | None = None
    hook_sites: tuple[int, ...] = ()
    only_evaluated: bool = False
    uses_with_grad: int = 0
    uses_without_grad: int = 0
    used_after_backward: bool = False


@dataclass(frozen=True)
class Optimizer:
    """An optimizer: its class, where it was made and how many steps it took."""

    name: str
    site: int | None
    steps: int = 0


@dataclass(frozen=True)
class GraphNode:
    """A node of autograd's graph in one backward pass.

    Attributes:
        name: Its class, such as ``"MulBackward0"``.
        custom: Whether it belongs to a custom ``autograd.Function``.
        node: The tensor that it belongs to.
        to: For each input, the graph node it leads to; None for a leaf or nothing.
        leaves: For each input, the parameter it leads to.
        received: Whether what it received is not all zeros; None if the engine did not run it.
        sent: For each input, whether what it sent is not all zeros; None if it sent nothing.
        hook_sites: Where hooks were registered on the tensor.
    """

    name: str
    custom: bool
    node: int | None
    to: tuple[int | None, ...]
    leaves: tuple[int | None, ...]
    received: bool | None = None
    sent: tuple[bool | None, ...] = ()
    hook_sites: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reuse:
    """An edge into a graph that an earlier backward pass has freed.

    Attributes:
        node: The tensor on this side of the edge.
        freed: The tensor on the other side.
        freed_by: The backward pass that freed it.
    """

    node: int | None
    freed: int | None
    freed_by: int


@dataclass(frozen=True)
class Backward:
    """A call of ``backward`` or ``autograd.grad``.

    Attributes:
        kind: ``"backward"`` or ``"grad"``.
        site: Index of its site.
        clock: Its place in the order of events.
        iteration: The iteration it ran in.
        roots: The tensors it started from.
        leaves: The parameters that the graph reaches.
        inputs: The parameters named by ``inputs=``; None if there was none.
        create_graph: Whether its results have a graph.
        stepped: The optimizers that stepped after it and before the next one.
        error: What it raised; empty if nothing.
        reuses: For an error about a freed graph, the edges into it.
        graph: Its graph, where a leaf got zeros or nothing and the values were looked at.
    """

    kind: str
    site: int
    clock: int
    iteration: int
    roots: tuple[int, ...]
    leaves: tuple[int, ...]
    inputs: tuple[int, ...] | None = None
    create_graph: bool = False
    stepped: tuple[int, ...] = ()
    error: str = ""
    reuses: tuple[Reuse, ...] = ()
    graph: tuple[GraphNode, ...] = ()


@dataclass(frozen=True)
class Change:
    """A tensor that was changed after an operation had saved it for backward.

    Attributes:
        saver: Name of the operation that saved it.
        node: The result of that operation.
        saver_site: Where that ran.
        writer: Name of what changed it.
        writer_sites: Where; the first is the likeliest.
        through: ``"version"`` if the version counter tells, ``"data"`` if it was changed through
            ``.data`` and the like, ``"numpy"`` if through a NumPy array.
        saved_version: The version that was saved.
        version: The version that backward found.
        backward_site: Where backward ran.
        raised: Whether backward raised because of it.
    """

    saver: str
    node: int | None
    saver_site: int
    writer: str
    writer_sites: tuple[int, ...]
    through: str
    saved_version: int
    version: int
    backward_site: int
    raised: bool


@dataclass(frozen=True)
class Growth:
    """A graph that reaches over several iterations.

    Attributes:
        site: The line that extends it.
        iterations: In how many iterations it was extended.
        span: Over how many iterations the graph reaches.
        held: Whether its end was still alive at the end of an iteration.
    """

    site: int
    iterations: int
    span: int
    held: bool


@dataclass(frozen=True)
class Held:
    """Tensors of earlier iterations or forward passes that are alive with their graphs.

    Attributes:
        site: The line that made them.
        count: Of how many iterations or forward passes.
        holders: Names of what holds them.
        put_sites: Lines that put them there, as far as the source tells.
        forward_only: Whether they were counted by forward passes, none of which a backward used.
    """

    site: int
    count: int
    holders: tuple[str, ...]
    put_sites: tuple[int, ...] = ()
    forward_only: bool = False


@dataclass(frozen=True)
class Failure:
    """An error that ended the script.

    Attributes:
        type: Its class.
        text: Its message.
        site: Where it was raised.
        where: ``"forward"``, ``"backward"``, ``"step"`` or ``"elsewhere"``.
        inference_site: For inference tensors that backward cannot use, where they were made.
    """

    type: str
    text: str
    site: int | None
    where: str
    inference_site: int | None = None


@dataclass(frozen=True)
class Counts:
    """How much was seen."""

    backward: int = 0
    steps: int = 0
    iterations: int = 0
    operations: int = 0
    tensors: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Environment:
    """What it ran on."""

    torch: str
    python: str
    platform: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watch:
    """A record of some training steps.

    Attributes:
        script: The command that was run; empty if it was watched from inside.
        module_hook_sites: Where hooks on the gradients of modules were registered, and defined.
        stopped: Why watching ended early: ``"steps"`` or empty.
        complete: Whether the script was watched to its end; False for a record that was written
            meanwhile, by a script that was killed later.
        compiled: Whether something asked for ``torch.compile``, which is watched in eager mode.
        dropped: Nodes of iterations in the middle that are not kept.
        notes: Troubles of the watcher itself.
    """

    script: tuple[str, ...]
    environment: Environment
    counts: Counts
    files: tuple[File, ...] = ()
    sites: tuple[Site, ...] = ()
    operations: tuple[Operation, ...] = ()
    nodes: tuple[Node, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    backward: tuple[Backward, ...] = ()
    changes: tuple[Change, ...] = ()
    growth: tuple[Growth, ...] = ()
    held: tuple[Held, ...] = ()
    failure: Failure | None = None
    module_hook_sites: tuple[int, ...] = ()
    stopped: str = ""
    complete: bool = True
    compiled: bool = False
    dropped: int = 0
    notes: tuple[str, ...] = field(default=())


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a source as Python counts them; `str.splitlines` knows more ends.

    Example:
        >>> lines_of("a = 1\r\n\x0cb = '\x85'\n\n")
        ['a = 1', "\x0cb = '\x85'", '']
    """
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def waits(parameter: Any) -> bool:
    """Return whether a parameter's optimizers have stepped and never found a gradient of it.

    Args:
        parameter: A `Parameter`, or what the watcher knows of one.
    """
    steps = bool(parameter.optimizers) and bool(parameter.steps)
    return steps and not parameter.steps_with_gradient


def has_arrived(parameter: Any) -> bool:
    """Return whether a gradient arrived where it is used.

    What ``autograd.grad`` returned is somebody else's, where an optimizer waits for a gradient.

    Args:
        parameter: A `Parameter`, or what the watcher knows of one.
    """
    return bool(parameter.arrivals or (parameter.asked and not waits(parameter)))


def encode(watch: Watch) -> str:
    """Return a record as JSON; records within it are lists, in the order of their fields."""
    return json.dumps(
        {"format": FORMAT, "version": VERSION, "watch": _plain(watch)}, separators=(",", ":")
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if dataclasses.is_dataclass(value):
        plain = {each: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        return {
            each.name: got
            for each, got in plain.items()
            if each.default is dataclasses.MISSING or got != _plain(each.default)
        }
    # A symbolic size, as of ``torch.export``, is no number yet.
    return value if value is None or isinstance(value, (int, float, str)) else 0
