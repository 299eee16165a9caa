"""How busy other processes kept the machine while something was timed."""

from __future__ import annotations

import time

import psutil

# Systems count processors' time in hundredths of a second, so that less tells nothing.
SHORTEST_S = 0.2
# What no process has used; what guests use is counted as the user's too.
_NOT_USED = ("idle", "iowait", "guest", "guest_nice")


class Others:
    """Watches the time that other processes use, from its making on; costs nothing meanwhile."""

    def __init__(self) -> None:
        """Begin to watch."""
        self._start = self._now()

    def share(self) -> float | None:
        """Return the share of all processors that others have used; None if it was too short."""
        wall, machine, own = (
            now - start for now, start in zip(self._now(), self._start, strict=True)
        )
        if wall < SHORTEST_S:
            return None
        return min(1.0, max(0.0, (machine - own) / (wall * (psutil.cpu_count() or 1))))

    def _now(self) -> tuple[float, float, float]:
        """Return the time of the clock, of all that runs on the machine, and of this process."""
        machine = psutil.cpu_times()._asdict()
        used = sum(seconds for kind, seconds in machine.items() if kind not in _NOT_USED)
        own = psutil.Process().cpu_times()
        return time.monotonic(), used, own.user + own.system
