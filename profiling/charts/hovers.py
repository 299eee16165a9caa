"""What is said of one branch when it is pointed at."""

from __future__ import annotations

from profiling.charts.findings import exact_bytes
from profiling.charts.style import Text
from profiling.charts.values import Row, branch_label, escaped, is_wrong, number
from profiling.units import Unit, significant

_MESSAGE_LIMIT = 80


def status_word(row: Row, text: Text) -> str:
    """Say why a branch has no value."""
    return text("chart.not_measured") if row["status"] == "ok" else text(f"status.{row['status']}")


def time_hover(row: Row, unit: Unit, text: Text) -> str:
    """Say median, quartiles and ratio of a step, or why there are none."""
    lines = [branch_label(row)]
    median, ratio = number(row["step_median_s"]), number(row["ratio"])
    if median is None:
        lines += _failure(row, text)
    else:
        spread = quartiles(row, unit)
        lines.append(text("hover.step", median=unit.show(median), spread=spread))
    if ratio is not None:
        baseline = escaped(row["baseline"])
        lines.append(text("hover.ratio", ratio=significant(ratio), baseline=baseline))
    return "<br>".join(lines + _gradients(row, text))


def peak_hover(row: Row, unit: Unit, text: Text) -> str:
    """Say peak, saved and live bytes exactly, or why there are none."""
    lines = [branch_label(row)]
    for metric in ("peak", "saved", "live"):
        value = number(row[f"{metric}_bytes"])
        if value is not None:
            lines.append(f"{text(f'metric.{metric}')}: {exact_bytes(int(value), unit, text)}")
    if len(lines) == 1:
        lines += _failure(row, text)
    return "<br>".join(lines + _gradients(row, text))


def quartiles(row: Row, unit: Unit) -> str:
    """Write the 25th and the 75th percentile of a step's time, or nothing without them."""
    low, high = number(row["step_p25_s"]), number(row["step_p75_s"])
    return "" if low is None or high is None else f"{unit.number(low)}–{unit.show(high)}"


def _failure(row: Row, text: Text) -> list[str]:
    message = row["message"]
    said = [escaped(message, _MESSAGE_LIMIT)] if isinstance(message, str) and message else []
    return [status_word(row, text), *said]


def _gradients(row: Row, text: Text) -> list[str]:
    return [text("hover.gradients_differ")] if is_wrong(row) else []
