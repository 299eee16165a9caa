"""`graph` from a shell: each kind of file, and what cannot be drawn."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from profiling.engine.engine import Engine

SMALL = ["graph", "side_branch", "detach", "--size", "4", "--set", "depth=2", "--set", "width=8"]
SVG = "{http://www.w3.org/2000/svg}"


def parameters(text: str) -> set[str]:
    """Return the parameters that a drawing or a text names."""
    return set(re.findall(r"(?:trunk|main|side)(?:\.\d)?\.(?:weight|bias)\b", text))


EVERY = {
    *("trunk.0.weight", "trunk.0.bias", "trunk.2.weight", "trunk.2.bias"),
    *("main.weight", "main.bias", "side.0.weight", "side.0.bias", "side.2.weight", "side.2.bias"),
}


def test_graphviz_text_unless_a_file_is_given(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell(*SMALL)
    assert (code, err) == (0, "")
    assert out.startswith("digraph {\n")
    assert out.endswith("\n}\n")
    assert parameters(out) == EVERY
    (engine,) = inline
    assert not engine.folder.exists()


@pytest.mark.parametrize("suffix", [".dot", ".gv"])
def test_a_file_has_the_same_text(
    suffix: str, shell: Any, inline: list[Engine], tmp_path: Path
) -> None:
    file = tmp_path / f"graph{suffix}"
    assert shell(*SMALL, "--out", str(file)) == (0, f"wrote {file}\n", "")
    assert file.read_text("utf-8") == shell(*SMALL).out


def test_an_svg_stands_alone(shell: Any, inline: list[Engine], tmp_path: Path) -> None:
    file = tmp_path / "graph.svg"
    assert shell(*SMALL, "--out", str(file)) == (0, f"wrote {file}\n", "")
    tree = ET.parse(file).getroot()
    assert tree.tag == f"{SVG}svg"
    (style,) = tree.iter(f"{SVG}style")
    assert "fill: #1f2733" in (style.text or "")
    assert "var(" not in (style.text or "")
    texts = " ".join(each.text or "" for each in tree.iter(f"{SVG}title"))
    assert parameters(texts) == EVERY


def test_an_html_page_has_title_and_drawing(
    shell: Any, inline: list[Engine], tmp_path: Path
) -> None:
    file = tmp_path / "graph.html"
    assert shell(*SMALL, "--out", str(file)) == (0, f"wrote {file}\n", "")
    html = file.read_text("utf-8")
    assert html.lower().startswith("<!doctype html>")
    assert "<title>side_branch: detach</title>" in html
    assert html.count("<svg ") == 1
    assert parameters(html) == EVERY
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")


def test_as_json(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell("graph", "elementwise", "detach", "--size", "3", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["error"] is None
    nodes = {name: node for node in found["graph"]["nodes"] for name in node["names"]}
    assert (nodes["loss"]["label"], nodes["loss"]["gradient"]) == ("SumBackward0", "1")
    assert (nodes["x"]["kind"], nodes["x"]["shape"], nodes["x"]["gradient"]) == ("leaf", [3], None)
    assert nodes["w"]["gradient"] is not None


def test_the_smallest_size_is_drawn_unless_one_is_given(shell: Any, inline: list[Engine]) -> None:
    assert "leaf\\nx (1000,)" in shell("graph", "elementwise", "detach").out
    assert "leaf\\nx (7,)" in shell("graph", "elementwise", "detach", "--size", "7").out


def test_a_branch_that_raises_is_drawn_and_code_1(
    shell: Any, inline: list[Engine], tmp_path: Path
) -> None:
    file = tmp_path / "graph.dot"
    raising = ["graph", "gan_generator", "no_grad", "--size", "4"]
    code, out, err = shell(*raising, "--out", str(file))
    assert (code, out) == (1, f"wrote {file}\n")
    said = "element 0 of tensors does not require grad and does not have a grad_fn"
    assert err == f"error: RuntimeError: {said}\n"
    assert "generator.0.weight" in file.read_text("utf-8")
    code, out, err = shell(*raising, "--json")
    assert (code, json.loads(out)["error"]) == (1, f"RuntimeError: {said}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["graph"], "Missing argument 'WORKLOAD'."),
        (["graph", "side_branch"], "Missing argument 'BRANCH'."),
        (["graph", "nonsense", "detach"], "There is no workload 'nonsense'."),
        (["graph", "side_branch", "nonsense"], "This workload has no branch 'nonsense'."),
        ([*SMALL, "--size", "0"], "Invalid size 0."),
        ([*SMALL, "--size", "few"], "'few' is not a valid integer."),
        ([*SMALL, "--set", "depth=x"], "Invalid: depth=x"),
        ([*SMALL, "--set", "height=2"], "This workload has no parameter 'height'."),
        (
            [*SMALL, "--out", "graph.png"],
            "A graph file must end in one of: .svg, .html, .dot, .gv.",
        ),
        ([*SMALL, "--out", "graph"], "A graph file must end in one of: .svg, .html, .dot, .gv."),
        (["graph", "gone.py", "detach"], "gone.py"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line_and_code_2(
    arguments: list[str], said: str, shell: Any, inline: list[Engine]
) -> None:
    code, out, err = shell(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert inline == []
