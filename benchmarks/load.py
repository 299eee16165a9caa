"""Many visitors at once on one page: whose result each gets, how long, and in which order.

Run: ``python -m benchmarks.load``, or with the number of visitors and of seconds.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys

from tests.harness.asking import compare
from tests.harness.breaking import SEED, visiting
from tests.harness.crowding import crowd, full_queue
from tests.harness.launching import App, running_app
from tests.harness.visiting import Visitor


async def verdicts(visitor: Visitor) -> str:
    """Return the finding of a comparison of which it is known how it ends."""
    answer = await compare(visitor, 0, "4096", budget=1.0)
    said = re.findall(r'class="lab-(?:finding|disturbed)"[^>]*>(.*?)</', answer.text)
    return " ".join(said)


async def measured_under_load(app: App, clients: int, seconds: float) -> tuple[str, str]:
    """Return the finding of the same comparison alone, and in a crowd."""
    async with visiting(app) as visitor:
        alone = await verdicts(visitor)
        noise = asyncio.create_task(crowd(app, clients, seconds=seconds, seed=SEED + 1))
        await asyncio.sleep(seconds / 3)
        within = await verdicts(visitor)
        await noise
    return alone, within


def _shown(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    worst = sorted(seconds)[int(len(seconds) * 0.99)]
    return f"median {statistics.median(seconds):.2f} s, 99% within {worst:.2f} s"


def main() -> None:
    """Print what the crowd met with; the exit code is 1 if anything was wrong."""
    clients, seconds = (int(sys.argv[1]), float(sys.argv[2])) if sys.argv[2:] else (50, 120.0)
    with running_app("--device", "cpu") as app:
        met = asyncio.run(crowd(app, clients, seconds=seconds))
        answers, faults = asyncio.run(full_queue(app))
        alone, within = asyncio.run(measured_under_load(app, clients // 4, 30.0))
    kinds = ", ".join(f"{count} {kind}s" for kind, count in sorted(met.answered.items()))
    print(f"{clients} visitors in {seconds:.0f} s: {kinds}; {len(met.busy)} told to come back")
    print(f"answers: {_shown(met.waits_s)}; at most {max(met.most_before, default=0)} before one")
    print(f"pages meanwhile: {_shown(met.light_s)}")
    refused = sum("full" in (answer.refused or "") for answer in answers)
    print(f"a crowd of {len(answers)} at once: {refused} told to come back, the others in turn")
    print(f"measured alone:      {alone}\nmeasured in a crowd: {within}")
    print("\n".join(met.faults + faults) or "nothing was wrong")
    sys.exit(bool(met.faults + faults))


if __name__ == "__main__":
    main()
