"""The branches' colours: told apart by everybody, on every page."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from profiling import catalogue
from profiling.catalogue import BRANCHES, WORKLOADS
from profiling.catalogue.advisor import ADVISED
from profiling.charts import style

WHITE, NEAR_BLACK = "#ffffff", "#0a0f1e"
# Machado, Oliveira and Fernandes 2009, severity 1.0: linear RGB as each dichromat sees it.
VISIONS = {
    "trichromacy": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(color: str) -> np.ndarray:
    parts = np.array(list(bytes.fromhex(color[1:]))) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(color: str, vision: str) -> np.ndarray:
    """Return a colour in CIELAB as somebody of this vision sees it."""
    seen = np.clip(np.array(VISIONS[vision]) @ linear(color), 0, 1)
    x, y, z = np.cbrt(np.maximum((XYZ @ seen) / XYZ.sum(axis=1), 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def closest(branches: tuple[str, ...], vision: str) -> tuple[float, str, str]:
    """Return the two branches that look most alike, and their ΔE."""
    labs = {name: lab(style.branch_style(name).color, vision) for name in branches}
    return min(
        (float(np.linalg.norm(labs[one] - labs[other])), one, other)
        for one, other in combinations(branches, 2)
    )


def contrast(first: str, second: str) -> float:
    low, high = sorted(float(XYZ[1] @ linear(color)) for color in (first, second))
    return (high + 0.05) / (low + 0.05)


def test_the_simulation_makes_red_and_green_alike_and_leaves_grey() -> None:
    red, green = "#d04040", "#707000"
    apart = {
        vision: float(np.linalg.norm(lab(red, vision) - lab(green, vision))) for vision in VISIONS
    }
    assert apart["deuteranopia"] < 15 < 60 < apart["trichromacy"]
    for vision in VISIONS:
        np.testing.assert_allclose(lab("#808080", vision), [53.6, 0, 0], atol=0.1)


@pytest.mark.parametrize("vision", VISIONS)
def test_no_two_branches_look_alike(vision: str) -> None:
    assert closest(tuple(style._LOOKS), vision)[0] > 11
    assert closest(ADVISED, vision)[0] > 15


@pytest.mark.parametrize("page", [WHITE, NEAR_BLACK])
def test_every_branch_stands_out_from_light_and_dark_pages(page: str) -> None:
    worst = min((contrast(style.branch_style(name).color, page), name) for name in BRANCHES)
    assert worst[0] >= 3
    assert contrast(style.FONT, page) > 4.3  # the most that one grey can have on both


def test_every_branch_has_marks_of_its_own() -> None:
    assert style.STYLES.keys() == set(BRANCHES)
    of_workloads = [tuple(catalogue.workload(name).branches) for name in WORKLOADS]
    for branches in (tuple(style._LOOKS), *of_workloads):
        for field in ("color", "symbol", "glyph"):
            looks = {getattr(style.branch_style(branch), field) for branch in branches}
            assert len(looks) == len(branches), (branches, field)
    assert style.branch_style("unheard_of") == style.DEFAULT_STYLE


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_branch_measured_twice_keeps_its_colour_and_has_hollow_marks(branch: str) -> None:
    first, second = style.branch_style(branch), style.branch_style(f"{branch}#2")
    assert (second.color, second.symbol) == (first.color, f"{first.symbol}-open")
    assert second.dash != first.dash
    assert second.glyph not in {each.glyph for each in style.STYLES.values()}


def test_rows_are_marked_as_lines_are() -> None:
    axis = style.branch_axis(["no_grad ⚠", "mine"], ["no_grad", "mine"])
    assert axis["tickvals"] == ["no_grad ⚠", "mine"]
    mark = style.branch_style("no_grad")
    assert axis["ticktext"] == [
        f'<span style="color:{mark.color}">★</span> no_grad ⚠',
        f'<span style="color:{style.FONT}">○</span> mine',
    ]
