"""Whole studies of repeats and looks, simulated through the statistics that rule on them; seeds are fixed.

`Protocol.run` is the procedure of claims in a few lines: every claim compares arms at planned looks, Holm
decides over all of them, futile ones stop, and arms that no open claim needs get no more replicates. Amounts
are in standard deviations of one replicate, unless they are percentage points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest

from analysis.claims.contrast import Contrast
from analysis.claims.evidence import Sides
from analysis.claims.monotone import Steps
from analysis.claims.scale import Scale
from analysis.metrics import USUAL
from analysis.statistics import power
from analysis.statistics.sequential import (
    Looks,
    Path,
    PValues,
    holm_rejects,
    is_futile,
)
from analysis.statistics.tests import Difference, paired, welch

Arm = Sequence[float]
Compare = Callable[[Arm, Arm], Difference | None]
FOUR_LOOKS = Looks.even((5, 8, 12, 20))


def seed_by_seed(first: Arm, second: Arm) -> Difference | None:
    """Compare two arms that share their seeds."""
    return paired([one - other for one, other in zip(first, second, strict=True)])


COMPARISONS: dict[str, Compare] = {"paired": seed_by_seed, "welch": welch}


@dataclass
class Claim:
    """One arm is better than another; what became of it."""

    arm: int
    than: int
    path: Path
    ruling: str = "open"
    n: int = 0
    """Replicates when it closed."""
    interval: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Protocol:
    """A plan with its test, for claims of every pair of arms."""

    plan: Looks
    compare: Compare
    region: float | None = None

    def run(self, arms: Sequence[Arm]) -> list[Claim]:
        """Return the claims of one study, all of them closed; arms have shape `(n_arms, n_last)`."""
        pairs = combinations(range(len(arms)), 2)
        claims = [Claim(arm, than, Path(plan=self.plan)) for arm, than in pairs]
        for look, n in enumerate(self.plan.looks):
            still_open = [claim for claim in claims if claim.ruling == "open"]
            found = [self.compare(arms[claim.arm][:n], arms[claim.than][:n]) for claim in still_open]
            measured = [(claim, each) for claim, each in zip(still_open, found, strict=True) if each]
            for claim, each in measured:
                claim.path, claim.n = claim.path.add(look, PValues.of(each, self.region)), n
                half_width = each.half_width(1 - self.plan.weights[look] * self.plan.alpha / len(claims))
                claim.interval = each.mean - half_width, each.mean + half_width
            self._decide(claims)
            for claim, each in measured:
                if claim.ruling == "open" and is_futile(each, look, self.plan, len(claims), self.region):
                    claim.ruling = "inconclusive"
        return claims

    def _decide(self, claims: Sequence[Claim]) -> None:
        """Close what Holm rejects: first as different, then, in a family of its own, as equivalent."""
        different = holm_rejects(
            [min(claim.path.ahead, claim.path.behind) for claim in claims], self.plan.alpha, len(claims)
        )
        equivalent = holm_rejects([claim.path.inside for claim in claims], self.plan.alpha, len(claims))
        for claim, is_different, is_equivalent in zip(claims, different, equivalent, strict=True):
            if claim.ruling != "open":
                continue
            if is_different:
                claim.ruling = "ahead" if claim.path.ahead <= claim.path.behind else "behind"
            elif is_equivalent:
                claim.ruling = "equivalent"


def normal(seed: int, studies: int, arms: int, n: int, ahead: float = 0.0) -> list[list[list[float]]]:
    """Return studies of arms with normal replicates, the first of them ahead."""
    samples = np.random.default_rng(seed).normal(size=(studies, arms, n))
    samples[:, 0] += ahead
    values: list[list[list[float]]] = samples.tolist()
    return values


def tolerance(studies: int, rate: float = 0.05) -> float:
    """Return two standard errors of a simulated rate."""
    return 2 * float(np.sqrt(rate * (1 - rate) / studies))


def repeats(
    seed: int, studies: int, arms: int, repeat_plan: tuple[int, int], search: float, ahead: float = 0.0
) -> list[list[list[float]]]:
    """Return studies whose replicates are repeats: mean of k seeds of a configuration that a search chose.

    Args:
        seed: Of the simulation.
        studies: How many.
        arms: In each.
        repeat_plan: Repeats, and seeds of each.
        search: Standard deviation over searches in percentage points; that of seeds is .25.
        ahead: How far the first arm is ahead.
    """
    m, k = repeat_plan
    generator = np.random.default_rng(seed)
    chosen = search * generator.normal(size=(studies, arms, m, 1))
    values = (chosen + 0.25 * generator.normal(size=(studies, arms, m, k))).mean(axis=3)
    values[:, 0] += ahead
    replicates: list[list[list[float]]] = values.tolist()
    return replicates


def false_rulings(protocol: Protocol, studies: Sequence[Sequence[Arm]]) -> float:
    """Return the share of studies with any difference found."""
    return float(np.mean([any(c.ruling in {"ahead", "behind"} for c in protocol.run(s)) for s in studies]))


def fixed(n: int) -> Protocol:
    """Return the protocol of one look by Welch's test."""
    return Protocol(Looks.even((n,)), welch)


def test_equal_procedures_rarely_differ() -> None:
    """Three arms, 5 repeats of 2 seeds, searches that differ by .2 points: 3.8 % of studies (of many)."""
    studies = repeats(1, 2000, 3, (5, 2), 0.2)
    assert false_rulings(fixed(5), studies) <= 0.05


def test_seeds_of_one_search_differ_too_often() -> None:
    """The same procedures by ten seeds of one configuration each: a "difference" in half of all studies."""
    chosen = 0.2 * np.random.default_rng(2).normal(size=(500, 3, 1))
    values = chosen + 0.25 * np.random.default_rng(3).normal(size=(500, 3, 10))
    assert false_rulings(fixed(10), values.tolist()) >= 0.45


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("arms", [3, 6])
@pytest.mark.parametrize("search", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("repeat_plan", [(5, 2), (3, 3)])
def test_equal_procedures_rarely_differ_in_any_plan(
    arms: int, search: float, repeat_plan: tuple[int, int]
) -> None:
    """In 2.0 to 3.8 % of studies, whatever searches add to the noise."""
    studies = repeats(4, 2500, arms, repeat_plan, search)
    assert false_rulings(fixed(repeat_plan[0]), studies) <= 0.05


def test_a_better_procedure_is_found() -> None:
    """One of three ahead by .6 points, searches .1, 5 repeats of 2 seeds: a given pair in 90 % or more."""
    outcomes = [fixed(5).run(study) for study in repeats(5, 2000, 3, (5, 2), 0.1, ahead=0.6)]
    assert np.mean([claims[0].ruling == "ahead" for claims in outcomes]) >= 0.90
    assert not any(claim.ruling == "behind" for claims in outcomes for claim in claims[:2])


ARMS = {1: 2, 3: 3, 15: 6}
"""Arms whose every pair is claimed, by the number of claims."""


@pytest.mark.parametrize("test", ["paired", "welch"])
def test_looks_rarely_find_what_is_not_there(test: str) -> None:
    """One claim of equal arms looked at four times: a difference in 3.5 to 4 % of studies (of many)."""
    studies = normal(6, 2000, 2, 20)
    assert false_rulings(Protocol(FOUR_LOOKS, COMPARISONS[test]), studies) <= 0.05


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("test", ["paired", "welch"])
@pytest.mark.parametrize("count", [1, 3, 15])
def test_looks_at_many_claims_rarely_find_what_is_not_there(test: str, count: int) -> None:
    """Any difference among equal arms in at most 5 % of 4 000 studies, with 1, 3 and 15 claims."""
    studies = normal(7, 4000, ARMS[count], 20)
    assert false_rulings(Protocol(FOUR_LOOKS, COMPARISONS[test]), studies) <= 0.05


NEEDED = {"paired": {1: 7.0, 3: 9.0, 15: 12.5}, "welch": {1: 8.0, 3: 10.0, 15: 15.5}}
"""Replicates of the leading arm on average, at most, by test and claims."""


def leader_is_found(test: str, count: int, studies: int) -> tuple[float, float]:
    """Return how often a leader by two deviations is found ahead of one rival, and its mean replicates.

    Paired: two deviations of a difference. The leader runs until no claim about it is open.
    """
    protocol = Protocol(FOUR_LOOKS, COMPARISONS[test])
    ahead = 2 * 2**0.5 if test == "paired" else 2.0
    outcomes = [protocol.run(study) for study in normal(8, studies, ARMS[count], 20, ahead)]
    found = np.mean([claims[0].ruling == "ahead" for claims in outcomes])
    needed = np.mean([max(claim.n for claim in claims if claim.arm == 0) for claims in outcomes])
    return float(found), float(needed)


@pytest.mark.parametrize("test", ["paired", "welch"])
def test_a_leader_is_found_early(test: str) -> None:
    """Ahead by two deviations, one claim: found in 97 % or more, with 7 (paired) or 8 replicates."""
    found, needed = leader_is_found(test, 1, 1000)
    assert found >= 0.97
    assert needed <= NEEDED[test][1]


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("test", ["paired", "welch"])
@pytest.mark.parametrize("count", [3, 15])
def test_a_leader_of_many_claims_is_found_early(test: str, count: int) -> None:
    """Three claims take 9 or 10 replicates, fifteen 12.5 or 15.5; each finds 97 % or more."""
    found, needed = leader_is_found(test, count, 2000)
    assert found >= 0.97
    assert needed <= NEEDED[test][count]


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("ahead", [0.0, 1.0, 2.0])
def test_intervals_after_stopping_hold_the_truth(ahead: float) -> None:
    """Three claims, stopped wherever they stop: all intervals hold their difference in 95 % of studies."""
    protocol, truth = Protocol(FOUR_LOOKS, welch), {0: ahead, 1: ahead, 2: 0.0}
    held = [
        all(
            claim.interval[0] <= truth[place] <= claim.interval[1]
            for place, claim in enumerate(protocol.run(study))
        )
        for study in normal(9, 2000, 3, 20, ahead)
    ]
    assert np.mean(held) >= 0.95 - tolerance(2000)


def ladder_is_covered(n: int, studies: int) -> float:
    """Return how often the intervals of all pairs of twelve arms, three deviations apart, hold the truth."""
    pairs = list(combinations(range(12), 2))
    level = 1 - 0.05 / len(pairs)
    covered = 0
    for arms in (
        np.random.default_rng(10 + n).normal(size=(studies, 12, n)) + 3 * np.arange(12)[:, None]
    ).tolist():
        found = [(welch(arms[i], arms[j]), 3.0 * (i - j)) for i, j in pairs]
        covered += all(each and abs(each.mean - gap) <= each.half_width(level) for each, gap in found)
    return covered / studies


def test_intervals_drawn_together_cover_together() -> None:
    """Twelve arms, ten replicates, 66 pairs: Bonferroni's intervals hold all differences in 97 %."""
    assert ladder_is_covered(10, 400) >= 0.94


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 10])
def test_intervals_drawn_together_cover_together_in_more_studies(n: int) -> None:
    """As above, with five replicates too, in 2 500 studies."""
    assert ladder_is_covered(n, 2500) >= 0.94


@pytest.mark.parametrize("looks", [(30,), (5, 8, 12, 30)])
def test_arms_just_outside_the_region_are_rarely_equivalent(looks: tuple[int, ...]) -> None:
    """Fifteen differences of the region's size, n = 30, deviation .05: any equivalent in 5 % (of many)."""
    plan, wrong = Looks.even(looks), 0
    for study in (0.2 + 0.05 * np.random.default_rng(11).normal(size=(1500, 15, 30))).tolist():
        paths = [Path(plan=plan)] * 15
        for look, n in enumerate(looks):
            found = [paired(gaps[:n]) for gaps in study]
            paths = [
                path.add(look, PValues.of(each, 0.2)) for path, each in zip(paths, found, strict=True) if each
            ]
        wrong += any(holm_rejects([path.inside for path in paths], plan.alpha, 15))
    assert 0.01 <= wrong / 1500 <= 0.05 + tolerance(1500)


@pytest.mark.full
@pytest.mark.slow
def test_neither_kind_of_ruling_is_often_false() -> None:
    """One of three arms apart by the region: called equivalent, or the others different, in 5 % each."""
    protocol, false = Protocol(FOUR_LOOKS, welch, region=1.0), []
    for study in normal(16, 4000, 3, 20, ahead=1.0):
        *of_the_first, of_equals = protocol.run(study)
        is_equivalent = any(claim.ruling in {"equivalent", "behind"} for claim in of_the_first)
        false.append((is_equivalent, of_equals.ruling in {"ahead", "behind"}))
    assert np.all(np.mean(false, axis=0) <= 0.05)


def shown_is_found(n: int, rivals: int, alpha: float, studies: int) -> float:
    """Return how often a stated difference is found, if it is the truth, by another study.

    Each study of equal arms states by its own deviations what it would have shown; one new study each, with
    the first arm ahead of all rivals by that, finds all of it or not.
    """
    generator = np.random.default_rng(100 * n + rivals)
    found = 0
    for old, new in generator.normal(size=(studies, 2, rivals + 1, n)):
        first, *others = old.std(axis=1, ddof=1).tolist()
        shown = power.shown_difference(first=first, others=others, n=n, alpha=alpha)
        assert shown is not None
        leader = (new[0] + shown.high).tolist()
        tests = [welch(leader, rival) for rival in new[1:].tolist()]
        found += all(test is not None and test.p_ahead < alpha for test in tests)
    return found / studies


@pytest.mark.parametrize("n", [5, 10])
def test_a_stated_difference_is_found_by_new_studies(n: int) -> None:
    """One of fifteen pairs: in 80 % or more on average; `best` of six at that level: in 75 % or more."""
    assert shown_is_found(n, 1, 0.05 / 15, 1000) >= 0.80
    assert shown_is_found(n, 5, 0.05 / 15, 600) >= 0.75


def test_a_stated_paired_difference_is_found_by_new_studies() -> None:
    """The same of pairs that share their seeds, where the deviation is that of the difference."""
    found = 0
    for old, new in np.random.default_rng(12).normal(size=(1000, 2, 10)):
        shown = power.shown_paired_difference(deviations=[float(old.std(ddof=1))], n=10, alpha=0.05)
        assert shown is not None
        test = paired((new + shown.high).tolist())
        found += test is not None and test.p_ahead < 0.05
    assert found / 1000 >= 0.80


def test_a_difference_planned_for_is_found_at_looks() -> None:
    """Planned for 85 % by the last look alone: found in 80 % or more, as futile studies stop before it."""
    alpha = FOUR_LOOKS.last_alpha(1)
    planned = power.detectable_difference(n=20, deviation=2**0.5, alpha=alpha, test="welch", power=0.85)
    outcomes = [Protocol(FOUR_LOOKS, welch).run(study)[0] for study in normal(13, 1500, 2, 20, planned)]
    assert np.mean([claim.ruling == "ahead" for claim in outcomes]) >= 0.80
    assert np.mean([claim.n for claim in outcomes]) < 14


def monotone(values: np.ndarray) -> Sides:
    """Return what the claim "rises with every step" rests on; values have shape `(n_seeds, n_levels)`."""
    pairs = {}
    for low, high in combinations(range(values.shape[1]), 2):
        rise = paired((values[:, high] - values[:, low]).tolist())
        assert rise is not None
        pairs[low, high] = Contrast(arm=str(high), than=str(low), test=rise)
    scale = Scale(metric=USUAL["test_accuracy"], sign=1, region=None)
    steps = Steps(contrasts=list(pairs.values()), scale=scale, edges={}, pairs=pairs, growing=frozenset())
    start = Path(plan=Looks.even((len(values),)))
    return steps.sides({places: start.add(0, p) for places, p in steps.p_values().items()})


@pytest.mark.parametrize("n", [5, 10])
def test_a_response_that_turns_is_rarely_monotone(n: int) -> None:
    """Falls by three deviations a step, then rises by one: "falls with every step" in at most 5 %."""
    truth = np.array([0.0, -3.0, -6.0, -9.0, -12.0, -11.0])
    samples = np.random.default_rng(14).normal(size=(1000, n, 6)) + truth
    assert np.mean([monotone(-values).claimed < 0.05 for values in samples]) <= 0.05
    falling = [monotone(-values[:, :5]).claimed < 0.05 for values in samples]
    assert np.mean(falling) >= {5: 0.4, 10: 0.9}[n]


def test_a_flat_response_is_rarely_refuted() -> None:
    """Six equal levels: some pair against the claim in at most 5 %; steps down by five deviations always."""
    flat = np.random.default_rng(15).normal(size=(1000, 8, 6))
    assert np.mean([monotone(values).against < 0.05 for values in flat]) <= 0.05
    falls = [monotone(values + 5 * np.arange(6)[::-1]).against for values in flat[:50]]
    assert all(p < 0.05 for p in falls)
