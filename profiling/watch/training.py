"""What becomes of each parameter's gradient: arrivals, optimizers, steps, what clears it."""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Callable, Container, Iterable

import torch
from torch import Tensor, nn

from . import sharding
from .flow import Node
from .sites import Site

# Elements of a gradient from which on a part of it is looked at first.
_LARGE = 256


class Parameter:
    """A leaf that requires a gradient; see `record.Parameter`."""

    def __init__(self, tensor: Tensor, number: int) -> None:
        """Describe a leaf that nothing has used yet."""
        self.reference = weakref.ref(tensor)
        self.number = number
        self.names: list[str] = []
        self.module = ""
        self.shape: tuple[int, ...] = ()
        self.is_parameter = isinstance(tensor, nn.Parameter)
        self.bytes = 0
        with contextlib.suppress(RuntimeError, ValueError, TypeError):
            # Lazy parameters have no shape yet.
            self.shape = tuple(tensor.shape)
            self.bytes = tensor.numel() * tensor.element_size()
        self.requires_grad = tensor.requires_grad
        self.frozen_site: Site | None = None
        self.optimizers: set[int] = set()
        self.arrivals = 0
        self.asked = 0
        self.used_by_hand = False
        self.arrived_nonzero: bool | None = None
        self.arrived_zero = False
        self.since_step = 0
        self.steps = 0
        self.steps_with_gradient = 0
        self.cleared_site: Site | None = None
        self.removed_site: Site | None = None
        self.arrived_at = -1
        # Whether the gradient that has arrived last is not all zeros, as far as this was looked at.
        self.brought = True
        # Identity of the gradient that has arrived.
        self.gradient = 0
        self.hook_sites: list[Site] = []
        self.only_evaluated = False
        self.uses_with_grad = 0
        self.uses_without_grad = 0
        self.first_use_with_grad: int | None = None
        # Of FSDP: the parameter that this one is computed with for, and the flat one that holds it.
        self.stands_for: Parameter | None = None
        self.flat: Parameter | None = None

    def tensor(self) -> Tensor | None:
        """The leaf itself, if it is still alive."""
        tensor = self.reference()
        if tensor is not None:
            fix = getattr(tensor, "_fix_weakref", None)
            if fix is not None:
                fix()
        return tensor


class Optimizer:
    """An optimizer; see `record.Optimizer`."""

    def __init__(self, made: torch.optim.Optimizer, site: Site | None, number: int) -> None:
        """Describe an optimizer that has not stepped yet."""
        self.reference = weakref.ref(made)
        self.name = type(made).__name__
        self.site = site
        self.number = number
        self.steps = 0
        # Whether its last step found a gradient of zeros, so that the next one is worth a look.
        self.zeros = False
        self.versions: list[tuple[Tensor, int]] = []


class Parameters:
    """All parameters seen, by their tensors' ids.

    Attributes:
        all: In the order in which they were seen.
    """

    def __init__(self) -> None:
        """Start without parameters."""
        # Outermost modules that ran in training mode, and in evaluation mode.
        self.training: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.evaluating: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.all: list[Parameter] = []
        self._by_id: dict[int, Parameter] = {}
        self._pieces: dict[int, list[Parameter]] = {}

    def runs(self, module: nn.Module) -> None:
        """Note that a module runs that no other has called."""
        (self.training if module.training else self.evaluating).add(module)

    def is_only_evaluated(self, module: nn.Module) -> bool:
        """Return whether a module ran by itself, and in evaluation mode only."""
        with contextlib.suppress(TypeError):
            # A module may have no hash.
            return module in self.evaluating and module not in self.training
        return False

    def of(self, tensor: Tensor) -> Parameter:
        """Return what is known of a leaf."""
        found = self.known(tensor)
        if found is None:
            found = Parameter(tensor, len(self.all))
            self.all.append(found)
            self._by_id[id(tensor)] = found
        return found

    def known(self, tensor: Tensor) -> Parameter | None:
        """Return what is known of a leaf; None if it was not seen."""
        found = self._by_id.get(id(tensor))
        return found if found is not None and found.reference() is tensor else None

    def on_leaf(self, tensor: Tensor, node: Node) -> None:
        """Note the node of a leaf."""
        node.parameter = self.of(tensor)

    def pieces(self, flat: Tensor) -> list[Parameter]:
        """Return the parameters that a flat one of FSDP holds."""
        whole = self.of(flat)
        found = self._pieces.get(whole.number)
        if found is None:
            own = sharding.originals(flat)
            if own is None:
                found = [self._piece(whole, flat, shape) for _, shape in sharding.described(flat)]
            else:
                found = [self.of(each) for each in own]
            self._pieces[whole.number] = found
        return found

    def _piece(self, whole: Parameter, flat: Tensor, shape: tuple[int, ...]) -> Parameter:
        made = Parameter(flat, len(self.all))
        made.flat, made.shape = whole, shape
        made.bytes = math.prod(shape) * flat.element_size()
        self.all.append(made)
        return made

    def reach(self, piece: Parameter, clock: int) -> None:
        """Note that a backward pass went through a piece of a flat parameter.

        Its gradient is a part of the flat one's, which may be on another rank.
        """
        piece.arrivals += 1
        piece.arrived_at = clock

    def alive(self) -> list[tuple[Parameter, Tensor]]:
        """Return those whose leaf still exists, with it."""
        leaves = [each for each in self.all if each.flat is None]
        return [(each, t) for each in leaves if (t := each.tensor()) is not None]

    def gradients(self) -> dict[int, tuple[int, int] | None]:
        """Return the identity and version of each gradient, by the parameter's number."""
        return {each.number: _state(gradient_of(tensor)) for each, tensor in self.alive()}

    def arrived(
        self, before: dict[int, tuple[int, int] | None], clock: int, look: bool
    ) -> list[Parameter]:
        """Note which gradients a backward pass has brought, and return their parameters.

        Args:
            before: What `gradients` returned before it.
            clock: When it ran.
            look: Whether to look at the values.
        """
        came = []
        for each, tensor in self.alive():
            gradient = gradient_of(tensor)
            if gradient is not None and _state(gradient) != before.get(each.number):
                self.arrive(each, gradient, clock, look)
                came.append(each)
        return came

    def ask(self, parameter: Parameter) -> None:
        """Note that ``autograd.grad`` has returned a gradient."""
        parameter.asked += 1

    def use_by_hand(self, nodes: Container[int], node_of: Callable[[Tensor], Node | None]) -> None:
        """Note that gradients are used for something else than an optimizer's step.

        Args:
            nodes: Ids of the nodes that are used.
            node_of: Returns the node of a tensor.
        """
        for each, tensor in self.alive():
            gradient = gradient_of(tensor)
            node = None if gradient is None else node_of(gradient)
            if node is not None and node.id in nodes:
                each.used_by_hand = True

    def arrive(self, parameter: Parameter, gradient: Tensor, clock: int, look: bool) -> None:
        """Note that a gradient has arrived."""
        parameter.arrivals += 1
        parameter.since_step += 1
        parameter.arrived_at = clock
        parameter.gradient = id(gradient)
        parameter.removed_site = None
        parameter.brought = not look or bool(has_values(gradient))
        if look:
            if parameter.brought:
                parameter.arrived_nonzero = True
            else:
                parameter.arrived_zero = True
                parameter.arrived_nonzero = bool(parameter.arrived_nonzero)


class Optimizers:
    """All optimizers seen."""

    def __init__(self, parameters: Parameters, looking: bool = True) -> None:
        """Start without optimizers.

        Args:
            parameters: All parameters seen.
            looking: Whether values are looked at at all.
        """
        self.looking = looking
        self.all: list[Optimizer] = []
        self._parameters = parameters

    def of(self, made: torch.optim.Optimizer, site: Site | None = None) -> Optimizer:
        """Return what is known of an optimizer."""
        for each in self.all:
            if each.reference() is made:
                return each
        found = Optimizer(made, site, len(self.all))
        self.all.append(found)
        self.hold(made, found)
        return found

    def hold(self, made: torch.optim.Optimizer, known: Optimizer) -> None:
        """Note which parameters an optimizer holds."""
        for tensor in tensors_of(made):
            self._parameters.of(tensor).optimizers.add(known.number)

    def before_step(
        self,
        made: torch.optim.Optimizer,
        cleared: Callable[[Tensor, int], Site | None],
        clock: int,
        look: bool,
        in_backward: bool,
    ) -> None:
        """Look at the gradients that a step is about to use.

        Args:
            made: The optimizer.
            cleared: Returns where a gradient was last written to after a time, or None.
            clock: When.
            look: Whether to look at the values.
            in_backward: Whether a hook of a backward pass lets it step.
        """
        known = self.of(made)
        known.versions = []
        look = look or (known.zeros and self.looking)
        known.zeros = False
        for tensor in tensors_of(made):
            parameter = self._parameters.of(tensor)
            parameter.optimizers.add(known.number)
            parameter.steps += 1
            gradient = gradient_of(tensor)
            if gradient is not None and (not look or has_values(gradient)):
                if in_backward:
                    # The engine is still at work: it has just brought this one.
                    self._parameters.arrive(parameter, gradient, clock, look)
                parameter.steps_with_gradient += 1
            elif parameter.since_step:
                site = parameter.removed_site
                if gradient is not None:
                    known.zeros = True
                    if parameter.brought:
                        site = cleared(gradient, parameter.arrived_at) or site
                parameter.cleared_site = site or parameter.cleared_site
            parameter.since_step = 0
            with contextlib.suppress(RuntimeError):
                known.versions.append((tensor, tensor._version))


def tensors_of(made: torch.optim.Optimizer) -> Iterable[Tensor]:
    """Return the tensors that an optimizer holds."""
    return [tensor for group in made.param_groups for tensor in group["params"]]


def gradient_of(tensor: Tensor) -> Tensor | None:
    """Return the gradient of a leaf."""
    with contextlib.suppress(RuntimeError):
        if tensor.is_leaf:
            return tensor.grad
    return None


def has_values(gradient: Tensor) -> bool | Tensor:
    """Return whether a gradient is not all zeros; elsewhere than on the CPU as a tensor."""
    with contextlib.suppress(RuntimeError, NotImplementedError), torch.no_grad():
        values = gradient._values() if gradient.is_sparse else gradient
        if values.is_meta:
            return True
        if values.device.type != "cpu":
            # Nobody is to wait for the device yet.
            return values.any()
        if values.numel() > _LARGE and bool(values.select(0, values.size(0) // 2).any()):
            return True
        return bool(values.any())
    return True


def _state(gradient: Tensor | None) -> tuple[int, int] | None:
    if gradient is None:
        return None
    try:
        return id(gradient), gradient._version
    except RuntimeError:
        return id(gradient), -1
