"""Watch a few training steps from inside: ``with watch(model) as seen: ...``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import TracebackType

from torch import nn

from . import record
from .build import build
from .names import name_models, name_variables
from .session import Session
from .sites import variables_of


class watch:  # noqa: N801 - used as a context manager, in lower case as torch.no_grad is
    """Watches what runs in a ``with`` block.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> with watch(model) as seen:
        ...     model(torch.ones(1, 2)).sum().backward()
        >>> seen.record.counts.backward
        1
    """

    def __init__(self, *models: nn.Module, values: bool = True) -> None:
        """Prepare to watch.

        Args:
            models: Modules whose parameters are named; others take the names of the variables of
                the function that watches.
            values: Whether to look at the values of gradients for zeros, which costs time.
        """
        self._models = models
        self._session = Session(values=values)
        self._seen = Seen()

    def __enter__(self) -> Seen:
        """Begin to watch."""
        self._session.start()
        with self._session.unwatched():
            name_models(self._session.parameters, self._models)
        return self._seen

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End watching and build the record."""
        self._session.stop()
        frame = sys._getframe(1)
        name_variables(self._session.parameters, {**frame.f_globals, **variables_of(frame)})
        self._seen.record = build(self._session, failure=error)


class Seen:
    """What was seen in a ``with watch():`` block, complete when that ends.

    Attributes:
        record: The record; None until the block ends.
    """

    def __init__(self) -> None:
        """Wait for the end of the block."""
        self.record: record.Watch | None = None

    def save(self, path: str | Path) -> None:
        """Write the record, for ``python -m profiling explain`` or the page."""
        Path(path).write_text(record.encode(self._complete()), encoding="utf-8")

    def __str__(self) -> str:
        """Return the diagnosis, or what was seen where only this folder is at hand."""
        seen = self._complete()
        project = __name__.rpartition(".watch.")[0]
        if not project:
            return _summary(seen)
        try:
            shell = importlib.import_module(f"{project}.analysis.diagnosis")
        except ImportError:
            return _summary(seen)
        return str(shell.explained(seen))

    def _complete(self) -> record.Watch:
        if self.record is None:
            raise RuntimeError("nothing was seen yet: the `with watch(...)` block has not ended")
        return self.record


def _summary(seen: record.Watch) -> str:
    """Return what was seen, without the reasons."""
    counts = seen.counts
    trained = [each for each in seen.parameters if each.names and each.requires_grad]
    without = [each.names[0] for each in trained if not each.arrivals]
    lines = [
        f"{counts.backward} backward, {counts.steps} steps, {counts.tensors} tensors",
        f"{len(trained) - len(without)} of {len(trained)} parameters got a gradient",
        *(f"  no gradient: {name}" for name in without),
        "To see why, save the record with .save('watch.json') and open it with Detach Lab:",
        "  python -m profiling explain watch.json",
    ]
    return "\n".join(lines)
