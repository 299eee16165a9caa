"""What a workload's functions may take and must return; each rule that is broken names its line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from profiling.catalogue.source import is_name
from profiling.measure.own import place_of
from profiling.model.errors import InputError

Groups = dict[str, list[torch.Tensor]]
Reference = dict[str, Sequence[torch.Tensor] | None]


def chosen(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those arguments that a function takes, in the function's order."""
    names = inspect.signature(function).parameters
    return {name: arguments[name] for name in names if name in arguments}


def check_takes(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Check that a function takes nothing but what build returned.

    Raises:
        InputError: It takes something else.
    """
    for name in inspect.signature(function).parameters:
        if name not in arguments:
            raise InputError(
                "error.own_argument",
                place=place_of(function),
                function=function.__name__,
                name=name,
                allowed=", ".join(arguments),
            )


def check_built(build: Callable[..., Any], built: Any) -> None:
    """Check that build returned what the steps work on, by name.

    Raises:
        InputError: It is no such dict.
    """
    if not isinstance(built, dict) or not all(isinstance(name, str) for name in built):
        got = type(built).__name__
        raise InputError("error.own_build", place=place_of(build), got=got)


def check_groups(function: Callable[..., Any], groups: Any) -> None:
    """Check that groups returned lists of leaves, by name.

    Raises:
        InputError: It did not.
    """
    leaves = groups.values() if isinstance(groups, dict) and all(map(_is_name, groups)) else [None]
    if not all(isinstance(each, list) and all(map(_is_leaf, each)) for each in leaves):
        raise InputError("error.own_groups", place=place_of(function))


def check_reference(function: Callable[..., Any], reference: Any, groups: Groups) -> None:
    """Check that the reference has, for groups that there are, one gradient for each leaf or None.

    Raises:
        InputError: It has not.
    """
    if not isinstance(reference, dict) or not all(
        name in groups and (gradients is None or _fit(gradients, groups[name]))
        for name, gradients in reference.items()
    ):
        allowed = ", ".join(groups)
        raise InputError("error.own_reference", place=place_of(function), allowed=allowed)


def check_loss(function: Callable[..., Any], result: Any) -> None:
    """Check that a step returned something to go back from, or nothing.

    Raises:
        InputError: It returned something else.
    """
    loss = result[0] if isinstance(result, tuple) and result else result
    got = type(loss).__name__
    if isinstance(loss, torch.Tensor):
        if loss.numel() == 1 and loss.requires_grad:
            return
        got += f"(shape={tuple(loss.shape)}, requires_grad={loss.requires_grad})"
    elif loss is None:
        return
    place, name = place_of(function), function.__name__
    raise InputError("error.own_loss", place=place, function=name, got=got)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and is_name(name)


def _is_leaf(tensor: Any) -> bool:
    return isinstance(tensor, torch.Tensor) and tensor.is_leaf


def _fit(gradients: Any, leaves: list[torch.Tensor]) -> bool:
    shapes = [getattr(gradient, "shape", None) for gradient in gradients]
    return shapes == [leaf.shape for leaf in leaves]
