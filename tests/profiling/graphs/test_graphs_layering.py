"""Rows and orders of boxes, by hand."""

from __future__ import annotations

from profiling.graphs.layout import (
    assign_rows,
    count_crossings,
    pair_boxes,
    reduce_crossings,
    split_rows,
)


def test_a_box_stands_below_all_that_lead_to_it() -> None:
    assert assign_rows([1, 2, 3, 4], [(1, 2), (2, 3), (1, 3), (3, 4)]) == {1: 0, 2: 1, 3: 2, 4: 3}


def test_a_leaf_stands_close_to_what_uses_it() -> None:
    assert assign_rows([1, 2, 3, 9], [(1, 2), (2, 3), (9, 3)])[9] == 1


def test_a_result_that_nothing_uses_stays_where_it_was_made() -> None:
    assert assign_rows([1, 2, 3, 4], [(1, 2), (1, 3), (3, 4)])[2] == 1


def test_wide_rows_are_split_and_the_rows_below_move_down() -> None:
    row = {1: 0, 2: 0, 3: 0, 4: 1}
    widths = dict.fromkeys(row, 100.0)
    assert split_rows(row, widths, [], 200, 10) == {1: 0, 2: 0, 3: 1, 4: 2}
    assert split_rows(row, widths, [], 300, 10) == row
    assert split_rows(row, widths, [], 50, 10) == {1: 0, 2: 1, 3: 2, 4: 3}


def test_a_split_row_leaves_room_for_what_passes() -> None:
    row = {1: 0, 2: 0, 3: 0, 4: 0, 5: 1}
    widths = dict.fromkeys(row, 100.0)
    assert split_rows(row, widths, [], 200, 10)[4] == 1
    assert split_rows(row, widths, [(1, 5)], 200, 10)[4] == 2


def test_crossings_are_counted_pair_by_pair() -> None:
    assert count_crossings([[1, 2], [3, 4]], {1: [3], 2: [4], 3: [], 4: []}) == 0
    assert count_crossings([[1, 2], [3, 4]], {1: [4], 2: [3], 3: [], 4: []}) == 1
    assert count_crossings([[1, 2], [3, 4]], {1: [3, 4], 2: [3, 4], 3: [], 4: []}) == 1


def test_an_order_without_crossings_is_found() -> None:
    arcs = [(1, 6), (2, 5), (3, 4)]
    lines = reduce_crossings([[1, 2, 3], [4, 5, 6]], arcs)
    assert count_crossings(lines, {1: [6], 2: [5], 3: [4], 4: [], 5: [], 6: []}) == 0
    assert sorted(lines[0]) == [1, 2, 3]
    assert sorted(lines[1]) == [4, 5, 6]


def test_an_order_without_crossings_is_kept() -> None:
    assert reduce_crossings([[2, 1], [4, 3]], [(2, 4), (1, 3)]) == [[2, 1], [4, 3]]


def test_what_shares_memory_stands_beside_its_owner() -> None:
    beside, arcs = pair_boxes([(2, 3)], [(1, 2), (3, 4)])
    assert beside == {3: 2}
    assert arcs == {(1, 2), (2, 4)}


def test_what_a_path_connects_does_not_stand_beside_each_other() -> None:
    assert pair_boxes([(2, 1)], [(1, 2)]) == ({}, {(1, 2)})
    assert pair_boxes([(1, 3)], [(1, 2), (2, 3)]) == ({}, {(1, 2), (2, 3), (1, 3)})
    # 3 would have to stand above 1, which it came from, by way of 2.
    assert pair_boxes([(1, 3)], [(3, 2), (2, 1)]) == ({}, {(3, 2), (2, 1), (3, 1)})


def test_two_ties_never_lead_in_a_circle() -> None:
    beside, arcs = pair_boxes([(1, 2), (3, 4)], [(1, 4), (3, 2)])
    assert beside == {2: 1}
    assert arcs == {(1, 4), (3, 1), (3, 4)}
    assert assign_rows([1, 3, 4], arcs) == {3: 0, 1: 1, 4: 2}
