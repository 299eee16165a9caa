"""What is exported: the columns of every file, and the README that says what they mean."""

from __future__ import annotations

from collections.abc import Callable

# Gives the sentence of a key.
Text = Callable[[str], str]


def _described(area: str, *names: str) -> dict[str, str]:
    """Return the key of what each column of an area means."""
    return {name: f"column.{area}.{name}" for name in names}


_KEY = _described(
    "key",
    "workload",
    "branch",
    "size",
    "dtype",
    "device",
)

_STATUS = _described(
    "status",
    "status",
    "message",
)

_ENVIRONMENT = _described(
    "environment",
    "env_torch",
    "env_cuda",
    "env_driver",
    "env_device_name",
    "env_python",
    "env_platform",
    "env_threads",
    "env_commit",
    "env_time_utc",
    "env_seed",
)

# Every metric that a sample may be of.
METRICS = _described(
    "metric",
    "time",
    "host",
    "peak",
    "predicted",
    "live",
    "saved",
    "allocated",
    "allocations",
    "block_peak",
    "reserved_peak",
    "ops",
    "kernels",
    "launches",
    "copies",
    "device_copies",
    "syncs",
    "clone_bandwidth",
    "copy_bandwidth",
)

_SUMMARY = _described(
    "summary",
    "rounds",
    "stopped_by",
    "warm_up_rounds",
    "loops",
    "others_cpu_share",
    "step_median_s",
    "step_p25_s",
    "step_p75_s",
    "forward_median_s",
    "backward_median_s",
    "host_median_s",
    "baseline",
    "ratio",
    "ratio_low",
    "ratio_high",
    "p_value",
    "verdict",
    "peak_bytes",
    "predicted_peak_bytes",
    "live_bytes",
    "saved_bytes",
    "allocated_bytes",
    "allocations",
    "block_peak_bytes",
    "reserved_peak_bytes",
    "ops",
    "kernels",
    "launches",
    "copies",
    "syncs",
    "clone_bytes_per_s",
    "copy_bytes_per_s",
    "scratch",
    "gradients",
    "gradients_right",
)

_SAMPLES = _described(
    "samples",
    "phase",
    "metric",
    "unit",
    "index",
    "value",
)

_EVENTS = _described(
    "event",
    "name",
    "category",
    "phase",
    "process",
    "thread",
    "start_s",
    "duration_s",
    "bytes",
    "address",
    "memory_device",
    "external_id",
    "correlation",
    "stream",
    "shapes",
    "copied_bytes",
)

SUMMARY = {**_KEY, **_STATUS, **_SUMMARY, **_ENVIRONMENT}
SAMPLES = {**_KEY, **_SAMPLES, **_STATUS, **_ENVIRONMENT}
TRACE_EVENTS = {**_KEY, **_EVENTS}

# Of each file the key of what a row is, and its columns in order with the keys of what they mean.
FILES = {
    "summary.csv": ("readme.rows.summary", SUMMARY),
    "samples.csv": ("readme.rows.samples", SAMPLES),
    "trace_events.csv": ("readme.rows.trace_events", TRACE_EVENTS),
}


def readme(text: Text) -> str:
    """Return the description of all files and columns as Markdown.

    Args:
        text: Says a locale key.
    """
    parts = [text("readme.introduction") + "\n"]
    for file, (rows, columns) in FILES.items():
        table = _table(columns, text("readme.column"), text)
        parts.append(f"## {file}\n\n{text(rows)}\n\n{table}")
    metrics = _table(METRICS, text("readme.metric"), text)
    parts.append(f"## {text('readme.metrics')}\n\n{metrics}")
    return "\n".join(parts)


def _table(keys: dict[str, str], head: str, text: Text) -> str:
    lines = [f"| `{name}` | {text(key)} |" for name, key in keys.items()]
    return "\n".join([f"| {head} | {text('readme.meaning')} |", "|---|---|", *lines]) + "\n"
