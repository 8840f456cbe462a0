"""Verdicts: what may be concluded, and what may not."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import claims
from analysis.blocks.claims import caption_verdicts
from analysis.claims.ahead import ahead_of
from analysis.claims.contrast import Scale
from analysis.claims.evidence import Untestable
from analysis.facts import Facts
from harness.study.claims import KINDS

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

ZIGZAG = (0.000, 0.001, -0.001, 0.002, -0.002, 0.001, -0.001, 0.000, 0.002, -0.002)
"""Ten deviations with mean 0."""


def better(arm: str = "a", than: str = "b", metric: str = "test_accuracy") -> dict[str, Any]:
    """Return a claim."""
    return {"says": f"{arm} beats {than}.", "better": {"arm": arm, "than": than, "metric": metric}}


def study_of(new_study: "type[Study]", tilt: float, gap: float, n: int = 10, **values: Any) -> "Study":
    """Return fixed arms a and b: a is ahead by `gap`, and deviates `1 + tilt` times as much as b."""
    study = new_study(arms={"a": {}, "b": {}}, claims=[better()])
    study.confirm("a", [0.88 + gap + (1 + tilt) * offset for offset in ZIGZAG[:n]], **values)
    study.confirm("b", [0.88 + offset for offset in ZIGZAG[:n]])
    return study


def decided(facts: Facts) -> list[SimpleNamespace]:
    """Return the claims of a study as `claims.json` holds them."""
    rows = json.dumps([verdict.as_row() for verdict in facts.verdicts], allow_nan=False)
    verdicts: list[SimpleNamespace] = json.loads(rows, object_hook=lambda row: SimpleNamespace(**row))
    return verdicts


def decide_one(study: "Study", tmp_path: Path) -> SimpleNamespace:
    """Return the only verdict of a study."""
    (verdict,) = decided(study.facts(tmp_path))
    return verdict


@pytest.mark.parametrize(
    ("tilt", "gap", "ruling"),
    [
        # differences are gap + tilt * ZIGZAG; s of ZIGZAG = sqrt(2e-5 / 9) = .0014907, t(.975, 9) = 2.2622,
        # so the half-width is tilt * .0010664
        (1.0, 0.010, "supported"),
        (1.0, -0.010, "contradicted"),
        (1.0, 0.000, "equivalent"),
        (1.0, 0.0008, "equivalent"),
        (1.0, 0.0010, "inconclusive"),
        (3.0, 0.000, "inconclusive"),
        (0.1, 0.0015, "equivalent"),
        (0.1, 0.0025, "supported"),
    ],
)
def test_rulings_follow_the_interval(
    new_study: "type[Study]", tmp_path: Path, tilt: float, gap: float, ruling: str
) -> None:
    """Inside ±.002: equivalent, even where zero is excluded; else by whether zero is excluded."""
    verdict = decide_one(study_of(new_study, tilt, gap), tmp_path)
    assert verdict.ruling == ruling
    assert verdict.effect == pytest.approx(gap, abs=1e-12)
    assert verdict.low == pytest.approx(gap - tilt * 0.0010664, abs=1e-6)
    assert verdict.n == 10


def test_an_open_verdict_says_what_it_could_have_found(new_study: "type[Study]", tmp_path: Path) -> None:
    """With s = 3 * .0014907 of ten differences: .996 s / 1 = .00445 would be found with 80 % power."""
    verdict = decide_one(study_of(new_study, 3.0, 0.0), tmp_path)
    assert verdict.detectable == pytest.approx(0.996 * 3 * 0.0014907, rel=1e-3)


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


def test_a_diverged_seed_voids_the_mean(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nine fine seeds and a diverged one are not nine fine seeds."""
    study = study_of(new_study, 1.0, 0.01)
    study.add("b", "confirm", seed=999, status="diverged", epochs=1)
    verdict = decide_one(study, tmp_path)
    assert (verdict.ruling, verdict.reason) == (
        "not testable",
        "a confirm run of b diverged, which voids the mean",
    )


def test_only_shared_seeds_are_compared(new_study: "type[Study]", tmp_path: Path) -> None:
    """A failed run takes its pair with it; an arm's extra seeds count for nothing."""
    study = study_of(new_study, 1.0, 0.01)
    next(r for r in study.runs if r.arm == "b" and r.phase == "confirm").status = "failed"
    study.add("a", "confirm", seed=7, test_accuracy=0.1)
    assert decide_one(study, tmp_path).n == 9


def test_a_difference_without_variation_is_no_sample(new_study: "type[Study]", tmp_path: Path) -> None:
    """The same non-zero difference for every seed is not evidence of anything random."""
    study = new_study(arms={"a": {}, "b": {}}, claims=[better()])
    study.confirm("a", [0.75] * 10)
    study.confirm("b", [0.5] * 10)
    assert "no variation" in decide_one(study, tmp_path).reason


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
        (better(metric="beauty"), "better.metric: Input should be 'test_accuracy'"),
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
    """The same claim among three copies has three times the p at its first step, and a wider interval."""
    study = study_of(new_study, 1.0, 0.01)
    study.claims = [better()] * 3
    first, _, last = decided(study.facts(tmp_path))
    assert first.p_adjusted == pytest.approx(3 * first.p)
    assert last.p_adjusted == first.p_adjusted
    assert (first.level, last.level) == (pytest.approx(1 - 0.05 / 3), pytest.approx(0.95))


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
    by_seed = {"a": dict(enumerate(first)), "b": dict(enumerate(second))}
    evidence = ahead_of("a", ["b"], by_seed, Scale.of(metric, None), {})
    if isinstance(evidence, Untestable):
        return
    verdict = evidence.rule(0.05)
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
