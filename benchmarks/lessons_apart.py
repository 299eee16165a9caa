"""Prints what lessons cost that visitors run while something is measured.

The A/A rate alone and beside lessons without a pause, and how long the lessons take meanwhile.

Run: ``python -m benchmarks.lessons_apart [COMPARISONS]``
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from concurrent.futures import Future

import pandas as pd

from benchmarks.statistics import same
from profiling import catalogue
from profiling.engine.engine import Engine
from profiling.model.lesson import LessonRequest


def lessons_until(done: Future[list[tuple[str, float]]], engine: Engine) -> pd.Series:
    """Run one lesson after the other until something is done; return the seconds of each."""
    took_s = []
    for name in itertools.cycle(catalogue.LESSONS):
        if done.done():
            break
        start = time.monotonic()
        engine.lesson(LessonRequest(name, device="cpu"))
        took_s.append(time.monotonic() - start)
    return pd.Series(took_s)


def main(comparisons: int) -> None:
    """Print all of it, the rates over a number of comparisons."""
    with contextlib.closing(Engine("cpu", lessons_apart=True)) as engine:
        engine.environment()
        # Every lesson once, so that none is the first to import something.
        for name in catalogue.LESSONS:
            engine.lesson(LessonRequest(name, device="cpu"))
        alone = engine._executor.submit(same, comparisons).result()
        busy = engine._executor.submit(same, comparisons)
        took_s = lessons_until(busy, engine)
        beside = busy.result()
    for where, judged in (("alone", alone), ("beside lessons", beside)):
        different = sum(verdict != "no_difference" for verdict, _ in judged)
        ratios = pd.Series([ratio for _, ratio in judged])
        print(
            f"A/A {where}: {different} of {comparisons} called different, "
            f"ratio {ratios.median():.4f} ({ratios.quantile(0.05):.4f} to "
            f"{ratios.quantile(0.95):.4f} in 90%)"
        )
    print(
        f"{len(took_s)} lessons meanwhile: median {took_s.median():.3f} s, "
        f"99% within {took_s.quantile(0.99):.2f} s, at most {took_s.max():.2f} s"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
