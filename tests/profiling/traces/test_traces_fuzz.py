"""Hundreds of damaged files: each is a table, in part with a notice, or an error that is told."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from profiling.model.errors import InputError
from profiling.model.words import LANGUAGES, translator
from profiling.traces.cuts import cut_facts, cut_sentences
from profiling.traces.gpu_tables import GPU_TABLES, SHOWN
from profiling.traces.idle import CAUSES
from profiling.traces.summary import summary_sentences, trace_summary
from profiling.traces.table import COLUMNS, MORE_COLUMNS, Trace, read_trace
from tests.harness.made_traces import write

FILES = 200
# One in so many is summed up, too.
SUMMED_UP = 25
SEEDS = [0, pytest.param(1, marks=pytest.mark.long)]
VALUE = re.compile(rb"(?<=: )[^,\n\[{}]+")
ODD = [
    *(b"nan", b"NaN", b"-Infinity", b"null", b"true", b"[]", b"{}", b'"x"', b'["a", 1]'),
    *(b"1e400", b"-1e30", b"1e18", b"-5", b"-0", b"1" + b"0" * 30, b"9" * 5000, b"\xff"),
    *(b"18446744073709551616", b'"<script>alert(1)</script>"', b'"\\ud800"', b'{"rank": "x"}'),
    *(b'"B"', b'"E"', b'"s"', b'"M"', b"[[[[", b"[" * 3000, b'{"a":' * 3000),
]


def damaged(content: bytes, source: random.Random) -> bytes:
    """Return the content with some damage of one kind."""
    kind = source.choice(["cut", "flip", "swap", "lose", "repeat", "insert"])
    for _ in range(source.choice([1, 1, 2, 5, 20])):
        place = source.randrange(len(content) + 1)
        length = source.randrange(1000)
        start, rest = content[:place], content[place:]
        values = list(VALUE.finditer(content)) if kind == "swap" else []
        if kind == "cut":
            content = start
        elif kind == "flip" and rest:
            content = start + bytes([rest[0] ^ 1 << source.randrange(8)]) + rest[1:]
        elif values:
            value = source.choice(values)
            content = content[: value.start()] + source.choice(ODD) + content[value.end() :]
        elif kind == "lose":
            content = start + rest[length:]
        elif kind == "repeat":
            content = start + rest[:length] + rest
        elif kind == "insert":
            content = start + source.choice(ODD) + rest
    return content


def outcome(path: Path) -> str:
    """Read a file, check what came of it, and return its kind."""
    try:
        trace = read_trace(path)
    except InputError as error:
        told = [translator(language)(error.key, **error.values) for language in LANGUAGES]
        assert all(path.name in sentence for sentence in told)
        return "refused"
    types = {name: dtype.name for name, dtype in trace.events.dtypes.items()}
    assert types == COLUMNS | MORE_COLUMNS
    assert trace.events["start_s"].is_monotonic_increasing
    assert not (trace.events["duration_s"] < 0).any()
    assert trace.events.to_csv().encode()
    for key, values in trace.notices:
        assert all(translator(language)(key, **values) for language in LANGUAGES)
    if len(trace.events) % SUMMED_UP == 0:
        sum_up(trace)
    return "partial" if trace.notices else "whole"


def sum_up(trace: Trace) -> None:
    """Check what is told of a trace's GPUs."""
    summary = trace_summary(trace)
    for times in summary.times:
        assert times.idle_ns == sum(getattr(times, f"{cause}_ns") for cause in CAUSES)
    for language in LANGUAGES:
        assert all(summary_sentences(summary, translator(language)))
        assert all(cut_sentences(cut_facts(trace.events, trace.events[::2]), translator(language)))
    for name, table in GPU_TABLES.items():
        assert {*SHOWN[name]} <= {*table(trace.events)}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_file_is_a_table_or_an_error(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    path = tmp_path / "trace.json"
    write(path, 8, stacks=True, rank=1)
    kineto = path.read_bytes()
    listed = json.dumps(json.loads(kineto)["traceEvents"]).encode()
    outcomes: Counter[str] = Counter()
    for _ in range(FILES):
        content = damaged(source.choice([kineto, listed]), source)
        if source.random() < 0.2:
            content = damaged(gzip.compress(content), source)
        path.write_bytes(content)
        outcomes[outcome(path)] += 1
    assert outcomes["partial"] > FILES / 3
    assert min(outcomes["refused"], outcomes["whole"]) > 0
