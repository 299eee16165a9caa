"""The words: none that is shown stands outside the tables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

from tests.profiling.model.test_locales_said import ROOT, TEMPLATES, called_name

ROOMS = ("demos/page", "demos/page", "profiling/charts", "profiling/graphs", "profiling/cli")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
# Two words with a space between them, or anything Chinese.
_SENTENCE = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}|[\u3000-\u9fff\uff00-\uffef]")
# What only looks like a sentence: names of plotly's and of fonts, the beginning of a tag, code.
_CODE = re.compile(
    r"(middle|top) (right|left)|x unified|system-ui.*|Noto Sans SC|<\w+ \w+=\".*|import torch\n.*"
    # a browser's policy, a handler of the browser's own, a line of an example
    r"|https://\S+ https://.*|default-src .*|' 'unsafe-eval'; .*"
    r"|\(\) => \{.*|with torch\.no_grad\(\):",
    re.DOTALL,
)
# The shell's help is written beside its commands, in English as every shell's; the log is for who
# started the server, an error for who calls a function wrongly.
_NOT_SHOWN = {"help", "epilog", "metavar", "show_default", "compile", "exception", "warning"}
_NOT_SHOWN |= {"ValueError", "OSError", "info", "error", "write"}
# Who asks from another site has no page, and so no language.
_REFUSAL = "This page is for its own machine only."
# What a script is answered and what the log says of a request are no sentences of the page.
_NAMES = {"Detach Lab", "· Detach Lab", "English", "中文", "SVG", "HTML", "DOT", ".json.gz"}
_NAMES |= {"Not found", "cut off", "Detach Lab:"}


def written(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every literal of a module that reads as a sentence and is shown."""
    unseen = {id(node) for node in docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in _NOT_SHOWN:
            unseen |= {id(each) for each in ast.walk(node.value)}
        if isinstance(node, ast.Call) and called_name(node) in _NOT_SHOWN:
            unseen |= {id(each) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.strip()
            if (
                id(node) not in unseen
                and text != _REFUSAL
                and _SENTENCE.search(text)
                and not _CODE.fullmatch(text)
            ):
                yield node.lineno, text


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def said_by(template: str) -> list[str]:
    """Return the words of a template that do not come from a table."""
    tree = jinja2.Environment().parse(template)
    data = "\0".join(each.data for each in tree.find_all(nodes.TemplateData))
    shown = re.findall(r'\b(?:aria-label|title|alt|placeholder)="([^"\0]*)', data)
    shown += re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "\0", data, flags=re.DOTALL).split("\0")
    words = (" ".join(each.split()) for each in shown)
    return [each for each in words if re.search(r"[A-Za-z\u3000-\u9fff]{2,}", each)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_writes_a_sentence_of_its_own(path: Path) -> None:
    found = written(ast.parse(path.read_text("utf-8")))
    assert [each for each in found if each[1] not in _NAMES] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_writes_words_of_its_own(path: Path) -> None:
    assert [each for each in said_by(path.read_text("utf-8")) if each not in _NAMES] == []


def test_what_is_written_outside_would_be_found() -> None:
    code = '"""Not this."""\nf(help="Nor this one")\nx = "but this"\ny = f"{x} and on"\nz = "峰值"'
    assert sorted(written(ast.parse(code))) == [(3, "but this"), (4, "and on"), (5, "峰值")]
    page = '<p title="A tip">{{ text("a.b") }} words</p><b>{% if x %}More{% endif %}</b>'
    assert said_by(page) == ["A tip", "words", "More"]
