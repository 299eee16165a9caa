"""Asks the app as an attacker would; no attack may make it print a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness.launching import ROOT, App
from tests.harness.visiting import PATIENCE_S


@pytest.fixture
def http(app: App) -> Iterator[httpx.Client]:
    """Asks the app, and follows no redirect."""
    with httpx.Client(base_url=app.url.rstrip("/"), timeout=PATIENCE_S) as opened:
        yield opened


@pytest.fixture(scope="session")
def unready() -> dict[str, Any]:
    """What a page is and answers whose worker is not ready."""
    command = [sys.executable, "-m", "tests.attack.unready"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
