"""Error texts with gaps: word for word, in clauses, and nearly."""

from __future__ import annotations

import pytest

from profiling.catalogue.search.patterns import Fit, Letters, Pattern, PatternMatch

CHANGED = Pattern("a tensor was changed in place: [{}], output {} of {}. Make a copy of it first.")
TUPLE = Pattern("'tuple' object has no attribute 'detach'")


def pieces(pattern: Pattern, query: str, match: PatternMatch | None) -> list[tuple[str, str]]:
    """Return what of a query fits what of a pattern."""
    assert match is not None
    return [(query[slice(*each.query)], pattern.text[slice(*each.place)]) for each in match.matches]


@pytest.mark.parametrize(
    "query",
    [
        "a tensor was changed in place: [[3, 4]], output 0 of Sigmoid. Make a copy of it first",
        "A TENSOR WAS\nCHANGED IN PLACE:[], output of .Make a\u00a0copy of it  first",
        "a ten\nsor was chan\r\nged in place [cuda] output 12 of T; make a copy of it first",
    ],
)
def test_blanks_signs_and_case_do_not_matter_and_gaps_hold_anything_short(query: str) -> None:
    text = f"Error! {query}! See above."
    found = CHANGED.verbatim(Letters(text))
    assert found is not None
    assert found.fit is Fit.WHOLE
    assert pieces(CHANGED, text, found) == [(query, CHANGED.text.rstrip("."))]
    # The letters of the first clause, whatever follows it.
    assert found.matches[0].letters == len("atensorwaschangedinplace")


def test_a_gap_is_short() -> None:
    pattern = Pattern("begins with {} and ends")
    assert pattern.verbatim(Letters(f"begins with {'x ' * 80} and ends")) is not None
    assert pattern.verbatim(Letters(f"begins with {'x ' * 81} and ends")) is None


def test_the_first_beginning_may_be_the_wrong_one() -> None:
    query = f"begins with {'x' * 200} begins with y and ends"
    pattern = Pattern("begins with {} and ends")
    assert pieces(pattern, query, pattern.verbatim(Letters(query))) == [
        ("begins with y and ends", pattern.text)
    ]


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("a tensor was changed in place. So?", "a tensor was changed in place"),
        ("log: a tensor was changed in p", "a tensor was changed in p"),
        ("tensor was changed in place: [3]", "tensor was changed in place"),
        ("ensor was changed in pla", "ensor was changed in pla"),
    ],
)
def test_clauses_fit_and_so_do_messages_that_are_cut_off(query: str, fits: str) -> None:
    found = CHANGED.verbatim(Letters(query))
    assert pieces(CHANGED, query, found) == [(fits, fits)]
    assert found is not None
    assert found.fit is Fit.PART
    assert found.matches[0].letters == len(fits.replace(" ", ""))


@pytest.mark.parametrize("query", ["a tensor was changed", "was changed in place: [3]"])
def test_too_few_letters_are_no_clause(query: str) -> None:
    assert CHANGED.verbatim(Letters(query)) is None


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("Error: a tensr was chnaged in palce: [3]", "a tensr was chnaged in palce"),
        ("the tensors were changed in place: [3]", "tensors were changed in place"),
    ],
)
def test_other_wordings_are_similar(query: str, fits: str) -> None:
    assert CHANGED.verbatim(Letters(query)) is None
    found = CHANGED.similar(Letters(query))
    assert found is not None
    assert found.fit is Fit.SIMILAR
    (match,) = found.matches
    assert query.index(fits) - 3 <= match.query[0] < match.query[1] <= len(query) - 3
    assert 19 <= match.letters < len("atensorwaschangedinplace")


def test_many_letters_in_a_row_are_similar_whatever_stands_around_them() -> None:
    pattern = Pattern("the quick brown fox jumps over the lazy dog and sleeps until the morning")
    query = "so a fox jumps over the lazy dog and sleeps, but " + "only for a short time " * 9
    assert pieces(pattern, query, pattern.similar(Letters(query))) == [
        ("fox jumps over the lazy dog and sleeps", "fox jumps over the lazy dog and sleeps")
    ]
    assert pattern.similar(Letters(query.replace("lazy", "crazy"))) is None


@pytest.mark.parametrize(
    "query",
    [
        "a tensor of another shape was expected here",
        "the tensor is not in place",
        "changed in place",
        "",
    ],
)
def test_other_errors_are_not_similar(query: str) -> None:
    assert CHANGED.verbatim(Letters(query)) is None
    assert CHANGED.similar(Letters(query)) is None


def test_a_name_in_quotes_has_to_be_right() -> None:
    assert TUPLE.similar(Letters("a tuple object has not the atribute detach")) is not None
    for other in ("'list' object has no attribute 'detach'", "'tuple' object has no attribute 'a'"):
        assert TUPLE.verbatim(Letters(other)) is None
        assert TUPLE.similar(Letters(other)) is None


def test_letters_know_where_they_stand() -> None:
    letters = Letters("(a B) İx-9")
    assert letters.text == "abix9"
    assert letters.span(1, 4) == (3, 8)
    assert Letters("abcdef", 2, 4).text == "cd"
