"""A file that was uploaded is data: none is run, unpickled or followed, and the next one works."""

from __future__ import annotations

import ast
import io
import pickle
import socket
import zipfile
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.attack.asking import ask, events, raw, upload
from tests.harness.launching import ROOT, App
from tests.harness.rubbish import uploads
from tests.harness.visiting import PATIENCE_S
from tests.profiling.planted import run_of, timed

_LINK = 0o120777 << 16


class _Canary:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


def _linked() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        member = zipfile.ZipInfo("run.json")
        member.external_attr = _LINK
        archive.writestr(member, "/etc/passwd")
    return packed.getvalue()


def _open(http: httpx.Client, name: str, data: bytes) -> str:
    """Open a file as a run and as a trace; return what was said to both."""
    named = {each["api_name"]: each for each in events(http)}
    file = upload(http, name, data)
    run = ask(http, named["open_run"], [None, None, file])[1]
    return run + ask(http, named["open_trace"], [None, None, None, file])[1]


def test_no_pickle_is_read(http: httpx.Client, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    packed = pickle.dumps(_Canary(canary))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("archive/data.pkl", packed)
        members.writestr("run.json", packed)
    for name, data in (("run.json", packed), ("run.pt", archive.getvalue())):
        said = _open(http, name, data)
        assert "is not" in said
        assert not canary.exists()
    pickle.loads(packed)
    assert canary.exists(), "the canary must be able to sing"


def test_no_code_of_ours_reads_pickles() -> None:
    paths = [ROOT / "app.py"]
    paths += [path for room in ("demos", "profiling") for path in (ROOT / room).rglob("*.py")]
    # Lessons show torch's own, on what they have just written themselves.
    paths = [path for path in paths if "lessons" not in path.parts]
    readers = {("torch", "load"), ("pandas", "read_pickle"), ("pd", "read_pickle")}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {each.name for each in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "marshal", "shelve", "joblib", "dill"}, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in readers, path


# Named by their files alone: what is packed tells the time, and so differs between processes.
@pytest.mark.parametrize(
    ("name", "data"),
    [pytest.param(*each, id=each[0]) for each in [*uploads(), ("link.zip", _linked())]],
)
def test_a_file_that_is_made_to_do_harm_gets_a_sentence(
    http: httpx.Client, name: str, data: bytes
) -> None:
    said = _open(http, name, data)
    assert "root:" not in said
    assert "<img" not in said
    if name.startswith("bomb"):
        assert "is too large" in said
    good = msgspec.json.encode(run_of(timed("attached", [1e-3, 2e-3])))
    assert "Opened good.json, measured on A CPU" in _open(http, "good.json", good)


def test_an_upload_that_says_it_is_too_large_is_refused_unread(app: App) -> None:
    place = httpx.URL(app.url)
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {place.host}\r\nContent-Length: {2**31}\r\n"
    answer = raw_head(app, head + "Content-Type: multipart/form-data; boundary=x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert raw(app, "GET", "/healthz")[0] == 200


def raw_head(app: App, head: str) -> bytes:
    """Send the head of a request alone and return the first of the answer."""
    place = httpx.URL(app.url)
    assert place.port is not None
    with socket.create_connection((place.host, place.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head.encode())
        return connection.recv(200)
