"""`reaches`: an arm's mean against a value, by made-up replicates, simulated studies, and a whole report."""

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from analysis import verdict as command
from analysis.claims.decide import standing
from analysis.claims.evidence import Untestable
from analysis.claims.looks import judge
from analysis.claims.reaches import Reaching, against_value
from analysis.claims.scale import Scale
from analysis.facts import Facts
from analysis.load import load_study
from analysis.metrics import USUAL
from analysis.page.cards import cards
from analysis.replicates import Replicates
from analysis.report import write_report
from analysis.statistics.images import new_images
from analysis.statistics.sequential import Looks
from analysis.statistics.tests import against
from docs.generators.results.claims import measured

if TYPE_CHECKING:
    from analysis.claims.verdict import Verdict
    from tests.analysis.conftest import Study

NOISE = (0.000, 0.001, -0.001, 0.002, -0.002, 0.001, -0.001, 0.000, 0.002, -0.002)
"""Ten deviations with mean 0 and s = .0014907."""


def reaches(metric: str = "test_accuracy", arm: str = "a", **value: float) -> dict[str, Any]:
    """Return a claim that an arm reaches a value."""
    return {"says": "It is reached.", "reaches": {"arm": arm, "metric": metric, **value}}


def study_at(new_study: "type[Study]", mean: float, *claims: dict[str, Any]) -> "Study":
    """Return one fixed arm of ten seeds with a mean test accuracy; its test loss is one less that."""
    study = new_study(arms={"a": {}}, claims=list(claims))
    study.confirm("a", [mean + noise for noise in NOISE])
    return study


def test_each_ruling_is_that_of_a_one_sided_t_test(new_study: "type[Study]", tmp_path: Path) -> None:
    """.9009 lies 1.91 errors above .9: one-sided p .044, as scipy has it; .9008 is open, .8991 below."""
    rows = {}
    for mean in (0.9009, 0.9008, 0.8991):
        facts = study_at(new_study, mean, reaches(at_least=0.9)).facts(tmp_path / str(mean))
        rows[mean] = facts.verdicts[0].as_row()
    assert [row["ruling"] for row in rows.values()] == ["supported", "inconclusive", "contradicted"]
    row, values = rows[0.9009], [0.9009 + noise for noise in NOISE]
    test = stats.ttest_1samp(values, 0.9, alternative="greater")
    interval = stats.ttest_1samp(values, 0.9).confidence_interval(0.9)
    assert (row["p"], row["p_adjusted"]) == (pytest.approx(test.pvalue), pytest.approx(test.pvalue))
    assert (row["effect"], row["value"], row["n"]) == (pytest.approx(0.0009), 0.9, 10)
    assert (row["low"], row["high"]) == pytest.approx((interval.low - 0.9, interval.high - 0.9))
    (comparison,) = row["comparisons"]
    assert (comparison["df"], comparison["level"], comparison["than"]) == (9, pytest.approx(0.9), "0.9")
    assert comparison["p"] == pytest.approx(test.pvalue)
    assert rows[0.8991]["p"] == pytest.approx(test.pvalue)
    assert (row["scope"], row["equivalence"]) == ("procedure", None)


def test_its_axis_shows_the_mean_beside_the_value(new_study: "type[Study]", tmp_path: Path) -> None:
    """A 0 would be the value asked for, which only the words say: its ticks are accuracies, about 90 %."""
    (card,) = cards(study_at(new_study, 0.9009, reaches(at_least=0.9)).facts(tmp_path))
    assert card.drawing is not None
    ticks = [float(tick) for tick in re.findall(r"<text[^>]*>([^<]+)</text>", card.drawing)]
    assert 90.0 in ticks
    assert all(89.9 < tick < 90.3 for tick in ticks)


def test_an_open_claim_says_what_its_replicates_would_have_shown(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """(1.833 + .883) errors of .000471 beyond, at the deviation's limits; no number of seeds is named."""
    (verdict,) = study_at(new_study, 0.9, reaches(at_least=0.9)).facts(tmp_path).verdicts
    low, high = (0.00128 * limit for limit in (0.8574, 1.2934))
    assert verdict.reach.detectable_low == pytest.approx(low, rel=0.01)
    assert verdict.reach.detectable == pytest.approx(high, rel=0.01)
    assert verdict.why() == (
        "the test does not tell on which side of 90 % its mean lies; "
        "a true mean beyond it by 0.11 pp to 0.17 pp would have been shown with 80 % power"
    )


def test_losses_are_to_be_low(new_study: "type[Study]", tmp_path: Path) -> None:
    """A mean loss of .1 is at most .102; it is not at most .098, and the difference keeps its sign."""
    claims = (reaches("test_loss", at_most=0.102), reaches("test_loss", at_most=0.098))
    reached, missed = study_at(new_study, 0.9, *claims).facts(tmp_path).verdicts
    assert (reached.ruling, reached.reason) == ("supported", "the test puts its mean below 0.102")
    assert (missed.ruling, missed.reason) == ("contradicted", "the test puts its mean above 0.098")
    assert reached.as_row()["effect"] == pytest.approx(-0.002)
    assert reached.measured() == "mean 0.1000, -0.0020 ± 0.0011 (95 % interval)"


def test_several_claims_share_the_error(new_study: "type[Study]", tmp_path: Path) -> None:
    """Holm over both: p .044 is enough beside a clear one, at 95 % its interval would hold the value."""
    claims = (reaches(at_least=0.9), reaches(at_least=0.8))
    near, far = study_at(new_study, 0.9009, *claims).facts(tmp_path).verdicts
    assert (near.ruling, far.ruling) == ("supported", "supported")
    assert near.p_adjusted == pytest.approx(near.p)
    assert near.as_row()["low"] < 0
    assert "which Holm's sharper procedure excludes" in near.reason
    claims = (reaches(at_least=0.9), reaches(at_least=0.9009))
    assert study_at(new_study, 0.9009, *claims).facts(tmp_path / "b").verdicts[0].ruling == "inconclusive"


def replaced(study: "Study", **of_first: Any) -> "Study":
    """Return a study with other fields of its first run."""
    for name, value in of_first.items():
        setattr(study.runs[0], name, value)
    return study


def test_diverged_and_missing_runs(new_study: "type[Study]", tmp_path: Path) -> None:
    """Diverged is chance for an accuracy, nothing for a loss; missing is anything from chance to the best."""
    claims = (reaches(at_least=0.88), reaches("test_loss", at_most=0.2))
    diverged = replaced(study_at(new_study, 0.9, *claims), status="diverged", test_accuracy=None)
    accuracy, loss = diverged.facts(tmp_path / "diverged").verdicts
    assert (accuracy.ruling, accuracy.n) == ("inconclusive", 10)
    assert accuracy.as_row()["effect"] == pytest.approx((0.1 + 9 * 0.9) / 10 - 0.88)
    assert (loss.ruling, loss.reason) == (
        "not testable",
        "a confirm run of a diverged, which voids the mean",
    )
    lost = replaced(study_at(new_study, 0.9, *claims[:1]), status="failed", test_accuracy=None)
    (verdict,) = lost.facts(tmp_path / "lost").verdicts
    assert (verdict.ruling, "replicates are missing" in verdict.reason) == ("not testable", True)
    sure = replaced(study_at(new_study, 0.9, reaches(at_least=0.6)), status="failed", test_accuracy=None)
    (verdict,) = sure.facts(tmp_path / "sure").verdicts
    assert (verdict.ruling, verdict.replicates["a"].missing) == ("supported", 1)
    assert verdict.as_row()["low"] < (0.1 + 9 * 0.9) / 10 - 0.6 < 0.3 < verdict.as_row()["high"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "a has no completed confirm run"),
        ([0.9], "single seed: it shows no spread"),
        ([0.9, 0.9, 0.9], "every replicate has the same value"),
        ([0.9, math.nan, 0.8], "could have been anything"),
    ],
)
def test_what_decides_nothing(values: list[float], reason: str) -> None:
    """None, one, equal ones, and a missing one of a metric without a chance level."""
    own = Replicates(
        arm="a",
        keys=list(range(len(values))),
        values=np.array(values),
        statuses=["missing" if math.isnan(value) else "completed" for value in values],
    )
    found = against_value(own, 0.85, None)
    assert isinstance(found, Untestable)
    assert reason in found.reason


def test_values_equal_up_to_rounding_lie_at_the_value() -> None:
    """0.1 + 0.2 is no evidence of anything above 0.3."""
    test = against([0.1 + 0.2, 0.3, 0.3], 0.3)
    assert test is not None
    assert (test.mean, test.standard_error) == (0.0, 0.0)


def test_an_arm_at_the_edge_of_its_range_is_not_called_short(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """A wider range may mend it; where it reaches the value, the edge does not matter."""
    study = new_study(arms={"a": {"lr": {"low": 1e-4, "high": 1.0, "log": True}}})
    study.search("a", [0.01, 1.0], best=1.0)
    study.confirm("a", [0.9 + noise for noise in NOISE], lr=1.0)
    study.claims = [reaches(at_least=0.95), reaches(at_least=0.85)]
    short, reached = study.facts(tmp_path).verdicts
    assert short.ruling == "inconclusive"
    assert "its learning rate at the upper edge of its range: a wider range may mend it" in short.reason
    assert (reached.ruling, reached.scope) == ("supported", "configuration")


def test_a_study_with_looks_stops_where_it_is_decided(new_study: "type[Study]", tmp_path: Path) -> None:
    """A point above at the first look; the other arm, at the value, goes on alone."""
    plan = {"looks": [5, 8, 12, 20], "weights": [0.25] * 4}
    study = new_study(arms={"a": {}, "b": {}}, plan=plan, confirm_runs=20)
    study.claims = [reaches(at_least=0.89), reaches(arm="b", at_least=0.8995)]
    for arm in "ab":
        study.confirm(arm, [0.9 + noise for noise in NOISE[:5]])
    declared = {"confirm_seeds": list(range(100, 120)), "confirm": {"seeds": {"min": 5, "max": 20}}}
    facts = Facts(load_study(study.write(tmp_path, **declared)))
    seen = standing(facts.grounds, 5)
    assert (dict(seen.decided), set(seen.needed_arms)) == ({0: "supported"}, {"b"})
    decided, still_open = facts.verdicts
    test = stats.ttest_1samp([0.9 + noise for noise in NOISE[:5]], 0.89, alternative="greater")
    assert (decided.look, decided.p) == (5, pytest.approx(4 * test.pvalue))
    assert still_open.ruling == "not yet"


def test_the_hopeless_is_given_up(new_study: "type[Study]", tmp_path: Path) -> None:
    """A mean at the value: even one standard error more would decide nothing at 12."""
    plan = {"looks": [5, 12], "weights": [0.5] * 2}
    study = new_study(arms={"a": {}}, plan=plan, confirm_runs=12, claims=[reaches(at_least=0.9)])
    study.confirm("a", [0.9 + noise for noise in NOISE[:5]])
    declared = {"confirm_seeds": list(range(100, 112)), "confirm": {"seeds": {"min": 5, "max": 12}}}
    (verdict,) = Facts(load_study(study.write(tmp_path, **declared))).verdicts
    assert (verdict.ruling, verdict.look) == ("inconclusive", 5)
    assert "even one standard error more would decide nothing at n = 12" in verdict.reason


def test_repeats_of_a_search_are_its_replicates(new_study: "type[Study]", tmp_path: Path) -> None:
    """Five searches of two runs each: n is 5, of their means, and the ruling is about the procedure."""
    study = new_study(arms={"a": {"lr": {"low": 1e-4, "high": 1.0, "log": True}}}, confirm_runs=10)
    rows = [[0.9 + noise, 0.91 + noise] for noise in NOISE[:5]]
    study.repeat("a", rows)
    study.claims = [reaches(at_least=0.9)]
    (verdict,) = study.facts(tmp_path).verdicts
    test = stats.ttest_1samp(np.mean(rows, axis=1), 0.9, alternative="greater")
    assert (verdict.ruling, verdict.scope, verdict.n, verdict.unit) == (
        "supported",
        "procedure",
        5,
        "repeats",
    )
    assert verdict.p == pytest.approx(test.pvalue)


def judged(values: "np.ndarray", bound: float, plan: Looks) -> "list[Verdict | None]":
    """Return the verdicts of claims that arms reach a value; values have shape `(n_arms, n_last)`."""
    scale = Scale(metric=USUAL["test_accuracy"], sign=1, region=None)

    def evidence(of_arm: "np.ndarray") -> Reaching:
        keys, statuses = list(range(len(of_arm))), ["completed"] * len(of_arm)
        own = Replicates(arm="a", keys=keys, values=of_arm, statuses=statuses)  # type: ignore[arg-type]
        tested = against_value(own, bound, None)
        assert not isinstance(tested, Untestable)
        return Reaching(contrast=tested, scale=scale, value=bound, edge=None)

    return judge(plan, [[evidence(of_arm[:n]) for of_arm in values] for n in plan.looks])


@pytest.mark.parametrize(
    ("plan", "n_arms", "studies"),
    [(Looks.even((5,)), 1, 1500), (Looks.even((10,)), 3, 600), (Looks.even((5, 8, 12, 20)), 1, 500)],
)
def test_a_wrong_ruling_is_rare(plan: Looks, n_arms: int, studies: int) -> None:
    """True means at the value, which is thereby reached: "contradicted", for any arm, in at most 5 %."""
    draws = np.random.default_rng(3).normal(size=(studies, n_arms, plan.looks[-1]))
    wrong = [any(each and each.ruling == "contradicted" for each in judged(own, 0.0, plan)) for own in draws]
    assert np.mean(wrong) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)


def test_a_mean_short_of_the_value_is_rarely_called_so() -> None:
    """A hair below it: "supported" in about 5 %, where the level is used up; .9 sd above: in most studies."""
    draws = np.random.default_rng(4).normal(size=(1500, 1, 10))
    for shift, least, most in ((-1e-9, 0.035, 0.062), (0.9, 0.8, 0.9)):
        found = [
            each is not None and each.ruling == "supported"
            for own in draws
            for each in judged(own + shift, 0.0, Looks.even((10,)))
        ]
        assert least < np.mean(found) < most


def test_a_mean_on_new_images(new_study: "type[Study]", tmp_path: Path) -> None:
    """Twenty of 200 images are hard: other images move the mean by .3 / sqrt(200), however many seeds."""
    labels = np.random.default_rng(4).integers(0, 10, size=200)
    predictions = np.tile(labels, (5, 1))
    predictions[:, :20] += 1
    predictions[range(5), 100 + np.arange(5)] += 1
    predictions[0, 110] += 1
    study = new_study(arms={"a": {}}, labels=labels.tolist(), claims=[reaches(at_least=0.85)])
    study.classify("a", (predictions % 10).tolist())
    (verdict,) = study.facts(tmp_path).verdicts
    assert (verdict.ruling, verdict.new_images is not None) == ("supported", True)
    assert verdict.new_images is not None
    half_width = (verdict.new_images.high - verdict.new_images.low) / 2
    assert half_width == pytest.approx(1.65 * 0.3 / math.sqrt(200), rel=0.1)
    middle = (verdict.new_images.high + verdict.new_images.low) / 2
    assert middle == pytest.approx(verdict.as_row()["effect"])


def test_intervals_for_new_images_hold_the_truth() -> None:
    """Images of differing difficulty, five noisy runs: 93 to 97 % of intervals hold the mean of all."""
    generator = np.random.default_rng(5)
    truth, held = 1 / (1 + 1 / 9), []
    for _ in range(400):
        difficulty = generator.beta(0.9, 0.1, size=1000)
        right = generator.random((5, 1000)) < difficulty
        found = new_images(right, np.zeros_like(right), is_paired=True)
        assert found is not None
        held.append(abs(found.mean - truth) <= found.half_width)
    assert 0.93 <= np.mean(held) <= 0.97


def test_report_and_verdict_tell_it(
    new_study: "type[Study]", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mean and its difference; nothing of pairs or equivalence, which the study is not about."""
    folder = study_at(new_study, 0.9009, reaches(at_least=0.9)).write(tmp_path)
    write_report(folder)
    text = (folder / "report" / "report.md").read_text(encoding="utf-8")
    assert "mean 90.09 %, +0.090 ± 0.086 pp (90 % interval)" in text
    assert "Reaches: the arm's mean less the value" in text
    assert "first arm minus second" not in text
    assert "Equivalent: two one-sided" not in text
    (claim,) = json.loads((folder / "report" / "claims.json").read_text(encoding="utf-8"))["claims"]
    assert (claim["kind"], claim["quantity"], claim["value"]) == ("reaches", "difference", 0.9)
    assert measured(claim) == "90.09 %: +0.090 ± 0.086 pp"
    assert command.main([str(folder), "--claim", "1"]) == 0
    assert "1. supported: It is reached." in capsys.readouterr().out
    assert command.main([str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["claims"][0]["value"] == 0.9
