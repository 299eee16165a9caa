"""The lessons that were found, as the page shows them."""

from __future__ import annotations

import re

import pytest

from demos.page.lessons import highlight, search_results
from profiling.catalogue.search import Field, Fit, Hit, Mark, find
from profiling.model.words import Text, table

NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"


def hit(query: tuple[int, int], text: str = "a title", lesson: str = "baseline") -> Hit:
    """Return a lesson found by one word."""
    mark = Mark(query, Field.TITLE, text, (0, 1))
    return Hit(lesson, Fit.WORDS, 0, 1.0, 0.0, (mark,))


@pytest.mark.parametrize(
    ("text", "spans", "shown"),
    [
        ("plain", [], "plain"),
        ("a < b", [(0, 1)], "<mark>a</mark> &lt; b"),
        ("<b>&'\"", [(0, 3)], "<mark>&lt;b&gt;</mark>&amp;&#39;&#34;"),
        ("abcdef", [(3, 4), (0, 2)], "<mark>ab</mark>c<mark>d</mark>ef"),
        ("abcdef", [(0, 3), (2, 5)], "<mark>abc</mark><mark>de</mark>f"),
        ("abcdef", [(0, 5), (1, 3)], "<mark>abcde</mark>f"),
        ("abcdef", [(1, 3), (1, 3)], "a<mark>bc</mark>def"),
        ("abcdef", [(2, 2)], "abcdef"),
        ("梯度 None", [(0, 2)], "<mark>梯度</mark> None"),
    ],
)
def test_pieces_are_marked_and_everything_is_escaped(
    text: str, spans: list[tuple[int, int]], shown: str
) -> None:
    assert highlight(text, spans) == shown


def test_marks_take_nothing_away() -> None:
    text = "a <script> & more"
    for start in range(len(text)):
        for end in range(start, len(text) + 1):
            plain = re.sub("</?mark>", "", highlight(text, [(start, end), (0, 5)]))
            assert plain == highlight(text, [])


def test_a_long_query_is_cut_to_what_was_matched(english: Text) -> None:
    query = "x" * 100 + "detach" + "y" * 100
    html = search_results(query, (hit((100, 106)),), english)
    assert f"<q>…{'x' * 60}<mark>detach</mark>{'y' * 60}…</q>" in html
    html = search_results("detach", (hit((0, 6)),), english)
    assert "<q><mark>detach</mark></q>" in html


def test_a_hostile_query_is_shown_as_it_was_typed(english: Text) -> None:
    query = f"<img src=x onerror=alert(1)> RuntimeError: {NO_GRAD_FN} </q><script>"
    html = search_results(query, find(query, "en"), english)
    assert "<img" not in html
    assert "<script" not in html
    assert f"&lt;img src=x onerror=alert(1)&gt; RuntimeError: <mark>{NO_GRAD_FN}</mark>" in html
    assert "&lt;/q&gt;&lt;script&gt;</q>" in html


def test_an_error_is_marked_in_the_lessons_pattern_too(english: Text) -> None:
    html = search_results(NO_GRAD_FN, find(NO_GRAD_FN, "en"), english)
    assert f"<small>error:</small> <code><mark>{NO_GRAD_FN}</mark></code></p>" in html
    assert "explains this error" in html
    assert html.count("<details open>") == 1
    assert html.index("<details open>") < html.index("<details>")


def test_titles_are_in_the_visitors_language(text: Text) -> None:
    html = search_results(NO_GRAD_FN, find(NO_GRAD_FN, "en"), text)
    assert text("find.fit.whole") in html
    assert f"<small>{text('find.field.error')}:</small>" in html


def test_one_query_is_shown_once_and_lessons_beyond_five_are_counted(english: Text) -> None:
    hits = tuple(hit((0, 6)) for _ in range(7))
    html = search_results("detach", hits, english)
    assert html.count("<details") == 5
    assert html.count("<q>") == 1
    assert "2 more matches are in the list below." in html
    assert "in the list below" not in search_results("detach", hits[:5], english)


def test_lessons_that_match_other_words_show_those(english: Text) -> None:
    html = search_results("detach view", (hit((0, 6)), hit((7, 11))), english)
    assert "<q><mark>detach</mark> view</q>" in html
    assert "<q>detach <mark>view</mark></q>" in html


def test_places_in_one_text_are_marked_on_one_line(english: Text) -> None:
    title = table("en")["lesson.detach_then_zero.title"]
    first, *_ = find("detach zero_", "en")
    html = search_results("detach zero_", (first,), english)
    assert first.lesson == "detach_then_zero"
    shown = title.replace("detach", "<mark>detach</mark>").replace("zero_", "<mark>zero_</mark>")
    assert f"<small>title:</small> {shown}</p>" in html
