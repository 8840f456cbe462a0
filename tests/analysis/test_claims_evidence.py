"""Rulings of single contrasts and of several together, from t-tests made up to lie between two levels."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.claims.ahead import Ahead
from analysis.claims.contrast import Contrast, Scale, reach
from analysis.claims.diverges import Share
from analysis.claims.equal import Equality
from analysis.claims.evidence import Edges, Evidence, Response
from analysis.claims.optimum import Place
from analysis.claims.trend import Slope
from analysis.claims.verdict import Statement
from analysis.render.numbers import TIMES
from analysis.statistics import MeanTest

WITH_REGION = Scale(metric="test_accuracy", sign=1, region=1.0)
WITHOUT = Scale(metric="test_accuracy", sign=1, region=None)


def contrast(than: str, mean: float, *, deviation: float = 1.0, p: float = 1.0) -> Contrast:
    """Return arm a against another over ten seeds, with a given mean difference and p."""
    return Contrast(arm="a", than=than, test=MeanTest(n=10, mean=mean, deviation=deviation, p=p))


def ahead(*contrasts: Contrast, edges: Edges | None = None, scale: Scale = WITHOUT) -> Ahead:
    """Return the evidence of a claim that a is ahead."""
    return Ahead(contrasts=contrasts, scale=scale, edges=edges or {})


def equal(*pairs: Contrast, edges: Edges | None = None) -> Equality:
    """Return the evidence of a claim that all pairs lie within ±1."""
    return Equality(contrasts=pairs, scale=WITH_REGION, region=1.0, edges=edges or {})


def test_one_of_several_ties_must_be_surer() -> None:
    """Half-width 2.2622 * 1.2 / sqrt(10) = .86 at 5 %, but 2.9333 * 1.2 / sqrt(10) = 1.11 at 5 / 3 %."""
    near = contrast("b", 0.0, deviation=1.2)
    assert near.status(WITH_REGION, 0.05) == "tied"
    assert near.status(WITH_REGION, 0.05, count=3) == "open"


def test_one_of_several_rivals_must_be_ahead_more_clearly() -> None:
    """A p of .03 refutes a claim against one rival, and not one against two."""
    assert ahead(contrast("b", -1.0, p=0.03)).rule(0.05).ruling == "contradicted"
    both = ahead(contrast("b", -1.0, p=0.03), contrast("c", 1.0, p=0.001))
    assert both.p == pytest.approx(0.06)
    assert both.rule(0.05).ruling == "inconclusive"


def test_every_rival_must_be_left_behind() -> None:
    """The weakest of the comparisons is the claim's p, without further correction."""
    evidence = ahead(contrast("b", 1.0, p=0.03), contrast("c", 1.0, p=0.001))
    assert evidence.p == 0.03
    assert evidence.rule(0.05).ruling == "supported"
    assert evidence.rule(0.02).ruling == "inconclusive"


def test_an_arm_at_the_edge_is_not_called_worse_by_its_own_claim() -> None:
    """The arm a claim puts ahead lies behind, but a wider range may mend it."""
    verdict = ahead(contrast("b", -1.0, p=0.001), edges={"a": "lower", "b": None}).rule(0.05)
    assert verdict.ruling == "inconclusive"
    assert verdict.reason.startswith("a is behind, but its learning rate lies at the lower edge")


def test_every_pair_must_lie_inside() -> None:
    """Two pairs well inside ±1 and one on its border: open, decided by the latter."""
    pairs = [contrast("b", 0.0, deviation=0.1), contrast("c", 0.1, deviation=0.1), contrast("d", 0.95)]
    verdict = equal(*pairs).rule(0.05)
    assert (verdict.ruling, verdict.decisive.than) == ("inconclusive", "d")
    assert equal(*pairs[:2]).rule(0.05).ruling == "supported"


def test_one_of_several_pairs_must_be_apart_more_clearly() -> None:
    """1.8 lies 2.53 errors beyond the region: two-sided p .0323, enough alone and not among two pairs."""
    apart = contrast("b", 1.8)
    assert apart.test.p_outside(1.0) == pytest.approx(0.0323, abs=1e-4)
    assert equal(apart).rule(0.05).ruling == "contradicted"
    assert equal(apart, contrast("c", 0.0, deviation=0.1)).rule(0.05).ruling == "inconclusive"


@pytest.mark.parametrize(("mean", "behind"), [(5.0, "b"), (-5.0, "a")])
def test_pairs_with_an_edge_are_not_called_apart(mean: float, behind: str) -> None:
    """At the edge of its range the arm behind may be mended; an edge of the other does not matter."""
    other = {"a": "b", "b": "a"}[behind]
    assert equal(contrast("b", mean), edges={behind: "upper"}).rule(0.05).ruling == "inconclusive"
    assert equal(contrast("b", mean), edges={other: "upper"}).rule(0.05).ruling == "contradicted"


def test_one_of_several_steps_must_go_back_more_clearly() -> None:
    """A step the other way with p = .03 is noise among two steps; with p = .02 the trend turns."""
    for p, ruling in ((0.03, "supported"), (0.02, "inconclusive")):
        evidence = Slope(
            change=contrast("1", 3.0, p=0.001),
            steps=[contrast("1", 4.0, p=0.001), contrast("2", -1.0, p=p)],
            scale=WITHOUT,
            rank_correlation=0.5,
        )
        assert evidence.rule(0.05).ruling == ruling


def test_open_ratios_are_told_on_the_side_claimed() -> None:
    """Logarithms with deviation 1: ten seeds would find .996, so a ratio of e^-.996; measured was e^.5."""
    seen = reach(contrast("b", 0.5).test, Scale.of("train_seconds", None), 0.05)
    assert seen.detectable == pytest.approx(np.exp(-0.996), abs=1e-3)
    assert (seen.needed_for, seen.seeds_needed) == (pytest.approx(np.exp(0.5)), 34)


def test_open_differences_are_told_by_their_size() -> None:
    """The region is what matters, or the difference measured where there is none."""
    assert reach(contrast("b", -0.5).test, WITHOUT, 0.05).needed_for == 0.5
    assert reach(contrast("b", -0.5).test, WITH_REGION, 0.05).needed_for == 1.0


LOSS = Scale(metric="test_loss", sign=-1, region=None)
LESS = contrast("b", -0.5, p=0.2)
"""t(.975, 9) / sqrt(10) = .715; .996 would be found; 34 seeds find .5, 10 find 1."""
TWO_RATES = Response(
    field="lr",
    metric="test_loss",
    levels=[0.1, 1.0],
    matrix=np.array([[1.0, 1.5], [1.2, 1.1], [0.9, 1.3]]),
    diverged={},
)


@pytest.mark.parametrize(
    ("evidence", "measured", "detectable", "needed"),
    [
        (
            ahead(LESS, scale=LOSS),
            "a minus b: -0.50 ± 0.72 (95 % interval)",
            "a true difference of 1",
            "0.5, as measured, takes 34 seeds",
        ),
        (
            ahead(LESS, scale=replace(LOSS, region=1.0)),
            "a minus b: -0.50 ± 0.72 (95 % interval)",
            "a true difference of 1",
            "1 takes 10 seeds",
        ),
        (
            ahead(LESS, scale=Scale.of("train_seconds", None)),
            f"a to b: {TIMES}0.607 ({TIMES}0.297 to {TIMES}1.24, 95 % interval)",
            f"a true ratio of {TIMES}0.369",
            f"{TIMES}0.607, as measured, takes 34 seeds",
        ),
        (
            Equality(contrasts=[LESS], scale=replace(LOSS, region=1.0), region=1.0, edges={}),
            "a minus b: -0.50 ± 0.58 (90 % interval)",
            "equality within ±1",
            "±1 takes 11 seeds",
        ),
        (
            Slope(change=LESS, steps=[], scale=LOSS, rank_correlation=-0.4),
            "-0.50 ± 0.72 (95 % interval)",
            "a true difference of 1",
            "0.5, as measured, takes 34 seeds",
        ),
        (
            Share(hits=6, trials=10, share=0.5, noun="runs diverged"),
            "60 % (31 to 83, 95 % interval)",
            "a true share of 0.92",
            "0.60, as measured, takes 199 runs",
        ),
        (
            Place(response=TWO_RATES, is_named=np.array([True, False]), is_open_at=(False, False)),
            "lr 0.1 (95 % set: 0.1 to 1)",
            "a true difference of 0.74",
            "0.27, as measured, takes 11 seeds",
        ),
    ],
)
def test_each_kind_tells_an_open_verdict_in_its_own_words(
    evidence: Evidence, measured: str, detectable: str, needed: str
) -> None:
    """What was measured, what these seeds would have shown, and how many it takes."""
    verdict = replace(evidence.rule(0.05), claim=Statement(field="lr"))
    assert verdict.ruling == "inconclusive"
    assert verdict.measured() == measured
    could = f"{detectable} would have been shown with 80 % power; showing {needed}"
    assert verdict.why() == f"{verdict.reason}; {could}"
