"""The Gradio page: a module or package for each tab. Handlers call the engine and draw."""

from __future__ import annotations

import inspect
from typing import Any
from unittest import mock


def _import_gradio() -> None:
    """Import Gradio without the type stubs that it writes of its components into its own folder.

    They take half of the import, each time. Of a class that has no file, it writes none.
    """
    getfile = inspect.getfile

    def of_no_component(found: Any) -> str:
        if isinstance(found, type) and found.__module__.startswith("gradio."):
            raise OSError
        return getfile(found)

    with mock.patch.object(inspect, "getfile", of_no_component):
        import gradio  # noqa: F401


_import_gradio()
