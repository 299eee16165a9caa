from __future__ import annotations

import pytest

from profiling.model.units import byte_unit, show_bytes, significant, time_unit

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1, "1.00"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.94, "99.9"),
        (99.96, "100"),
        (999.4, "999"),
        (999.6, "1000"),
        (20971.52, "20972"),
        (0.29871, "0.299"),
        (0.0123456, "0.0123"),
        (1e-9, "0.00000000100"),
        (-0.0555, "-0.0555"),
        (-12.345, "-12.3"),
    ],
)
def test_significant_digits(value: float, shown: str) -> None:
    assert significant(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.9996, "1.00"), (0.09999, "0.100")])
def test_rounding_up_to_the_next_digit_adds_none(value: float, shown: str) -> None:
    assert significant(value) == shown


@pytest.mark.parametrize(("digits", "shown"), [(1, "3"), (2, "3.1"), (4, "3.142"), (6, "3.14159")])
def test_as_many_digits_as_asked_for(digits: int, shown: str) -> None:
    assert significant(3.14159265, digits) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 ns"),
        (1e-9, "1.00 ns"),
        (999e-9, "999 ns"),
        (1e-6, "1.00 µs"),
        (999e-6, "999 µs"),
        (1e-3, "1.00 ms"),
        (0.999, "999 ms"),
        (1, "1.00 s"),
        (3600, "3600 s"),
        (-2e-3, "-2.00 ms"),
        (None, ""),
        (NAN, ""),
    ],
)
def test_a_time_in_its_own_unit(seconds: float | None, shown: str) -> None:
    assert time_unit([seconds]).show(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (2**20 - 1, "1024 KiB"),
        (2**20, "1.00 MiB"),
        (23_069_196, "22.0 MiB"),
        (2**30, "1.00 GiB"),
        (2**40, "1024 GiB"),
        (-2048, "-2.00 KiB"),
        (None, ""),
        (NAN, ""),
    ],
)
def test_bytes_in_their_own_unit(count: float | None, shown: str) -> None:
    assert show_bytes(count) == shown


def test_values_that_stand_together_share_the_largest_ones_unit() -> None:
    unit = time_unit([2e-6, None, 5e-3, NAN])
    assert [unit.show(value) for value in (2e-6, None, 5e-3, NAN)] == [
        "0.00200 ms",
        "",
        "5.00 ms",
        "",
    ]
    assert byte_unit([1, -(2**20)]).symbol == "MiB"


def test_without_values_the_smallest_unit_serves() -> None:
    assert time_unit([]).symbol == "ns"
    assert time_unit([None, NAN]).symbol == "ns"
    assert byte_unit([0]).symbol == "B"


def test_the_number_alone_has_no_unit() -> None:
    unit = byte_unit([2**20])
    assert unit.number(1.5 * 2**20, 4) == "1.500"
    assert unit.number(None) == unit.number(NAN) == ""
    assert unit.number(0) == "0"
    assert unit.show(0) == "0 MiB"
