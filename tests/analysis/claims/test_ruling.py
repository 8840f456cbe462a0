"""Verdicts: what may be concluded, and what may not."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import claims
from analysis.blocks.claims_caption import caption_verdicts
from analysis.claims.ahead import ahead_of
from analysis.claims.contrast_verdict import ContrastVerdict
from analysis.claims.looks import judge
from analysis.claims.scale import Scale
from analysis.facts import Facts
from analysis.load import load_study
from analysis.metrics import USUAL
from analysis.replicates import Replicates
from analysis.statistics.sequential import Looks
from harness.records.folder import ResultsFolder
from harness.study.claim_kinds import KINDS
from tests.analysis.claims.made import ZIGZAG, decided

if TYPE_CHECKING:
    from tests.analysis.conftest import Run, Study

LOG_RANGE = {"low": 1e-4, "high": 1.0, "log": True}


def better(arm: str = "a", than: str = "b", metric: str = "test_accuracy") -> dict[str, Any]:
    """Return a claim."""
    return {"says": f"{arm} beats {than}.", "better": {"arm": arm, "than": than, "metric": metric}}


def study_of(new_study: "type[Study]", tilt: float, gap: float, n: int = 10, **values: Any) -> "Study":
    """Return fixed arms a and b: a is ahead by `gap`, and deviates `1 + tilt` times as much as b."""
    study = new_study(arms={"a": {}, "b": {}}, claims=[better()])
    study.confirm("a", [0.88 + gap + (1 + tilt) * offset for offset in ZIGZAG[:n]], **values)
    study.confirm("b", [0.88 + offset for offset in ZIGZAG[:n]])
    return study


def decide_one(study: "Study", tmp_path: Path) -> SimpleNamespace:
    """Return the only verdict of a study."""
    (verdict,) = decided(study.facts(tmp_path))
    return verdict


@pytest.mark.parametrize(
    ("tilt", "gap", "ruling"),
    [
        # differences are gap + tilt * ZIGZAG; s of ZIGZAG = sqrt(2e-5 / 9) = .0014907, t(.975, 9) = 2.2622,
        # so the half-width is tilt * .0010664; of equivalence, t(.95, 9) = 1.8331, tilt * .0008641
        (1.0, 0.010, "supported"),
        (1.0, -0.010, "contradicted"),
        (1.0, 0.000, "equivalent"),
        (1.0, 0.0008, "equivalent"),
        (1.3, 0.0010, "inconclusive"),
        (3.0, 0.000, "inconclusive"),
        (0.1, 0.0015, "equivalent"),
        (0.1, 0.0025, "supported"),
    ],
)
def test_rulings_follow_the_interval(
    new_study: "type[Study]", tmp_path: Path, tilt: float, gap: float, ruling: str
) -> None:
    """Inside ±.002 at 90 %: equivalent, even where zero is excluded; else by whether zero is excluded."""
    verdict = decide_one(study_of(new_study, tilt, gap), tmp_path)
    assert verdict.ruling == ruling
    assert verdict.effect == pytest.approx(gap, abs=1e-12)
    half_width = tilt * (0.0008641 if ruling == "equivalent" else 0.0010664)
    assert verdict.low == pytest.approx(gap - half_width, abs=1e-6)
    assert (verdict.scope, verdict.look, verdict.unit) == ("procedure", 10, "seeds")
    assert vars(verdict.replicates.a)["n"] == 10
    assert verdict.n == 10


def test_an_open_verdict_says_what_it_could_have_found(new_study: "type[Study]", tmp_path: Path) -> None:
    """With s = .004472 of ten differences: (t(.975, 9) + t(.8, 9)) s / sqrt(10) at the limits of s.

    2.2622 + 0.8834 = 3.1456; chi2(.8, 9) = 12.242 and chi2(.2, 9) = 5.380: s times .8574 and 1.2934.
    """
    verdict = decide_one(study_of(new_study, 3.0, 0.0), tmp_path)
    as_measured = 3.1456 * 3 * 0.0014907 / 10**0.5
    assert verdict.detectable_low == pytest.approx(0.8574 * as_measured, rel=1e-3)
    assert verdict.detectable == pytest.approx(1.2934 * as_measured, rel=1e-3)


def test_less_loss_is_better(new_study: "type[Study]", tmp_path: Path) -> None:
    """The direction of a claim about a loss is mirrored; losses have no equivalence region."""
    study = study_of(new_study, 1.0, 0.010)
    study.claims = [better(metric="test_loss"), better("b", "a", metric="test_loss")]
    ahead, behind = decided(study.facts(tmp_path))
    assert (ahead.ruling, behind.ruling) == ("supported", "contradicted")
    assert ahead.effect == pytest.approx(-0.010)
    assert (ahead.improvement, behind.improvement) == (1.0, 0.0)
    assert ahead.equivalence is None


def test_one_seed_is_not_testable(new_study: "type[Study]", tmp_path: Path) -> None:
    """However large the difference, one seed cannot carry a verdict."""
    verdict = decide_one(study_of(new_study, 1.0, 0.1, n=1), tmp_path)
    assert verdict.ruling == "not testable"
    assert "single seed" in verdict.reason
    assert (verdict.n, verdict.effect, verdict.p) == (1, None, None)


def confirmed(study: "Study", arm: str) -> "list[Run]":
    """Return an arm's confirm runs."""
    return [run for run in study.runs if run.arm == arm and run.phase == "confirm"]


def test_a_diverged_seed_counts_as_chance(new_study: "type[Study]", tmp_path: Path) -> None:
    """One of b's ten seeds at 10 % instead of 88 %: b's mean falls by 7.8 points; its loss has no mean."""
    study = study_of(new_study, 1.0, 0.01)
    study.claims = [better(), better(metric="test_loss")]
    confirmed(study, "b")[0].status = "diverged"
    accuracy, loss = decided(study.facts(tmp_path))
    assert accuracy.effect == pytest.approx(0.01 + 0.078)
    assert (accuracy.ruling, accuracy.replicates.b.diverged) == ("inconclusive", 1)
    assert (loss.ruling, loss.reason) == (
        "not testable",
        "a confirm run of b diverged, which voids the mean",
    )


def test_all_seeds_of_an_arm_diverged(new_study: "type[Study]", tmp_path: Path) -> None:
    """Ten of ten at chance, which is as sure as it gets; the loss has nothing to compare."""
    study = study_of(new_study, 1.0, 0.01)
    study.claims = [better(), better(metric="test_loss")]
    for run in confirmed(study, "b"):
        run.status = "diverged"
    accuracy, loss = decided(study.facts(tmp_path))
    assert (accuracy.ruling, accuracy.effect) == ("supported", pytest.approx(0.79))
    assert loss.ruling == "not testable"


@pytest.mark.parametrize(
    ("gap", "ruling"),
    [
        (0.01, "not testable"),  # supported with the replicate of b as good as the best, 90 %
        (0.0, "not testable"),  # equivalent with it at 88 %
    ],
)
def test_a_failed_replicate_may_have_been_anything(
    new_study: "type[Study]", tmp_path: Path, gap: float, ruling: str
) -> None:
    """At chance it would make b's noise so wide that nothing is decided."""
    study = study_of(new_study, 0.5, gap)
    confirmed(study, "b")[0].status = "failed"
    verdict = decide_one(study, tmp_path)
    assert verdict.ruling == ruling
    assert "replicates are missing" in verdict.reason
    assert verdict.replicates.b.missing == 1


def test_a_failed_replicate_that_changes_no_ruling(new_study: "type[Study]", tmp_path: Path) -> None:
    """Half of the accuracy ahead, with loud noise: supported whether b's tenth seed had 10 % or the best."""
    study = new_study(arms={"a": {}, "b": {}}, claims=[better()])
    study.confirm("a", [0.88 + offset for offset in ZIGZAG])
    study.confirm("b", [0.2 + 20 * offset for offset in ZIGZAG])
    confirmed(study, "b")[9].status = "failed"
    verdict = decide_one(study, tmp_path)
    assert (verdict.ruling, verdict.n) == ("supported", 9)
    assert verdict.low < 0.6 < verdict.effect < verdict.high


def test_an_arm_whose_runs_are_all_equal_seems_to_use_no_seed(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Ten runs that agree to the last digit are one run."""
    study = new_study(arms={"a": {}, "b": {}}, claims=[better()])
    study.confirm("a", [0.75] * 10)
    study.confirm("b", [0.5 + offset for offset in ZIGZAG])
    assert "a does not seem to use its seed" in decide_one(study, tmp_path).reason


def test_a_difference_without_variation_is_no_sample(new_study: "type[Study]", tmp_path: Path) -> None:
    """The same non-zero difference for every seed is not evidence of anything random."""
    study = new_study(arms={"a": {}, "b": {}}, claims=[better()])
    study.confirm("a", [0.75, 0.625] * 5)
    study.confirm("b", [0.5, 0.375] * 5)
    assert "no variation" in decide_one(study, tmp_path).reason


def test_an_unfinished_study_rules_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Cut after every event of its journal: "not yet" until the last planned replicate has ended."""
    study = study_of(new_study, 1.0, 0.01, n=5)
    folder = ResultsFolder(study.write(tmp_path))
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    seen = []
    for cut in range(len(lines) + 1):
        folder.journal.write_bytes(b"".join(lines[:cut]))
        (verdict,) = Facts(load_study(folder.root)).verdicts
        seen.append(verdict.ruling)
    assert seen == ["not yet"] * len(lines) + ["supported"]


def test_what_is_known_before_the_plan_is_through(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three of b's five seeds have ended: how many, and the difference so far, with no p."""
    study = study_of(new_study, 1.0, 0.01, n=5)
    study.runs = [run for run in study.runs if not (run.arm == "b" and run.seed > 102)]
    study.confirm_runs = 5
    verdict = decide_one(study, tmp_path)
    assert (verdict.ruling, verdict.p) == ("not yet", None)
    assert verdict.reason == "3 of 5 seeds of b have ended; so far over n = 3"
    assert verdict.effect == pytest.approx(0.01)


def test_an_arm_that_searches_beside_one_that_does_not(new_study: "type[Study]", tmp_path: Path) -> None:
    """Is tuning worth it? One search is about what it chose, and its price is no unequal budget."""
    study = new_study(arms={"tuned": {"lr": LOG_RANGE}, "fixed": {}}, claims=[better("tuned", "fixed")])
    study.search("tuned", [0.001, 0.01, 0.1], best=0.01)
    study.confirm("tuned", [0.90 + 2 * offset for offset in ZIGZAG])
    study.confirm("fixed", [0.88 + offset for offset in ZIGZAG])
    (verdict,) = study.facts(tmp_path).verdicts
    assert (verdict.ruling, verdict.scope) == ("supported", "configuration")
    assert verdict.ruling_in_words() == "supported for the configurations that one search chose"


def test_identical_arms_are_equivalent(new_study: "type[Study]", tmp_path: Path) -> None:
    """Bit-for-bit equal results on every seed: the setting does nothing."""
    assert decide_one(study_of(new_study, 0.0, 0.0), tmp_path).ruling == "equivalent"


def test_an_arm_at_the_edge_is_not_called_worse(three_arms: "Study", tmp_path: Path) -> None:
    """SGD chose 0.9 of [1e-4, 1]; a wider range may mend it. The other way round it may be called better."""
    three_arms.claims = [better("adam", "sgd"), better("adam", "rmsprop")]
    first, _ = decided(three_arms.facts(tmp_path))
    assert (first.ruling, first.detectable) == ("inconclusive", None)
    assert "upper edge" in first.reason


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ({"says": "x", "prettier": {"arm": "a", "than": "b"}}, "prettier: Extra inputs"),
        ({"says": "x"}, "has none"),
        ({"says": "x", "better": "a"}, "better: Input should be a valid dictionary"),
        (better(than="zzz"), "no arm 'zzz'; it has a, b"),
        (better(metric="beauty"), "beauty: the study declares no such metric"),
    ],
)
def test_claims_nobody_can_decide_say_why(
    new_study: "type[Study]", tmp_path: Path, claim: dict[str, Any], reason: str
) -> None:
    """A claim is never dropped: it is a row with a reason."""
    study = study_of(new_study, 1.0, 0.01)
    study.claims = [claim]
    verdict = decide_one(study, tmp_path)
    assert verdict.ruling == "not testable"
    assert reason in verdict.reason


def test_p_values_are_corrected_over_the_study(new_study: "type[Study]", tmp_path: Path) -> None:
    """A claim among three copies has three times the p; all intervals are drawn at Bonferroni's level."""
    study = study_of(new_study, 1.0, 0.01)
    study.claims = [better()] * 3
    first, _, last = decided(study.facts(tmp_path))
    assert first.p_adjusted == pytest.approx(3 * first.p)
    assert last.p_adjusted == first.p_adjusted
    assert (first.level, last.level) == (pytest.approx(1 - 0.05 / 3), pytest.approx(1 - 0.05 / 3))


def test_every_kind_of_claim_is_decided() -> None:
    """Kinds of study files have a row each, in the order in which the caption explains them."""
    assert list(claims.KINDS) == list(KINDS)


def test_only_verdicts_judge(reported: Path) -> None:
    """Outside the table of claims, whose words are the study's, no sentence says that an arm wins."""
    report = (reported / "report" / "report.md").read_text(encoding="utf-8")
    before, _, after = report.partition("### Claims")
    rest = before + after.partition("### Results")[2]
    assert len(rest) > 1000
    assert re.search(r"\b(outperform\w*|significan\w*|superior|beats?)\b", rest, re.IGNORECASE) is None


@given(
    st.lists(st.floats(0.1, 0.9), min_size=2, max_size=6),
    st.lists(st.floats(0.1, 0.9), min_size=2, max_size=6),
    st.sampled_from(["test_accuracy", "test_loss", "train_seconds"]),
)
def test_every_interval_agrees_with_its_verdict(first: list[float], second: list[float], metric: str) -> None:
    """Supported and contradicted: it excludes no difference; equivalent: it lies inside the region."""
    n = min(len(first), len(second))
    sides = {
        arm: Replicates(arm=arm, keys=range(n), values=np.array(values[:n]), statuses=["completed"] * n)
        for arm, values in (("a", first), ("b", second))
    }
    evidence = ahead_of("a", ["b"], sides, Scale.of(USUAL[metric], None), {})
    (verdict,) = judge(Looks.even([n]), [[evidence]])
    assert verdict is not None
    if not isinstance(verdict, ContrastVerdict):
        assert verdict.ruling == "not testable"
        return
    decisive, region = verdict.decisive, verdict.scale.region
    neutral = 1.0 if metric == "train_seconds" else 0.0
    if verdict.ruling in {"supported", "contradicted"}:
        assert not decisive.low <= neutral <= decisive.high
    if verdict.ruling == "inconclusive":
        assert decisive.low <= neutral <= decisive.high
    if verdict.ruling == "equivalent":
        assert region is not None
        assert -region < decisive.low <= decisive.high < region
    json.dumps(verdict.as_row(), allow_nan=False)


def test_the_region_of_a_claim_that_could_not_be_tested_is_told(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """A single seed tests nothing, but what would count as equal was fixed beforehand: 0.2 points."""
    facts = study_of(new_study, 0.0, 0.01, n=1).facts(tmp_path)
    assert [verdict.ruling for verdict in facts.verdicts] == ["not testable"]
    assert "(test accuracy ±0.2 pp)" in caption_verdicts(facts, facts.verdicts)


def test_arms_whose_runs_carry_several_supported_claims_are_named(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Arm c loses both claims that are supported; one that is contradicted counts for nobody."""
    study = new_study(arms={"a": {}, "b": {}, "c": {}})
    study.claims = [better("a", "c"), better("b", "c"), better("c", "a")]
    for place, mean in enumerate((0.90, 0.90, 0.80)):
        study.confirm("abc"[place], [mean + deviation for deviation in ZIGZAG[place:] + ZIGZAG[:place]])
    facts = study.facts(tmp_path)
    assert [verdict.ruling for verdict in facts.verdicts] == ["supported", "supported", "contradicted"]
    assert "rest on the same runs, and share their luck, of: c (2)." in caption_verdicts(
        facts, facts.verdicts
    )
