"""Records of watched scripts are read without trusting them."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.analysis.diagnosis import diagnose, facts, told
from profiling.model.errors import InputError
from profiling.model.watch import REFERENCES, is_watch, load_watch, number_fields, read_watch
from profiling.model.words import LANGUAGES, translator
from profiling.output import json_data
from profiling.watch import record

# Fields that count something, or are a place in an order.
COUNTS = {
    *("line", "iteration", "asked", "saved", "clock", "shape", "bytes", "arrivals", "steps"),
    *("steps_with_gradient", "uses_with_grad", "uses_without_grad", "saved_version", "version"),
    *("iterations", "span", "count", "backward", "operations", "tensors", "seconds", "dropped"),
}

SOURCE = """model = Net()
w = gate(x).tolist()
w = torch.tensor(w)
total += loss
h = x.detach()
with torch.no_grad():
    y = h * 2
"""


def small() -> dict[str, Any]:
    """Return a record with something of everything, as JSON."""
    places = [{"own": {"file": 0, "line": line}} for line in range(1, 8)]
    places.append({"own": {"file": 0, "line": 2}, "library": {"file": 1, "line": 5}})
    places.append({"library": {"file": 1, "line": 7}, "decorated": {"file": 0, "line": 6}})
    operations = [
        {"name": "mul", "site": 0, "iteration": 0, "grad": True, "saved": 64},
        {"name": "tolist", "site": 1, "iteration": 0, "grad": True},
        {"name": "torch.tensor", "site": 2, "iteration": 0, "grad": True, "takes_numbers": True},
        {"name": "detach", "site": 4, "iteration": 0, "grad": True},
        {"name": "mul", "site": 6, "iteration": 0, "grad": False, "off_site": 5, "in_place": True},
        {
            "name": "exp",
            "site": 7,
            "iteration": 0,
            "grad": True,
            "function": "MyFunction",
            "function_site": 8,
        },
    ]
    nodes: list[dict[str, Any]] = [
        {"kind": "parameter", "parameter": at, "requires_grad": True} for at in range(5)
    ]
    for operation, sources, kept in (
        (0, [0], [0]),
        (1, [1], []),
        (2, [5], []),
        (3, [2], []),
        (4, [3], []),
        (5, [4], []),
        (0, [5, 7, 8, 9, 10], [5]),
    ):
        kind = "numbers" if operation == 1 else "operation"
        nodes.append({"kind": kind, "operation": operation, "sources": sources, "kept": kept})
    nodes[6]["dtype"] = "tolist"
    for clock, node in enumerate(nodes):
        node |= {"clock": clock, "iteration": 0}
    parameters = [
        {
            "names": [f"net.{at}.weight"],
            "module": "Linear",
            "shape": [2, 2],
            "bytes": 16,
            "requires_grad": True,
            "is_parameter": True,
            "uses_with_grad": 1,
            "optimizers": [0],
            "steps": 1,
            "arrivals": int(at == 0),
            "hook_sites": [at],
        }
        for at in range(5)
    ]
    graph = [
        {
            "name": "MulBackward0",
            "custom": False,
            "node": 11,
            "to": [1, None],
            "leaves": [None, 1],
            "received": True,
            "sent": [True, False],
        },
        {
            "name": "ReluBackward0",
            "custom": False,
            "node": 5,
            "to": [None],
            "leaves": [0],
            "received": True,
            "sent": [False],
            "hook_sites": [3],
        },
    ]
    backward = [
        {
            "kind": "backward",
            "site": 3,
            "clock": 20 + at,
            "iteration": 0,
            "roots": [11],
            "leaves": [0],
            "inputs": [0] if at else None,
            "graph": graph,
            "reuses": [{"node": 11, "freed": 5, "freed_by": 0}] if at else [],
        }
        for at in range(2)
    ]
    change = {
        "saver": "sigmoid",
        "saver_site": 0,
        "writer": "add_",
        "writer_sites": [2],
        "through": "numpy",
        "saved_version": 0,
        "version": 1,
        "backward_site": 3,
        "node": 5,
    }
    held = {"site": 3, "count": 2, "holders": ["losses"], "put_sites": [3]}
    return {
        "script": ["train.py"],
        "environment": {"torch": "2.13.0", "python": "3.11.7", "platform": "Linux"},
        "counts": {"backward": 2, "steps": 1, "iterations": 1, "operations": 6, "tensors": 9},
        "files": [
            {"path": "/own/train.py", "own": True, "text": SOURCE},
            {"path": "/lib/x.py", "own": False},
        ],
        "sites": places,
        "operations": operations,
        "nodes": nodes,
        "parameters": parameters,
        "optimizers": [{"name": "SGD", "site": 0, "steps": 1}],
        "backward": backward,
        "changes": [change | {"raised": False}, change | {"through": "version", "raised": True}],
        "growth": [{"site": 3, "iterations": 2, "span": 3, "held": True}],
        "held": [held, held | {"forward_only": True}],
        "failure": {"type": "ValueError", "text": "boom", "site": 3, "where": "elsewhere"},
        "module_hook_sites": [4],
        "notes": ["step: KeyError: 1 (f:1)"],
    }


def written(watch: Any, **outer: Any) -> bytes:
    return json.dumps({"format": record.FORMAT, "version": 1, "watch": watch} | outer).encode()


def explain(data: bytes) -> str:
    """Read, diagnose and say all of it, in both languages."""
    found = diagnose(read_watch(data, "watch.json"))
    for language in LANGUAGES:
        text = told(found, language)
    json_data.plain(json_data.explanation(found, translator("en")))
    return text


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "watch.json"
    path.write_bytes(written(small()))
    assert is_watch(path)
    watch = load_watch(path)
    assert watch.nodes[11].sources == (5, 7, 8, 9, 10)
    assert watch.sites[8].decorated == record.Place(0, 6)
    assert read_watch(record.encode(watch).encode(), "again") == watch
    causes = {each.cause for each in diagnose(watch).findings}
    assert {"tolist", "detach", "no_grad", "custom_function", "graph_leak"} <= causes


def test_every_number_is_known_to_be_a_count_or_a_reference() -> None:
    kinds: list[Any] = [each for each in vars(record).values() if dataclasses.is_dataclass(each)]
    fields = {name for kind in kinds for name in number_fields(kind)}
    assert {each for each in fields if not each.endswith(("site", "sites"))} == COUNTS | set(
        REFERENCES
    )
    assert not COUNTS & set(REFERENCES)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "error.watch_not_json"),
        (b"\xff\xfe", "error.watch_not_json"),
        (written(small())[:-40], "error.watch_not_json"),
        (b"[" * 100_000, "error.watch_not_ours"),
        (b'{"format": ' + b"[" * 100_000, "error.watch_not_ours"),
        (b'{"watch": ' + b"[" * 100_000, "error.watch_not_json"),
        (b"{}", "error.watch_not_ours"),
        (b'{"traceEvents": []}', "error.watch_not_ours"),
        (written(small(), format="other"), "error.watch_not_ours"),
        (written(small(), version=0), "error.watch_not_ours"),
        (written({}, version=record.VERSION + 1), "error.watch_newer"),
        (written({}), "error.watch_value"),
        (written([]), "error.watch_value"),
        (written(small() | {"nodes": [{}]}), "error.watch_value"),
        (written(small() | {"notes": [1]}), "error.watch_value"),
    ],
)
def test_what_is_no_record_is_refused(data: bytes, key: str) -> None:
    with pytest.raises(InputError) as caught:
        read_watch(data, "watch.json")
    assert caught.value.key == key
    assert translator("en")(key, **caught.value.values)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("nodes", 5, "sources"), [12], "nodes.sources"),
        (("nodes", 5, "sources"), [-1], "nodes.sources"),
        (("nodes", 5, "operation"), 6, "nodes.operation"),
        (("nodes", 0, "parameter"), 5, "nodes.parameter"),
        (("nodes", 0, "clock"), -1, "nodes.clock"),
        (("nodes", 0, "shape"), [2**60], "nodes.shape"),
        (("sites", 0, "own", "line"), -1, "sites.line"),
        (("sites", 0, "own", "line"), 10**9, "sites.line"),
        (("sites", 0, "own", "file"), 2, "sites.file"),
        (("operations", 4, "off_site"), 9, "operations.off_site"),
        (("parameters", 0, "optimizers"), [1], "parameters.optimizers"),
        (("parameters", 0, "hook_sites"), [9], "parameters.hook_sites"),
        (("backward", 0, "inputs"), [5], "backward.inputs"),
        (("backward", 0, "graph", 0, "to"), [2, None], "backward.to"),
        (("backward", 0, "graph", 0, "to"), [1], "backward.graph.to"),
        (("backward", 0, "graph", 0, "node"), 12, "backward.node"),
        (("backward", 1, "reuses", 0, "freed_by"), 2, "backward.freed_by"),
        (("failure", "site"), 9, "failure.site"),
        (("counts", "seconds"), -1.0, "counts.seconds"),
        (("dropped",), -1, "watch.dropped"),
        (("module_hook_sites",), [9], "watch.module_hook_sites"),
        (("changes", 0, "node"), 12, "changes.node"),
        (("held", 0, "put_sites"), [9], "held.put_sites"),
    ],
)
def test_what_refers_to_nothing_is_refused(path: tuple[Any, ...], value: Any, where: str) -> None:
    watch = small()
    at = watch
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(InputError) as caught:
        read_watch(written(watch), "watch.json")
    assert (caught.value.key, caught.value.values["where"]) == ("error.watch_value", where)


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "watch.json"
    path.write_bytes(written(small()))
    with pytest.raises(InputError) as caught:
        load_watch(path, 100)
    assert caught.value.key == "error.watch_too_large"
    with pytest.raises(InputError) as caught:
        read_watch(path.read_bytes(), "watch.json", 100)
    assert caught.value.key == "error.watch_too_large"
    for missing in (tmp_path, tmp_path / "none.json", tmp_path / "no\0name"):
        with pytest.raises(InputError) as caught:
            load_watch(missing)
        assert caught.value.key == "error.run_missing"


def test_half_a_letter_in_a_path_is_replaced() -> None:
    watch = small()
    watch["files"][0]["path"] = "/\ud83d\ude00/\udce9\\ud800.py"
    assert read_watch(written(watch), "x").files[0].path == "/\U0001f600/?\\ud800.py"


def test_texts_that_nobody_writes_are_left_out() -> None:
    watch = small()
    watch["files"][0]["text"] = "if " * 1000
    assert read_watch(written(watch), "x").files[0].text is None
    watch["files"][0]["text"] = "x\n" * 300_000
    assert read_watch(written(watch), "x").files[0].text is None


def test_cycles_end() -> None:
    watch = small()
    for at, node in enumerate(watch["nodes"]):
        node["sources"] = [(at + 1) % 12, (at + 5) % 12, at]
        node["kept"] = [(at + 7) % 12]
    for each in watch["backward"]:
        each["graph"][1] |= {"to": [0], "leaves": [None]}
    assert explain(written(watch))


def test_a_record_that_takes_too_long_is_left_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each of many parameters is searched for through many tensors.
    count, length = 40, 1_000
    monkeypatch.setattr(facts, "_MOST_STEPS", 100_000)
    watch = small()
    watch["parameters"] = [
        {**watch["parameters"][1], "names": [f"net.{at}.w"], "hook_sites": []}
        for at in range(count)
    ]
    watch["nodes"] = [
        {"kind": "parameter", "clock": at, "iteration": 0, "parameter": at} for at in range(count)
    ]
    for at in range(length):
        sources = [count + at - 1] if at else list(range(count))
        made = {"kind": "operation", "operation": 0, "sources": sources, "iteration": 0}
        watch["nodes"].append({**made, "clock": count + at})
    last = {**watch["backward"][0], "roots": [count + length - 1], "leaves": [], "graph": []}
    watch |= {"backward": [last] * 3, "failure": None, "changes": []}
    states = {each.state for each in diagnose(read_watch(written(watch), "x")).fates}
    assert states == {"none", "unknown"}
    assert "were not looked at, because the record is too large" in explain_english(watch)


def explain_english(watch: dict[str, Any]) -> str:
    return told(diagnose(read_watch(written(watch), "x")), "en")


def test_names_are_said_in_one_line_without_what_steers_a_terminal() -> None:
    watch = small()
    hostile = "<script>\x1b[2J\n\u202e" + "x" * 500
    watch["parameters"][1]["names"] = [hostile]
    watch["files"][0]["path"] = hostile
    watch["failure"]["text"] = hostile
    watch["nodes"][6]["dtype"] = hostile
    watch["changes"][0]["saver"] = hostile
    watch["held"][0]["holders"] = [hostile] * 3
    said = explain_english(watch)
    assert all(each.isprintable() for each in said.splitlines())
    assert max(map(len, said.splitlines())) < 700


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-2, 14),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["numbers", "bool", "detach", "autograd.grad", "numpy", "(" * 200]),
    st.lists(st.integers(-1, 12), max_size=6),
    st.lists(st.none() | st.integers(0, 12), max_size=3),
    st.lists(st.text(max_size=3), max_size=3),
    st.just({}),
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a record of which some values are others."""
    watch = copy.deepcopy(small())
    for _ in range(draw(st.integers(1, 6))):
        at: Any = watch
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], (dict, list)) and draw(st.integers(0, 9)):
                at = at[key]
                continue
            if draw(st.booleans()):
                at[key] = draw(values)
            else:
                del at[key]
            break
    return watch


@settings(max_examples=200)
@given(mutated())
def test_what_was_changed_is_refused_or_explained(watch: dict[str, Any]) -> None:
    data = written(watch)
    with contextlib.suppress(InputError):
        read_watch(data, "watch.json")
        assert explain(data)


@given(st.binary(max_size=200), st.integers(0, 5000))
def test_what_was_cut_or_overwritten_is_refused_or_explained(noise: bytes, at: int) -> None:
    data = written(small())
    for each in (data[:at], data[:at] + noise + data[at + len(noise) :]):
        with contextlib.suppress(InputError):
            read_watch(each, "watch.json")
            assert explain(each)
