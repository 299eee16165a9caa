"""Small tables with known values, shaped as `profiling.analysis` gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from profiling.analysis.findings import Findings, find

Summary = Callable[..., pd.DataFrame]


def row(branch: str, **values: Any) -> dict[str, Any]:
    """Return a summary row of a branch that was measured and is right, unless told otherwise."""
    defaults: dict[str, Any] = {
        "workload": "elementwise",
        "branch": branch,
        "size": 1000,
        "dtype": "float32",
        "mode": "eager",
        "device": "cpu",
        "status": "ok",
        "reason": "",
        "values": {},
        "message": "",
        "rounds": 10,
        "others_cpu_share": float("nan"),
        "step_median_s": 100e-6,
        "step_p25_s": 90e-6,
        "step_p75_s": 120e-6,
        "forward_median_s": 40e-6,
        "backward_median_s": 60e-6,
        "host_median_s": float("nan"),
        "ratio": 1.0,
        "ratio_low": float("nan"),
        "ratio_high": float("nan"),
        "baseline": "attached",
        "verdict": "",
        "peak_bytes": 4 * 2**20,
        "predicted_peak_bytes": None,
        "live_bytes": 1 * 2**20,
        "saved_bytes": 2 * 2**20,
        "ops": 12,
        **dict.fromkeys(("kernels", "copies", "syncs", "clone_bytes_per_s", "copy_bytes_per_s")),
        "scratch": "",
        "gradients": "x:none;w:equal",
        "gradients_right": True,
        "gradient_errors": "w:0",
    }
    return defaults | values


def faster(name: str, ratio: float, low: float, high: float, **values: Any) -> dict[str, Any]:
    interval = {"ratio": ratio, "ratio_low": low, "ratio_high": high}
    return row(name, **interval, **({"verdict": "faster"} | values))


def failed(branch: str, status: str = "unsupported", **values: Any) -> dict[str, Any]:
    """Return the summary row of a branch without any number."""
    nothing = dict.fromkeys(
        [
            *("step_median_s", "step_p25_s", "step_p75_s", "ratio"),
            *("forward_median_s", "backward_median_s"),
        ],
        float("nan"),
    )
    missing = dict.fromkeys(["peak_bytes", "live_bytes", "saved_bytes", "ops", "gradients_right"])
    return row(branch, status=status, rounds=0, **nothing, **missing) | values


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    memory = ("peak_bytes", "predicted_peak_bytes", "live_bytes", "saved_bytes")
    counts = ("rounds", *memory, "ops", "kernels", "copies", "syncs")
    return pd.DataFrame(list(rows)).astype(dict.fromkeys(counts, "Int64"))


def shown(*rows: dict[str, Any]) -> Findings:
    """Return what a cell with these rows shows."""
    return find(table(*rows))


@pytest.fixture
def summary() -> pd.DataFrame:
    """One cell: a baseline with wrong gradients, a faster branch, and one that cannot be."""
    return table(
        row("attached", gradients_right=False),
        row(
            "no_grad",
            step_median_s=39e-6,
            step_p25_s=38e-6,
            step_p75_s=41e-6,
            forward_median_s=30e-6,
            backward_median_s=10e-6,
            ratio=0.39,
            ratio_low=0.36,
            ratio_high=0.392,
            verdict="faster",
            peak_bytes=1 * 2**20,
        ),
        failed("frozen", message="<b>no</b> parameters"),
    )
