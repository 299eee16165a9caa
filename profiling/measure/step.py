"""One training step of a workload, branch by branch, on a state that all branches share.

The state is shared and put back before every step, rather than built once a branch: the branches
then run on the same addresses, so that where memory happens to lie favours none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch

from profiling.records import Cell, ran

Groups = dict[str, list[torch.Tensor]]
Reference = dict[str, Sequence[torch.Tensor] | None]


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
        """Bind a branch's function, and what has to precede it, to the shared state."""
        self.branch = branch
        self._function = function
        self._prepare = prepare
        self._state = state

    def reset(self) -> None:
        """Undo what an earlier step left behind and prepare this one; never timed."""
        self._state.restore()
        if self._prepare is not None:
            self._prepare(**self._state.arguments)

    def forward(self) -> Any:
        """Run the branch; the result is a loss, or a loss and what the caller keeps.

        The loss is None where nothing is left to go back from: a loop that runs backward itself,
        or a step that only evaluates.
        """
        return self._function(**self._state.arguments)

    def backward(self, result: Any) -> None:
        """Run backward from a forward's loss."""
        loss = result[0] if isinstance(result, tuple) else result
        if loss is not None:
            loss.backward()


class State:
    """What a workload's step works on, built from the cell's seed.

    Attributes:
        arguments: Modules and tensors by the names of the step's parameters.
        groups: The trainable leaves by group.
    """

    def __init__(self, cell: Cell) -> None:
        """Build on the CPU in float32, then move, so that every device gets the same numbers."""
        self._module = load(cell.workload)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cell.seed)
            built = self._module.build(cell.size, **cell.parameters)
        dtype: torch.dtype = getattr(torch, cell.dtype)
        self.arguments = {name: _move(value, cell.device, dtype) for name, value in built.items()}
        self.groups: Groups = self._module.groups(**self.arguments)
        self._trainable = [
            (leaf, leaf.requires_grad) for leaves in self.groups.values() for leaf in leaves
        ]

    def restore(self) -> None:
        """Set every leaf's gradient to None and its requires_grad to what it was built with."""
        for leaf, requires_grad in self._trainable:
            leaf.grad = None
            leaf.requires_grad_(requires_grad)

    def step(self, branch: str) -> Step:
        """Return the step of one branch."""
        name = ran(branch)
        prepare = getattr(self._module, f"prepare_{name}", None)
        return Step(branch, getattr(self._module, name), prepare, self)

    def reference(self) -> Reference:
        """Return the gradients that should hold, by group; None for a group without any."""
        self.restore()
        reference: Reference = self._module.reference(**self.arguments)
        return reference


def load(workload: str) -> ModuleType:
    """Import a workload's file."""
    return importlib.import_module(f"demos.workloads.{workload}")


def _move(value: Any, device: str, dtype: torch.dtype) -> Any:
    """Put a module or a tensor on the device; only floating point values change dtype."""
    if isinstance(value, torch.nn.Module):
        return value.to(device, dtype)
    target = dtype if value.is_floating_point() else value.dtype
    return value.detach().to(device, target).requires_grad_(value.requires_grad)
