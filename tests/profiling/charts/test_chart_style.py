from __future__ import annotations

import json
import string
import subprocess
import sys
from pathlib import Path

import pytest

from profiling.charts import style
from profiling.charts.style import escaped, number, scaled
from profiling.model.content import LOCALES
from profiling.model.units import Unit


def test_layout_is_plain_and_transparent() -> None:
    layout = style.base_layout("A title", 100, 2, xaxis={"title": {"text": "x"}})
    assert layout.template.to_plotly_json().get("layout", {}) == {}
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert layout.xaxis.automargin is True
    assert layout.xaxis.gridcolor == style.GRID
    assert layout.xaxis.title.text == "x"
    assert layout.showlegend is True
    assert layout.height == layout.margin.t + 100 + layout.margin.b + 40
    assert style.base_layout("A title", 100).showlegend is False
    assert layout.margin.r == style.base_layout("A title", 100, label_room=5).margin.r == 12
    assert style.base_layout("A title", 100, label_room=60).margin.r == 60


def test_titles_break_before_they_are_too_wide_for_a_phone() -> None:
    assert style.wrapped("short") == ["short"]
    assert style.wrapped("") == [""]
    words = "lowest peak in no_grad and 2 more, 3.50 MiB below attached, and so on and on"
    assert " ".join(style.wrapped(words)) == words
    assert [len(line) for line in style.wrapped(words)] == [34, 38, 2]
    assert style.wrapped("x" * 32 + " 3.50 MiB") == ["x" * 32, "3.50 MiB"]
    assert style.wrapped("in detach_1 now, and again in detach_1 now") == [
        "in detach_1 now, and again in detach_1",
        "now",
    ]


def test_a_chinese_character_is_two_columns_wide_and_ends_any_line() -> None:
    assert style._columns("a峰×&lt;") == 1 + 2 + 2 + 1
    assert style.wrapped("峰" * 20) == ["峰" * 19, "峰"]
    assert style.wrapped("峰" * 18 + "值 7.63 MiB") == ["峰" * 18 + "值", "7.63 MiB"]


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("峰" * 19 + "\uff0c比", ["峰" * 18, "峰\uff0c比"]),
        ("峰" * 18 + "\uff08比\uff09", ["峰" * 18, "\uff08比\uff09"]),
        ("峰" * 18 + "“比”", ["峰" * 18, "“比”"]),
        ("峰" * 17 + "“no_grad”低", ["峰" * 17, "“no_grad”低"]),
    ],
)
def test_marks_stay_with_what_they_belong_to(title: str, lines: list[str]) -> None:
    assert style.wrapped(title) == lines


def test_a_word_wider_than_a_line_is_broken_between_letters_as_they_are_shown() -> None:
    assert style.wrapped("x" * 40) == ["x" * 38, "xx"]
    assert style.wrapped("&lt;" * 40) == ["&lt;" * 38, "&lt;&lt;"]


@pytest.mark.parametrize(
    "title", ["” ”，“", "  a  b", "（（", "5 ", "a\nb", "&;&amp", "1.5 （ms）"]
)
def test_no_letter_is_lost(title: str) -> None:
    assert "".join("".join(style.wrapped(title)).split()) == "".join(title.split())


def test_values_without_a_number_stay_without() -> None:
    assert [number(value) for value in (None, float("nan"), 3, True)] == [None, None, 3, 1]
    assert scaled([1234567.0, None, 0], Unit("k", 1e3)) == [1234.57, None, 0]


def test_escaping_keeps_text_text() -> None:
    assert escaped("<a href='x'>&") == "&lt;a href='x'&gt;&amp;"
    assert escaped("%{x}") == "&#37;{x}"
    assert escaped("abcdefghij", 5) == "ab…ij"


def placeholders(sentence: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(sentence) if field}


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, chinese = (
        json.loads((LOCALES / language / "charts.json").read_text("utf-8"))
        for language in ("en", "zh")
    )
    assert list(english) == list(chinese)
    for key, sentence in english.items():
        assert placeholders(sentence) == placeholders(chinese[key]), key


def test_charts_import_neither_torch_nor_the_page() -> None:
    names = "branches of_run operators peak run_diff style timeline trace"
    code = f"""
import importlib, sys
for name in {names.split()}:
    importlib.import_module("profiling.charts." + name)
forbidden = {{"torch", "gradio", "demos.page", "profiling.engine", "profiling.measure"}}
loaded = forbidden & set(sys.modules)
sys.exit(str(loaded) if loaded else 0)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
