"""Breaks a running page in every way that we know of, and prints how it stood that.

Run: ``python -m benchmarks.faults``, or with how many requests the worker is killed under.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from tests.harness.breaking import kills, left_alone, server_ends
from tests.harness.launching import App, running_app


def main() -> None:
    """Print what all of it came to; the exit code is 1 if anything was not as it should be."""
    hits = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with running_app("--device", "cpu") as app:
        faults = _break(app, hits)
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        stand = asyncio.run(server_ends(signal_))
        print(f"{signal_.name}: the server had ended after {stand.worker_gone_s:.2f} s")
        faults += stand.faults
    print("\n".join(faults) or "nothing was wrong")
    sys.exit(bool(faults))


def _break(app: App, hits: int) -> list[str]:
    """Kill a page's worker, leave the page, print how it stood that; return what was wrong."""
    pid, start = app.process.pid, time.monotonic()
    killed = asyncio.run(kills(app, hits, 6 * hits))
    took_s = time.monotonic() - start
    hit = ", ".join(f"{count} {kind}s" for kind, count in sorted(killed.hit.items()))
    print(f"killed under {hit}, in {took_s:.0f} s; {killed.finished} more kills hit nothing")
    print(f"the server's process: {pid}, still there: {app.process.poll() is None}")
    faults = [*killed.faults]
    for how in ("stop", "leave"):
        stand = asyncio.run(left_alone(app, how))
        print(f"{how}: the worker had ended after {stand.worker_gone_s:.2f} s")
        faults += stand.faults
    if killed.hit.total() < hits:
        faults.append(f"only {killed.hit.total()} of {hits} were hit")
    return faults


if __name__ == "__main__":
    main()
