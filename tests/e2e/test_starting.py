"""Starting the app, as from a shell."""

from __future__ import annotations

import subprocess
import sys
import time

import httpx
import pytest

import app as entry
from profiling.model.words import table
from tests.harness.launching import ROOT, App
from tests.harness.visiting import PATIENCE_S

WORDS = table("en")


def line_of(app: App, start: str) -> str:
    """Wait for a line that begins so."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for line in app.lines:
            if line.startswith(start):
                return line
        time.sleep(0.05)
    raise AssertionError("\n".join(app.lines))


def test_says_address_and_device(app: App) -> None:
    assert httpx.get(app.url, timeout=PATIENCE_S).status_code == 200
    begins = WORDS["page.machine"].partition("{")[0]
    assert WORDS["environment.cuda_not_asked"] in line_of(app, begins)


def test_a_port_in_use_is_one_clear_line(app: App) -> None:
    port = app.url.rstrip("/").rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "app.py", "--port", port, "--device", "cpu"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: cannot listen on 127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        (["--host", "0.0.0.0"], {}),
        ([], {"GRADIO_SERVER_NAME": "0.0.0.0"}),
        ([], {"GRADIO_SHARE": "true"}),
        ([], {"GRADIO_SHARE": "True"}),
        ([], {"SPACE_ID": "someone/space"}),
    ],
)
def test_a_playground_that_others_could_reach_is_refused(
    flags: list[str],
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert entry.main(["--playground", *flags]) == 2
    assert capsys.readouterr() == ("", f"error: {WORDS['error.playground_host']}\n")
