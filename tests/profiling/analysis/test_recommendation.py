"""The sentence that a colleague would say: every case of it, and that it never says too much."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.recommendation import recommendation
from profiling.model.words import Text, translator
from tests.profiling.charts.conftest import failed, faster, row, shown

ENGLISH, CHINESE = translator("en"), translator("zh")
MIB = 2**20
WRONG: dict[str, Any] = {"gradients_right": False, "gradients": "w:different"}
UNKNOWN: dict[str, Any] = {"gradients_right": None, "gradients": "w:unchecked"}


def said(*cells: dict[str, Any], text: Text = ENGLISH) -> str:
    return recommendation(shown(*cells), text)


def alike(name: str, **values: Any) -> dict[str, Any]:
    return faster(name, 1.01, 0.9, 1.1, **{"verdict": "no_difference", **values})


def slower(name: str, ratio: float, **values: Any) -> dict[str, Any]:
    return faster(name, ratio, ratio - 0.05, ratio + 0.05, **{"verdict": "slower", **values})


def test_what_is_fastest_and_lowest_is_named_in_the_order_of_the_run() -> None:
    cells = (
        row("attached"),
        faster("no_grad", 0.34, 0.32, 0.36, peak_bytes=int(1.44 * MIB)),
        faster("frozen", 0.33, 0.31, 0.35, peak_bytes=int(1.44 * MIB)),
        faster("detach", 0.5, 0.45, 0.55),
    )
    assert said(*cells) == (
        "Use `no_grad` or `frozen`: correct, about 2.9–3× faster and 64% less peak memory than "
        "`attached`."
    )
    assert said(*cells, text=CHINESE) == (
        "用 `no_grad` 或 `frozen`：梯度正确；与 `attached` 相比，速度约为 2.9–3 倍，"
        "峰值内存少 64%。"
    )


def test_a_wrong_baseline_is_said_to_be_wrong() -> None:
    cells = (row("attached", **WRONG), faster("detach", 0.8, 0.75, 0.85))
    assert said(*cells) == "Use `detach`: correct, unlike `attached`, 20% less time."
    assert said(*cells, text=CHINESE) == (
        "用 `detach`：梯度正确，而 `attached` 不正确；与它相比，耗时少 20%。"
    )
    # The baseline is not named once more where it needs less.
    costly = faster("detach", 0.8, 0.75, 0.85, peak_bytes=5 * MIB)
    assert said(cells[0], costly) == (
        "Use `detach`: correct, unlike `attached`, 20% less time, but 25% more peak memory."
    )
    # Nothing is gained but that.
    assert said(cells[0], alike("detach")) == "Use `detach`: correct, unlike `attached`."
    assert said(cells[0], slower("detach", 1.1)) == (
        "Use `detach`: correct, unlike `attached`, but 10% more time."
    )


def test_one_for_speed_and_another_one_for_memory() -> None:
    cells = (
        row("attached"),
        faster("detach", 0.5, 0.45, 0.55, peak_bytes=5 * MIB),
        slower("checkpoint", 1.6, peak_bytes=MIB),
    )
    assert said(*cells) == (
        "For speed use `detach`: correct, about 2× faster than `attached`, but 25% more peak "
        "memory; for memory use `checkpoint`: correct, 75% less peak memory than `attached`, but "
        "about 1.6× slower."
    )


def test_only_memory_or_only_time() -> None:
    small, middle = alike("a", peak_bytes=2 * MIB), alike("b", peak_bytes=3 * MIB)
    assert said(row("attached"), small, middle) == (
        "Use `a`: correct, 50% less peak memory than `attached`."
    )
    assert said(row("attached"), faster("a", 0.95, 0.94, 0.96), alike("b")) == (
        "Use `a`: correct, 5% less time than `attached`."
    )


def test_a_baseline_that_nothing_beats_is_kept() -> None:
    assert said(row("attached"), alike("detach"), slower("clone", 1.2)) == (
        "Keep `attached`: no correct branch is measurably faster or needs less peak memory."
    )
    unsure = faster("detach", 0.5, 0.3, 0.9, verdict="no_difference")
    assert said(row("attached"), unsure) == (
        "Keep `attached` for now: no correct branch needs less peak memory, and none is "
        "significantly faster yet."
    )


def test_a_wrong_branch_that_takes_still_less_is_called_wrong() -> None:
    good = faster("no_grad", 0.5, 0.45, 0.55, peak_bytes=2 * MIB)
    end = "Use `no_grad`: correct, about 2× faster and 50% less peak memory than `attached`."
    quick = faster("detach", 0.2, 0.19, 0.21, peak_bytes=2 * MIB, **WRONG)
    small = alike("item", peak_bytes=MIB, **WRONG)
    near = faster("clone", 0.47, 0.44, 0.5, peak_bytes=2 * MIB, **WRONG)
    assert said(row("attached"), good, quick) == (
        f"{end} `detach` takes even less, but its gradients are wrong."
    )
    assert said(row("attached"), good, quick, small) == (
        f"{end} `detach`, `item` take even less, but their gradients are wrong."
    )
    assert said(row("attached"), good, near) == end
    # Beside a baseline that is kept, too.
    assert said(row("attached"), alike("no_grad"), quick).endswith(
        " `detach` takes even less, but its gradients are wrong."
    )


def test_what_was_not_checked_is_not_called_correct() -> None:
    cells = (row("attached", **UNKNOWN), faster("detach", 0.5, 0.45, 0.55, **UNKNOWN))
    assert said(*cells) == "Use `detach`: gradients not checked, about 2× faster than `attached`."
    partly = {"gradients_right": None, "gradients": "v:unchecked;w:equal"}
    cells = (row("attached", **partly), faster("detach", 0.5, 0.45, 0.55, **partly))
    assert said(*cells) == (
        "Use `detach`: no gradient known to be wrong, about 2× faster than `attached`."
    )


@pytest.mark.parametrize(
    "cells",
    [
        (row("attached"),),
        (row("attached"), failed("detach")),
        (row("attached"), faster("detach", 0.5, 0.4, 0.6, **WRONG)),
        (row("attached", **WRONG), faster("detach", 0.5, 0.4, 0.6, **WRONG)),
        # What each other branch lacks may be what it is for.
        (
            row("attached", **UNKNOWN),
            faster("detach", 0.5, 0.4, 0.6, gradients_right=None, gradients="w:absent"),
        ),
        # Too few rounds to tell.
        (row("attached", rounds=2), row("detach", rounds=2, ratio=0.5)),
    ],
    ids=["alone", "failed", "all others wrong", "all wrong", "lacking", "few rounds"],
)
def test_where_nothing_is_known_to_be_better_nothing_is_recommended(
    cells: tuple[dict[str, Any], ...],
) -> None:
    assert said(*cells) == ""
    assert said(*cells, text=CHINESE) == ""


MEASURED = st.builds(
    lambda name, ratio, spread, significant, peak, right: row(
        name,
        ratio=ratio,
        ratio_low=ratio / spread,
        ratio_high=ratio * spread,
        verdict=("faster" if ratio < 1 else "slower") if significant else "no_difference",
        peak_bytes=peak,
        gradients_right=right,
        gradients="w:equal" if right else "w:different",
    ),
    st.sampled_from(["a", "b", "c", "d"]),
    st.floats(0.01, 20).filter(lambda ratio: ratio != 1),
    st.floats(1.001, 2),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 10**9)),
    st.booleans(),
)


@given(st.booleans(), st.lists(MEASURED, max_size=4, unique_by=lambda each: each["branch"]))
def test_no_wrong_branch_is_ever_recommended(right: bool, others: list[dict[str, Any]]) -> None:
    values = {} if right else WRONG
    found = shown(row("attached", **values), *others)
    words = recommendation(found, ENGLISH)
    named = re.findall(r"[Uu]se (.*?):", words)
    assert not set(re.findall(r"`(\w+)`", " ".join(named))) & set(found.wrong)
    assert "0%" not in re.findall(r"\b\d+%", words)
    assert "{" not in words
