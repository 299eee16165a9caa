"""What docs/api.md shows is what happens, block by block, against the app."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.harness.launching import App

DOCUMENT = (Path(__file__).parents[1] / "docs" / "api.md").read_text("utf-8")
_ADDRESS = "http://127.0.0.1:7860/"


class Block(NamedTuple):
    code: str
    printed: str


def blocks(language: str) -> list[Block]:
    found = re.findall(rf"```{language}\n(.*?)```\n\n```text\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(found) == DOCUMENT.count(f"```{language}\n")
    return [Block(*each) for each in found]


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run all blocks in one folder, since later ones use a file of earlier ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("docs"))
        yield


def test_the_python_examples_print_what_is_shown(app: App) -> None:
    names: dict[str, Any] = {}
    for code, printed in blocks("python"):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code.replace(_ADDRESS.rstrip("/"), app.url), names)
        assert out.getvalue() == printed
    names["client"].close()


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="no curl or no jq")
def test_the_curl_examples_print_what_is_shown(app: App) -> None:
    script = 'echo "--"\n'.join(block.code for block in blocks("bash"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(_ADDRESS, app.url)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split("--\n") == [block.printed for block in blocks("bash")]


def test_every_public_endpoint_has_its_line(app: App) -> None:
    described = re.findall(r"^\| `([a-z_]+)\(", DOCUMENT, re.MULTILINE)
    public = httpx.get(f"{app.url}gradio_api/info", timeout=120).json()["named_endpoints"]
    assert sorted(public) == sorted(f"/{name}" for name in described)
