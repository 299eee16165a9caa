"""A diagnosis as HTML: marks on their lines, the tree, ways, hostile and huge records."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from profiling.analysis.diagnosis import Diagnosis, diagnose, sentences
from profiling.model.watch import load_watch
from profiling.model.words import LANGUAGES, Text, translator
from profiling.output import explanation
from profiling.output.explanation.places import Places
from profiling.output.explanation.source import MOST_WHOLE, source_files
from profiling.output.explanation.tree import BAD, GOOD, PLAIN, Module, module_tree
from profiling.output.explanation.ways import MOST_STOPS, MOST_WAYS, ways
from profiling.watch.record import (
    Backward,
    Counts,
    Environment,
    Failure,
    File,
    Node,
    Operation,
    Parameter,
    Place,
    Site,
    Watch,
)

ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
# The cause that each example shows, and the lines that it is on.
CAUSES = {
    "data_normalised": ("data", {16: "✂"}),
    "dead_relu": ("dead_unit", {16: "0"}),
    "detached_features": ("detach", {16: "✂"}),
    "edited_behind_autograd": ("silent_mutation", {14: "≠", 15: "≠", 16: "≠"}),
    "forgotten_layer": ("unused", {}),
    "gan_step_order": ("inplace_saved", {14: "≠", 21: "≠"}),
    "hard_choice": ("nondiff_op", {15: "✂"}),
    "head_after_optimizer": ("optimizer_missing", {19: "▸"}),
    "hidden_state_kept": ("backward_twice", {15: "▸", 18: "▸"}),
    "inference_features": ("inference_mode", {13: "✂", 14: "✂"}),
    "no_grad_embedding": ("no_grad", {14: "✂", 16: "✂"}),
    "running_loss": ("graph_leak", {22: "●"}),
    "weights_from_numbers": ("tolist", {11: "✂", 13: "▸"}),
    "wrapped_again": ("parameter_rebuild", {14: "✂"}),
    "zero_grad_late": ("grad_zeroed", {15: "▸"}),
}


class Reader(HTMLParser):
    """Notes the elements of a page, their attributes, and what is never closed."""

    _EMPTY = ("img", "meta", "path", "rect", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self._EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def example(name: str) -> Diagnosis:
    return diagnose(load_watch(explanation.examples()[name]))


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def chain(names: list[str], text: str = "x = f(x)\n", path: str = "train.py") -> Watch:
    """Return a record of parameters that are detached on line 1, and of one that is not."""
    parameters = tuple(
        Parameter((name,), "Linear", (2, 3), 24, True, True, arrivals=0, uses_with_grad=1)
        for name in names
    )
    good = Parameter(("good.weight",), "Linear", (2,), 8, True, True, arrivals=1)
    made = [
        Node("parameter", at, 0, parameter=at, shape=(2, 3), requires_grad=True)
        for at in range(len(names) + 1)
    ]
    count = len(made)
    cut = Node("operation", count, 0, 0, tuple(range(count - 1)), (), shape=(2,))
    loss = Node("operation", count + 1, 0, 1, (count - 1, count), (count - 1,), requires_grad=True)
    return Watch(
        script=(path, "--lr", ATTACK),
        environment=Environment("2", "3", ""),
        counts=Counts(1, 0, 1, 2, count, 0.5),
        files=(File(path, True, text),),
        sites=(Site(Place(0, 1)),),
        operations=(Operation("detach", 0, 0, True), Operation("mul", 0, 0, True, saved=2048)),
        nodes=(*made, cut, loss),
        parameters=(*parameters, good),
        backward=(Backward("backward", 0, count + 2, 0, (count + 1,), (count - 1,)),),
    )


def test_there_is_an_example_of_every_main_cause() -> None:
    assert set(explanation.examples()) == set(CAUSES)


@pytest.mark.parametrize("name", CAUSES)
def test_an_example_shows_its_cause_on_its_lines(name: str, text: Text) -> None:
    found = example(name)
    cause, signs = CAUSES[name]
    html = explanation.html(found, text)
    Reader(html)
    if cause:
        assert {each.cause for each in found.problems} == {cause}
        assert sentences.sentence(found.problems[0], text) in plain(html).replace("&#39;", "'")
    files = source_files(found, Places(found), text)
    (shown,) = files.files
    marked = {row.number: row.marks[0].sign for row in shown.rows if row.marks}
    assert signs.items() <= marked.items()
    assert [row.number for row in shown.rows] == list(range(1, len(shown.rows) + 1))
    script = found.watch.files[0].text
    assert script is not None
    code = [plain(row.code).replace(" ", "") for row in shown.rows]
    assert len(code) == len(script.splitlines())
    assert not [sign for sign in signs.values() if sign not in files.legend]


@pytest.mark.parametrize("name", CAUSES)
def test_an_example_tells_nothing_of_the_machine(name: str) -> None:
    record = explanation.examples()[name].read_text("utf-8")
    assert not re.search(r"/(tmp|home|root|usr|work|opt)/|\.venv|site-packages", record)


def leaves(module: Module) -> dict[str, str]:
    found = {each.full: each.kind for each in module.leaves}
    for inner in module.modules:
        found |= leaves(inner)
    return found


def test_the_tree_says_what_became_of_each_gradient(text: Text) -> None:
    found = example("detached_features")
    places = Places(found)
    tree = module_tree(found, ways(found, places, text), text)
    assert leaves(tree) == {
        "model.encoder.0.weight": BAD,
        "model.encoder.0.bias": BAD,
        "model.encoder.2.weight": BAD,
        "model.encoder.2.bias": BAD,
        "model.head.weight": GOOD,
        "model.head.bias": GOOD,
    }
    words = re.findall(r'explain-word">([^<]*)<', explanation.html(found, text))
    said = [text(f"explain.page.state.{state}") for state in ("none", "arrives")]
    assert words == [said[0]] * 4 + [said[1]] * 2


def test_frozen_parameters_are_neither_good_nor_bad(english: Text) -> None:
    watch = chain(["frozen.weight"])
    frozen = dataclasses.replace(watch.parameters[0], requires_grad=False)
    found = diagnose(dataclasses.replace(watch, parameters=(frozen, watch.parameters[1])))
    tree = module_tree(found, ways(found, Places(found), english), english)
    assert leaves(tree) == {"frozen.weight": PLAIN, "good.weight": GOOD}


def test_modules_that_are_alike_are_folded_and_counted(english: Text) -> None:
    found = diagnose(chain([f"net.blocks.{at}.weight" for at in range(500)]))
    tree = module_tree(found, ways(found, Places(found), english), english)
    blocks = tree.modules[0].modules[0]
    assert [(each.name, each.alike) for each in blocks.modules] == [("0 … 499", 500)]
    assert blocks.counts == {BAD: 500}


def test_the_way_is_cut_where_the_finding_says(english: Text) -> None:
    found = example("detached_features")
    drawn = ways(found, Places(found), english)
    way = drawn.of_finding[0]
    assert way.parameter == "model.encoder.0.weight"
    assert way.cut
    assert way.svg.count('class="scissors"') == 1
    assert "detached_features.py:16" in way.svg
    healthy = drawn.drawings[drawn.of_parameter[found.fates[-1].parameter]]
    assert not healthy.cut
    assert 'class="scissors"' not in healthy.svg


def test_numbers_lead_on_to_where_they_are_built_into_a_tensor(english: Text) -> None:
    found = example("weights_from_numbers")
    svg = ways(found, Places(found), english).of_finding[0].svg
    order = [svg.index(each) for each in ("weighter.0.weight", "tolist", "torch.tensor", "mul")]
    assert order == sorted(order)
    assert svg.count('class="scissors"') == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hostile_record_stays_text(language: str) -> None:
    names = [ATTACK, f"model.{ATTACK}.weight", 'a" onclick="alert(1)', "{{ 7 * 7 }}", "a\nb\0"]
    watch = chain(names, f"x = '{ATTACK}'\n", f"{ATTACK}.py")
    failure = Failure(ATTACK, ATTACK, 0, "forward")
    watch = dataclasses.replace(
        watch,
        failure=failure,
        notes=(ATTACK,),
        operations=tuple(dataclasses.replace(each, name=ATTACK) for each in watch.operations),
    )
    found = diagnose(watch)
    text = translator(language)
    html = explanation.html(found, text)
    page = Reader(html)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "49" not in html.replace("{{ 7 * 7 }}", "")
    whole = explanation.file(found, text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', whole)
    assert policy is not None
    assert "script-src &#39;sha256-" in policy[1]
    assert "unsafe" not in policy[1].partition("script-src")[2]
    assert whole.count("<script>") == 2


def test_a_huge_record_is_bounded_and_what_is_left_out_is_counted(english: Text) -> None:
    names = [f"net.layer{at}.part{at % 7}.weight{at}" for at in range(6_000)]
    text = "\n".join(["x = f(x)", *(f"line_{at} = {at}" for at in range(20_000))])
    found = diagnose(chain(names, text))
    html = explanation.html(found, english)
    assert len(html) < 600_000
    rows = source_files(found, Places(found), english).files[0].rows
    assert sum(max(1, row.left_out) for row in rows) == 20_001
    assert len(rows) <= MOST_WHOLE
    tree = module_tree(found, ways(found, Places(found), english), english)

    def shown(module: Module) -> int:
        return len(module.leaves) + sum(map(shown, module.modules))

    def left(module: Module) -> int:
        return module.left_out + sum(map(left, module.modules))

    assert shown(tree) + left(tree) == 6_001
    assert "more parameters are not shown" in html


def test_ways_are_few_and_short(english: Text) -> None:
    modules, lines = 80, 300
    parameters = tuple(
        Parameter((f"m{at}.weight",), "Linear", (2,), 8, True, True, arrivals=1)
        for at in range(modules)
    )
    leaves = [Node("parameter", at, 0, parameter=at, requires_grad=True) for at in range(modules)]
    first = modules
    results = [
        Node(
            "operation",
            first + at,
            0,
            at,
            sources := (first + at - 1,) if at else tuple(range(modules)),
            sources,
            requires_grad=True,
        )
        for at in range(lines)
    ]
    watch = Watch(
        script=("deep.py",),
        environment=Environment("2", "3", ""),
        counts=Counts(1, 0, 1, lines, lines, 0.5),
        files=(File("deep.py", True, "x = f(x)\n" * lines),),
        sites=tuple(Site(Place(0, at + 1)) for at in range(lines)),
        operations=tuple(Operation("mul", at, 0, True) for at in range(lines)),
        nodes=(*leaves, *results),
        parameters=parameters,
        backward=(Backward("backward", 0, 999, 0, (first + lines - 1,), tuple(range(modules))),),
    )
    found = diagnose(watch)
    drawn = ways(found, Places(found), english)
    assert len(drawn.drawings) == MOST_WAYS
    for way in drawn.drawings:
        assert way.svg.count("data-node") <= MOST_STOPS + 3
        assert english("explain.page.way.more", count=lines - 4) in way.svg


def test_a_record_of_nothing_says_so(text: Text) -> None:
    watch = Watch(("empty.py",), Environment("2", "3", ""), Counts())
    html = explanation.html(diagnose(watch), text)
    assert text("explain.nothing") in plain(html)
    assert "explain-columns" not in html
