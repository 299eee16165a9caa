"""How long a comparison is likely to go on."""

from __future__ import annotations

from profiling.engine.engine import Progress

# A cell takes its budget for timing, and about as long again for everything else.
_OVERHEAD = 2.0


def time_left_s(progress: Progress, budget_s: float) -> float | None:
    """Estimate the seconds that are left, from what the finished cells took.

    Args:
        progress: Where the comparison stands.
        budget_s: Seconds of timed steps for each cell, which is all that is known of the first.

    Returns:
        The estimate; None before the first cell is begun, and once the current one has taken longer
        than was estimated, so that nothing is known.

    Example:
        >>> from profiling.engine.engine import Progress
        >>> time_left_s(Progress(None, None, 1.0, False), 2.0) is None
        True
    """
    run = progress.run
    if run is None:
        return None
    took = [result.duration_s or 0.0 for result in run.results]
    usual_s = sum(took) / len(took) if any(took) else _OVERHEAD * budget_s
    waiting = len(run.cells) - len(took)
    # What has passed beyond the finished cells was spent on this one, or before the first began.
    spent_s = max(0.0, progress.elapsed_s - sum(took)) if took else progress.elapsed_s
    left_s = usual_s * waiting - min(spent_s, usual_s)
    return left_s if left_s > 0 else None
