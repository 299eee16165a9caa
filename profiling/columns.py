"""What every exported column means: the source of the README in the archive and of docs/csv.md."""

from __future__ import annotations

_KEY = {
    "workload": "Name of the training step.",
    "branch": "Name of the way to cut the gradient; `#2` marks one that was asked for again.",
    "size": "Size of the step: elements or batch, as the workload says.",
    "dtype": "Floating point type of parameters and inputs.",
    "device": "`cpu` or `cuda`.",
}

_STATUS = {
    "status": "`ok`, `expected_error`, `unsupported`, `out_of_memory` or `error`.",
    "message": "The error's own text, or the key of our reason; empty when all is well.",
}

_ENVIRONMENT = {
    "env_torch": "Version of torch.",
    "env_cuda": "CUDA version torch was built with; empty for a CPU build.",
    "env_driver": "Highest CUDA version the driver supports; empty without a GPU in use.",
    "env_device_name": "The device's own name.",
    "env_python": "Version of Python.",
    "env_platform": "Operating system.",
    "env_threads": "Intra-op threads of torch.",
    "env_commit": "Git commit of Detach Lab, `+` if changed; empty outside a checkout.",
    "env_time_utc": "When the run started, ISO 8601, UTC.",
    "env_seed": "Seed of the state and of the order of branches.",
}

# Every metric that a sample may be of: what it is, and in which unit.
METRICS = {
    "time": "Seconds that a phase took: on the CPU by the wall clock, on CUDA on the device.",
    "host": "Seconds until the phase's calls returned, the device perhaps still busy; CUDA only.",
    "peak": "Highest bytes allocated during the step, above its start; on CUDA as requested.",
    "predicted": "The same, predicted without running the step.",
    "live": "Bytes allocated since the start and alive when forward ends.",
    "saved": "Most bytes that autograd keeps for backward at once, without parameters.",
    "allocated": "Bytes of all allocations of the step together, freed or not.",
    "allocations": "Number of them.",
    "block_peak": "Like peak, in the allocator's blocks, which round up; CUDA only.",
    "reserved_peak": "Highest bytes that the allocator held from the driver; CUDA only.",
    "ops": "Operator calls in the trace, those made by other operators included.",
    "kernels": "Kernels in the trace; CUDA only.",
    "launches": "Kernel launches in the trace; CUDA only.",
    "copies": "Memory copies on the device or to and from it, in the trace; CUDA only.",
    "device_copies": "Those of them within a device; CUDA only.",
    "syncs": "Calls in the trace that make the host wait for the device; CUDA only.",
    "clone_bandwidth": "Bytes read and written per second by the clones in the trace; CUDA only.",
    "copy_bandwidth": "The same of a large copy on the device, in the same run; CUDA only.",
}

SUMMARY = {
    **_KEY,
    **_STATUS,
    "rounds": "Timed steps of this branch.",
    "stopped_by": "What ended the timing: `precision` (ratios within ±2 %), `budget`, `rounds`.",
    "warm_up_rounds": "Rounds that were run before the first that counts.",
    "loops": "Steps that one time sample is the mean of.",
    "others_cpu_share": "Share of all processors, 0 to 1, that other processes used while this was "
    "timed: the more, the less times can be trusted; empty where it was too short to tell.",
    "step_median_s": "Median time of forward plus backward.",
    "step_p25_s": "First quartile of the same.",
    "step_p75_s": "Third quartile of the same.",
    "forward_median_s": "Median time of forward.",
    "backward_median_s": "Median time of backward.",
    "host_median_s": "Median time until the step's calls returned on the host; CUDA only.",
    "baseline": "Branch that the ratio is relative to: `attached`, or else the first one.",
    "ratio": "Median ratio of the step's time to the baseline's, round by round.",
    "ratio_low": "Lower end of its 95 % bootstrap interval; empty below 5 rounds.",
    "ratio_high": "Upper end of it.",
    "p_value": "Wilcoxon signed-rank test of the pairs, corrected over the cell's branches (Holm).",
    "verdict": "`faster` or `slower` where p_value is below 0.05, else `no_difference`.",
    "peak_bytes": "Highest bytes allocated during the step, above its start.",
    "predicted_peak_bytes": "The same, predicted from fake tensors before the step ran.",
    "live_bytes": "Bytes allocated since the start and alive when forward ends.",
    "saved_bytes": "Most bytes that autograd keeps for backward at once during forward: storages "
    "without parameters, with inputs that were there before, so it can exceed the peak.",
    "allocated_bytes": "Bytes of all allocations of the step together, freed or not.",
    "allocations": "Number of them.",
    "block_peak_bytes": "Peak in the allocator's blocks, which round up; CUDA only.",
    "reserved_peak_bytes": "Highest bytes the allocator held from the driver; CUDA only.",
    "ops": "Operator calls in the profiler trace, those made by other operators included.",
    "kernels": "Kernels in the trace; CUDA only.",
    "launches": "Kernel launches in the trace; CUDA only.",
    "copies": "Memory copies in the trace; CUDA only.",
    "syncs": "Calls in the trace that made the host wait for the device; CUDA only.",
    "clone_bytes_per_s": "Bytes read and written per second by the clones; CUDA only.",
    "copy_bytes_per_s": "The same of a large copy on the device, in the same run; CUDA only.",
    "scratch": "Operators that held memory for themselves at the peak, and its bytes: what the "
    "measured peak may have more than the predicted one; `python` is what is in no operator.",
    "gradients": "`group:outcome` for every parameter group: `equal` to the reference, `none` as "
    "it should be, `missing`, `unwanted`, `different`, or `unchecked` without a reference.",
    "gradients_right": "Whether every group has the gradient it should have; empty if unchecked.",
    **_ENVIRONMENT,
}

SAMPLES = {
    **_KEY,
    "phase": "`forward`, `backward` or `step` (both).",
    "metric": "What was measured; see below.",
    "unit": "`s`, `bytes`, `bytes_per_s` or `count`.",
    "index": "Round of the sample; equal rounds of two branches form a pair.",
    "value": "The raw value; empty where it could not be measured.",
    **_STATUS,
    **_ENVIRONMENT,
}

TRACE_EVENTS = {
    **_KEY,
    "name": "Name of the event.",
    "category": "The profiler's category, such as `cpu_op`, `kernel` or `cpu_instant_event`.",
    "phase": "Chrome trace phase: `X` has a duration, `i` is an instant, `s` and `f` a flow.",
    "process": "Process id, or the profiler's own lane.",
    "thread": "Thread id, or CUDA stream.",
    "start_s": "Start, from the first event of the trace.",
    "duration_s": "Duration; empty for events without one.",
    "bytes": "Bytes allocated, negative when freed; memory events only.",
    "address": "Address of that memory.",
    "memory_device": "Device of that memory: `cpu`, `cuda:0` and so on.",
    "external_id": "Ties an operator to what it launched.",
    "correlation": "Ties a kernel to the call that launched it.",
    "stream": "CUDA stream.",
    "shapes": "Shapes of an operator's inputs, as JSON.",
    "copied_bytes": "Bytes that a copy or a fill on the GPU wrote.",
}

FILES = {
    "summary.csv": ("One row a workload, branch, size, dtype and device.", SUMMARY),
    "samples.csv": ("One row a raw sample.", SAMPLES),
    "trace_events.csv": ("One row an event of a profiler trace.", TRACE_EVENTS),
}

_INTRODUCTION = """\
# The files of a run

Times are in seconds (`_s`), memory in bytes (`_bytes`). A cell is empty where a value could not
be measured; it is never 0 for that reason. Columns are only ever added.

`run.json` holds all of it but the traces and can be loaded again. `traces/` has one Chrome trace
a branch and size; open it in Perfetto or chrome://tracing.
"""


def readme() -> str:
    """Return the description of all files and columns as Markdown."""
    parts = [_INTRODUCTION]
    for file, (rows, columns) in FILES.items():
        lines = [f"| `{name}` | {meaning} |" for name, meaning in columns.items()]
        parts.append("\n".join([f"## {file}", "", rows, "", "| column | meaning |", "|---|---|"]))
        parts[-1] += "\n" + "\n".join(lines) + "\n"
    metrics = [f"| `{name}` | {meaning} |" for name, meaning in METRICS.items()]
    parts.append(
        "\n".join(["## Metrics", "", "| metric | meaning |", "|---|---|", *metrics]) + "\n"
    )
    return "\n".join(parts)
