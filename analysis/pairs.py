"""Differences between arms over their replicates, corrected as one family of comparisons.

The rules are those of claims (`analysis.claims`): the test follows from the study's design; a diverged loss
voids its arm's mean; a difference that is the same non-zero number for every seed is not tested; p-values are
Holm-adjusted over the pairs that can be tested, and intervals are drawn together at Bonferroni's level. All
planned replicates that have ended enter, at no look: these differences are exploratory, and decide no claim.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis import statistics
from analysis.claims import ALPHA, Grounds
from analysis.claims.contrast import Contrast, contrast
from analysis.claims.evidence import Bounds, Untestable, bounds_of
from analysis.claims.kinds import compared_arms
from analysis.claims.scale import Scale
from analysis.design import Key, design_of
from analysis.noted import noted
from analysis.records import StudyRecords
from analysis.replicates import Replicates, replicates
from harness.study.claims import Claim
from harness.study.study import Template

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


def unlike_in_one(records: StudyRecords) -> tuple[Pair, ...]:
    """Return the pairs of `every_pair` without those whose arms have two templates and other values in them.

    Where templates made both arms, a difference is told of the value or of the template, not of both at once.
    """
    made = {arm: own.template for arm, own in records.declaration.arms.items()}

    def is_unlike_in_one(first: Template | None, second: Template | None) -> bool:
        if first is None or second is None or first.name == second.name:
            return True
        return first.values == second.values  # noqa: PD011 - no frame

    return tuple(pair for pair in every_pair(records) if is_unlike_in_one(*(made[arm] for arm in pair)))


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


def compare(grounds: Grounds, pairs: Sequence[Pair], metric: str) -> pd.DataFrame:
    """Return one row a pair: its mean difference over replicates, corrected for all the pairs.

    Args:
        grounds: The study, and which pairs it declares.
        pairs: One family of comparisons.
        metric: Column of the runs, compared by its difference.

    Returns: Columns `arm, than, metric, n, difference, low, high, level, p, p_adjusted, improvement,
        is_declared, reason`. Differences are `arm` minus `than` in the metric's unit, accuracies in [0, 1].
        `level` is the confidence level of `low` and `high`, `improvement` the share of all pairs of
        replicates in which `arm` has the better value, ties by half. Where `reason` is not empty, the pair
        was not tested; its difference is absent if a seed of either arm diverged.
    """
    records = grounds.records
    sides = sides_of(records, metric)
    bounds = bounds_of(records, metric, sides.values())
    scale = Scale.of(records.metrics[metric], None)
    measured = [_measured(records, pair, sides, scale, bounds) for pair in pairs]
    tested = [outcome for outcome in measured if isinstance(outcome, Contrast)]
    adjusted = iter(statistics.holm([_p(outcome, scale) for outcome in tested]))
    declared, level = declared_pairs(grounds, metric), 1 - ALPHA / max(1, len(tested))
    rows = [
        {
            "arm": arm,
            "than": than,
            "metric": metric,
            "is_declared": frozenset((arm, than)) in declared,
            **(
                _untested(outcome, sides[arm], sides[than], is_paired=design_of(records).seeds_are_common)
                if isinstance(outcome, Untestable)
                else _tested(outcome, scale, next(adjusted), level)
            ),
        }
        for (arm, than), outcome in zip(pairs, measured, strict=True)
    ]
    return noted(pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS), records.metrics)


def sides_of(records: StudyRecords, metric: str) -> dict[str, Replicates]:
    """Return the planned replicates of every arm that have ended."""
    return {arm: replicates(records, arm, metric).ended for arm in records.arms}


def gaps_of(records: StudyRecords, first: Replicates, second: Replicates) -> dict[Key, float]:
    """Return the differences that a figure shows as dots, by the first arm's replicate, in order.

    With common seeds those of each seed; otherwise each replicate of the first arm minus the second's mean.
    """
    of_first = dict(zip(first.keys, first.values, strict=True))
    if design_of(records).seeds_are_common:
        of_second = dict(zip(second.keys, second.values, strict=True))
    else:
        mean = float(np.mean(second.measured)) if len(second.measured) else float("nan")
        of_second = dict.fromkeys(of_first, mean)
    gaps = {key: float(of_first[key] - of_second[key]) for key in of_first if key in of_second}
    return {key: gap for key, gap in gaps.items() if not np.isnan(gap)}


def _measured(
    records: StudyRecords,
    pair: Pair,
    sides: Mapping[str, Replicates],
    scale: Scale,
    bounds: Bounds | None,
) -> Contrast | Untestable:
    is_paired = design_of(records).seeds_are_common
    return contrast(sides[pair[0]], sides[pair[1]], scale, is_paired=is_paired, bounds=bounds)


def _p(outcome: Contrast, scale: Scale) -> float:
    """Return the two-sided p of a difference, the largest over what missing replicates may have been."""
    return outcome.comparison(scale, statistics.LEVEL).p


def _tested(outcome: Contrast, scale: Scale, p_adjusted: float, level: float) -> dict[str, Any]:
    comparison = outcome.comparison(scale, level)
    return {
        "n": comparison.n,
        "difference": comparison.effect,
        "low": comparison.low,
        "high": comparison.high,
        "level": level,
        "p": comparison.p,
        "p_adjusted": p_adjusted,
        "improvement": comparison.improvement,
        "reason": "",
    }


def _untested(
    outcome: Untestable, first: Replicates, second: Replicates, *, is_paired: bool
) -> dict[str, Any]:
    """Return what is known of a pair that cannot be tested: how many replicates, their mean difference."""
    if is_paired:
        shared = [key for key in first.keys if key in second.keys]
        first, second = first.only(shared), second.only(shared)
    n = min(len(first.measured), len(second.measured))
    is_void = first.is_voided or second.is_voided
    mean = float(np.mean(first.measured) - np.mean(second.measured)) if n and not is_void else None
    return {"n": n, "difference": mean, "reason": outcome.reason}
