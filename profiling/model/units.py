"""Formats numbers for display, with one unit for all values that are shown together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple


class Unit(NamedTuple):
    """A display unit: an SI value divided by `factor` is a value in `symbol`."""

    symbol: str
    factor: float

    def show(self, value: float | None, digits: int = 3) -> str:
        """Format an SI value to significant digits; None and NaN give an empty string.

        Example:
            >>> Unit("µs", 1e-6).show(1.234e-4)
            '123 µs'
        """
        number = self.number(value, digits)
        return f"{number} {self.symbol}" if number else ""

    def number(self, value: float | None, digits: int = 3) -> str:
        """Format like `show`, without the unit."""
        return "" if value is None or value != value else significant(value / self.factor, digits)


def significant(value: float, digits: int = 3) -> str:
    """Format to significant digits without an exponent.

    Example:
        >>> significant(0.29871), significant(20971.52), significant(8.0)
        ('0.299', '20972', '8.00')
    """
    if value == 0:
        return "0"
    rounded = Decimal(f"{value:.{digits - 1}e}")
    # All digits before the decimal point are shown, even if the measurement supports fewer.
    return f"{value:.0f}" if rounded.adjusted() >= digits else f"{rounded:f}"


def show_ratio(ratio: float) -> str:
    """Format a ratio to three significant digits, or as many as keep it on its side of 1.

    Example:
        >>> show_ratio(0.29871), show_ratio(0.99961), show_ratio(1.0), show_ratio(1.0004)
        ('0.299', '0.9996', '1.00', '1.0004')
    """
    digits = range(3, 18)
    return next(
        (
            text
            for text in (significant(ratio, each) for each in digits)
            if _keeps_side(ratio, text)
        ),
        str(ratio),
    )


def show_share(share: float) -> str:
    """Format a share in percent to one decimal; only nothing is 0%, and only all is 100%.

    Example:
        >>> show_share(0.1234), show_share(0.0001), show_share(0.9999), show_share(1.0)
        ('12.3%', '<0.1%', '>99.9%', '100%')
    """
    if share == 0 or abs(share - 1) < 1e-6:
        return f"{share:.0%}"
    if 0 < share < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def show_column(values: Iterable[float | None], unit: Unit) -> list[str]:
    """Format the SI values of a column in one unit, with the same decimals, without the unit.

    The largest value has three significant digits or more, so that small ones have some, too; what
    would be rounded to 0 is said to be less.

    Example:
        >>> show_column([1.2345, 0.02, None, 0], Unit("ms", 1e-3))
        ['1,234', '20', '', '0']
        >>> show_column([2.5, 0.0004, 1e-7], Unit("ms", 1e-3))
        ['2,500.00', '0.40', '<0.01']
    """
    known = [None if value is None or value != value else value / unit.factor for value in values]
    sizes = [abs(value) for value in known if value]
    decimals = 0
    if sizes:
        for_largest, for_smallest = (
            digits - 1 - math.floor(math.log10(size))
            for digits, size in ((3, max(sizes)), (2, min(sizes)))
        )
        decimals = max(0, for_largest, min(2, for_smallest))
    return ["" if value is None else _with_decimals(value, decimals) for value in known]


def _with_decimals(value: float, decimals: int) -> str:
    least = 10**-decimals
    if value and abs(value) < least / 2:
        return f"{'<' if value > 0 else '>-'}{least:.{decimals}f}"
    return f"{value:,.{decimals}f}" if value else "0"


def show_interval(low: float, high: float) -> str:
    """Format the interval of a ratio, its ends rounded outward but never across 1.

    Example:
        >>> show_interval(0.9224, 0.9961), show_interval(0.9224, 0.9996), show_interval(0.28, 1.2)
        ('0.922–0.997', '0.922–0.9996', '0.280–1.20')
    """
    return f"{_outward(low, ROUND_FLOOR)}–{_outward(high, ROUND_CEILING)}"


def _outward(end: float, rounding: str) -> str:
    if not math.isfinite(end):
        return str(end)
    # As it is written, so that 0.28 is not taken for a little more.
    exact = Decimal(repr(float(end)))
    for digits in range(3, 18):
        rounded = _rounded(_rounded(exact, digits, rounding), digits, rounding)
        if _keeps_side(end, str(rounded)):
            return f"{rounded:f}"
    return str(end)


def _rounded(exact: Decimal, digits: int, rounding: str) -> Decimal:
    """Round to significant digits; all digits before the point are kept."""
    least = min(0, exact.adjusted() - digits + 1)
    return exact.quantize(Decimal(1).scaleb(least), rounding)


def _keeps_side(ratio: float, text: str) -> bool:
    """Return whether a rounded ratio is on the same side of 1 as the ratio."""
    shown = Decimal(text)
    return (shown < 1) == (ratio < 1) and (shown > 1) == (ratio > 1)


_TIMES = (Unit("ns", 1e-9), Unit("µs", 1e-6), Unit("ms", 1e-3), Unit("s", 1.0))
_BYTES = (Unit("B", 1), Unit("KiB", 2**10), Unit("MiB", 2**20), Unit("GiB", 2**30))


def time_unit(values: Iterable[float | None]) -> Unit:
    """Return the unit that fits the largest of some times in seconds."""
    return _pick(_TIMES, values)


def byte_unit(values: Iterable[float | None]) -> Unit:
    """Return the unit that fits the largest of some numbers of bytes."""
    return _pick(_BYTES, values)


def show_bytes(count: float | None) -> str:
    """Format a number of bytes in the unit that fits it; bytes are shown as a whole number.

    Example:
        >>> show_bytes(12), show_bytes(2048)
        ('12 B', '2.00 KiB')
    """
    unit = byte_unit([count])
    is_whole = count is not None and count == count and unit.factor == 1
    return f"{count:.0f} B" if is_whole else unit.show(count)


def _pick(units: tuple[Unit, ...], values: Iterable[float | None]) -> Unit:
    largest = max(
        (abs(value) for value in values if value is not None and value == value), default=0
    )
    fitting = [unit for unit in units if largest >= unit.factor]
    return fitting[-1] if fitting else units[0]


def show_flags(flags: Mapping[str, str]) -> str:
    """Write settings in one line.

    Example:
        >>> show_flags({"cudnn.benchmark": "False", "cudnn.allow_tf32": "True"})
        'cudnn.benchmark=False, cudnn.allow_tf32=True'
    """
    return ", ".join(f"{name}={value}" for name, value in flags.items())
