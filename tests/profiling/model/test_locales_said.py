"""The keys: every one that the code or a template says exists and gets its placeholders."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
from jinja2 import nodes

from profiling.model.content import CONTENT
from profiling.model.words import table
from tests.profiling.model.placeholders import placeholders

ROOT = CONTENT.parent
# What a name in a key may stand for.
ANY = r"[\w.-]+"
# Shown code says nothing itself.
SHOWN = (ROOT / "demos" / "lessons", ROOT / "demos" / "workloads")
FILES = sorted(
    path
    for path in (ROOT / "app.py", *(ROOT / "demos").rglob("*.py"), *(ROOT / "profiling").rglob("*"))
    if path.suffix == ".py" and not any(path.is_relative_to(folder) for folder in SHOWN)
)
TEMPLATES = sorted(
    path
    for room in ("demos", "profiling")
    for path in (ROOT / room).rglob("*")
    if path.suffix in (".html", ".jinja")
)
# Functions whose first argument is a key.
SAYING = {
    "text",
    "say",
    "_say",
    "labels",
    "own_labels",
    "sentence",
    "_sentence",
    "InputError",
    "WorkerError",
    "DetachLabError",
}


def called_name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def pattern(node: ast.expr) -> str | None:
    """Return the regular expression of a literal key, or None if it is not one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else ANY
            for part in node.values
        )
    return None


def said_in(template: Path) -> Iterator[tuple[nodes.Call, str]]:
    """Yield every call that says a key in a template: the call and the key's pattern."""
    tree = jinja2.Environment().parse(template.read_text("utf-8"))
    known = looped(tree)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "text":
            key = call.args[0]
            pieces = key.nodes if isinstance(key, nodes.Concat) else [key]
            yield call, "".join(template_pattern(piece, known) for piece in pieces)


def looped(tree: nodes.Template) -> dict[str, list[str]]:
    """Return what names stand for that go through literals, as in ``for to in ("a", "b")``."""
    known: dict[str, list[str]] = {}
    for loop in tree.find_all(nodes.For):
        if isinstance(loop.iter, nodes.Tuple):
            names = [loop.target, *loop.target.find_all(nodes.Name)]
            targets = [each.name for each in names if isinstance(each, nodes.Name)]
            rounds = [each if isinstance(each, tuple) else (each,) for each in loop.iter.as_const()]
            known |= {
                target: [re.escape(str(value)) for value in values]
                for target, values in zip(targets, zip(*rounds, strict=True), strict=True)
            }
    return known


def template_pattern(piece: nodes.Expr, known: dict[str, list[str]]) -> str:
    if isinstance(piece, nodes.Const):
        return re.escape(str(piece.value))
    if isinstance(piece, nodes.Name) and piece.name in known:
        return f"(?:{'|'.join(known[piece.name])})"
    return ANY


@functools.cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in FILES}


def said() -> Iterator[tuple[str, ast.Call, str]]:
    """Yield every call that says a literal key: where, the call and the key's pattern."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) in SAYING and node.args:
                found = pattern(node.args[0])
                if found is not None:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node, found


def test_every_key_that_the_code_says_exists() -> None:
    keys = list(table("en"))
    missing = [
        (where, found)
        for where, _, found in said()
        if not any(re.fullmatch(found, key) for key in keys)
    ]
    assert missing == []
    assert sum(1 for _ in said()) > 50


def test_the_code_gives_every_placeholder_of_what_it_says() -> None:
    for where, call, _ in said():
        if any(keyword.arg is None for keyword in call.keywords):
            continue  # **values: given where the error was made
        if not isinstance(call.args[0], ast.Constant):
            continue
        key = str(call.args[0].value)
        needed = {field for field, _, _ in placeholders(table("en")[key])}
        assert needed <= {keyword.arg for keyword in call.keywords}, (where, key)


def test_labels_are_said_by_the_browser_and_so_have_no_placeholders() -> None:
    for where, call, found in said():
        if called_name(call) in ("labels", "own_labels"):
            for key in (key for key in table("en") if re.fullmatch(found, key)):
                assert not placeholders(table("en")[key]), (where, key)


def test_every_key_named_anywhere_in_the_code_exists() -> None:
    areas = {key.partition(".")[0] for key in table("en")}
    files = {path.name for room in ("demos", "profiling") for path in (ROOT / room).rglob("*.*")}
    every = [node for tree in trees().values() for node in ast.walk(tree)]
    parts = {id(part) for node in every if isinstance(node, ast.JoinedStr) for part in node.values}
    named = {
        node.value
        for node in every
        if isinstance(node, ast.Constant)
        and id(node) not in parts
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", node.value)
        and node.value.partition(".")[0] in areas
    }
    known = set(table("en"))
    prefixes = {".".join(key.split(".")[:end]) for key in known for end in range(1, 6)}
    assert sorted(named - known - prefixes - files) == []
    assert {"error.worker_died", "environment.cuda_found", "error.out_of_memory"} <= named


def test_every_key_that_a_template_says_exists_and_gets_its_placeholders() -> None:
    count = 0
    for path in TEMPLATES:
        for call, found in said_in(path):
            count += 1
            keys = [key for key in table("en") if re.fullmatch(found, key)]
            assert keys, (path.name, found)
            if found.startswith(ANY):
                continue  # a key of whatever area
            given = {each.key for each in call.kwargs}
            for key in keys:
                needed = {field for field, _, _ in placeholders(table("en")[key])}
                assert needed <= given, (path.name, key)
    assert count > 60


def test_what_a_template_says_is_known_by_its_loops(tmp_path: Path) -> None:
    path = tmp_path / "some.html"
    path.write_text(
        """{% for to, sign in (("first", 1), ("last", 2)) %}{{ text("stepper." ~ to) }}{% endfor %}
        {{ text(key ~ ".title", count=1) }}{{ text("lesson.rule") }}{{ other("lesson.run") }}"""
    )
    found = [(pattern, [each.key for each in call.kwargs]) for call, pattern in said_in(path)]
    assert found == [
        (r"stepper\.(?:first|last)", []),
        (r"[\w.-]+\.title", ["count"]),
        (r"lesson\.rule", []),
    ]
