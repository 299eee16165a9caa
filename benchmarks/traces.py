"""Prints what reading a profiler trace costs, beside plain JSON decoders and HolisticTraceAnalysis.

Each reading is a process of its own; readers take turns, and medians are printed. Traces are made
as Kineto writes them: of about 100 MB with memory events, one with stacks, and three sizes.

Run: ``python -m benchmarks.traces [PYTHON]``, with the interpreter of another environment that
has HolisticTraceAnalysis, which is left out otherwise.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness.made_traces import write

ROUNDS = 3
# Calls of `making`, of nine events each and of thirteen with stacks.
MEMORY_CALLS = 38_000
STACKS_CALLS = 28_000
GROWTH_EVENTS = (10_000, 100_000, 1_000_000)
EVENTS_A_CALL = 9

_READERS = {
    "json.load": "import json; read = lambda: json.load(open(path, encoding='utf-8'))",
    "orjson.loads": "import orjson; read = lambda: orjson.loads(open(path, 'rb').read())",
    "read_trace": (
        "from pathlib import Path; from profiling.traces.table import read_trace;"
        "read = lambda: read_trace(Path(path)).events"
    ),
}
_HTA = (
    "import logging; logging.disable(50); from hta.common.trace_parser import *;"
    "from hta.configs.parser_config import ParserBackend;"
    "cfg = ParserConfig.get_default_cfg();"
    "cfg.set_parser_backend(ParserBackend('{backend}'));"
    "read = lambda: parse_trace_dataframe(path, cfg)[1]"
)
_BACKENDS = ("json", "ijson", "ijson_batched", "ijson_batch_and_compress")
_TIMED = """
import sys, time, resource, json
path = sys.argv[1]
{reader}
start, start_cpu = time.perf_counter(), time.process_time()
found = read()
seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
# In KiB, except on macOS.
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = len(found) if not isinstance(found, dict) else len(found["traceEvents"])
print(json.dumps([seconds, cpu, peak / 1024, rows]))
"""


def reading(python: str, reader: str, path: Path) -> list[float] | None:
    """Read a trace in a new process: seconds, of them CPU, peak MiB and rows; None if it failed."""
    command = [python, "-c", _TIMED.format(reader=reader), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(title: str, path: Path, readers: dict[str, tuple[str, str]]) -> None:
    """Print medians of every reader of one trace."""
    print(f"\n{title}: {path.stat().st_size / 1e6:.1f} MB")
    found: dict[str, list[list[float]]] = {name: [] for name in readers}
    for _ in range(ROUNDS):
        for name, (python, reader) in readers.items():
            result = reading(python, reader, path)
            if result is not None:
                found[name].append(result)
    medians = {
        name: [statistics.median(values) for values in zip(*results, strict=True)]
        for name, results in found.items()
        if results
    }
    base_s, base_cpu_s, *_ = medians["orjson.loads"]
    for name, (seconds, cpu_s, peak, rows) in medians.items():
        print(
            f"  {name:28} {seconds:7.3f} s = {seconds / base_s:5.2f} × orjson"
            f"  CPU {cpu_s:7.3f} s = {cpu_s / base_cpu_s:5.2f} ×"
            f"  peak {peak:5.0f} MiB  {rows:9,.0f} rows"
        )


def main(hta_python: str | None) -> None:
    """Make the traces, and print a table of each."""
    readers = {name: (sys.executable, reader) for name, reader in _READERS.items()}
    others = {}
    if hta_python:
        others = {f"HTA {name}": (hta_python, _HTA.format(backend=name)) for name in _BACKENDS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        write(path, MEMORY_CALLS)
        compare("memory events", path, readers | others)
        write(path, STACKS_CALLS, stacks=True)
        compare("stacks", path, readers | others)
        for events in GROWTH_EVENTS:
            write(path, events // EVENTS_A_CALL)
            compare(f"{events:,} events", path, readers)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
