"""Sends a running app rubbish, and prints how it was answered.

Run: ``python -m benchmarks.fuzz --inputs 10000``. The app is started for it, on this machine only.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import sys
import time

from tests.harness.fuzzing import Fuzzer, fuzz
from tests.harness.launching import running_app


def main() -> int:
    """Fuzz and print.

    Returns:
        The exit code: 0 if nothing was found.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    with running_app("--device", "cpu", may_log=True) as app:
        started = time.monotonic()
        fuzzer = fuzz(app, flags.inputs, flags.seed)
        took = time.monotonic() - started
        tracebacks = sum("Traceback" in line for line in app.lines)
        _tell(fuzzer, took, tracebacks)
    return int(bool(fuzzer.found) or tracebacks > 0 or fuzzer.health["worker"] != "ready")


def _tell(fuzzer: Fuzzer, took_s: float, tracebacks: int) -> None:
    kinds = collections.Counter(answer.kind for _, answer in fuzzer.answers)
    times = [answer.took_s for _, answer in fuzzer.answers]
    targets = len({what for what, _ in fuzzer.answers})
    print(f"{len(times):,} inputs in {took_s:.0f} s to {targets} targets")
    print(", ".join(f"{kind}: {count:,}" for kind, count in kinds.most_common()))
    print(
        f"answered in {statistics.median(times) * 1e3:.1f} ms (median), {max(times):.2f} s (most)"
    )
    print(f"found: {len(fuzzer.found)}, tracebacks in the log: {tracebacks}, {fuzzer.health}")
    for each in fuzzer.found[:50]:
        print(" ", each, flush=True)


if __name__ == "__main__":
    sys.exit(main())
