"""Runs one framework's code under the interpreter that has it, and prints what came out.

Started as a script, with the standard library alone: nothing of the project is imported.
"""

from __future__ import annotations

import importlib.metadata
import json
import runpy
import sys
from pathlib import Path
from typing import Any

MARK = "detach-lab "
_MOST_TEXT = 300


def main(path: str, names: list[str]) -> None:
    """Print the version of a file's framework, then one line for each of its functions."""
    code = runpy.run_path(path)
    version = _version(code["PACKAGES"])
    _say({"version": version})
    if version is not None:
        for name in names:
            _say({"scenario": name, **_came_out(code[name])})


def _version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _came_out(function: Any) -> dict[str, Any]:
    try:
        result = function()
        gradient, weight = result if isinstance(result, tuple) else (result, None)
        values = None if gradient is None else _numbers(gradient)
        after = None if weight is None else _numbers(weight)
    except Exception as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        shown = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
        return {"outcome": "error", "text": shown}
    if values is None:
        return {"outcome": "none", "after": after}
    return {"outcome": "gradient" if any(values) else "zeros", "values": values, "after": after}


def _numbers(tensor: Any) -> list[float]:
    tensor = tensor.detach() if hasattr(tensor, "detach") else tensor
    values = tensor.tolist() if hasattr(tensor, "tolist") else tensor.numpy().tolist()
    return [round(float(value), 4) for value in values]


def _say(answer: dict[str, Any]) -> None:
    # A line of its own, whatever the framework has printed.
    print(f"\n{MARK}{json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    # A module beside this file must not stand for one that a framework imports.
    beside = str(Path(__file__).parent)
    sys.path[:] = [each for each in sys.path if each != beside]
    main(sys.argv[1], sys.argv[2:])
