"""What `harness.fuzzing` sends: values that fit and values that do not, in good bodies and bad."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from typing import Any, NamedTuple

from hypothesis import strategies as st

# Longer than what is taken in; and about the most that is.
_TOO_LONG = "A" * 10_000_000
_LONG = "x = y.detach() " * 120_000
_SESSION = "SESSION"

_NUMBERS: list[Any] = [0, -1, 1e308, -1e308, 2**63, 10**400, 0.1, True, float("nan"), float("inf")]
_TEXTS = [
    "",
    "\0",
    "٣, ४",
    "𝟜" * 50,
    "\ud800",
    "<script>alert(1)</script>",
    "%{x}",
    "{0} {key} {",
    "=HYPERLINK()",
    "'; DROP TABLE runs; --",
    "../../../etc/passwd",
    "1" * 5000,
    "1e400, nan, inf",
    "-" * 3000 + "RuntimeError" * 200,
]


class File(NamedTuple):
    """A file that was uploaded: where it lies, and its name."""

    path: str
    name: str


class Sent(NamedTuple):
    """Something to send: to which target it goes, for the count; the address; the bytes."""

    what: str
    path: str
    body: bytes


def uploads() -> list[tuple[str, bytes]]:
    """Return names and contents of files that are not what they should be."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run.json", b" " * 270_000_000)
        archive.writestr("../../evil.json", b"{}")
    event = {"ph": "X", "name": "<img src=x onerror=alert(1)>", "ts": 1e18, "dur": -1e18}
    return [
        ("empty.json", b""),
        ("=cmd.json", b"{}"),
        ("deep.json", b"[" * 100_000),
        ("bomb.zip", packed.getvalue()),
        ("bomb.json.gz", gzip.compress(b" " * 60_000_000) * 5),
        ("trace.json", json.dumps({"traceEvents": [event] * 3}).encode()),
        ("run.pkl", pickle.dumps({"run": 1})),
    ]


def sent(
    events: list[dict[str, Any]], components: dict[int, dict[str, Any]], files: list[File]
) -> st.SearchStrategy[Sent]:
    """Return a strategy for what is sent to an app.

    Args:
        events: The dependencies of Gradio's config.
        components: Its components by id.
        files: What can be named as uploaded.
    """
    rubbish = _rubbish(files)
    of_event = [_of_event(each, components, rubbish, files) for each in events]
    return st.one_of(*of_event, *of_event, _broken(len(events)))


def _of_event(
    event: dict[str, Any],
    components: dict[int, dict[str, Any]],
    rubbish: st.SearchStrategy[Any],
    files: list[File],
) -> st.SearchStrategy[Sent]:
    inputs = [components[each] for each in event["inputs"]]
    values = st.tuples(*(st.one_of(rubbish, _fit(each, files)) for each in inputs)).map(list)
    # Too few and too many as well.
    data = st.one_of(values, values, values, values, st.lists(rubbish, max_size=3))
    name = event["api_name"] or ""
    ways = ["/gradio_api/queue/join", "/gradio_api/queue/join", f"/gradio_api/run/{name or 'x'}"]
    if event["api_visibility"] == "public":
        ways.append(f"/gradio_api/call/{name}")

    def body(way: str, given: list[Any], told: Any) -> Sent:
        whole = {"data": given, "fn_index": event["id"], "session_hash": _SESSION}
        whole |= {"event_data": told, "trigger_id": None}
        if "/call/" in way:
            whole = {"data": given}
        return Sent(f"{event['id']} {name}", way, json.dumps(whole).encode())

    return st.builds(body, st.sampled_from(ways), data, st.one_of(st.none(), rubbish))


def _fit(component: dict[str, Any], files: list[File]) -> st.SearchStrategy[Any]:
    """Return values that a component takes, those that ask for the least work."""
    props, kind = component["props"], component["type"]
    choices = [value for _, value in props.get("choices") or []]
    if kind == "checkboxgroup":
        return st.lists(st.sampled_from(choices), max_size=4)
    if choices:
        return st.sampled_from(choices)
    if kind == "file":
        return st.sampled_from(files).map(_uploaded)
    if kind in ("slider", "number"):
        return st.just(props.get("minimum"))
    return st.sampled_from([False, True] if kind == "checkbox" else ["4", "1, 2"])


def _uploaded(file: File) -> dict[str, Any]:
    return {"path": file.path, "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}


def _rubbish(files: list[File]) -> st.SearchStrategy[Any]:
    plain = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=60),
        st.sampled_from(_NUMBERS),
        st.sampled_from(_TEXTS),
    )
    nested = st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
        ),
        max_leaves=8,
    )
    strange = [_uploaded(File(path, "x")) for path in ("/etc/passwd", "x", "http://127.0.0.1:1/")]
    file = st.sampled_from([*map(_uploaded, files), *strange, {"path": 1, "meta": {}}])
    return st.one_of(plain, plain, nested, file, st.sampled_from([_LONG, [[]] * 1000]))


def _broken(events: int) -> st.SearchStrategy[Sent]:
    """Return bodies that name nothing, or are no body at all."""
    deep = b'{"data": ' + b"[" * 3000 + b"]" * 3000 + b"}"
    bodies = [b"", b"{", b"[]", b'"x"', b"\xff\xfe", deep, b'{"data": [NaN]}', b'{"data": {}}']
    bodies.append(json.dumps({"data": [_TOO_LONG], "fn_index": 4, "session_hash": "s"}).encode())
    for index in (-1, events, 10**30, "0", None, [0], 1.5):
        for session in ("SESSION", None, 5, "x" * 100_000):
            named: dict[str, Any] = {"data": [], "fn_index": index, "session_hash": session}
            bodies.append(json.dumps(named).encode())
    extras: list[dict[str, Any]] = [{"batched": True}, {"simple_format": True}]
    extras += [{"event_id": "x"}, {"trigger_id": -1}]
    for more in extras:
        known: dict[str, Any] = {
            "data": ["4", "in_place"],
            "fn_index": 4,
            "session_hash": _SESSION,
            **more,
        }
        bodies.append(json.dumps(known).encode())
    paths = ["queue/join", "call/lesson", "call/v2/lesson", "call/v2/x", "call/x", "run/x"]
    paths += ["run/lesson", "cancel", "reset", "upload"]
    return st.builds(
        lambda path, body: Sent(path, f"/gradio_api/{path}", body),
        st.sampled_from(paths),
        st.sampled_from(bodies),
    )
