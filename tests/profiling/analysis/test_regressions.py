from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from profiling.analysis.diff import diff
from profiling.analysis.regressions import Judged, Limits, judge, read_limits, sentences
from profiling.model.errors import InputError
from profiling.model.run import BranchResult, Sample, Status
from profiling.model.words import translator
from tests.profiling.analysis.test_diff import measured
from tests.profiling.planted import branch, reach, run_of, times

ALL = Limits(("peak", "saved", "reach", "time"))
OF_BRANCH = "Worse in B: attached of elementwise, size 4 (float32, cpu): "


def judged(a: BranchResult, b: BranchResult, limits: Limits = ALL) -> Judged:
    return judge(diff(run_of(a), run_of(b)), limits)


def told(a: BranchResult, b: BranchResult, limits: Limits = ALL) -> list[str]:
    return sentences(judged(a, b, limits), translator("en"))


def steps(*seconds: float, **values: Any) -> BranchResult:
    samples = (
        *times([(each / 2, each / 2) for each in seconds]),
        Sample("step", "peak", "bytes", 0, 64),
        Sample("forward", "saved", "bytes", 0, 32),
    )
    return measured(samples=samples, **values)


@pytest.mark.parametrize(
    ("texts", "limits"),
    [
        (["peak"], Limits(("peak",))),
        (["peak,saved", "reach , time"], ALL),
        (["time=5"], Limits(("time",), 5.0)),
        (["time = 2.5%", "peak"], Limits(("time", "peak"), 2.5)),
        (["peak,peak"], Limits(("peak",))),
    ],
)
def test_limits_are_read(texts: list[str], limits: Limits) -> None:
    assert read_limits(texts) == limits


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("peek", "error.fail_on_unknown"),
        ("", "error.fail_on_unknown"),
        ("peak,", "error.fail_on_unknown"),
        ("peak=5", "error.fail_on_percent"),
        ("time=", "error.fail_on_number"),
        ("time=-1", "error.fail_on_number"),
        ("time=nan", "error.fail_on_number"),
        ("time=inf", "error.fail_on_number"),
        ("time=much", "error.fail_on_number"),
    ],
)
def test_limits_that_cannot_be_read_are_refused(text: str, key: str) -> None:
    with pytest.raises(InputError) as refused:
        read_limits([text])
    assert refused.value.key == key


def test_the_same_run_is_not_worse() -> None:
    assert judged(measured(), measured()) == Judged((), {})
    assert told(measured(), measured()) == ["Nothing got worse."]


def test_bytes_count_to_the_last_one() -> None:
    more = judged(measured(peak=64), measured(peak=66))
    assert [(each.measure, each.a, each.b) for each in more.worse] == [
        ("peak", 64, 66),
        ("saved", 32, 33),
    ]
    assert told(measured(peak=64), measured(peak=66), Limits(("peak",))) == [
        OF_BRANCH + "peak 64 B → 66 B"
    ]
    assert judged(measured(peak=66), measured(peak=64)) == Judged((), {})


@pytest.mark.parametrize("was", ["equal", "none", "unchecked"])
@pytest.mark.parametrize("became", ["missing", "unwanted", "different"])
def test_a_gradient_that_was_not_wrong_and_is_now_is_worse(was: str, became: str) -> None:
    a, b = (measured(reach=(reach("w", outcome),)) for outcome in (was, became))
    (found,) = judged(a, b, Limits(("reach",))).worse
    assert (found.group, found.a, found.b) == ("w", was, became)
    assert judged(b, a, Limits(("reach",))).worse == ()
    assert judged(b, b, Limits(("reach",))).worse == ()


def test_a_gradient_in_words() -> None:
    was, became = (measured(reach=(reach("w", each),)) for each in ("equal", "missing"))
    assert told(was, became) == [OF_BRANCH + "gradient of w equal → missing"]


def test_a_time_is_worse_only_with_its_whole_interval() -> None:
    def worse(seconds: Iterator[float] | list[float], percent: float = 0.0) -> bool:
        slower = judged(steps(*[1.0] * 6), steps(*seconds), Limits(("time",), percent))
        assert slower.unknown == {}
        return bool(slower.worse)

    assert worse([1.1] * 6)
    assert not worse([0.9] * 6)
    # The median is above, the interval is not.
    assert not worse([0.9, 0.9, 0.9, 1.2, 1.2, 1.2])
    assert worse([1.1] * 6, percent=9.9)
    assert not worse([1.1] * 6, percent=10.1)
    assert told(steps(*[1.0] * 6), steps(*[1.1] * 6)) == [
        OF_BRANCH + "step time 1.10× (95% bootstrap confidence interval 1.10–1.10)"
    ]


def test_what_cannot_be_judged_is_counted_and_does_not_fail() -> None:
    nothing = branch("attached", samples=times([(1.0, 1.0)] * 4))
    assert judged(measured(), nothing) == Judged((), {"peak": 1, "saved": 1, "reach": 1, "time": 1})
    assert told(measured(), nothing, Limits(("time",))) == [
        "Not judged by time: 1 branch, for lack of values in A or B."
    ]


def test_a_branch_that_does_not_run_any_more_is_worse_whatever_is_asked() -> None:
    failed = branch("attached", status=Status.OUT_OF_MEMORY)
    (found,) = judged(measured(), failed, Limits(("saved",))).worse
    assert (found.measure, found.a, found.b) == ("status", "ok", "out_of_memory")
    assert told(measured(), failed) == [OF_BRANCH + "did not run: out of memory"]
    assert judged(failed, failed).worse == judged(failed, measured()).worse == ()
