from __future__ import annotations

from profiling.charts.style import label_room, value_labels


def test_labels_begin_where_bars_end_or_would_begin() -> None:
    labels = value_labels([3.0, None], ["a", "b"], ["3.00 ms", "not measured"], 1.0)
    assert list(labels.x) == [3.0, 1.0]
    assert list(labels.y) == ["a", "b"]
    assert [label.strip() for label in labels.text] == ["3.00 ms", "not measured"]
    assert (labels.mode, labels.textposition) == ("text", "middle right")
    assert labels.cliponaxis is False


def test_room_grows_with_the_longest_label_of_a_bar() -> None:
    short, long = label_room([1.0], ["1.00 B"]), label_room([1.0, 1.0], ["1.00 B", "1.00 MiB"])
    assert (short, long) == (60, 75)
    assert label_room([1.0], ["峰值"]) == label_room([1.0], ["abcd"])
    assert label_room([1.0, None], ["1.00 B", "not measured"]) == short
    assert label_room([None], ["not measured"]) == 0
