"""Asks a page for the same again and again, and prints whether anything of it grows.

Run: ``python -m benchmarks.soak``, or with the number of runs.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.asking import KINDS, is_own
from benchmarks.faults import confined, visiting, workers
from benchmarks.visiting import Visitor, opened
from tests.e2e.launching import App, running_app

# What memory may grow by after the warm-up, which is as long as this share of the runs.
MOST_GROWTH = 0.05
WARM_UP_SHARE = 0.3
# A visitor leaves after so many runs, and the next one comes.
_STAYS = 10


class Size(NamedTuple):
    """What a server holds at a moment."""

    server_bytes: int
    worker_bytes: int
    files: int
    threads: int
    temp_bytes: int
    sessions_with_runs: int


def size(app: App, temp: Path) -> Size:
    """Return what a server holds now."""
    server = psutil.Process(app.process.pid)
    worker = workers(app.process.pid)[-1]
    kept = [path for path in temp.rglob("*") if path.is_file()]
    return Size(
        server.memory_info().rss,
        worker.memory_info().rss,
        server.num_fds() if hasattr(server, "num_fds") else 0,
        server.num_threads(),
        sum(path.stat().st_size for path in kept),
        len(list(temp.glob("detach-lab-*/runs/*"))),
    )


async def soak(app: App, temp: Path, runs: int) -> tuple[list[Size], list[str]]:
    """Run so many requests of all kinds; return the size after each, and what was wrong."""
    sizes, faults = [], []
    async with visiting(app):
        page = await opened(app.url)
        visitor = Visitor(page)
        for at in range(runs):
            kind = list(KINDS)[at % len(KINDS)]
            if at % _STAYS == 0:
                await visitor.leave()
                visitor = Visitor(page)
            answer = await KINDS[kind](visitor, 10 + at)
            if not await is_own(visitor, kind, 10 + at, answer):
                faults.append(f"run {at}: {kind} failed")
            sizes.append(size(app, temp))
        await visitor.leave()
    return sizes, faults


def growth(sizes: list[Size]) -> dict[str, float]:
    """Return how many times each is at the end what it was after the warm-up, less one."""
    warm = max(1, int(len(sizes) * WARM_UP_SHARE))
    spans = sizes[warm - max(1, warm // 3) : warm], sizes[-max(1, warm // 3) :]
    before, after = (
        {name: sum(getattr(each, name) for each in span) / len(span) for name in Size._fields}
        for span in spans
    )
    return {name: after[name] / max(before[name], 1.0) - 1.0 for name in Size._fields}


def main() -> None:
    """Print first and last size; the exit code is 1 if memory grew or something failed."""
    runs = int(sys.argv[1]) if sys.argv[1:] else 1000
    with confined() as temp, running_app("--device", "cpu") as app:
        sizes, faults = asyncio.run(soak(app, temp, runs))
    grown = growth(sizes)
    for name in Size._fields:
        first, last = getattr(sizes[0], name), getattr(sizes[-1], name)
        print(f"{name}: {first:,} at first, {last:,} at last, {grown[name]:+.1%} after warm-up")
    faults += [name for name in ("server_bytes", "worker_bytes") if grown[name] > MOST_GROWTH]
    print("\n".join(faults) or "nothing was wrong")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
