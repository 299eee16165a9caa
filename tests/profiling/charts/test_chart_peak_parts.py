from __future__ import annotations

import pandas as pd
import pytest

from profiling.catalogue import BRANCHES
from profiling.charts.peak import _KIND_STYLES, peak_parts
from profiling.charts.style import label_room
from profiling.model.words import Text
from profiling.traces.memory import KINDS
from tests.profiling.charts.conftest import row, shown
from tests.profiling.charts.test_chart_palette import NEAR_BLACK, WHITE, contrast

KIB = 2**10
FOUND = shown(row("attached"), row("no_grad", peak_bytes=2**20))


def table(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["branch", "kind", "op", "bytes"])


@pytest.fixture
def parts() -> pd.DataFrame:
    return table(
        ("attached", "saved", "aten::relu", 6 * KIB),
        ("attached", "saved", "aten::linear", 2 * KIB),
        ("attached", "gradient", "AddmmBackward0", KIB),
        ("no_grad", "temporary", "aten::relu", 3 * KIB),
        ("no_grad", "saved", "aten::relu", KIB),
    )


def title(figure: object) -> str:
    text: str = figure.layout.title.text  # type: ignore[attr-defined]
    return text.replace("<br>", " ")


def test_one_bar_a_branch_and_one_trace_a_kind(parts: pd.DataFrame, text: Text) -> None:
    figure = peak_parts(parts, FOUND, text)
    saved, temporary, gradient, labels = figure.data
    names = [text(f"kind.{kind}") for kind in ("saved", "temporary", "gradient")]
    assert [saved.name, temporary.name, gradient.name] == names
    assert list(saved.y) == list(labels.y) == ["attached", "no_grad"]
    assert list(saved.x) == [8, 1]
    assert list(temporary.x)[1:] == [3]
    assert list(gradient.x)[:1] == [1]
    assert figure.layout.barmode == "relative"
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.xaxis.title.text == text("axis.peak", unit="KiB")


def test_a_branch_without_a_kind_has_no_bar_of_it(parts: pd.DataFrame, text: Text) -> None:
    _, temporary, gradient, _ = peak_parts(parts, FOUND, text).data
    assert temporary.x[0] is None
    assert gradient.x[1] is None


def test_every_bar_ends_in_its_peak(parts: pd.DataFrame, text: Text) -> None:
    labels = peak_parts(parts, FOUND, text).data[-1]
    assert list(labels.x) == [9, 4]
    assert [label.strip() for label in labels.text] == ["9.00 KiB", "4.00 KiB"]


def test_the_hover_lists_operators_and_sums_the_rest(english: Text) -> None:
    ops = [("attached", "saved", f"op{size}", size) for size in range(1, 9)]
    (bars, _) = peak_parts(table(*ops, ("no_grad", "saved", "op", 2000)), FOUND, english).data
    assert bars.customdata[0].split("<br>") == [
        "attached",
        "saved tensors in the peak: 36 B",
        *[f"op{size}: {size} B" for size in (8, 7, 6, 5, 4, 3)],
        "2 others: 3 B",
    ]
    assert bars.customdata[1].split("<br>")[1:] == [
        "saved tensors in the peak: 1.95 KiB (2,000 B)",
        "op: 1.95 KiB (2,000 B)",
    ]


def test_the_title_says_where_the_difference_is(parts: pd.DataFrame, english: Text) -> None:
    assert title(peak_parts(parts, FOUND, english)) == (
        "no_grad peaks 5.00 KiB below attached; "
        "largest difference: saved tensors in the peak, 7.00 KiB less"
    )


def test_equal_peaks_have_the_largest_part_in_the_title(parts: pd.DataFrame, english: Text) -> None:
    one = parts[parts["branch"] == "attached"]
    expected = (
        "Largest part of the peak of attached: saved tensors in the peak, 8.00 KiB of 9.00 KiB"
    )
    assert title(peak_parts(one, FOUND, english)) == expected
    twice = pd.concat([one, one.assign(branch="no_grad")])
    assert title(peak_parts(twice, FOUND, english)) == expected


def test_a_difference_that_the_headline_does_not_tell_is_not_in_the_title(
    parts: pd.DataFrame, english: Text
) -> None:
    expected = (
        "Largest part of the peak of attached: saved tensors in the peak, 8.00 KiB of 9.00 KiB"
    )
    wrong = shown(row("attached"), row("no_grad", peak_bytes=1, gradients_right=False))
    alike = shown(row("attached"), row("no_grad", peak_bytes=4 * 2**20 - 64))
    for found in (wrong, alike):
        assert title(peak_parts(parts, found, english)) == expected


def test_predictions_are_marked_where_there_are_any(parts: pd.DataFrame, text: Text) -> None:
    predicted = pd.DataFrame(
        {"branch": ["no_grad", "attached", "other"], "predicted_peak_bytes": [6 * KIB, None, 1]}
    ).astype({"predicted_peak_bytes": "Int64"})
    figure = peak_parts(parts, FOUND, text, predicted)
    *_, marks, labels = figure.data
    assert marks.name == text("metric.predicted")
    assert list(marks.x) == [None, 6]
    assert list(marks.y) == ["attached", "no_grad"]
    assert marks.customdata[0] == ""
    assert marks.customdata[1].startswith(f"no_grad<br>{text('metric.predicted')}: 6.00 KiB")
    assert list(labels.x) == [9, 6]  # right of whichever is longer
    assert [label.strip() for label in labels.text] == ["9.00 KiB", "4.00 KiB"]


def test_without_predictions_nothing_is_marked(parts: pd.DataFrame, text: Text) -> None:
    nothing = pd.DataFrame({"branch": ["attached"], "predicted_peak_bytes": [float("nan")]})
    for predicted in (None, nothing):
        names = [trace.name for trace in peak_parts(parts, FOUND, text, predicted).data]
        assert text("metric.predicted") not in names


def test_released_memory_counts_against_the_peak(english: Text) -> None:
    figure = peak_parts(
        table(("detach", "kept", "aten::mul", 10 * KIB), ("detach", "released", "", -4 * KIB)),
        FOUND,
        english,
    )
    kept, released, labels = figure.data
    assert (list(kept.x), list(released.x)) == ([10], [-4])
    assert labels.text[0].strip() == "6.00 KiB"
    assert list(labels.x) == [10]
    assert figure.layout.xaxis.range[0] == -4
    assert (
        released.customdata[0] == "detach<br>freed, allocated before the step: -4.00 KiB (-4,096 B)"
    )


def test_room_is_left_for_every_label_and_legend_entry(text: Text) -> None:
    rows = [(branch, kind, "op", KIB) for branch in BRANCHES for kind in _KIND_STYLES]
    figure = peak_parts(table(*rows), FOUND, text)
    labels = figure.data[-1]
    assert list(labels.x) == [figure.layout.xaxis.range[1]] * len(BRANCHES)
    assert figure.layout.margin.r == label_room(labels.x, ["7.00 KiB"] * len(BRANCHES))
    one_kind = peak_parts(table(*[each for each in rows if each[1] == "saved"]), FOUND, text)
    assert figure.layout.height > one_kind.layout.height
    assert len(figure.to_json()) < 60_000


def test_every_kind_has_a_look_of_its_own_on_light_and_dark_pages() -> None:
    assert set(_KIND_STYLES) == set(KINDS)
    assert len({color for color, _ in _KIND_STYLES.values()}) == len(KINDS)
    for color, _ in _KIND_STYLES.values():
        assert contrast(color, WHITE) >= 3
        assert contrast(color, NEAR_BLACK) >= 3


def test_names_are_shown_as_text(english: Text) -> None:
    figure = peak_parts(table(("<i>", "saved", "<b onclick=x>&%{x}</b>", KIB)), FOUND, english)
    bars = figure.data[0]
    assert list(bars.y) == ["&lt;i&gt;"]
    assert "&lt;b onclick=x&gt;&amp;&#37;{x}&lt;/b&gt;" in bars.customdata[0]
    assert "<i>" not in figure.layout.title.text


def test_an_empty_table_says_so(parts: pd.DataFrame, text: Text) -> None:
    for nothing in (parts[:0], pd.DataFrame()):
        figure = peak_parts(nothing, FOUND, text)
        assert not figure.data
        assert [note.text for note in figure.layout.annotations] == [text("chart.empty")]
