"""Numbers as text."""

import math

import pytest

from analysis.render import numbers


@pytest.mark.parametrize(
    ("mean", "half_width", "scale", "text"),
    [
        (0.9031, 0.0018, 100, "90.31 ± 0.18"),
        (0.9031, 0.0123, 100, "90.3 ± 1.2"),
        (0.30123, 0.000996, 1, "0.3012 ± 0.0010"),
        (1234.5, 123.4, 1, "1,234 ± 123"),
        (27000.0, 0.0, 1, "27,000.0000 ± 0"),
        (27000.0, 1234.0, 1, "27,000 ± 1,234"),
        (0.5, 0.0, 1, "0.5000 ± 0"),
        (0.5, None, 1, "0.5000"),
        (4.5e200, math.inf, 1, "4.5e+200 ± inf"),
        (0.5, math.nan, 1, "0.5000"),
        (None, None, 1, numbers.ABSENT),
    ],
)
def test_numbers_are_rounded_to_two_digits_of_their_uncertainty(
    mean: float | None, half_width: float | None, scale: float, text: str
) -> None:
    """More digits would pretend to know what the interval denies."""
    assert numbers.with_uncertainty(mean, half_width, scale=scale) == text


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (0.51, 0.89, "51 (0 to 100)"),
        (0.9951, 0.0123, "99.5 (98.3 to 100.0)"),
        (0.1, 0.1, "10 ± 10"),
        (0.8808, 0.0012, "88.08 ± 0.12"),
        (1.0, 0.0, "100.00 ± 0"),
        (0.51, None, "51.00"),
        (0.922, 1.3, "92 (0 to 100)"),
        (92.2, 1.3, "9,220 ± 130"),
    ],
)
def test_an_interval_of_shares_ends_where_shares_do(mean: float, half_width: float | None, text: str) -> None:
    """No accuracy is above 100 %, however few its seeds are; what is above 1 is no share."""
    assert numbers.with_uncertainty(mean, half_width, scale=100, decimals=2, is_share=True) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02, "0.02"), (8e-5, "8e-5"), (1.234e-4, "1.23e-4"), (1.0, "1"), (None, numbers.ABSENT)],
)
def test_rates_keep_three_digits(value: float | None, text: str) -> None:
    """Small rates are written with an exponent."""
    assert numbers.rate(value) == text


@pytest.mark.parametrize(
    ("value", "text", "drawn"),
    [
        (0.9995, "0.9995", "1"),
        (0.99995, "0.99995", "1"),
        (1_204_000, "1.204e6", "1.2e6"),
        (1.2345e-4, "1.2345e-4", "1.23e-4"),
        (0.1 + 0.2, "0.3", "0.3"),
        (2048, "2048", "2048"),
    ],
)
def test_a_declared_value_has_its_digits(value: float, text: str, drawn: str) -> None:
    """Two that differ never look alike; what a sampler drew has three digits."""
    assert numbers.value_in_words(value) == numbers.setting(value) == text
    assert numbers.drawn(value) == drawn


@pytest.mark.parametrize(("value", "text"), [(1908.0, "1,908"), (3266.4, "3,266"), (1.25, "1.25"), (0, "0")])
def test_counts_group_thousands(value: float, text: str) -> None:
    """Large amounts are whole."""
    assert numbers.count(value) == text


@pytest.mark.parametrize(("p", "text"), [(0.0312, "0.031"), (1e-5, "< 0.0001"), (1.0, "1")])
def test_p_values_have_two_digits(p: float, text: str) -> None:
    """Tiny values are bounded, not written out."""
    assert numbers.p_value(p) == text
