"""What boxes and links say."""

from __future__ import annotations

import pytest

from profiling.graphs.fold import Link, fold
from profiling.graphs.labels import Line, box_text, link_lines, saved_bytes, short_op, wrap
from profiling.model.graph import Graph, Node, Saved
from profiling.model.words import Text, columns


@pytest.mark.parametrize(
    ("label", "short"),
    [
        ("SigmoidBackward0", "Sigmoid"),
        ("ConvolutionBackward12", "Convolution"),
        ("torch::autograd::CopyBackwards", "Copy"),
        ("torch::autograd::CopySlices", "CopySlices"),
        ("StepBackward", "Step"),
        ("Backward0", "Backward0"),
        ("", ""),
    ],
)
def test_names_of_ops(label: str, short: str) -> None:
    assert short_op(label) == short


@pytest.mark.parametrize(
    ("text", "most", "lines"),
    [
        ("saves result, 12 B", 19, ["saves result, 12 B"]),
        ("[0.3932, 0.21, 0.09035]", 12, ["[0.3932,", "0.21,", "0.09035]"]),
        ("encoder.layers.0.weight", 12, ["encoder.", "layers.0.", "weight"]),
        ("一二三四五，六", 6, ["一二三", "四五，", "六"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("abcdefghijk", 3, ["abc", "def", "g…"]),
        ("一二三四五六七八九十", 6, ["一二三", "四五六", "七八…"]),
        ("", 3, []),
    ],
)
def test_lines_are_short_enough(text: str, most: int, lines: list[str]) -> None:
    assert wrap(text, most) == lines
    assert all(columns(line) <= most for line in lines)


def test_memory_is_counted_once() -> None:
    saved = [Saved("a", (3,), 12, 1, "kept"), Saved("b", (3,), 12, 1, "kept")]
    assert saved_bytes(saved) == 12
    assert saved_bytes([*saved, Saved("c", (2,), 8, 2, "kept")]) == 20
    assert saved_bytes([*saved, Saved("c", (), None, None, "kept")]) is None


def lines(node: Node, say: Text) -> list[Line]:
    view = fold(Graph((node,)))
    return list(box_text(view.boxes[0], view, say).lines)


@pytest.mark.parametrize(
    ("state", "style", "text"),
    [
        ("kept", "fine", "saves x, 8 B"),
        ("changed", "bad", "x changed in place"),
        ("detached", "bad", "x detached in place"),
        ("freed", "fine", "x freed"),
        ("hooked", "fine", "x saved by a hook"),
    ],
)
def test_every_state_is_said(state: str, style: str, text: str, say: Text) -> None:
    saved = Saved("x", (2,), 8, 1, state)  # type: ignore[arg-type]
    first, *rest = lines(Node(1, "op", "MulBackward0", saved=(saved,)), say)
    assert first == Line("name", "Mul")
    assert {line.style for line in rest} == {style}
    assert " ".join(line.text for line in rest) == text.replace(" B", "\u00a0B")


def test_tensors_say_what_they_are(say: Text) -> None:
    assert lines(Node(1, "leaf", "", ("a",), (3,), gradient="[1, 2, 3]"), say) == [
        Line("name", "a (3,)"),
        Line("fine", "leaf"),
        Line("gradient", ".grad [1, 2, 3]"),
    ]
    assert lines(Node(1, "constant", "", ("c",), (), "inference"), say) == [
        Line("name", "c"),
        Line("fine", "no gradient"),
        Line("fine", "inference tensor"),
    ]


def test_links_say_one_gradient_or_how_many(say: Text) -> None:
    assert link_lines(Link(1, 2, "gradient"), say) == []
    assert link_lines(Link(1, 2, "gradient", ("",)), say) == []
    assert link_lines(Link(1, 2, "gradient", ("", "[1]")), say) == ["[1]"]
    assert link_lines(Link(1, 2, "gradient", ("[1]", "[2]")), say) == ["gradients: 2"]
