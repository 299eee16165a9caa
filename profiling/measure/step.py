"""One training step of a workload, branch by branch, on a state that all branches share.

The state is restored before every step rather than built for every branch: all branches then run on
the same addresses, so memory layout favours none of them.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from profiling.catalogue.source import preparation
from profiling.measure import mode, own_workload
from profiling.measure.global_state import guarded
from profiling.measure.own_workload import (
    Groups,
    Reference,
    arguments_of,
    check_built,
    check_groups,
    check_loss,
    check_reference,
    check_takes,
    place_of,
)
from profiling.model.errors import InputError
from profiling.model.run import Cell, ran

# Added to a cell's seed for its steps. Nobody uses such seeds, so a step that sets one is noticed.
_STEP_SEED = 2**32


class Step:
    """A branch's step: reset, forward, backward.

    Attributes:
        branch: The branch's name.
    """

    def __init__(
        self,
        branch: str,
        function: Callable[..., Any],
        prepare: Callable[..., Any] | None,
        state: State,
    ) -> None:
        """Bind a branch's function, and its preparation if it has one, to the shared state."""
        self.branch = branch
        self._function = function
        self._run = state.mode.of_step(function)
        self._prepare = prepare
        self._state = state
        self._arguments = arguments_of(function, state.arguments)
        self._prepared = {} if prepare is None else arguments_of(prepare, state.arguments)

    def reset(self) -> None:
        """Undo what an earlier step changed and prepare this one; never timed."""
        self._state.restore()
        if self._prepare is not None:
            self._prepare(**self._prepared)

    def tensors(self) -> Iterator[torch.Tensor]:
        """Yield every tensor that is there before the step."""
        return self._state.tensors()

    @property
    def call(self) -> Callable[[], Any]:
        """The branch's function, bound to its arguments with the least overhead."""
        return functools.partial(self._run, *self._arguments.values())

    def forward(self) -> Any:
        """Run the branch and return a loss, or a tuple of a loss and what the caller keeps.

        The loss is None for a loop that runs backward itself, and for a step that only evaluates.
        """
        return self._run(**self._arguments)

    def backward(self, result: Any) -> None:
        """Run backward from a forward's loss."""
        loss = result[0] if isinstance(result, tuple) else result
        if loss is not None:
            loss.backward()

    def check(self) -> None:
        """Run the step once and check that it can be repeated and compared; its gradients stay.

        Every branch's check draws the same random numbers as the reference.

        Raises:
            InputError: The step takes an unknown argument, returns no loss, or leaves its arguments
                or torch's global state changed.
            Exception: What the step itself raises.
        """
        for function in filter(None, (self._prepare, self._function)):
            check_takes(function, self._state.arguments)
        place = f"{place_of(self._function)}: {ran(self.branch)}"
        before = self._state.versions()
        with guarded(place, self._state.seed):
            self.reset()
            result = self.forward()
            try:
                self.backward(result)
            except Exception as error:
                try:
                    check_loss(self._function, result)
                except InputError as broken:
                    raise broken from error
                raise
        after = self._state.versions()
        if changed := [name for name in before if before[name] != after[name]]:
            raise InputError("error.changed_arguments", place=place, what=", ".join(changed))


class State:
    """What the steps of a workload work on, built from the cell's seed.

    Attributes:
        arguments: The steps' arguments by name: modules, tensors, anything else.
        groups: The trainable leaves by group.
        seed: Seed of the random numbers of a step's check.
        mode: How the steps are run.
    """

    def __init__(self, cell: Cell) -> None:
        """Build on the CPU in float32, then move, so that every device gets the same numbers.

        Raises:
            InputError: What build or groups returns breaks a rule, or one of them leaves torch's
                global state changed.
            Exception: What the workload's own code raises.
        """
        self.mode = mode.of_cell(cell)
        self._code = load(cell.workload, cell.file)
        self.seed = cell.seed + _STEP_SEED
        build = self._code.build
        with guarded(f"{place_of(build)}: build", cell.seed):
            built = build(cell.size, **cell.parameters)
        check_built(build, built)
        dtype: torch.dtype = getattr(torch, cell.dtype)
        self.arguments = {name: _move(value, cell.device, dtype) for name, value in built.items()}
        self.groups = self._groups()
        leaves = {id(leaf): leaf for leaf in self._leaves()}
        self._restored = [(leaf, leaf.requires_grad) for leaf in leaves.values()]

    def restore(self) -> None:
        """Set every leaf's gradient to None and its requires_grad to that it was built with."""
        for leaf, requires_grad in self._restored:
            leaf.grad = None
            leaf.requires_grad_(requires_grad)

    def step(self, branch: str) -> Step:
        """Return the step of one branch."""
        name = ran(branch)
        return Step(branch, getattr(self._code, name), self._find(preparation(name)), self)

    def versions(self) -> dict[str, list[int]]:
        """Return the version counters of every argument's tensors, without those of buffers."""
        return {
            name: [each._version for each in _tensors(value) if not each.is_inference()]
            for name, value in self.arguments.items()
        }

    def tensors(self) -> Iterator[torch.Tensor]:
        """Yield every tensor of the state: of its modules, and those that are arguments."""
        yield from self.resident()
        for value in self.arguments.values():
            if isinstance(value, torch.Tensor):
                yield value

    def resident(self) -> Iterator[torch.Tensor]:
        """Yield parameters and buffers: the tensors that live as long as the model."""
        for leaves in self.groups.values():
            yield from leaves
        for value in self.arguments.values():
            if isinstance(value, torch.nn.Module):
                yield from value.parameters()
                yield from value.buffers()

    def reference(self) -> Reference:
        """Return the correct gradients by group; None for a group that should get none.

        A group that is missing is not compared.

        Raises:
            InputError: It is not a dict of gradients by group, or computing it leaves torch's
                global state changed.
        """
        self.restore()
        function = self._find("reference")
        if function is None:
            return {}
        check_takes(function, self.arguments)
        with guarded(f"{place_of(function)}: reference", self.seed):
            run = self.mode.of_reference(function)
            reference: Reference = run(**arguments_of(function, self.arguments))
        check_reference(function, reference, self.groups)
        return reference

    def _find(self, name: str) -> Callable[..., Any] | None:
        """Return one of the workload's own functions, if it has it; a class inherits none."""
        return getattr(self._code, name) if name in vars(self._code) else None

    def _groups(self) -> Groups:
        function = self._find("groups")
        if function is not None:
            check_takes(function, self.arguments)
            with guarded(f"{place_of(function)}: groups", self.seed):
                groups: Groups = function(**arguments_of(function, self.arguments))
            check_groups(function, groups)
            return groups
        trainable = {
            name: [each for each in _tensors(value) if each.requires_grad]
            for name, value in self.arguments.items()
        }
        return {name: leaves for name, leaves in trainable.items() if leaves}

    def _leaves(self) -> Iterator[torch.Tensor]:
        for leaves in (*self.groups.values(), *map(_tensors, self.arguments.values())):
            yield from (leaf for leaf in leaves if leaf.is_floating_point() or leaf.is_complex())


def load(workload: str, file: str = "") -> Any:
    """Import a workload: one of ours or, if a file is given, a person's own."""
    return (
        own_workload.load(file) if file else importlib.import_module(f"demos.workloads.{workload}")
    )


def _move(value: Any, device: str, dtype: torch.dtype) -> Any:
    """Put a module or a tensor on the device; only floating point values change dtype."""
    if isinstance(value, torch.nn.Module):
        return value.to(device, dtype)
    if not isinstance(value, torch.Tensor):
        return value
    target = dtype if value.is_floating_point() else value.dtype
    return value.detach().to(device, target).requires_grad_(value.requires_grad)


def _tensors(value: Any) -> list[torch.Tensor]:
    """Return the parameters of a module, or a tensor itself."""
    if isinstance(value, torch.nn.Module):
        return list(value.parameters())
    return [value] if isinstance(value, torch.Tensor) else []
