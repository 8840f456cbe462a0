"""Tests at planned looks: running minima, what claims make of them, Holm, futility; by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import statistics
from analysis.statistics import sequential
from analysis.statistics.sequential import Looks, Path, PValues
from analysis.statistics.tests import Difference

PLAN = Looks.even((5, 8, 12, 20))


def difference(mean: float, *, error: float = 0.5, df: float = 3.0) -> Difference:
    """Return a difference whose tails at 0, 1, ... standard errors are those of Student's t."""
    return Difference(mean=mean, standard_error=error, df=df, n_first=4, n_second=4, deviation=1.0)


@pytest.mark.parametrize(
    ("looks", "weights", "rule"),
    [
        ((), (), "as many weights"),
        ((5, 8), (0.5,), "as many weights"),
        ((8, 5), (0.5, 0.5), "ascend"),
        ((1, 5), (0.5, 0.5), "at least 2"),
        ((5, 8), (0.5, 0.6), "at most 1"),
        ((5, 8), (0.0, 1.0), "above 0"),
    ],
)
def test_a_plan_that_cannot_keep_its_level_is_refused(
    looks: tuple[int, ...], weights: tuple[float, ...], rule: str
) -> None:
    """Looks out of order, or more weight than there is, would break the promise."""
    with pytest.raises(ValueError, match=rule):
        Looks(looks=looks, weights=weights)


def test_a_path_keeps_the_smallest_p_of_either_side() -> None:
    """P(t > 3, 3 df) = .028834: doubled and over 1/4, .23067. A later look against it leaves it there."""
    path = Path(plan=PLAN).add(0, PValues.of(difference(1.5), None))
    assert (path.ahead, path.behind) == (pytest.approx(0.230672, abs=1e-5), 1.0)
    later = path.add(
        1, PValues.of(difference(-2.5), None)
    )  # 5 errors: P = .007696, doubled and over 1/4: .06157
    assert (later.ahead, later.behind) == (path.ahead, pytest.approx(0.061571, abs=1e-5))
    assert (later.inside, later.outside) == (1.0, 1.0)


def test_a_path_of_a_region() -> None:
    """Mean 0, region 2.5: 5 errors inside, P = .007696 over 1/4. Mean 3: one error outside."""
    path = Path(plan=PLAN).add(0, PValues.of(difference(0.0), 2.5))
    assert (path.inside, path.outside) == (pytest.approx(0.030785, abs=1e-5), 1.0)
    outside = Path(plan=PLAN).add(0, PValues.of(difference(5.0), 2.5))
    assert outside.outside == pytest.approx(0.061571, abs=1e-5)


def test_a_fixed_plan_is_one_look() -> None:
    """With weight 1 the minima are the p-values themselves."""
    found = difference(1.5)
    path = Path(plan=Looks.even((10,))).add(0, PValues.of(found, 2.0))
    assert (path.ahead, path.behind, path.inside, path.outside) == (
        found.p_ahead,
        found.p_behind,
        found.p_inside(2.0),
        found.p_outside(2.0),
    )


def path(ahead: float, behind: float, inside: float = 1.0, outside: float = 1.0) -> Path:
    """Return a path with these minima."""
    return Path(plan=PLAN, ahead=ahead, behind=behind, inside=inside, outside=outside)


def test_best_needs_every_rival_and_fails_by_any() -> None:
    """Ahead of the closest rival at .04; behind the clearest one at 2 * .01."""
    assert sequential.ahead_of_all([path(0.001, 1.0), path(0.04, 1.0)]) == 0.04
    rivals = [path(0.001, 1.0), path(1.0, 0.01)]
    assert (sequential.ahead_of_all(rivals), sequential.behind_any(rivals)) == (1.0, 0.02)
    assert sequential.q_best([path(1, 1, inside=0.02), path(1, 1, inside=0.5)]) == 0.04


def test_equal_needs_every_pair_and_fails_by_any() -> None:
    """The widest pair lies inside at .03; three pairs, one of them outside at 3 * .01."""
    pairs = [path(1, 1, inside=0.01, outside=0.5), path(1, 1, inside=0.03), path(1, 1, 0.02, outside=0.01)]
    assert (sequential.q_equal(pairs), sequential.p_equal(pairs)) == (0.03, 0.03)


def test_holm_counts_claims_that_are_not_there_yet() -> None:
    """.01 meets .05 / 4 and .016 meets .05 / 3; .03 fails at .05 / 2. Of five claims, none passes .05 / 5."""
    assert sequential.holm_rejects([0.03, 0.01, 0.016], 0.05, 4) == [False, True, True]
    assert sequential.holm_rejects([0.03, 0.01, 0.016], 0.05, 5) == [False, False, False]
    assert sequential.holm_rejects([], 0.05, 5) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_rejects_what_its_adjusted_p_values_do(p_values: list[float]) -> None:
    """With all claims there, it is the procedure of fixed plans."""
    rejected = sequential.holm_rejects(p_values, 0.05, len(p_values))
    for adjusted, is_rejected in zip(statistics.holm(p_values), rejected, strict=True):
        if abs(adjusted - 0.05) > 1e-9:
            assert is_rejected == (adjusted < 0.05)


def test_futility_by_hand() -> None:
    """At 5 of 20, error 1, df 4: at 20 the error is .5 and df 19; t(1 - .05 / 4 / 2, 19) .5 = 1.3793."""
    assert sequential.is_futile(difference(0.37, error=1.0, df=4.0), 0, PLAN, 1)
    assert not sequential.is_futile(difference(-0.38, error=1.0, df=4.0), 0, PLAN, 1)


def test_hope_for_equivalence_goes_on() -> None:
    """A region of 1.4 may still be shown by equal arms, one of 1.3 no more."""
    equal = difference(0.0, error=1.0, df=4.0)
    assert not sequential.is_futile(equal, 0, PLAN, 1, region=1.4)
    assert sequential.is_futile(equal, 0, PLAN, 1, region=1.3)


def test_arms_that_do_not_vary_are_not_futile() -> None:
    """A difference without noise is decided by its own rule, never given up."""
    assert not sequential.is_futile(difference(0.0, error=0.0), 0, PLAN, 15)
