"""Every metric that a sample may be of. Checks, CSV columns and their documentation follow from it.

To add a metric, add a line to `METRICS` and its words to the locales: ``column.metric.NAME`` and,
if it has a column in summary.csv, ``column.summary.COLUMN``.
"""

from __future__ import annotations

from typing import NamedTuple

# Of each unit whether its values are whole numbers.
UNITS = {"s": False, "bytes": True, "bytes_per_s": False, "count": True}


class Metric(NamedTuple):
    """A quantity that is measured of a branch.

    Attributes:
        name: What samples call it.
        unit: One of `UNITS`.
        phases: The phases that it is measured in; ``"step"`` is both together.
        column: Its column in summary.csv; empty where it has none of its own.
        signed: Whether it may be below 0.
    """

    name: str
    unit: str
    phases: tuple[str, ...] = ("step",)
    column: str = ""
    signed: bool = False

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return UNITS[self.unit]


_PHASES = ("forward", "backward")
_FORWARD = ("forward",)

_ALL = (
    Metric("time", "s", _PHASES),
    Metric("host", "s", _PHASES),
    Metric("peak", "bytes", column="peak_bytes"),
    Metric("predicted", "bytes", column="predicted_peak_bytes"),
    # A step may free what was there before it.
    Metric("live", "bytes", _FORWARD, "live_bytes", signed=True),
    Metric("saved", "bytes", _FORWARD, "saved_bytes"),
    Metric("allocated", "bytes", column="allocated_bytes"),
    Metric("allocations", "count", column="allocations"),
    Metric("block_peak", "bytes", column="block_peak_bytes"),
    Metric("reserved_peak", "bytes", column="reserved_peak_bytes"),
    Metric("compile", "s", column="compile_s"),
    Metric("ops", "count", column="ops"),
    Metric("kernels", "count", column="kernels"),
    Metric("launches", "count", column="launches"),
    Metric("copies", "count", column="copies"),
    Metric("device_copies", "count"),
    Metric("syncs", "count", column="syncs"),
    Metric("clone_bandwidth", "bytes_per_s", column="clone_bytes_per_s"),
    Metric("copy_bandwidth", "bytes_per_s", column="copy_bytes_per_s"),
)

METRICS = {metric.name: metric for metric in _ALL}
