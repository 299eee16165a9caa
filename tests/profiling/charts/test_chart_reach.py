from __future__ import annotations

import pandas as pd
import pytest

from profiling.catalogue import BRANCHES
from profiling.charts.branches import gradient_reach
from profiling.model.words import Text
from tests.profiling.charts.conftest import row, shown

FOUND = shown(
    row("attached", gradients_right=False),
    row("detach"),
    row("no_grad", gradients_right=False),
)


def reach(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["branch", "group", "outcome", "relative_error"])
    right = table["outcome"].isin(["equal", "none"])
    return table.assign(right=right, tensors=4, with_gradient=3)


@pytest.fixture
def outcomes() -> pd.DataFrame:
    return reach(
        ("attached", "x", "unwanted", float("nan")),
        ("attached", "w", "equal", 0.0),
        ("detach", "x", "none", float("nan")),
        ("detach", "w", "equal", 1.23456e-8),
        ("no_grad", "x", "missing", float("nan")),
        ("no_grad", "<w>", "different", 0.5),
    )


def test_every_cell_has_its_outcome_in_words(outcomes: pd.DataFrame, text: Text) -> None:
    figure = gradient_reach(outcomes, FOUND, text)
    heatmap = figure.data[0]
    assert list(heatmap.y) == ["attached", "detach", "no_grad"]
    assert list(heatmap.x) == ["x", "w", "&lt;w&gt;"]
    assert [list(line) for line in heatmap.z] == [[2, 0, None], [1, 0, None], [5, None, 4]]
    words = [[cell.partition(" ")[2] for cell in line] for line in heatmap.text]
    assert words[0] == [text("reach.unwanted"), text("reach.equal"), ""]
    assert words[2] == [text("reach.missing"), "", text("reach.different")]
    symbols = [cell[0] for line in heatmap.text for cell in line if cell]
    assert symbols == ["!", "✓", "○", "✓", "✗", "≠"]
    assert figure.layout.xaxis.title.text == text("axis.group")


def test_title_counts_the_branches_that_are_right(outcomes: pd.DataFrame, english: Text) -> None:
    title = gradient_reach(outcomes, FOUND, english).layout.title.text
    assert title.replace("<br>", " ") == "1 of 3 branches get exactly the right gradients"


def test_without_a_reference_nothing_is_called_right_or_wrong(english: Text) -> None:
    rows = reach(("attached", "w", "unchecked", 0.0), ("detach", "w", "unchecked", 0.0))
    unchecked = [row(name, gradients_right=None) for name in ("attached", "detach")]
    figure = gradient_reach(rows.assign(right=None), shown(*unchecked), english)
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == "Which parameters got a gradient (nothing to check it against)"
    assert [list(line) for line in figure.data[0].text] == [["· not checked"]] * 2


def test_hover_has_the_relative_error(outcomes: pd.DataFrame, english: Text) -> None:
    hover = gradient_reach(outcomes, FOUND, english).data[0].customdata
    assert hover[1][1].endswith("relative L2 error: 1.2e-08")
    assert "3 of 4 parameters got a gradient" in hover[0][0]
    assert "error" not in hover[0][0]
    assert hover[2][2].startswith("no_grad · &lt;w&gt;<br>≠ different")


def test_each_outcome_has_one_flat_colour(outcomes: pd.DataFrame, text: Text) -> None:
    heatmap = gradient_reach(outcomes, FOUND, text).data[0]
    stops = [(stop, color) for stop, color in heatmap.colorscale]
    assert (heatmap.zmin, heatmap.zmax) == (-0.5, 8.5)
    assert [color for _, color in stops[::2]] == [color for _, color in stops[1::2]]
    assert len({color for _, color in stops}) == 7


def test_ten_branches_stay_small_and_an_empty_table_says_so(text: Text) -> None:
    full = reach(*((branch, group, "equal", 0.0) for branch in BRANCHES for group in "abc"))
    assert len(gradient_reach(full, FOUND, text).to_json()) < 60_000
    figure = gradient_reach(full[:0], FOUND, text)
    assert figure.layout.annotations[0].text == text("chart.empty")
