"""Makes the simulated accelerator a kind of device, in each process with this folder on its path.

Workers, the page and the shell are processes of their own, so a test cannot patch them. Python runs
this when it starts; nothing else happens until the kinds of devices are imported.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_KINDS = "profiling.measure.device"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module of kinds as it would be found anyway, and adds one when it has run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _KINDS:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        loader: Any = found and found.loader
        if loader is not None:
            run = loader.exec_module

            def run_and_add(module: ModuleType) -> None:
                run(module)
                from tests.lab_device.device import add

                add(module)

            loader.exec_module = run_and_add
        return found


sys.meta_path.insert(0, _Finder())
