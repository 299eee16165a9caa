"""Only what was uploaded or made here is served or read, whatever the path looks like."""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import pytest

from tests.attack.asking import ask, events, raw, upload
from tests.harness.launching import ROOT, App

_OUTSIDE = [
    "/etc/passwd",
    "//etc/passwd",
    "/etc/../etc/passwd",
    "%2Fetc%2Fpasswd",
    "%252Fetc%252Fpasswd",
    "../../../../etc/passwd",
    "..%2F..%2F..%2Fetc%2Fpasswd",
    "..%5C..%5Cetc%5Cpasswd",
    "/proc/self/environ",
    "/dev/stdin",
    f"{ROOT}/app.py",
    "app.py",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "http%3A%2F%2F127.0.0.1:1%2F",
    "https://huggingface.co/robots.txt",
    "HTTPS://huggingface.co/robots.txt",
    "%00/etc/passwd",
    "/etc/passwd%00.png",
    "x" * 5000,
    "/" + "x" * 300,
]


@pytest.mark.parametrize("path", _OUTSIDE, ids=lambda path: path[:40])
def test_no_other_file_and_no_address_is_served(app: App, path: str) -> None:
    for way in ("/gradio_api/file=", "/gradio_api/file/", "/gradio_api/proxy="):
        status, body = raw(app, "GET", f"{way}{path}")
        assert status in (400, 403, 404), way
        assert b"root:" not in body


@pytest.mark.parametrize("room", ["static", "assets"])
@pytest.mark.parametrize(
    "path", ["../../../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc/passwd", "//etc/passwd", ""]
)
def test_no_static_folder_is_left(app: App, room: str, path: str) -> None:
    status, body = raw(app, "GET", f"/{room}/{path}")
    assert status in (400, 403, 404)
    assert b"root:" not in body


def test_a_file_beside_the_uploads_is_not_served_even_by_a_symlink(
    app: App, http: httpx.Client
) -> None:
    mine = Path(upload(http, "mine.txt", b"mine")["path"])
    assert http.get(f"/gradio_api/file={mine}").content == b"mine"
    link = mine.with_name("link.txt")
    link.symlink_to("/etc/passwd")
    assert http.get(f"/gradio_api/file={link}").status_code == 404
    climbing = mine.parent / ".." / ".." / ".." / "secret.txt"
    secret = Path(os.path.normpath(climbing))
    secret.write_text("secret", encoding="utf-8")
    try:
        assert raw(app, "GET", f"/gradio_api/file={climbing}")[0] == 404
        assert http.get(f"/gradio_api/file={secret}").status_code == 404
    finally:
        secret.unlink()
    for folder in (mine.parent, mine.parents[1], mine.parents[2]):
        assert http.get(f"/gradio_api/file={folder}").status_code in (403, 404)


def test_uploads_lie_where_nobody_else_on_the_machine_can_read(
    app: App, http: httpx.Client
) -> None:
    mine = Path(upload(http, "mine.txt", b"mine")["path"])
    folder = next(each for each in mine.parents if each.name.startswith("detach-lab-"))
    assert folder.parent == app.temp
    assert folder.stat().st_mode & 0o077 == 0
    assert len(mine.parent.name) == 64


@pytest.mark.parametrize(
    "name", ["../../evil.json", "/etc/evil.json", "..\\evil.json", "a\nb.json", "é" * 200 + ".json"]
)
def test_an_upload_stays_in_its_folder(http: httpx.Client, name: str) -> None:
    path = Path(upload(http, name, b"{}")["path"])
    folder = next(each for each in path.parents if each.name == "page")
    assert path.parent.parent == folder
    assert path.resolve() == path


def test_an_event_reads_no_file_that_was_not_uploaded(http: httpx.Client) -> None:
    opening = next(each for each in events(http) if each["api_name"] == "open_run")
    for path in ("/etc/passwd", "http://127.0.0.1:1/run.json", "app.py", f"{ROOT}/README.md", 5):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        done, said = ask(http, opening, [None, None, file])
        assert not done, path
        assert "Upload the file first" in said


def test_a_file_hidden_in_a_text_is_not_fetched_either(http: httpx.Client) -> None:
    finding = next(each for each in events(http) if each["api_name"] == "_find_lessons")
    file = {"path": "http://127.0.0.1:1/x", "meta": {"_type": "gradio.FileData"}}
    done, said = ask(http, finding, [[{"deep": [file]}], "in_place"])
    assert not done
    assert "Upload the file first" in said


def test_a_trace_that_one_visitor_opened_is_not_another_s(http: httpx.Client) -> None:
    named = {each["api_name"]: each for each in events(http)}
    event = {
        "ph": "X",
        "cat": "cpu_op",
        "name": "aten::mine",
        "pid": 1,
        "tid": 1,
        "ts": 1,
        "dur": 9,
    }
    trace = upload(http, "mine.json", json.dumps({"traceEvents": [event]}).encode())
    opening, acts = named["open_trace"], [each for each in named if each.startswith("handle")]
    assert ask(http, opening, [None, None, None, trace], session="mine")[0]
    shown = {
        name: ask(http, named[name], _nothing(named[name]), session="mine")[1] for name in acts
    }
    assert any("aten::mine" in said for said in shown.values())
    for name in acts:
        done, said = ask(http, named[name], _nothing(named[name]), session="theirs")
        assert "aten::mine" not in said
        assert "No trace has been chosen" in said or "Choose" in said or not done, said


def _nothing(event: dict[str, list[int]]) -> list[None]:
    return [None] * len(event["inputs"])
