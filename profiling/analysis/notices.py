"""What a person should know of a cell's results beside what they show."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator

from profiling.model.run import BranchResult, CellResult, Notice
from profiling.model.words import Text, lenient

# From this share of the device's time on, a step is as long as its calls take on the host.
LAUNCH_BOUND_SHARE = 0.9
# How much larger a size is offered where the device waited for the host.
LARGER = 16


def notices(finished: CellResult, text: Text) -> list[str]:
    """Return the sentences: what the measuring noted, and what follows from the samples."""
    say = lenient(text)
    sentences = [say(each.key, **each.values) for each in finished.notices]
    for result in finished.results:
        for each in result.notices:
            sentences.append(f"{result.branch}: {say(each.key, **each.values)}")
    return [*sentences, *(say(each.key, **each.values) for each in _derived(finished, text))]


def is_launch_bound(result: BranchResult) -> bool:
    """Whether the host took at least `LAUNCH_BOUND_SHARE` of a step's time to launch it.

    A step that waits for the device keeps the host busy in any case, so of it nothing is said.
    """
    device, host = _seconds(result, "time"), _seconds(result, "host")
    waits = any(each.metric == "syncs" and each.value for each in result.samples)
    if not device or not host or waits:
        return False
    return statistics.median(host) >= LAUNCH_BOUND_SHARE * statistics.median(device)


def _derived(finished: CellResult, text: Text) -> Iterator[Notice]:
    bound = [each.branch for each in finished.results if is_launch_bound(each)]
    if bound:
        names = text("language.list").join(f"`{name}`" for name in bound)
        values = {"names": names, "count": str(len(bound))}
        if finished.cell.unit == "steps":  # More steps are as many launches for each.
            yield Notice("notice.launch_bound_steps", values)
        else:
            larger = f"{finished.cell.size * LARGER:,}"
            yield Notice("notice.launch_bound", values | {"size": larger})


def _seconds(result: BranchResult, metric: str) -> list[float]:
    """Return the seconds of each round's step, forward and backward together."""
    rounds: dict[int, float] = defaultdict(float)
    for each in result.samples:
        if each.metric == metric and each.value is not None:
            rounds[each.index] += each.value
    return list(rounds.values())
