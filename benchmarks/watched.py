"""Watches the scripts in ``benchmarks/scripts`` and records what was seen, for the tab My step.

``python -m benchmarks.watched [NAME …]``. Records hold the scripts' texts, and no paths but names.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from pathlib import Path

from profiling.model.content import WATCHED
from profiling.model.watch import load_watch
from profiling.watch.record import Environment, File, Watch, encode

SCRIPTS = Path(__file__).parent / "scripts"
WATCHER = Path(__file__).parents[1] / "profiling" / "watch"


def watched(script: Path, folder: Path) -> Watch:
    """Run a script as a person would, and return what was seen of it.

    Args:
        script: The script.
        folder: An empty folder.
    """
    path = folder / f"{script.stem}.json"
    command = (sys.executable, WATCHER, path, "0", "values", "script", script.name)
    subprocess.run(command, cwd=script.parent, capture_output=True, check=False)
    return without_machine(load_watch(path))


def without_machine(watch: Watch) -> Watch:
    """Return a record without what tells of this machine; times differ from run to run."""
    about = Environment(watch.environment.torch, watch.environment.python, "", ("cpu",))
    return dataclasses.replace(
        watch,
        environment=about,
        files=tuple(map(_named, watch.files)),
        counts=dataclasses.replace(watch.counts, seconds=round(watch.counts.seconds, 1)),
    )


def _named(file: File) -> File:
    """Return a file by its name, or by its place among installed packages."""
    if not file.own:
        return dataclasses.replace(file, path=file.path.rpartition("site-packages/")[2])
    return dataclasses.replace(file, path=Path(file.path).name)


def main(*names: str) -> None:
    """Record some scripts, or all."""
    WATCHED.mkdir(parents=True, exist_ok=True)
    for script in sorted(SCRIPTS.glob("*.py")):
        if names and script.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = watched(script, Path(folder))
        path = WATCHED / f"{script.stem}.json"
        path.write_text(f"{encode(found)}\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
