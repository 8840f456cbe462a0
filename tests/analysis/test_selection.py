"""Edges of declared ranges."""

import pytest

from analysis.selection import declared_range, declared_ranges, edge, hull
from harness.study.domains import NumericRange, domains_of

LOG = NumericRange(low=1e-4, high=1.0, is_log=True)
LINEAR = NumericRange(low=0.0, high=1.0, is_log=False)


@pytest.mark.parametrize(
    ("declared", "value", "side"),
    [
        # 5 % of four decades are 0.2: the zones end at 10^-3.8 = 1.58e-4 and 10^-0.2 = 0.631
        (LOG, 1.5e-4, "lower"),
        (LOG, 1.7e-4, None),
        (LOG, 0.62, None),
        (LOG, 0.64, "upper"),
        (LOG, 10**-3.8, "lower"),
        (LINEAR, 0.05, "lower"),
        (LINEAR, 0.06, None),
        (LINEAR, 0.94, None),
        (LINEAR, 0.95, "upper"),
        # on a log scale 0.06 of [1e-4, 1] is far inside, on a linear one it is near the edge
        (NumericRange(low=1e-4, high=1.0, is_log=False), 0.04, "lower"),
        (LOG, 0.04, None),
    ],
)
def test_edges_are_five_percent_of_the_scale(declared: NumericRange, value: float, side: str | None) -> None:
    """The zone is 5 % of the log range of a log domain and of the plain range of a linear one."""
    assert edge(declared, value) == side


@pytest.mark.parametrize(("value", "side"), [(0.01, "lower"), (0.1, None), (1.0, "upper")])
def test_first_and_last_point_of_a_grid_are_its_edges(value: float, side: str | None) -> None:
    """Between listed points there is nothing, so only the outer ones are edges."""
    found = declared_range(domains_of({"lr": {"grid": [0.1, 0.01, 1.0]}}), "lr")
    assert found == NumericRange(low=0.01, high=1.0, is_log=True, is_listed=True)
    assert edge(found, value) == side


def test_range_inside_a_choice_follows_the_configuration() -> None:
    """A rate declared inside `one_of` has the range of the branch that the configuration took."""
    space = {
        "optimizer": {
            "one_of": {
                "sgd": {"lr": {"low": 1e-3, "high": 1.0, "log": True}},
                "adam": {"lr": {"low": 1e-5, "high": 1e-2, "log": True}},
            }
        }
    }
    assert declared_range(domains_of(space), "lr", {"optimizer": "adam"}) == NumericRange(
        low=1e-5, high=1e-2, is_log=True
    )
    assert declared_range(domains_of(space), "lr") is None


@pytest.mark.parametrize("space", [{}, {"momentum": {"low": 0, "high": 1}}, {"lr": {"choices": ["a", "b"]}}])
def test_no_numeric_domain_is_no_range(space: dict[str, object]) -> None:
    """Fixed fields and words have no edge."""
    assert declared_range(domains_of(space), "lr") is None


def test_a_range_of_one_value_has_no_edge() -> None:
    """Where nothing can be chosen, nothing lies at an edge."""
    assert edge(NumericRange(low=0.1, high=0.1, is_log=True, is_listed=True), 0.1) is None


def test_all_ranges_of_a_field_are_those_of_its_branches() -> None:
    """A branch that fixes the rate has none; together they reach from the least to the greatest bound."""
    branches = {"sgd": {"lr": {"low": 1e-2, "high": 1.0, "log": True}}, "adam": {"lr": 1e-3}, "adamw": {}}
    space = domains_of({"optimizer": {"one_of": branches}, "dropout": {"low": 0.0, "high": 0.5}})
    assert declared_ranges(space, "lr") == [NumericRange(low=1e-2, high=1.0, is_log=True)]
    assert declared_ranges(space, "dropout") == [NumericRange(low=0.0, high=0.5, is_log=False)]
    assert declared_ranges(space, "momentum") == []
    assert hull(declared_ranges(space, "lr"), [1e-3, 0.5]) == NumericRange(low=1e-3, high=1.0, is_log=True)
