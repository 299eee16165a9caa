"""Many visitors at once on one page: whose result each gets, how long, and in which order."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections import Counter
from typing import NamedTuple

from demos.page.page import MAX_QUEUE
from tests.harness.asking import KINDS, compare, is_own, lesson, summary, told
from tests.harness.breaking import SEED, visiting
from tests.harness.launching import App
from tests.harness.visiting import Answer, Page, Visitor, opened

# More than the queue takes.
CROWD = 45
_NO_SIZES = "{mark}, none"
_LIGHT = ("config", "", "gradio_api/info")


class Crowd(NamedTuple):
    """What many visitors met with.

    Attributes:
        answered: Requests that were answered, by kind.
        busy: Requests that were refused because too many waited.
        waits_s: Seconds that each answered request took.
        light_s: Seconds that pages and the like took meanwhile.
        most_before: The most that were before one in the queue.
        faults: What was not as it should be.
    """

    answered: Counter[str]
    busy: list[str]
    waits_s: list[float]
    light_s: list[float]
    most_before: list[int]
    faults: list[str]

    @classmethod
    def empty(cls) -> Crowd:
        """Return that of nobody."""
        return cls(Counter(), [], [], [], [], [])


async def crowd(
    app: App,
    clients: int,
    *,
    seconds: float = math.inf,
    requests: float = math.inf,
    seed: int = SEED,
) -> Crowd:
    """Let so many visitors ask for everything at once, for so long or so many times each."""
    page, met = await opened(app.url), Crowd.empty()
    until = time.monotonic() + seconds
    looking = asyncio.create_task(_look(page, met))
    visits = (_visit(page, met, at, seed, until, requests) for at in range(clients))
    await asyncio.gather(*visits)
    looking.cancel()
    await asyncio.wait([looking])
    return met


async def _visit(
    page: Page, met: Crowd, number: int, seed: int, until: float, requests: float
) -> None:
    chance, visitor = random.Random(seed * 1000 + number), Visitor(page, ("en", "zh")[number % 2])
    measured = False
    for again in itertools.count():
        if again == requests or time.monotonic() > until:
            break
        # No two requests have the same mark.
        mark = 10 + number + 100 * again
        kind = chance.choice([*KINDS, "download"])
        if kind != "download":
            measured = await _ask(visitor, kind, mark, met) or measured
        elif measured and await summary(visitor) is not None:
            met.answered[kind] += 1
        await asyncio.sleep(chance.uniform(0.0, 0.5))
    await visitor.leave()


async def _ask(visitor: Visitor, kind: str, mark: int, met: Crowd) -> bool:
    """Ask for something and return whether it was a comparison that was answered."""
    start = time.monotonic()
    answer = await KINDS[kind](visitor, mark)
    if answer.refused is not None:
        known = met.busy if "full" in answer.refused else met.faults
        known.append(f"{kind} {mark}: {answer.refused}")
        return False
    met.answered[kind] += 1
    met.waits_s.append(time.monotonic() - start)
    met.most_before.append(max(answer.places, default=0))
    if not await is_own(visitor, kind, mark, answer):
        met.faults.append(f"{kind} {mark}: not its own, {told(answer)}")
    # In a fair queue nobody who comes later gets before somebody.
    if answer.places != sorted(answer.places, reverse=True):
        met.faults.append(f"{kind} {mark}: places {answer.places}")
    return kind == "compare"


async def _look(page: Page, met: Crowd) -> None:
    """Ask for what needs no measuring, again and again."""
    visitor = Visitor(page)
    try:
        for path in itertools.cycle(_LIGHT):
            met.light_s.append(await visitor.get(path))
            await asyncio.sleep(0.2)
    finally:
        await visitor.leave()


async def full_queue(app: App) -> tuple[list[Answer], list[str]]:
    """Have a crowd ask while somebody measures for long; then that one stops.

    Returns:
        The answers of the crowd, in the order in which they asked, and what was wrong.
    """
    faults = []
    async with visiting(app) as visitor:
        begun, first = asyncio.Event(), Visitor(visitor.page)
        # So many that it goes on until all have asked.
        sizes = ", ".join(str(2_000_000 + more) for more in range(10))
        long = asyncio.create_task(compare(first, 0, sizes, budget=20.0, started=begun))
        await begun.wait()
        others = [Visitor(visitor.page) for _ in range(CROWD)]
        # They measure nothing, so that they are all answered soon after.
        asked = [
            asyncio.create_task(compare(each, at, _NO_SIZES)) for at, each in enumerate(others, 10)
        ]
        # Whoever is refused is told so at once; the others wait.
        waiting = set(asked)
        while len(waiting) > MAX_QUEUE:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await first.stop()
        long.cancel()
        answers = await asyncio.gather(*asked)
        for mark, (each, answer) in enumerate(zip(others, answers, strict=True), 10):
            sentence = told(answer) or ""
            if "Queue is full" not in sentence and _NO_SIZES.format(mark=mark) not in sentence:
                faults.append(f"{mark} got another's: {sentence}")
            await each.leave()
        await first.leave()
        if not await is_own(visitor, "lesson", 7, await lesson(visitor, 7)):
            faults.append("the next run did not work")
    return answers, faults
