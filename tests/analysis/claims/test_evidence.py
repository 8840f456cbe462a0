"""Rulings of single contrasts and of several together, from t-tests made up to lie between two levels."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.claims.ahead import Ahead
from analysis.claims.contrast import Contrast
from analysis.claims.contrast_verdict import reach
from analysis.claims.diverges import Share
from analysis.claims.equal import Equality
from analysis.claims.evidence import Bounds, Edges, Evidence, Levels
from analysis.claims.looks import judge
from analysis.claims.optimum import Place
from analysis.claims.parts import Statement
from analysis.claims.response import Response
from analysis.claims.scale import Scale
from analysis.claims.trend import Slope
from analysis.claims.verdict import Verdict
from analysis.metrics import USUAL
from analysis.render.numbers import TIMES
from analysis.replicates import Replicates, Status
from analysis.statistics.power import Test
from analysis.statistics.sequential import Looks
from analysis.statistics.tests import Difference

WITH_REGION = Scale(metric=USUAL["test_accuracy"], sign=1, region=1.0)
WITHOUT = Scale(metric=USUAL["test_accuracy"], sign=1, region=None)
TEN = Looks.even([10])


def contrast(than: str, mean: float, *, deviation: float = 1.0) -> Contrast:
    """Return arm a against another over ten shared seeds, with a given mean difference and deviation."""
    return Contrast(arm="a", than=than, test=difference(mean, deviation))


def difference(mean: float, deviation: float = 1.0) -> Difference:
    """Return a paired difference over ten seeds; t(.975, 9) = 2.262 is reached at .715 deviations."""
    error = deviation / 10**0.5
    return Difference(mean=mean, standard_error=error, df=9, n_first=10, n_second=10, deviation=deviation)


def ahead(*contrasts: Contrast, edges: Edges | None = None, scale: Scale = WITHOUT) -> Ahead:
    """Return the evidence of a claim that a is ahead."""
    return Ahead(contrasts=contrasts, scale=scale, edges=edges or {})


def equal(*pairs: Contrast, edges: Edges | None = None) -> Equality:
    """Return the evidence of a claim that all pairs lie within ±1."""
    return Equality(contrasts=pairs, scale=WITH_REGION, region=1.0, edges=edges or {})


def ruled(*evidence: Evidence) -> list[Verdict]:
    """Return the verdicts of a study of these claims, ruled once, after ten replicates."""
    return [verdict for verdict in judge(TEN, [evidence]) if verdict is not None]


def ruling(*evidence: Evidence) -> list[str]:
    """Return the rulings of a study of these claims."""
    return [verdict.ruling for verdict in ruled(*evidence)]


@pytest.mark.parametrize(("apart", "is_futile"), [(0.1, False), (5.0, True)])
def test_a_response_that_turns_is_given_up(apart: float, is_futile: bool) -> None:  # noqa: FBT001
    """Down and up again by as much: a slope of 0 is within the region, and two values may not be."""
    pairs = {(0, 1): -apart, (1, 2): apart, (0, 2): 0.0}
    slope = Slope(
        change=contrast("b", 0.0, deviation=0.2),
        pairs={places: contrast("b", mean, deviation=0.2) for places, mean in pairs.items()},
        scale=WITH_REGION,
        rank_correlation=0.0,
        growing=frozenset({"a"}),
    )
    levels = Levels(plan=Looks.even([10, 20]), look=0, n_claims=1, n_regions=1, paths={})
    assert slope.is_futile(levels) is is_futile


@pytest.mark.parametrize(("n", "last"), [(5, 12), (10, 24), (4, 9)], ids=["repeats", "two seeds", "one lost"])
def test_replicates_grow_with_the_plan(n: int, last: int) -> None:
    """What a repeat has several of, as the seeds of arms without a search, there are more of too."""
    levels = Levels(plan=Looks.even([5, 12]), look=0, n_claims=1, n_regions=0, paths={})
    assert levels.n_last(n) == last
    assert replace(levels, look=1).n_last(n) == n


@pytest.mark.parametrize(
    ("first", "deviation", "later", "other", "told"),
    [(0.0, 1.26, 2.0, 0.0, "equivalent"), (1.155, 1.26, -2.0, 9.0, "supported")],
    ids=["tied", "ahead"],
)
def test_no_ruling_contradicts_what_the_last_look_measured(
    first: float, deviation: float, later: float, other: float, told: str
) -> None:
    """At look 1, p is .017 of half of alpha: open. Once the other claim is decided, Holm would reject by it.

    By then the mean lies outside of the region, or on the other side of zero.
    """
    plan = Looks.even((10, 20))
    unclear = ahead(contrast("c", 0.9, deviation=1.5), scale=WITH_REGION)
    clear = ahead(contrast("c", other, deviation=0.5), scale=WITH_REGION)
    early = ahead(contrast("b", first, deviation=deviation), scale=WITH_REGION)
    late = ahead(contrast("b", later, deviation=4.0), scale=WITH_REGION)
    verdict, beside = judge(plan, [[early, unclear], [late, clear]])
    assert verdict is not None
    assert beside is not None
    assert (verdict.ruling, beside.ruling) == ("inconclusive", told)
    assert "an earlier look would decide it now" in verdict.reason


def test_one_of_several_ties_must_be_surer() -> None:
    """One-sided t(.95, 9) = 1.833 times .379 is .70, Bonferroni's third 2.53 times .379 .96; .9 is left."""
    near = contrast("b", 0.1, deviation=1.2)
    far = [contrast(than, 3.0, deviation=1.2) for than in "cd"]
    assert ruling(ahead(near, scale=WITH_REGION)) == ["equivalent"]
    assert ruling(ahead(near, *far, scale=WITH_REGION)) == ["inconclusive"]


def test_one_of_several_rivals_must_be_ahead_more_clearly() -> None:
    """-.8 deviations, p = .032, refutes a claim against one rival, and not one against two."""
    assert ruling(ahead(contrast("b", -0.8))) == ["contradicted"]
    (both,) = ruled(ahead(contrast("b", -0.8), contrast("c", 3.0)))
    assert both.p == pytest.approx(2 * difference(-0.8).p)
    assert both.ruling == "inconclusive"


def test_every_rival_must_be_left_behind() -> None:
    """The weakest of the comparisons is the claim's p, without further correction."""
    (verdict,) = ruled(ahead(contrast("b", 0.8), contrast("c", 3.0)))
    assert (verdict.p, verdict.ruling) == (pytest.approx(difference(0.8).p), "supported")
    assert (
        ruling(ahead(contrast("b", 0.8), contrast("c", 3.0)), ahead(contrast("d", 0.0)))[0] == "inconclusive"
    )


def test_a_verdict_counts_the_replicates_of_what_decides_it() -> None:
    """The rival that an earlier look left behind has ten, the one that leaves the claim open twenty."""
    behind = contrast("b", 3.0)
    close = contrast("c", 0.1)
    close = replace(close, test=replace(close.test, df=19, n_first=20, n_second=20))
    (verdict,) = ruled(ahead(behind, close))
    assert (verdict.ruling, verdict.n) == ("inconclusive", 20)


def test_holm_rules_where_the_interval_drawn_holds_zero() -> None:
    """Two claims with p < .0001 and .032: the second is ruled at 5 %, its interval is drawn at 97.5 %."""
    first, second = ruled(ahead(contrast("b", 3.0)), ahead(contrast("c", 0.8)))
    assert (first.ruling, second.ruling) == ("supported", "supported")
    assert "includes no difference (0, of ratios 1), which Holm's sharper procedure excludes" in second.reason
    assert "Holm" not in first.reason


def test_claims_that_cannot_be_equivalent_are_none_of_that_family() -> None:
    """One claim with a region among five without: tested at 5 %, at which ±.98 lies within ±1."""
    near = ahead(contrast("b", 0.0, deviation=1.69), scale=WITH_REGION)
    others = [ahead(contrast(than, 0.0, deviation=5.0)) for than in "cdefg"]
    assert ruling(near, *others)[0] == "equivalent"
    assert ruling(near, *[replace(other, scale=WITH_REGION) for other in others])[0] == "inconclusive"


def test_an_arm_at_the_edge_is_not_called_worse_by_its_own_claim() -> None:
    """The arm a claim puts ahead lies behind, but a wider range may mend it."""
    (verdict,) = ruled(ahead(contrast("b", -3.0), edges={"a": "lower", "b": None}))
    assert verdict.ruling == "inconclusive"
    assert verdict.reason.startswith("a is behind, but its learning rate lies at the lower edge")


def test_every_pair_must_lie_inside() -> None:
    """Two pairs well inside ±1 and one on its border: open, decided by the latter."""
    pairs = [contrast("b", 0.0, deviation=0.1), contrast("c", 0.1, deviation=0.1), contrast("d", 0.95)]
    (verdict,) = ruled(equal(*pairs))
    assert (verdict.ruling, verdict.findings()["than"]) == ("inconclusive", "d")
    assert ruling(equal(*pairs[:2])) == ["supported"]


def test_one_of_several_pairs_must_be_apart_more_clearly() -> None:
    """1.8 lies 2.53 errors beyond the region: two-sided p .0323, enough alone and not among two pairs."""
    apart = contrast("b", 1.8)
    assert apart.test.p_outside(1.0) == pytest.approx(0.0323, abs=1e-4)
    assert ruling(equal(apart)) == ["contradicted"]
    assert ruling(equal(apart, contrast("c", 0.0, deviation=0.1))) == ["inconclusive"]


@pytest.mark.parametrize(("mean", "behind"), [(5.0, "b"), (-5.0, "a")])
def test_pairs_with_an_edge_are_not_called_apart(mean: float, behind: str) -> None:
    """At the edge of its range the arm behind may be mended; an edge of the other does not matter."""
    other = {"a": "b", "b": "a"}[behind]
    assert ruling(equal(contrast("b", mean), edges={behind: "upper"})) == ["inconclusive"]
    assert ruling(equal(contrast("b", mean), edges={other: "upper"})) == ["contradicted"]


def levels() -> Levels:
    """Return the levels of a study with one claim, ruled after ten replicates."""
    return Levels(plan=TEN, look=0, n_claims=1, n_regions=1, paths={})


def test_open_ratios_are_told_on_the_side_claimed() -> None:
    """Logarithms with deviation 1: (2.262 + .883) / sqrt(10) = .9947 times .8574 or 1.2934 would be found."""
    seen = reach([contrast("b", 0.5)], Scale.of(USUAL["train_seconds"], None), levels())
    assert seen.detectable_low == pytest.approx(np.exp(-0.9947 * 0.8574), abs=1e-3)
    assert seen.detectable == pytest.approx(np.exp(-0.9947 * 1.2934), abs=1e-3)
    assert (seen.needed_for, seen.seeds_needed) == (None, None)


@pytest.mark.parametrize(("kind", "low", "high"), [("paired", 0.6316, 0.9527), ("welch", 0.8957, 1.1917)])
def test_what_a_given_up_claim_would_have_shown_rests_on_the_replicates_it_has(
    kind: Test, low: float, high: float
) -> None:
    """Ten of twenty: t(.9875) + t(.8) of the 19 or 38 df there, times limits of the deviation by 9 or 18."""
    own = replace(contrast("b", 0.0), kind=kind, deviations=(1.0, 1.0))
    plan = Looks.even([10, 20])
    seen = reach([own], WITHOUT, replace(levels(), plan=plan))
    assert (seen.detectable_low, seen.detectable) == (
        pytest.approx(low, abs=1e-3),
        pytest.approx(high, abs=1e-3),
    )


def test_only_a_declared_region_is_planned_for() -> None:
    """What was measured is no effect to plan for; of fewer than five replicates nothing is said."""
    assert reach([contrast("b", -0.5)], WITHOUT, levels()).needed_for is None
    told = reach([contrast("b", -0.5)], WITH_REGION, levels())
    assert told.needed_for == 1.0
    assert told.seeds_needed is not None
    assert told.seeds_needed_low is not None
    assert told.seeds_needed_low < 10 < told.seeds_needed  # 10 for a deviation of 1
    few = Contrast(arm="a", than="b", test=replace(difference(0.1), n_first=3, n_second=3, df=2))
    assert reach([few], WITH_REGION, levels()).detectable is None


LOSS = Scale(metric=USUAL["test_loss"], sign=-1, region=None)
LESS = contrast("b", -0.5)


def response(*rows: Sequence[float]) -> Response:
    """Return a response over two rates, a row a seed."""
    matrix = np.array(rows)
    statuses: list[Status] = ["completed"] * len(rows)
    columns = [
        Replicates(arm="a", keys=range(len(rows)), values=matrix[:, place], statuses=statuses)
        for place in (0, 1)
    ]
    return Response(
        field="lr",
        metric=USUAL["test_loss"],
        levels=[0.1, 1.0],
        columns=columns,
        is_paired=True,
        diverged={},
        bounds=Bounds(2.3, 0.9),
        growing=frozenset(),
        edges={},
    )


TWO_RATES = response([1.0, 1.5], [1.2, 1.1], [0.9, 1.3], [1.0, 1.2], [1.1, 1.0])


@pytest.mark.parametrize(
    ("evidence", "measured", "outlook"),
    [
        (
            ahead(LESS, scale=LOSS),
            "a minus b: -0.50 ± 0.72 (95 % interval)",
            "a true difference of 0.85 to 1.3",
        ),
        (
            ahead(LESS, scale=replace(LOSS, region=1.0)),
            "a minus b: -0.50 ± 0.72 (95 % interval)",
            "80 % power; showing 1 takes 8 to 16 seeds",
        ),
        (
            ahead(LESS, scale=Scale.of(USUAL["train_seconds"], None)),
            f"a to b: {TIMES}0.607 ({TIMES}0.297 to {TIMES}1.24, 95 % interval)",
            f"a true ratio of {TIMES}0.426 to {TIMES}0.276",
        ),
        (
            Equality(contrasts=[LESS], scale=replace(LOSS, region=1.0), region=1.0, edges={}),
            "a minus b: -0.50 ± 0.58 (90 % interval)",
            "equality within ±",
        ),
        (
            Slope(change=LESS, pairs={(0, 1): LESS}, scale=LOSS, rank_correlation=-0.4, growing=frozenset()),
            "-0.50 ± 0.72 (95 % interval)",
            "a true difference of 0.85 to 1.3",
        ),
        (
            Share(hits=6, trials=10, share=0.5, noun="runs diverged"),
            "60 % (26 to 88, 95 % interval)",
            "a true share of 0.92 would have been shown with 80 % power",
        ),
        (
            Place(response=TWO_RATES, is_named=np.array([True, False]), is_open_at=(False, False)),
            "lr 0.1 (95 % set: 0.1 to 1)",
            "a true difference of",
        ),
    ],
)
def test_each_kind_tells_an_open_verdict_in_its_own_words(
    evidence: Evidence, measured: str, outlook: str
) -> None:
    """What was measured, and what replicates like these would have shown."""
    (verdict,) = ruled(evidence)
    told = replace(verdict, claim=Statement(field="lr"))
    assert told.ruling == "inconclusive"
    assert told.measured() == measured
    assert told.why().startswith(f"{told.reason}; ")
    assert outlook in told.why()
