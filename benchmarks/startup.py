"""Prints how soon the page answers, and what it uses when idle, beside an empty Gradio app.

And how much it sends.

Run: ``python -m benchmarks.startup [ROUNDS]``, with nothing else going on.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

_ROOT = Path(__file__).parents[1]
_ROUNDS = 5
_EMPTY = """
import gradio as gr
with gr.Blocks(analytics_enabled=False) as page:
    gr.Markdown("empty")
page.launch(server_port={port}, quiet=True, ssr_mode=False)
"""
_PATIENCE_S = 120.0
_IDLE_S = 15.0


class Start(NamedTuple):
    """One start of an app.

    Attributes:
        answers_s: From the start of its process to the first HTTP 200.
        cpu_s: What that took of the CPU, in the page's own process.
        ready_s: To the line that says what is measured on; None for an app that measures nothing.
    """

    answers_s: float
    cpu_s: float
    ready_s: float | None


def start_empty() -> Start:
    """Start an app that has nothing but a line of text."""
    port = _free_port()
    return _time_start(_empty(port), port)


def start_lab() -> Start:
    """Start Detach Lab."""
    port = _free_port()
    return _time_start(_lab(port), port, "Measured on")


def idle_share(arguments: Callable[[int], list[str]]) -> float:
    """Return the share of a core that an app's own process uses while nobody asks for anything."""
    port = _free_port()
    process = _spawn(arguments(port))
    try:
        _wait_for_answer(port, process)
        time.sleep(_IDLE_S)  # until all that comes with a start is over
        watched = psutil.Process(process.pid)
        begin, before = time.perf_counter(), watched.cpu_times()
        time.sleep(_IDLE_S)
        after, took_s = watched.cpu_times(), time.perf_counter() - begin
        return (after.user + after.system - before.user - before.system) / took_s
    finally:
        process.terminate()
        process.communicate()


def _empty(port: int) -> list[str]:
    return ["-c", _EMPTY.format(port=port)]


def _lab(port: int) -> list[str]:
    return ["app.py", "--port", str(port), "--device", "cpu"]


def _time_start(arguments: list[str], port: int, ready: str = "") -> Start:
    begin = time.perf_counter()
    process = _spawn(arguments)
    try:
        _wait_for_answer(port, process)
        answers_s = time.perf_counter() - begin
        used = psutil.Process(process.pid).cpu_times()
        ready_s = _wait_for_line(process, ready) - begin if ready else None
        return Start(answers_s, used.user + used.system, ready_s)
    finally:
        process.terminate()
        process.communicate()


def _spawn(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=_ROOT,
        env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"},
        stdout=subprocess.PIPE,
        text=True,
    )


def _wait_for_answer(port: int, process: subprocess.Popen[str]) -> None:
    for _ in range(int(_PATIENCE_S / 0.01)):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
        if process.poll() is not None:
            break
    raise RuntimeError("the app did not answer")


def _wait_for_line(process: subprocess.Popen[str], start: str) -> float:
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(start, line):
            return time.perf_counter()
    raise RuntimeError(f"the app never said: {start}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def measure_bytes() -> tuple[int, list[int]]:
    """Return the bytes of the first page, and of each message of a default comparison's answer."""
    port = _free_port()
    process = _spawn(_lab(port))
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for_answer(port, process)
        with urllib.request.urlopen(address) as answer:
            page = len(answer.read())
        return page, [len(message) for message in _compare(f"{address}/gradio_api/queue")]
    finally:
        process.terminate()
        process.communicate()


def _compare(queue: str) -> Iterator[bytes]:
    """Have a default comparison run as the page does, and give each message of its answer."""
    with urllib.request.urlopen(queue.replace("/gradio_api/queue", "/config")) as answer:
        config = json.load(answer)
    event = next(each for each in config["dependencies"] if each["api_name"] == "show_compare")
    values = {each["id"]: each["props"].get("value") for each in config["components"]}
    asked: dict[str, Any] = {
        "data": [values.get(each) for each in event["inputs"]],
        "fn_index": event["id"],
        "session_hash": "benchmark",
    }
    headers = {"Content-Type": "application/json"}
    body = json.dumps(asked).encode()
    request = urllib.request.Request(f"{queue}/join", data=body, headers=headers)
    urllib.request.urlopen(request).close()
    with urllib.request.urlopen(f"{queue}/data?session_hash=benchmark") as stream:
        for line in stream:
            if line.strip():
                yield line
            if b'"process_completed"' in line:
                return


def main(rounds: int = _ROUNDS) -> None:
    """Start both apps in turn and print medians, their ratio, and what is sent."""
    pairs = [(start_empty(), start_lab()) for _ in range(rounds)]
    print(f"process start to first HTTP 200, median of {rounds}:")
    for label, field in (("wall", "answers_s"), ("CPU of the page's process", "cpu_s")):
        empty, lab = ([getattr(each, field) for each in side] for side in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in zip(empty, lab, strict=True))
        print(
            f"  {label}: empty Gradio app {statistics.median(empty):.2f} s, "
            f"Detach Lab {statistics.median(lab):.2f} s, ratio {ratio:.2f} (goal 1.15)"
        )
    ready_s = statistics.median(pair[1].ready_s or 0.0 for pair in pairs)
    print(f"worker ready after {ready_s:.2f} s")
    empty_share, lab_share = idle_share(_empty), idle_share(_lab)
    print(f"idle: empty Gradio app {empty_share:.1%} of a core, Detach Lab {lab_share:.1%}")
    page, messages = measure_bytes()
    print(f"first page: {page / 1e3:,.0f} kB")
    print(
        f"answer of a default comparison: {sum(messages) / 1e3:,.0f} kB (goal 1,000 kB) "
        f"in {len(messages)} messages, the largest {max(messages) / 1e3:,.0f} kB"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
