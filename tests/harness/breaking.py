"""Breaks a running page: kills its worker, leaves it in the middle, ends its server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from demos.page.compare.session_runs import MOST_RUNS
from profiling.engine.progress import RunningBranch
from tests.harness.asking import KINDS, compare, is_own, lesson, sizes_in_file, told
from tests.harness.launching import ROOT, App, own_folders, start_app
from tests.harness.visiting import PATIENCE_S, Answer, Visitor, opened

SEED = 20
_SIZES = "8, {mark}, 20000"
_HOW: dict[str, dict[str, Any]] = {"compare": {"sizes": _SIZES}, "trace": {"events": 30_000}}


class Kills(NamedTuple):
    """What killing the worker came to.

    Attributes:
        hit: Requests whose worker was killed under them, by kind.
        finished: Requests that ended before they could be hit.
        faults: What was not as it should be; empty if all is well.
    """

    hit: Counter[str]
    finished: int
    faults: list[str]


class Stand(NamedTuple):
    """How a way to end a run went: seconds until the worker had ended, and what was wrong."""

    worker_gone_s: float
    faults: list[str]


def workers(server: int) -> list[psutil.Process]:
    """Return the worker processes of a process, spawned by it or forked for it."""
    children = psutil.Process(server).children()
    spawned = [child for child in children if _is("spawn_main", child)]
    return [*_forked(children, "import_torch"), *spawned]


def trace_holders(server: int) -> list[psutil.Process]:
    """Return the processes that hold the traces of a process, where such are forked for it."""
    return _forked(psutil.Process(server).children(), "import_traces")


def _forked(children: list[psutil.Process], imports: str) -> list[psutil.Process]:
    """Return what a fork server has forked, which is known by what it imports."""
    return [each for child in children if _is(imports, child) for each in child.children()]


def _is(what: str, process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return what in " ".join(process.cmdline())
    return False


def runs(app: App) -> set[Path]:
    """Return the folders of the runs that a server keeps."""
    return {path for folder in own_folders(app.temp) for path in (folder / "runs").iterdir()}


async def measuring_worker(app: App) -> psutil.Process:
    """Return the worker that measures, once those before it have ended."""
    while len(found := _measuring_workers(app.process.pid)) != 1:
        await asyncio.sleep(0.01)
    return found[0]


def _measuring_workers(server: int) -> list[psutil.Process]:
    """Return the workers that have the priority of their server, below which lessons run."""
    found, usual = [], psutil.Process(server).nice()
    for each in workers(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [each] if each.nice() == usual else []
    return found


def running(app: App) -> set[tuple[Path, int]]:
    """Return the notes that a branch runs, each with the time it was written."""
    found = set()
    for folder in own_folders(app.temp):
        for note in folder.glob(f"notes/*/{RunningBranch.__name__}.json"):
            with contextlib.suppress(FileNotFoundError):  # Its branch has just ended.
                found.add((note, note.stat().st_mtime_ns))
    return found


async def measuring(app: App, before: set[tuple[Path, int]]) -> None:
    """Wait until the worker runs a branch, which its job notes.

    Args:
        app: The page.
        before: As from `running`, before it was asked for: notes of an earlier job may still lie
            there.
    """
    while not running(app) - before:
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def visiting(app: App) -> AsyncIterator[Visitor]:
    """Visit an app whose worker is ready."""
    visitor = Visitor(await opened(app.url))
    await lesson(visitor, 1)
    try:
        yield visitor
    finally:
        await visitor.leave()


async def kills(app: App, hits: int, tries: int, seed: int = SEED) -> Kills:
    """Kill the worker at random moments of requests of all kinds, one after the other.

    Args:
        app: The page.
        hits: How many requests are to be hit.
        tries: How many are asked for at most.
        seed: Seed of the moments and of the order of kinds.
    """
    chance, result = random.Random(seed), Kills(Counter(), 0, [])
    kinds = [list(KINDS)[at % len(KINDS)] for at in range(tries)]
    chance.shuffle(kinds)
    async with visiting(app) as visitor:
        known = runs(app)
        takes_s = {kind: await _takes_s(visitor, kind) for kind in KINDS}
        for mark, kind in enumerate(kinds, start=10):
            if result.hit.total() == hits:
                break
            answer = await _killed(app, visitor, kind, mark, chance.uniform(0.0, takes_s[kind]))
            fault, hit = await _judge(visitor, kind, mark, answer)
            result.faults.extend(f"{kind} {mark}: {each}" for each in fault)
            result.hit.update([kind] if hit else [])
            result = result._replace(finished=result.finished + (not hit))
            if not await is_own(visitor, "lesson", mark, await lesson(visitor, mark)):
                result.faults.append(f"{kind} {mark}: the next run did not work")
            result.faults.extend(f"{kind} {mark}: {each}" for each in _left(app, known))
    return result


async def _takes_s(visitor: Visitor, kind: str) -> float:
    """Return how long a kind of request takes if nothing befalls it, and it is not the first."""
    took_s = 0.0
    for _ in range(2):
        start = time.monotonic()
        await KINDS[kind](visitor, 9, **_HOW.get(kind, {}))
        took_s = time.monotonic() - start
    return took_s


async def _killed(app: App, visitor: Visitor, kind: str, mark: int, after_s: float) -> Answer:
    asked = asyncio.create_task(KINDS[kind](visitor, mark, **_HOW.get(kind, {})))
    await asyncio.sleep(after_s)
    for process in [*workers(app.process.pid), *trace_holders(app.process.pid)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return await asked


async def _judge(visitor: Visitor, kind: str, mark: int, answer: Answer) -> tuple[list[str], bool]:
    """Return what is wrong with an answer, and whether the kill hit it."""
    if kind == "compare":
        found = await sizes_in_file(visitor)
        lost = [size for size, statuses in found.items() if "error" in statuses]
        if set(found) != {8, mark, 20000} or len(lost) > 1:
            return [f"{told(answer)}, sizes {found}"], bool(lost)
        is_told = "The worker process ended" in answer.text
        return ([] if is_told or not lost or lost != [20000] else ["not told"]), bool(lost)
    sentence = told(answer)
    if sentence is None:
        own = await is_own(visitor, kind, mark, answer)
        return ([] if own else ["another's answer"]), False
    return ([] if "ended" in sentence else [f"told: {sentence}"]), True


def _left(app: App, known: set[Path]) -> list[str]:
    """Return what should not be left after a request is over, beside the runs known before."""
    found = []
    if app.process.poll() is not None:
        found.append("the server has ended")
    # Whoever started a process that has ended takes note of it a moment later.
    until = time.monotonic() + PATIENCE_S
    while _has_zombie(app.process.pid) and time.monotonic() < until:
        time.sleep(0.02)
    if _has_zombie(app.process.pid):
        found.append("a zombie")
    # One measures and one runs lessons; of each, one may go while another comes.
    if len(workers(app.process.pid)) > 4:
        found.append(f"{len(workers(app.process.pid))} workers")
    if len(runs(app) - known) > MOST_RUNS:  # those of the visitor's last comparisons
        found.append(f"files {runs(app) - known}")
    folder, *others = own_folders(app.temp)
    if others:
        found.append(f"folders {others}")
    files = [
        path
        for name in ("worker", "lessons")
        for path in (folder / name).rglob("*")
        if path.is_file()
    ]
    if files:
        found.append(f"files of the workers: {files}")
    return found


def _has_zombie(server: int) -> bool:
    for child in psutil.Process(server).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() == psutil.STATUS_ZOMBIE:
                return True
    return False


async def left_alone(app: App, how: str) -> Stand:
    """Start a long comparison and stop it (``stop``), or close the page (``leave``)."""
    faults: list[str] = []
    async with visiting(app) as visitor:
        known, other = runs(app), Visitor(visitor.page)
        worker, before = await measuring_worker(app), running(app)
        asked = asyncio.create_task(compare(other, 0, "2000000", budget=20.0))
        await measuring(app, before)
        start = time.monotonic()
        if how == "stop":
            await other.stop()
        asked.cancel()
        await other.leave()
        while worker.is_running() and time.monotonic() - start < PATIENCE_S:
            await asyncio.sleep(0.01)
        gone_s = time.monotonic() - start
        if worker.is_running():
            faults.append("the worker is still there")
        answer = await lesson(visitor, 7)
        if not await is_own(visitor, "lesson", 7, answer):
            faults.append("the next run did not work")
        faults.extend(_left(app, known))
    return Stand(gone_s, faults)


async def server_ends(how: signal.Signals) -> Stand:
    """Send a server a signal in the middle of a comparison; see what stays of it."""
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as temp:
        app = start_app(Path(temp), "--device", "cpu")
        async with visiting(app) as visitor:
            worker, before = await measuring_worker(app), running(app)
            asked = asyncio.create_task(compare(visitor, 0, "2000000", budget=20.0))
            await measuring(app, before)
            start = time.monotonic()
            app.process.send_signal(how)
            code = await asyncio.to_thread(app.process.wait, PATIENCE_S)
            ended_s = time.monotonic() - start
            # Whoever waited gets no answer any more.
            await asyncio.gather(asked, return_exceptions=True)
        psutil.wait_procs([worker], timeout=PATIENCE_S)
        if worker.is_running():
            faults.append("the worker is still there")
        if code != (0 if how is signal.SIGTERM else -how):
            faults.append(f"exit code {code}")
        if how is signal.SIGKILL:
            _sweep(app.temp)
        faults.extend(f"left: {path.name}" for path in own_folders(app.temp))
    return Stand(ended_s, faults)


def _sweep(temp: Path) -> None:
    """Have the next server start, a while later."""
    for folder in temp.iterdir():
        os.utime(folder, (0, 0))
    code = "from profiling.engine.files import OwnFolder; OwnFolder().delete()"
    environment = {**os.environ, "TMPDIR": str(temp)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
