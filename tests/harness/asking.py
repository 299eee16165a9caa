"""What visitors ask for in these checks: each with a mark of its own that must come back to it."""

from __future__ import annotations

import asyncio
import csv
import functools
import gzip
import io
import json
import re
from typing import Any

from tests.harness.visiting import Answer, Visitor, files

_SENTENCE = 'role="alert"'


async def lesson(visitor: Visitor, mark: int, **how: Any) -> Answer:
    """Run a lesson on a number that only this mark gives."""
    return await visitor.ask("show_lesson", "baseline", f"{mark}.5", "sigmoid", **how)


async def compare(
    visitor: Visitor, mark: int, sizes: str = "{mark}", budget: float = 0.2, **how: Any
) -> Answer:
    """Measure sizes; ``{mark}`` among them is the visitor's own."""
    how_run = [["eager"], "float32", "cpu"]
    values = ["side_branch", ["attached", "detach"], sizes.format(mark=mark), *how_run]
    # Two samples, force, and the workload's parameters: depth and width.
    return await visitor.ask("show_compare", *values, budget, False, False, 2, 8, **how)


async def trace(visitor: Visitor, mark: int, events: int = 200, **how: Any) -> Answer:
    """Open a trace whose file has the mark in its name."""
    file = await visitor.upload(f"trace-{mark}.json.gz", trace_bytes(events))
    return await visitor.ask("open_trace", None, file, **how)


@functools.cache
def trace_bytes(count: int) -> bytes:
    """Return a profiler's trace of so many operators."""
    events = [
        {"ph": "X", "cat": "cpu_op", "name": f"aten::op{at % 50}", "pid": 1, "tid": 1}
        | {"ts": at * 10, "dur": 9, "args": {"External id": at}}
        for at in range(count)
    ]
    return gzip.compress(json.dumps({"schemaVersion": 1, "traceEvents": events}).encode(), 1)


def told(answer: Answer) -> str | None:
    """Return the sentence that a person was told of a failure, if there was one."""
    if answer.refused is not None:
        return answer.refused
    if _SENTENCE not in answer.text:
        return None
    rest = answer.text[answer.text.index(_SENTENCE) :].partition(">")[2]
    return re.sub(r"<[^>]*>", " ", rest.partition("</section>")[0]).strip()


async def summary(visitor: Visitor) -> bytes | None:
    """Have the summary of the visitor's run made, and return it; None if there is no run."""
    while True:
        answer = await visitor.ask("save_summary")
        if answer.refused is None or "full" not in answer.refused:
            break
        await asyncio.sleep(0.2)
    offered = files(answer)
    return await visitor.download(offered["summary.csv"]) if offered else None


async def sizes_in_file(visitor: Visitor) -> dict[int, set[str]]:
    """Return the statuses by size in the summary of the visitor's run."""
    text = (await summary(visitor) or b"").decode()
    found: dict[int, set[str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        found.setdefault(int(row["size"]), set()).add(row["status"])
    return found


async def is_own(visitor: Visitor, kind: str, mark: int, answer: Answer) -> bool:
    """Whether an answer is the one that belongs to a mark."""
    if kind == "lesson":
        return f"{mark}.5" in answer.text
    if kind == "trace":
        return f"trace-{mark}.json.gz" in answer.text
    return await sizes_in_file(visitor) == {mark: {"ok"}}


KINDS = {"lesson": lesson, "compare": compare, "trace": trace}
