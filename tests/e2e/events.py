"""Events of the page that open files, asked for by name as its own script does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file

Outputs = tuple[Any, ...]


def open_run(client: Client, path: Path | None) -> Outputs:
    """Open a saved run on the tab Compare."""
    return _ask(client, "open_run", path)


def lay_beside(client: Client, path: Path | None) -> Outputs:
    """Compare the run on the tab Compare with a saved one."""
    return _ask(client, "lay_beside", path)


def open_trace(client: Client, path: Path) -> Outputs:
    """Open a trace on the tab Trace."""
    return _ask(client, "open_trace", path)


def lay_trace_beside(client: Client, path: Path) -> Outputs:
    """Compare the trace on the tab Trace with another one."""
    return _ask(client, "lay_trace_beside", path)


def made(client: Client, name: str) -> Path:
    """Have a file of the run that this visitor looks at made, and return it."""
    (path,) = value(client.predict(api_name=f"/save_{name}")[0])
    return Path(path)


def _ask(client: Client, event: str, path: Path | None) -> Outputs:
    """Ask for an event that takes one of what the page offers, or a file; here the file."""
    file = None if path is None else handle_file(path)
    job = client.submit(None, file, api_name=f"/{event}")
    job.result()
    # An answer in several parts says of each output what is new of it.
    shown, *later = job.outputs()
    for part in later:
        shown = tuple(
            before if _is_same(now) else now for before, now in zip(shown, part, strict=True)
        )
    outputs: Outputs = shown
    return outputs


def _is_same(output: Any) -> bool:
    return isinstance(output, dict) and not {*output} - {"__type__", "props"}


def value(output: Any) -> Any:
    """Return the value of an output that came as an update."""
    return output["value"] if isinstance(output, dict) and "value" in output else output


def plots(outputs: Outputs) -> list[dict[str, Any]]:
    """Return the figures among some outputs."""
    inner = [value(output) for output in outputs]
    return [
        json.loads(each["plot"])
        for each in inner
        if isinstance(each, dict) and each.get("type") == "plotly"
    ]
