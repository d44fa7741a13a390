"""What rounding allows, by numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest

from verify.compute import bounds

ROUNDOFF = [("float64", 2.0**-53), ("float32", 2.0**-24), ("float16", 2.0**-11), ("bfloat16", 2.0**-8)]


@pytest.mark.parametrize(("dtype", "u"), ROUNDOFF)
def test_the_unit_roundoff_is_half_the_gap_above_one(dtype: str, u: float) -> None:
    assert bounds.roundoff(dtype) == u


def test_gamma_grows_with_the_length_and_ends_where_nothing_is_known() -> None:
    assert bounds.gamma(4, 2.0**-24) == pytest.approx(4 * 2.0**-24, rel=1e-6)
    assert bounds.gamma(2**23, 2.0**-24) == 1
    with pytest.raises(ValueError, match="no bound"):
        bounds.gamma(2**24, 2.0**-24)


@pytest.mark.parametrize(
    ("dtype", "first", "last"),
    [
        ("float64", 100 * 2.0**-53, 0),
        ("float32", 100 * 2.0**-24, 0),
        ("float16", 200 * 2.0**-24, 2.0**-11),
        ("bfloat16", 200 * 2.0**-24, 2.0**-8),
        ("float8_e4m3fn", 200 * 2.0**-24, 2.0**-8),
    ],
)
def test_narrow_factors_are_summed_in_float32_and_rounded_once(dtype: str, first: float, last: float) -> None:
    summed, rounded = bounds.inner_product(100, dtype)
    assert summed == pytest.approx(first, rel=5e-3)
    assert rounded == last


def test_a_transform_of_a_power_of_two_has_the_smaller_bound() -> None:
    assert bounds.fourier(4096) == pytest.approx(12 * (1 + 4 * math.sqrt(2)) * 2.0**-24, rel=1e-3)
    assert bounds.fourier(4095) > 3 * bounds.fourier(4096) > bounds.fourier(4096)


def test_a_softmax_over_more_or_wider_numbers_may_be_off_by_more() -> None:
    u = 2.0**-24
    assert bounds.softmax(100, 0) == pytest.approx(116 * u, rel=1e-3)
    assert bounds.softmax(100, 50) == pytest.approx(216 * u, rel=1e-3)


def test_a_convolution_in_a_narrow_format_is_rounded_once_more() -> None:
    assert bounds.convolution(144, "float32") == 14400 * 2.0**-24
    assert bounds.convolution(144, "float16") == 14400 * 2.0**-24 + 2.0**-10


def test_every_format_that_is_tested_has_its_numbers() -> None:
    assert set(bounds.REACH) == set(bounds.BITS)
    assert set(bounds.RESULT) <= {*bounds.BITS, "int8"}
    assert {bounds.RESULT.get(name, name) for name in (*bounds.BITS, "int8")} <= set(bounds.EXACT)
    for dtype, reach in bounds.REACH.items():
        # 8 bits of exponent reach 2^126, 5 bits 2^14, 4 bits 2^6.
        assert reach < {"float64": 1022, "float16": 14}.get(dtype, 6 if dtype.startswith("float8") else 126)
