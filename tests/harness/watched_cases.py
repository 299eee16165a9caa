"""Watches many scripts one after another, each in a process forked from one that has torch.

Run as ``python watched_cases.py FOLDER OUT SCRIPT...``: writes ``OUT/SCRIPT.json`` for each.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A bound for a script that never ends.
_LIMIT_S = 120


def watch_all(folder: Path, names: Iterable[str], out: Path) -> None:
    """Watch scripts and write their records.

    Args:
        folder: Where they are.
        names: Their files' names.
        out: Where the records go.
    """
    command = [sys.executable, __file__, str(folder), str(out), *names]
    subprocess.run(command, check=True, cwd=ROOT, stdin=subprocess.DEVNULL)


def _main(folder: str, out: str, *names: str) -> None:
    sys.path.insert(0, str(ROOT))
    import torch
    import torch._dynamo

    from profiling.watch import script

    torch.set_num_threads(1)
    for name in names:
        child = os.fork()
        if child == 0:
            _watch(script.main, str(Path(folder, name)), Path(out, name).with_suffix(".json"))
        os.waitpid(child, 0)


def _watch(main: object, path: str, record: Path) -> None:
    import signal

    signal.alarm(_LIMIT_S)
    nothing = os.open(record.with_suffix(".log"), os.O_WRONLY | os.O_CREAT)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    try:
        assert callable(main)
        main([str(record), "0", "values", "script", path])
    except BaseException:
        pass
    try:
        # As Python ends.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    finally:
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    _main(*sys.argv[1:])
