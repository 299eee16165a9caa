"""Drawings: what stands in them."""

from __future__ import annotations

import re

import torch

from profiling.graphs.svg import page, standalone_svg, styles, svg
from profiling.measure.graph import graph
from profiling.model.graph import Cut, Edge, Graph, Node, Saved
from profiling.model.words import Text, translator
from tests.demos.lessons.traced import traced
from tests.profiling.graphs.reading import SVG, Drawing
from tests.profiling.measure.cells import reads_saved


def node_of(shown: Graph, name: str) -> int:
    return next(node.id for node in shown.nodes if name in node.names)


def steps(lesson: str) -> list[Graph]:
    return [step.graph for step in traced(lesson).parts[0].steps]


@reads_saved
def test_a_cut_and_a_changed_tensor(say: Text) -> None:
    *_, detached, zeroed, raised = steps("detach_then_zero")
    out, c = node_of(raised, "out"), node_of(raised, "c")
    before = Drawing(svg(detached, say))
    assert before.lines(out) == ["Sigmoid", "→ out (3,)", "saves result, 12\u00a0B"]
    assert before.lines(c) == ["c (3,)", "no gradient"]
    assert before.classes(out) == {"op"}
    assert before.link_texts() == ["", "detach same memory"]
    assert 'class="scissors"' in svg(detached, say)
    after = Drawing(svg(zeroed, say))
    assert after.classes(out) == {"op", "bad"}
    assert after.lines(out)[2:] == ["result changed in", "place"]
    assert 'class="sign"' in svg(zeroed, say)
    assert 'class="sign"' not in svg(detached, say)
    last = Drawing(svg(raised, say))
    assert last.classes(out) == {"op", "bad", "stopped"}
    assert last.lines(out)[4:] == ["gradient [1, 1, 1]", "gradient stopped"]


def test_gradients_stand_beside_what_carried_them(say: Text) -> None:
    *_, forward, backward = steps("baseline")
    before, after = Drawing(svg(forward, say)), Drawing(svg(backward, say))
    assert before.link_classes() == [["gradient"]]
    assert after.link_classes() == [["gradient", "carried"]]
    assert before.link_texts() == [""]
    assert after.link_texts() == ["[0.1966, 0.105, 0.04518]"]
    leaf = node_of(backward, "a")
    assert after.lines(leaf) == ["a (3,)", "leaf", ".grad [0.1966,", "0.105, 0.04518]"]


@reads_saved
def test_leaves_stand_above_and_what_was_cut_beside(say: Text) -> None:
    shown = steps("detach_then_zero")[2]
    drawing = Drawing(svg(shown, say))
    leaf, out, c = (drawing.box(node_of(shown, name)) for name in ("a", "out", "c"))
    assert leaf.bottom < out.top
    assert out.right < c.left
    assert out.top < c.top < c.bottom < out.bottom


@reads_saved
def test_a_box_stays_where_it_is_when_something_is_added(say: Text) -> None:
    drawings = [Drawing(svg(shown, say)) for shown in steps("requires_grad_again")]
    places = {
        node: {(drawing.box(node).left, drawing.box(node).top) for drawing in drawings[1:]}
        for node in drawings[1].nodes
    }
    assert [len(each) for each in places.values()] == [1, 1]


def test_a_drawing_does_not_depend_on_the_order_of_nodes(say: Text) -> None:
    shown = steps("side_branch")[-1]
    one, other = (
        Drawing(svg(Graph(nodes, shown.edges), say)) for nodes in (shown.nodes, shown.nodes[::-1])
    )
    assert {node: one.box(node) for node in one.nodes} == {
        node: other.box(node) for node in other.nodes
    }


def test_details_tell_everything_of_a_node(say: Text) -> None:
    saved = (Saved("self", (2, 3), 24, 4, "freed"), Saved("other", (), None, None, "hooked"))
    node = Node(7, "op", "MulBackward0", ("y", "z"), (2, 3), saved=saved, gradient="[1]")
    assert Drawing(svg(Graph((node,)), say)).title(7).splitlines() == [
        "MulBackward0",
        "y, z (2, 3)",
        "self freed (2, 3), 24 B",
        "other saved by a hook ()",
        "gradient [1]",
    ]


def test_modes_are_said(say: Text) -> None:
    with torch.inference_mode():
        quick = torch.ones(1)
    node = Node(1, "constant", "", ("quick",), tuple(quick.shape), "inference")
    assert Drawing(svg(Graph((node,)), say)).lines(1) == [
        "quick (1,)",
        "no gradient",
        "inference tensor",
    ]


def test_names_from_anywhere_are_shown_and_never_run(say: Text) -> None:
    name = "</text><script>alert('&\"')</script>"
    shown = graph({name: torch.ones(1, requires_grad=True), "b": torch.ones(1)})
    for text in (svg(shown, say), standalone_svg(shown, say)):
        assert "<script" not in text
        assert name in Drawing(text).title(1)
    assert "<script" not in page(shown, say, name)


def test_every_node_can_be_reached_and_says_what_it_shows(say: Text) -> None:
    shown = steps("side_branch")[-1]
    drawing = Drawing(svg(shown, say))
    assert drawing.root.attrib["aria-label"] == (
        "Backward graph. Ops: 15. Leaves: 6. Tensors without gradient: 3. Cuts: 1."
    )
    for node, element in drawing.nodes.items():
        assert element.attrib["tabindex"] == "0"
        assert element.attrib["role"] == "img"
        label = re.sub(r"\W", "", element.attrib["aria-label"])
        assert label == re.sub(r"\W", "", "".join(drawing.lines(node)))


def test_what_is_not_drawn_is_named(say: Text) -> None:
    x, loose = torch.ones(1, requires_grad=True), torch.ones(1)
    text = svg(graph({"x": x, "y": x * 2, "loose": loose}), say)
    assert "Not drawn, no edges (1): loose" in text
    shown = graph({"x": x})
    assert "larger than what is shown" not in svg(shown, say)
    assert "larger than what is shown" in svg(Graph(shown.nodes, shown.edges, cut_off=True), say)


def test_an_empty_graph_is_a_sentence(say: Text) -> None:
    drawing = Drawing(svg(Graph(), say))
    assert drawing.nodes == {}
    assert [each.text for each in drawing.root] == ["Nothing to draw yet: there is no tensor."]


@reads_saved
def test_a_loop_is_told_by_its_pattern(say: Text) -> None:
    weight, state = torch.eye(2, requires_grad=True), torch.ones(2)
    for _ in range(50):
        state = torch.tanh(weight @ state)
    drawing = Drawing(svg(graph({"weight": weight, "state": state}), say))
    (folded,) = (node for node in drawing.nodes if "folded" in drawing.classes(node))
    assert drawing.lines(folded) == [
        "(Mv → Tanh) ×50",
        "ops: 100",
        "→ state (2,)",
        "saves 149 tensors,",
        "424\u00a0B",
    ]


def test_a_view_is_no_cut(say: Text) -> None:
    x = torch.ones(2, requires_grad=True)
    text = svg(graph({"x": x, "y": x.view(2, 1)}), say)
    assert "scissors" not in text
    assert sorted(Drawing(text).link_texts()) == ["", "same memory"]


def test_every_cut_is_cut_by_scissors(say: Text) -> None:
    x = torch.ones(2, requires_grad=True)
    out = x.sigmoid()
    first, second = (out.detach().requires_grad_() for _ in range(2))
    tensors = {"x": x, "out": out, "first": first, "second": second}
    shown = graph({**tensors, "one": first * 2, "two": second * 2, "seen": out.detach()})
    text = svg(shown, say)
    assert Drawing(text).link_classes().count(["memory", "across"]) == 2
    assert Drawing(text).link_classes().count(["memory"]) == 1
    assert text.count('class="scissors"') == 3
    constants = graph({"a": (a := torch.ones(1)), "b": a.view(1, 1)})
    assert "scissors" not in svg(constants, say)


def cut_links(drawing: Drawing) -> list[dict[str, str]]:
    return [each.attrib for each in drawing.links if "cut" in each.attrib["class"].split()]


def test_a_cut_is_dashed_cut_by_scissors_and_says_by_what(say: Text) -> None:
    shown = traced("gan_discriminator_step").parts[1].steps[-1].graph
    for text in (svg(shown, say), standalone_svg(shown, say)):
        drawing = Drawing(text)
        (cut,) = cut_links(drawing)
        assert cut["class"] == "link cut"
        assert cut["role"] == "img"
        assert cut["aria-label"] == (
            "Cut by detach, from Addmm, fake (1,\u00a02) to Addmm: "
            "values pass, no gradient comes back."
        )
        assert text.count('class="scissors"') == 1
        assert drawing.link_texts().count("detach") == 1
    chinese = Drawing(svg(shown, translator("zh")))
    (cut,) = cut_links(chinese)
    assert cut["aria-label"] == (
        "detach 切断了从 Addmm, fake (1,\u00a02) 到 Addmm 的梯度：数值通过，梯度不返回。"
    )
    assert chinese.root.attrib["aria-label"].endswith("切断：1 处。")
    assert re.search(r"\.link\.cut path \{[^}]*stroke-dasharray", styles())


def test_what_was_cut_and_shares_memory_is_one_link(say: Text) -> None:
    shown = steps("detach_then_zero")[2]
    drawing = Drawing(svg(shown, say))
    (cut,) = cut_links(drawing)
    assert cut["class"] == "link memory cut across"
    assert drawing.links[1].findtext(f"{SVG}title") == (
        "cut by detach: values pass, no gradient comes back\n"
        "both share memory; backward does not follow this edge"
    )


def test_the_way_of_cutting_a_tie_fits_between_its_boxes(say: Text) -> None:
    nodes = (Node(1, "op", "A"), Node(2, "constant", "", ("view",), (1,)))
    cut = Edge(1, 2, "cut", cut=Cut("view", "inference"))
    drawing = Drawing(svg(Graph(nodes, (Edge(1, 2, "memory"), cut)), say))
    assert drawing.link_texts() == ["inference_ mode same memory"]
    for text in drawing.label_areas():
        assert drawing.box(1).right < text.left
        assert text.right < drawing.box(2).left


def test_what_gets_no_gradient_beyond_a_cut_is_one_box(say: Text) -> None:
    leaves = [Node(at, "leaf", "", (f"encoder.{at}.weight",), (1,)) for at in range(1, 9)]
    frozen = [Node(at, "constant", "", (f"stem.{at}",), (1,)) for at in (21, 22)]
    cuts = [Edge(each.id, 10, "cut", cut=Cut("linear", "no_grad")) for each in (*leaves, *frozen)]
    drawing = Drawing(svg(Graph((*leaves, *frozen, Node(10, "op", "A")), tuple(cuts)), say))
    assert sorted(map(drawing.lines, drawing.nodes)) == [
        ["A"],
        ["encoder", "leaves: 8", "get no gradient", "from here"],
        ["stem", "frozen: 2", "get no gradient", "from here"],
    ]
    assert drawing.link_texts() == ["no_grad", "no_grad"]


def test_a_constant_that_is_changed_in_place_by_what_used_it(say: Text) -> None:
    nodes = (Node(1, "leaf", "", ("x",)), Node(2, "op", "A"), Node(3, "constant", "", ("state",)))
    around = (
        Edge(1, 2, "gradient"),
        Edge(3, 2, "constant"),
        Edge(2, 3, "cut", cut=Cut("detach")),
    )
    drawing = Drawing(svg(Graph(nodes, around), say))
    assert sorted(drawing.link_texts()) == ["", "", "detach"]


def test_files_stand_alone(say: Text) -> None:
    shown = steps("baseline")[-1]
    text = standalone_svg(shown, say)
    assert "background:#fff" in text
    assert "var(" not in text
    assert Drawing(text).lines(node_of(shown, "a"))[0] == "a (3,)"
    html = page(shown, translator("zh"), "baseline, 3")
    assert '<html lang="zh-CN">' in html
    assert "<title>baseline, 3</title>" in html
    assert svg(shown, translator("zh")) in html
    assert styles() in html
    for written in (text, html):
        assert set(re.findall(r"https?://[^\"'\s]+", written)) == {"http://www.w3.org/2000/svg"}


def luminance(color: str) -> float:
    levels = [each / 255 for each in bytes.fromhex(color.removeprefix("#"))]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in levels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_words_can_be_read_on_light_and_dark() -> None:
    light, dark = (
        dict(re.findall(r"--graph-([\w-]+): (#\w{6});", block))
        for block in re.findall(r"\.graph \{([^}]*--graph[^}]*)\}", styles())
    )
    assert light.keys() == dark.keys()
    for colors in (light, dark):
        grounds: dict[str, tuple[str, ...]] = {
            "box": ("text", "fine", "gradient", "memory", "cut", "bad")
        }
        grounds |= {"leaf": ("text", "fine", "gradient"), "bad-box": ("text", "gradient", "bad")}
        for ground, inks in grounds.items():
            for ink in inks:
                assert contrast(colors[ground], colors[ink]) >= 4.5, (ground, ink)
        for line in ("line", "leaf-line", "gradient", "memory", "cut", "bad"):
            assert contrast(colors["box"], colors[line]) >= 3, line
