"""The API as tools for agents, where the package for it is installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest

import app as entry
from tests.awaiting import finished
from tests.harness.launching import App, running_app


def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert entry.main(["--mcp"]) == 2
    said = "error: --mcp needs the package mcp: pip install 'gradio[mcp]'\n"
    assert capsys.readouterr().err == said


@pytest.fixture(scope="module")
def served() -> Iterator[App]:
    pytest.importorskip("mcp")
    with running_app("--device", "cpu", "--mcp") as started:
        yield started


def in_session(served: App, act: Any) -> Any:
    """Return what an act on an agent's session gives."""
    mcp = pytest.importorskip("mcp")
    http = pytest.importorskip("mcp.client.streamable_http")

    async def run() -> Any:
        async with (
            http.streamable_http_client(f"{served.url}gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await act(session)

    return finished(run())


def test_the_tools_are_the_endpoints_and_say_what_they_take(served: App) -> None:
    found = in_session(served, lambda session: session.list_tools()).tools
    tools = {tool.name: tool for tool in found}
    assert {"catalogue", "find", "advise", "lesson", "compare", "trace_ops"} <= set(tools)
    assert not any("show" in name or "run" in name for name in tools)
    for tool in tools.values():
        assert len(tool.description) > 100
        assert "Returns: " in tool.description
        for argument in tool.inputSchema["properties"].values():
            assert argument["description"]
    assert tools["lesson"].inputSchema["required"] == ["name"]


def test_a_tool_answers_in_json_and_refuses_in_a_sentence(served: App) -> None:
    given = {"name": "baseline", "values": [1, 2], "op": None}
    answer = in_session(served, lambda session: session.call_tool("lesson", given))
    assert not answer.isError
    assert json.loads(answer.content[0].text)["verdicts"]["reaches_a"] == "holds"
    refused = in_session(served, lambda session: session.call_tool("lesson", {"name": "none"}))
    assert refused.isError
    assert refused.content[0].text.startswith("There is no lesson 'none'.")
