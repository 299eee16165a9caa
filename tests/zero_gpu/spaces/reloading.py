"""On a Space, Gradio has this watch for changes of the code."""

from __future__ import annotations

import threading
from typing import Any


def start_reload_server(*, prerun: Any, postrun: Any, stop_event: threading.Event) -> None:
    """Wait, as the real one does, for changes that never come here."""
    stop_event.wait()
