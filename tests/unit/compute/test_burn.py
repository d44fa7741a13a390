"""What an endurance run keeps of its course."""

from __future__ import annotations

from typing import Any

from verify.compute import burn


def series(values: list[float]) -> list[dict[str, Any]]:
    return [{"s": float(at), "value": value, "core_mhz": 2000 + at} for at, value in enumerate(values)]


def test_the_beginning_is_after_the_warm_up_and_the_end_is_the_end() -> None:
    course = burn.ends(series([1.0, 1.0, *[20.0] * 2, *[18.0] * 14, *[10.0] * 2]))
    assert (course["early"], course["late"]) == (20.0, 10.0)
    assert course["highest"] == {"core_mhz": 2019}


def test_a_short_run_has_both_ends_too() -> None:
    course = burn.ends(series([7.0]))
    assert (course["early"], course["late"]) == (7.0, 7.0)


def test_a_sensor_that_comes_and_goes_still_has_its_highest() -> None:
    points: list[dict[str, Any]] = [{"s": 0.0, "value": 1.0}, {"s": 1.0, "value": 1.0, "power_w": 90.0}]
    assert burn.ends(points)["highest"] == {"power_w": 90.0}


def test_a_long_course_is_thinned_and_keeps_its_end() -> None:
    kept = burn.thinned(series([float(at) for at in range(1000)]))
    assert len(kept) <= burn.POINTS
    assert kept[-1]["s"] == 999.0
    assert [one["s"] for one in kept] == sorted(one["s"] for one in kept)
    assert burn.thinned(series([1.0, 2.0])) == series([1.0, 2.0])
