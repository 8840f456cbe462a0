"""Whole studies of claims, simulated: how often are they wrong, and how often do they find what is there?

Seeds are fixed; amounts are in standard deviations of one run. Thousands of studies are decided by p-values
computed for all of them at once, as the claims compute them: the first test compares both ways.
"""

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from analysis import claims, statistics
from analysis.blocks.registry import TABLES
from analysis.claims.ahead import Ahead, ahead_of
from analysis.claims.contrast import Scale
from analysis.claims.decide import judge
from analysis.claims.equal import Equality
from analysis.claims.evidence import Untestable
from analysis.claims.verdict import Verdict

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

ARMS = 6
PAIRS = list(combinations(range(ARMS), 2))


def against(
    values: np.ndarray, arm: int, rivals: list[int], region: float | None = None
) -> Ahead | Untestable:
    """Return the evidence that an arm is ahead of others; `values` has shape `(n_seeds, n_arms)`."""
    scale = Scale(metric="test_accuracy", sign=1, region=region)
    by_seed = {str(i): dict(enumerate(map(float, values[:, i]))) for i in range(values.shape[1])}
    return ahead_of(str(arm), [str(rival) for rival in rivals], by_seed, scale, {})


def every_pair(values: np.ndarray, region: float | None = None) -> list[Verdict]:
    """Return the verdicts of a study that claims of each of 15 pairs that the first arm is the better one."""
    return judge([against(values, first, [second], region) for first, second in PAIRS])


def pair_tests(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the paired p-value and the mean difference of all 15 pairs of many studies.

    Args:
        samples: Shape `(n_studies, n_seeds, 6)`.

    Returns: Twice shape `(n_studies, 15)`.
    """
    first, second = (samples[:, :, list(side)] for side in zip(*PAIRS, strict=True))
    means, errors = (first - second).mean(axis=1), stats.sem(first - second, axis=1)
    return 2 * stats.t.sf(np.abs(means / errors), samples.shape[1] - 1), means


def is_decided(p_values: np.ndarray) -> np.ndarray:
    """Return which p-values of each study Holm's procedure finds below 5 %; shape `(n_studies, n_claims)`."""
    return np.array([np.array(statistics.holm(list(row))) < claims.ALPHA for row in p_values])


def planted(shift: float, n: int, seed: int) -> np.ndarray:
    """Return 1 000 studies of six arms, the first of them ahead by `shift`; shape `(1000, n, 6)`."""
    samples = np.random.default_rng(seed).normal(size=(1000, n, ARMS))
    samples[:, :, 0] += shift
    return samples


def test_many_studies_at_once_are_decided_as_single_ones() -> None:
    """The verdicts of twelve studies with a difference in them agree with the p-values used below."""
    samples = planted(2.5, 6, 1)[:12]
    p_values, means = pair_tests(samples)
    expected = np.where(
        is_decided(p_values), np.where(means > 0, "supported", "contradicted"), "inconclusive"
    )
    assert {"supported", "inconclusive"} <= set(expected.ravel())
    for values, rulings in zip(samples, expected, strict=True):
        assert [verdict.ruling for verdict in every_pair(values)] == list(rulings)


@pytest.mark.parametrize("n", [5, 10])
def test_equal_arms_rarely_differ(n: int) -> None:
    """Six equal arms, 15 claims: a difference in at most 6.4 % of 1 000 studies; raw Welch in 34 to 37 %."""
    samples = np.random.default_rng(2).normal(size=(1000, n, ARMS))
    p_values, _ = pair_tests(samples)
    assert is_decided(p_values).any(axis=1).mean() <= 0.064
    welch = [
        stats.ttest_ind(samples[:, :, i], samples[:, :, j], axis=1, equal_var=False).pvalue for i, j in PAIRS
    ]
    assert 0.30 <= np.mean(np.min(welch, axis=0) < 0.05) <= 0.40  # so the line above has teeth


def test_equal_arms_are_rarely_the_best() -> None:
    """Six claims, each that one of six equal arms is the best: anything in at most 6.4 % of 500 studies."""
    false_alarms = 0
    for values in np.random.default_rng(3).normal(size=(500, 5, ARMS)):
        claimed = [
            against(values, arm, [other for other in range(ARMS) if other != arm]) for arm in range(ARMS)
        ]
        p_values = [evidence.p for evidence in claimed if isinstance(evidence, Ahead)]
        false_alarms += min(statistics.holm(p_values)) < claims.ALPHA
    assert false_alarms / 500 <= 0.064


def test_a_planted_difference_is_found() -> None:
    """Three deviations, ten seeds, 15 claims: 97 % of 1 000 studies find a given pair, none the wrong way."""
    p_values, means = pair_tests(planted(3.0, 10, 4))
    found = is_decided(p_values)
    assert (found[:, 0] & (means[:, 0] > 0)).mean() >= 0.97
    assert not (found[:, :5] & (means[:, :5] < 0)).any()  # the five pairs with the planted arm


def test_a_planted_best_is_found() -> None:
    """Two deviations, ten seeds: the best of six is found in 91 % of studies (of 20 000), never refuted."""
    decided = [against(values, 0, [1, 2, 3, 4, 5]) for values in planted(2.0, 10, 5)[:400]]
    found = [evidence for evidence in decided if isinstance(evidence, Ahead) and evidence.p < claims.ALPHA]
    assert 0.87 <= len(found) / 400 <= 0.95
    assert {evidence.rule(claims.ALPHA).ruling for evidence in found} == {"supported"}


def test_noise_far_below_the_region_shows_equivalence() -> None:
    """Equal arms whose noise is a tenth of the region: every pair is equivalent, none left open."""
    samples = 0.1 * np.random.default_rng(6).normal(size=(20, 10, ARMS))
    for values in samples:
        assert {verdict.ruling for verdict in every_pair(values, region=1.0)} == {"equivalent"}


@pytest.mark.parametrize("n", [3, 5, 10])
def test_arms_just_apart_are_rarely_called_equal(n: int) -> None:
    """A true difference of the region's size: "equal" holds in at most 6.4 % of 1 000 studies."""
    scale = Scale(metric="test_accuracy", sign=1, region=0.8)
    wrong = 0
    for values in np.random.default_rng(n).normal(size=(1000, n, 2)) + np.array([0.8, 0.0]):
        pair = against(values, 0, [1], 0.8)
        assert isinstance(pair, Ahead)
        wrong += Equality(contrasts=pair.contrasts, scale=scale, region=0.8, edges={}).p < claims.ALPHA
    assert wrong / 1000 <= 0.064


def test_foretold_power_is_real() -> None:
    """The difference that a verdict says its seeds would have found is found in 80 % of 1 000 studies."""
    samples = np.random.default_rng(8).normal(size=(1000, 10))
    known = (samples[0] - samples[0].mean()) / samples[0].std(ddof=1)  # mean 0, deviation 1
    (verdict,) = judge([against(np.stack([known, np.zeros(10)], axis=1), 0, [1])])
    assert verdict.reach.detectable is not None
    p_values = stats.ttest_1samp(samples + verdict.reach.detectable, 0.0, axis=1).pvalue
    assert (p_values < claims.ALPHA).mean() == pytest.approx(0.8, abs=0.04)


def test_scale_and_sign_change_no_verdict() -> None:
    """Values times a thousand, or mirrored: the same rulings, with the sides exchanged."""
    mirrored = {"supported": "contradicted", "contradicted": "supported"}
    for values in planted(1.5, 6, 9)[:5]:
        plain = [verdict.ruling for verdict in every_pair(values, 0.5)]
        assert [verdict.ruling for verdict in every_pair(1000 * values, 500.0)] == plain
        assert [verdict.ruling for verdict in every_pair(-values, 0.5)] == [mirrored.get(r, r) for r in plain]


def test_repeated_runs_change_no_interval(three_arms: "Study", tmp_path: Path) -> None:
    """Every confirm run twice, with the same seeds: n and every number of the tables stay as they are."""
    first = three_arms.facts(tmp_path / "a")
    three_arms.confirm_runs = 8
    for run in [run for run in three_arms.runs if run.phase == "confirm"]:
        again = {name: value for name, value in vars(run).items() if name not in {"arm", "phase", "run_id"}}
        three_arms.add(run.arm, "confirm", **again, run_id=f"{run.run_id}-again")
    second = three_arms.facts(tmp_path / "b")
    for name in ("claims", "results"):
        numbers = [
            TABLES[name].rendered(name, facts).numbers.select_dtypes("number") for facts in (first, second)
        ]
        assert numbers[0].equals(numbers[1]), name


def noisy_studies(count: int) -> np.ndarray:
    """Return the test accuracies of studies of six equal arms, five seeds each; shape `(count, 5, 6)`."""
    return 0.88 + 0.003 * np.random.default_rng(10).normal(size=(count, 5, ARMS))


def verdicts_from_journal(values: np.ndarray, study: "Study", folder: Path) -> list[Verdict]:
    """Write a study with these accuracies, of shape `(n_seeds, 6)`, to disk; decide a claim of each pair."""
    for arm, column in zip(study.arms, values.T, strict=True):
        study.confirm(arm, list(map(float, column)), epochs=1)
    study.claims = [
        {"says": "x", "better": {"arm": f"arm{i}", "than": f"arm{j}", "metric": "test_accuracy"}}
        for i, j in PAIRS
    ]
    return list(study.facts(folder).verdicts)


def test_a_journal_leads_to_the_verdicts_of_its_values(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two studies on disk, in one of which arms differ: rulings and p-values are those of the numbers."""
    for number, values in enumerate(noisy_studies(2)):
        values[:, 0] += 0.01 * number
        study = new_study(arms={f"arm{i}": {} for i in range(ARMS)})
        verdicts = verdicts_from_journal(values, study, tmp_path / str(number))
        expected = every_pair(values, region=0.002)
        assert [verdict.ruling for verdict in verdicts] == [verdict.ruling for verdict in expected]
        assert [verdict.p for verdict in verdicts] == pytest.approx([verdict.p for verdict in expected])
        assert ("supported" in {verdict.ruling for verdict in verdicts}) == bool(number)


@pytest.mark.slow
@pytest.mark.full
def test_equal_arms_rarely_differ_from_journal_to_verdict(new_study: "type[Study]", tmp_path: Path) -> None:
    """The same through journals on disk: a difference in at most 6.4 % of 125 studies."""
    false_alarms = 0
    for number, values in enumerate(noisy_studies(125)):
        study = new_study(arms={f"arm{i}": {} for i in range(ARMS)})
        verdicts = verdicts_from_journal(values, study, tmp_path / str(number))
        false_alarms += any(verdict.ruling in {"supported", "contradicted"} for verdict in verdicts)
    assert false_alarms / 125 <= 0.064
