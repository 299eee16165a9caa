"""Asks a page for the same again and again, and prints whether anything of it grows.

Run: ``python -m benchmarks.soak``, or with the number of runs.
"""

from __future__ import annotations

import asyncio
import sys
from typing import NamedTuple

import psutil

from demos.page.page import MAX_SESSIONS
from tests.harness.asking import KINDS, is_own
from tests.harness.breaking import runs, visiting, workers
from tests.harness.launching import App, running_app
from tests.harness.visiting import Visitor, opened

# What memory may grow by after the warm-up, which is over when the page has as many sessions as it
# keeps.
MOST_GROWTH = 0.05
# A visitor leaves after so many runs, and the next one comes.
_STAYS = 4
WARM_UP_RUNS = MAX_SESSIONS * _STAYS
# Sizes are means over this share of the runs that count.
_SPAN_SHARE = 0.1


class Size(NamedTuple):
    """What a server holds at a moment."""

    server_bytes: int
    workers_bytes: int
    files: int
    threads: int
    temp_bytes: int
    sessions_with_runs: int


def size(app: App) -> Size:
    """Return what a server holds now."""
    server = psutil.Process(app.process.pid)
    kept = [path for path in app.temp.rglob("*") if path.is_file()]
    return Size(
        server.memory_info().rss,
        sum(worker.memory_info().rss for worker in workers(app.process.pid)),
        server.num_fds() if hasattr(server, "num_fds") else 0,
        server.num_threads(),
        sum(path.stat().st_size for path in kept),
        len(runs(app)),
    )


async def soak(app: App, requests: int) -> tuple[list[Size], list[str]]:
    """Run so many requests of all kinds; return the size after each, and what was wrong."""
    sizes, faults = [], []
    async with visiting(app):
        page = await opened(app.url)
        visitor = Visitor(page)
        for at in range(requests):
            kind = list(KINDS)[at % len(KINDS)]
            if at % _STAYS == 0:
                await visitor.leave()
                visitor = Visitor(page)
            answer = await KINDS[kind](visitor, 10 + at)
            if not await is_own(visitor, kind, 10 + at, answer):
                faults.append(f"run {at}: {kind} failed")
            sizes.append(size(app))
        await visitor.leave()
    return sizes, faults


def growth(sizes: list[Size]) -> dict[str, float]:
    """Return how many times each is at the end what it was at the beginning, less one."""
    span = max(1, int(len(sizes) * _SPAN_SHARE))
    before, after = (
        {name: sum(getattr(each, name) for each in part) / span for name in Size._fields}
        for part in (sizes[:span], sizes[-span:])
    )
    return {name: after[name] / max(before[name], 1.0) - 1.0 for name in Size._fields}


def main() -> None:
    """Print first and last size; the exit code is 1 if memory grew or something failed."""
    count = int(sys.argv[1]) if sys.argv[1:] else 1000
    with running_app("--device", "cpu") as app:
        sizes, faults = asyncio.run(soak(app, WARM_UP_RUNS + count))
    warm = sizes[WARM_UP_RUNS:]
    grown = growth(warm)
    print(f"{count} runs, after {WARM_UP_RUNS} by {MAX_SESSIONS} visitors")
    for name in Size._fields:
        new, first, last = (getattr(each, name) for each in (sizes[0], warm[0], warm[-1]))
        print(f"{name}: {new:,} new, {first:,} warm, {last:,} at last, {grown[name]:+.1%}")
    # Files stay for a while, so that there are more of them until the first are old enough.
    judged = {*Size._fields} - {"temp_bytes"}
    faults += sorted(name for name in judged if grown[name] > MOST_GROWTH)
    print("\n".join(faults) or "nothing was wrong")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
