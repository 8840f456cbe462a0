"""Paired differences between arms over their confirm seeds, corrected as one family of comparisons.

The rules are those of claims (`analysis.claims`): values are paired over the seeds that both arms share; a
diverged seed voids its arm's mean; a difference that is the same non-zero number for every seed is not
tested; p-values are Holm-adjusted over the pairs that can be tested, and each interval is drawn at the level
of its own step.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis import statistics
from analysis.claims import ALPHA, METRICS, Grounds
from analysis.claims.contrast import Contrast, Scale, contrast
from analysis.claims.decide import compared_arms
from analysis.claims.evidence import Untestable, Values, confirm_values, voided
from analysis.records import StudyRecords
from analysis.render import numbers
from harness.study.claims import Claim

Pair = tuple[str, str]
"""Two arms, of which the second is subtracted from the first."""

_COLUMNS = {
    "arm": "str",
    "than": "str",
    "metric": "str",
    "n": "int64",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "improvement": "float64",
    "is_declared": "bool",
    "reason": "str",
}


def every_pair(records: StudyRecords) -> tuple[Pair, ...]:
    """Return each two arms once: the one that the study file names later, minus the earlier one."""
    return tuple((later, earlier) for earlier, later in combinations(records.arms, 2))


def against_baseline(records: StudyRecords) -> tuple[Pair, ...]:
    """Return every other arm with the declared baseline; no pair where the study declares none."""
    baseline = records.declaration.baseline
    return tuple((arm, baseline) for arm in records.arms if baseline in records.arms and arm != baseline)


def declared_pairs(grounds: Grounds, metric: str) -> set[frozenset[str]]:
    """Return which pairs were to be compared by a metric before the data: by a claim, or with the baseline.

    A claim counts where it compares these two arms and no others. Under a broken seal nobody knows.
    """
    if grounds.records.seal.state == "broken":
        return set()
    declared = {frozenset(pair) for pair in against_baseline(grounds.records)}
    for claim in claims_about(grounds, metric):
        arms = frozenset(compared_arms(grounds.records, claim))
        if claim.kind in {"better", "best", "equal"} and len(arms) == 2:
            declared.add(arms)
    return declared


def claims_about(grounds: Grounds, metric: str) -> list[Claim]:
    """Return the declared claims about a metric, as far as this version understands them."""
    return [claim for claim in grounds.claims if isinstance(claim, Claim) and claim.metric == metric]


def compare(grounds: Grounds, pairs: Sequence[Pair], metric: str = "test_accuracy") -> pd.DataFrame:
    """Return one row a pair: its mean difference over common confirm seeds, corrected for all the pairs.

    Args:
        grounds: The study, and which pairs it declares.
        pairs: One family of comparisons.
        metric: Column of the runs, compared by its difference.

    Returns: Columns `arm, than, metric, n, difference, low, high, level, p, p_adjusted, improvement,
        is_declared, reason`. Differences are `arm` minus `than` in the metric's unit, accuracies in [0, 1].
        `level` is the confidence level of `low` and `high`, `improvement` the share of all pairs of runs in
        which `arm` has the better value, ties by half. Where `reason` is not empty, the pair was not tested;
        its difference is absent if a seed of either arm diverged.
    """
    records = grounds.records
    values = confirm_values(records, records.arms, metric)
    void = {arm for arm in records.arms if voided(records, [arm])}
    measured = [
        (voided(records, pair) if void & set(pair) else None) or _measured(pair, values, metric)
        for pair in pairs
    ]
    p_values = [outcome.test.p for outcome in measured if isinstance(outcome, Contrast)]
    steps = iter(zip(statistics.holm(p_values), statistics.holm_alphas(p_values, ALPHA), strict=True))
    declared = declared_pairs(grounds, metric)
    rows = [
        {
            "arm": arm,
            "than": than,
            "metric": metric,
            "is_declared": frozenset((arm, than)) in declared,
            **(
                _untested(outcome, values[arm], values[than], is_void=bool({arm, than} & void))
                if isinstance(outcome, Untestable)
                else _tested(outcome, *next(steps))
            ),
        }
        for (arm, than), outcome in zip(pairs, measured, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def paired(first: Values, second: Values) -> dict[int, float]:
    """Return the difference of two arms by common seed, in the seeds' order."""
    return {seed: first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())}


def _measured(pair: Pair, values: Mapping[str, Values], metric: str) -> Contrast | Untestable:
    return contrast(*pair, values, Scale.of(metric, None), is_more_better=METRICS[metric].sign > 0)


def _tested(outcome: Contrast, p_adjusted: float, alpha: float) -> dict[str, Any]:
    test, half_width = outcome.test, outcome.test.half_width(1 - alpha)
    return {
        "n": test.n,
        "difference": test.mean,
        "low": test.mean - half_width,
        "high": test.mean + half_width,
        "level": 1 - alpha,
        "p": test.p,
        "p_adjusted": p_adjusted,
        "improvement": outcome.improvement,
        "reason": "",
    }


def _untested(outcome: Untestable, first: Values, second: Values, *, is_void: bool) -> dict[str, Any]:
    """Return what is known of a pair that cannot be tested: how many seeds, and their mean difference."""
    gaps = list(paired(first, second).values())
    mean = float(np.mean(gaps)) if gaps and not is_void else None
    return {"n": len(gaps), "difference": mean, "reason": outcome.reason}


def amount(difference: float | None, high: float | None, metric: str) -> str:
    """Return a difference with its sign and the half-width of its interval, in the readers' unit.

    Args:
        difference: In the metric's unit; None or NaN gives the mark for an absent value.
        high: Upper end of its interval, if it has one.
        metric: Key of `METRICS`.
    """
    if not numbers.is_present(difference):
        return numbers.ABSENT
    half_width = high - difference if numbers.is_present(high) else None
    scale = METRICS[metric].scale
    text = numbers.with_uncertainty(difference, half_width, scale=scale, decimals=2 if scale == 100 else 4)
    if float(text.split()[0]) == 0:
        return text.removeprefix("-")  # rounded to nothing: no side to name
    return text if difference < 0 else f"+{text}"


def method(frame: pd.DataFrame) -> str:
    """Return how the intervals of a family were made and what p is, with n, family and levels."""
    tested = frame[frame["reason"] == ""]
    if tested.empty:
        return "No pair of arms can be tested, so no difference has an interval."
    n, levels = numbers.span(tested["n"]), numbers.span(100 * tested["level"], "{:.4g}".format)
    return (
        f"Mean ± half-width of the paired t-interval over the n seeds that both arms share (n = {n}; "
        "a seed fixes the split, the initialisation and the data order). The family is "
        f"{_family(tested)}; each interval is at the level of its step in Holm's procedure "
        f"({levels} %), which keeps the chance of any interval without 0 where all arms are equal at "
        f"{100 * ALPHA:g} % for the whole family."
    )


def _family(tested: pd.DataFrame) -> str:
    metrics = tested["metric"].value_counts()
    each = f" of each of {len(metrics)} metrics" if len(metrics) > 1 else ""
    pairs = " or ".join(str(count) for count in sorted(set(metrics)))
    return f"the {pairs} pairs that can be tested{each}" if pairs != "1" else f"one pair{each}"


def cautions(grounds: Grounds, frame: pd.DataFrame) -> list[str]:
    """Return what a reader must know before believing the differences of a frame."""
    arms = [arm for arm in grounds.records.arms if arm in {*frame["arm"], *frame["than"]}]
    sentences = []
    void = [arm for arm in arms if voided(grounds.records, [arm])]
    if void:
        sentences.append(
            f"No difference is formed with {_names(void)}: a confirm run diverged, which voids the mean."
        )
    sentences += _untested_in_words(frame, void)
    if grounds.unequal_budgets:
        reasons = "; ".join(grounds.unequal_budgets)
        sentences.append(f"Budgets are unequal ({reasons}): a difference may be one of tuning.")
    edged = [arm for arm, edge in grounds.edges(arms).items() if edge]
    if edged:
        sentences.append(
            f"Chosen rates at an edge of their range, which a wider one may change: those of {_names(edged)}."
        )
    return sentences


def _untested_in_words(frame: pd.DataFrame, void: Sequence[str]) -> list[str]:
    """Return how many pairs have no interval for want of seeds or of variation."""
    rows = frame[(frame["reason"] != "") & ~frame["arm"].isin(void) & ~frame["than"].isin(void)]
    few, constant = int((rows["n"] < 2).sum()), int((rows["n"] >= 2).sum())
    sentences = []
    if few:
        sentences.append(f"Without an interval, for fewer than two common completed seeds: {few}.")
    if constant:
        sentences.append(f"Without an interval, for the same difference in every seed: {constant}.")
    return sentences


def _names(arms: Sequence[str]) -> str:
    return " and ".join([", ".join(arms[:-1]), arms[-1]] if len(arms) > 1 else arms)
