"""Visitors of a running page, as its own script is one: they ask by the queue, and may leave."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx

# A page that does not answer for so long does not answer.
PATIENCE_S = 180.0


class Answer(NamedTuple):
    """What came of one request.

    Attributes:
        outputs: Value by output's id or, without one, its place; empty where it was refused.
        places: How many were before this one, each time that it was told.
        refused: The page's own words, where it did not take the request or failed.
    """

    outputs: list[Any]
    places: list[int]
    refused: str | None = None

    @property
    def text(self) -> str:
        """All that is to be read in it."""
        return " ".join(filter(None, map(_read, self.outputs)))


class Page:
    """A running page, known by its own description of itself."""

    def __init__(self, url: str, config: dict[str, Any]) -> None:
        """Take a page; see `opened`."""
        self.url = url.rstrip("/")
        self._parts = {part["id"]: part for part in config["components"]}
        self._events = {each["api_name"]: each for each in config["dependencies"]}

    def body(self, event: str, session: str, values: tuple[Any, ...]) -> dict[str, Any]:
        """Return what the page's script would send; inputs without a value stay as they are."""
        known = self._events[event]
        given = iter(values)
        parts = [self._parts[place] for place in known["inputs"]]
        # What the server itself remembers of a visitor is not sent.
        data = [
            None if part["type"] == "state" else next(given, part["props"].get("value"))
            for part in parts
        ]
        return {"data": data, "fn_index": known["id"], "session_hash": session}


async def opened(url: str) -> Page:
    """Return the page at an address."""
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        answer = await http.get(f"{url.rstrip('/')}/config")
    return Page(url, answer.json())


class Visitor:
    """One visitor, with a session and a language."""

    def __init__(self, page: Page, language: str = "en") -> None:
        """Come to a page."""
        self.page = page
        self.session = secrets.token_hex(6)
        self._asked: dict[str, Any] = {}
        self._http = httpx.AsyncClient(
            base_url=f"{page.url}/", timeout=PATIENCE_S, cookies={"lang": language}
        )

    async def ask(self, event: str, *values: Any, started: asyncio.Event | None = None) -> Answer:
        """Ask for something and wait for its end; cancelling this is leaving the page.

        Args:
            event: The event's name.
            values: Its inputs, without states.
            started: Set once it is being worked on.
        """
        body = self.page.body(event, self.session, values)
        joined = await self._http.post("gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return Answer([], [], joined.text)
        places: list[int] = []
        self._asked = {"event_id": joined.json()["event_id"], "fn_index": body["fn_index"]}
        async for message in self._messages(self._asked["event_id"]):
            kind = message["msg"]
            if kind == "estimation":
                places.append(message["rank"])
            elif kind in ("process_starts", "process_generating") and started is not None:
                started.set()
            elif kind == "process_completed":
                output = message["output"]
                if not message["success"]:
                    return Answer([], places, str(output.get("error")))
                return Answer(output["data"], places)
        return Answer([], places, "the connection ended")

    async def stop(self) -> None:
        """Press Stop: what was asked for last is to end."""
        asked = {"session_hash": self.session, **self._asked}
        (await self._http.post("gradio_api/cancel", json=asked)).raise_for_status()

    async def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Upload a file and return what an input takes for it."""
        answer = await self._http.post("gradio_api/upload", files={"files": (name, data)})
        answer.raise_for_status()
        return {
            "path": answer.json()[0],
            "orig_name": name,
            "meta": {"_type": "gradio.FileData"},
        }

    async def download(self, offered: Any) -> bytes:
        """Return the bytes of a file that an output offers."""
        answer = await self._http.get(_value(offered)["url"])
        answer.raise_for_status()
        return answer.content

    async def get(self, path: str) -> float:
        """Get something light and return the seconds that it took."""
        start = asyncio.get_running_loop().time()
        answer = await self._http.get(path)
        answer.raise_for_status()
        return asyncio.get_running_loop().time() - start

    async def leave(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def _messages(self, event_id: str) -> AsyncIterator[dict[str, Any]]:
        address = f"gradio_api/queue/data?session_hash={self.session}"
        async with self._http.stream("GET", address) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if message.get("event_id") == event_id:
                        yield message


def files(answer: Answer) -> dict[str, Any]:
    """Return the files that an answer offers, by name."""
    values = map(_value, answer.outputs)
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    offered = [each for each in flat if isinstance(each, dict) and each.get("url")]
    return {each["orig_name"] or each["path"].rpartition("/")[2]: each for each in offered}


def _value(output: Any) -> Any:
    if isinstance(output, dict) and output.get("__type__") == "update":
        return output.get("value")
    return output


def _read(output: Any) -> str:
    value = _value(output)
    return value if isinstance(value, str) else ""
