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
from analysis.metrics import Metric, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import Key, Replicates, chance_level, design_of, is_accuracy, replicates
from harness.study.claims import Claim
from harness.study.study import Template

UNSEARCHED = " (without a search: seeds)"
"""What is counted of such an arm where all others count repeats."""

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


def amount(difference: float | None, high: float | None, metric: Metric) -> str:
    """Return a difference with its sign and the half-width of its interval, in the readers' unit.

    Args:
        difference: In the metric's unit; None or NaN gives the mark for an absent value.
        high: Upper end of its interval, if it has one.
        metric: Of the study.
    """
    if not numbers.is_present(difference):
        return numbers.ABSENT
    half_width = high - difference if numbers.is_present(high) else None
    text = numbers.with_uncertainty(difference, half_width, scale=metric.scale, decimals=metric.decimals)
    if float(text.split()[0]) == 0:
        return text.removeprefix("-")  # rounded to nothing: no side to name
    return text if difference < 0 else f"+{text}"


def method(frame: pd.DataFrame, records: StudyRecords) -> str:
    """Return how the intervals of a family were made and what p is, with n, family and level."""
    tested = frame[frame["reason"] == ""]
    if tested.empty:
        return "No pair of arms can be tested, so no difference has an interval."
    n, levels = numbers.span(tested["n"]), numbers.span(100 * tested["level"], "{:.4g}".format)
    design = design_of(records)
    how = (
        f"the paired t-interval over the n seeds that both arms share (n = {n}; a seed fixes "
        f"{records.seed_fixes})"
        if design.seeds_are_common
        else f"Welch's t-interval over the {design.noun} of each arm{UNSEARCHED}; n counts those of the arm "
        f"with fewer ({n})"
    )
    return (
        f"Mean ± half-width of {how}. The family is {_family(tested)}; all intervals are drawn at "
        f"{levels} % (Bonferroni), so that they hold together at {100 * (1 - ALPHA):g} %; p is Holm's, which "
        "is sharper."
    )


def _family(tested: pd.DataFrame) -> str:
    metrics = tested["metric"].value_counts()
    each = f" of each of {len(metrics)} metrics" if len(metrics) > 1 else ""
    pairs = " or ".join(str(count) for count in sorted(set(metrics)))
    return f"the {pairs} pairs that can be tested{each}" if pairs != "1" else f"one pair{each}"


def cautions(grounds: Grounds, frame: pd.DataFrame) -> list[str]:
    """Return what a reader must know before believing the differences of a frame."""
    records = grounds.records
    arms = [arm for arm in records.arms if arm in {*frame["arm"], *frame["than"]}]
    sentences = []
    metrics = _metrics(records, frame)
    void = [arm for arm in arms for metric in metrics if replicates(records, arm, metric).is_voided]
    void = list(dict.fromkeys(void))
    if void:
        of_what = " of losses" if records.metrics.has_accuracy else ""
        sentences.append(
            f"No difference{of_what} is formed with {_names(void)}: a confirm run diverged, which voids the "
            "mean."
        )
    sentences += _chance_in_words(records, arms, frame)
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


def _metrics(records: StudyRecords, frame: pd.DataFrame) -> list[str]:
    """Return the metrics of a frame of differences; a figure's is of the headline alone."""
    return list(dict.fromkeys(frame["metric"])) if "metric" in frame else [records.metrics.headline.name]


def _chance_in_words(records: StudyRecords, arms: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """Return what stands for diverged and missing replicates of accuracies."""
    metrics = [m for m in _metrics(records, frame) if is_accuracy(m) and chance_level(records, m) is not None]
    own = [replicates(records, arm, metric) for arm in arms for metric in metrics]
    diverged = [each.arm for each in own if each.count("diverged")]
    missing = [each.arm for each in own if each.count("missing")]
    sentences = []
    if diverged:
        sentences.append(f"A diverged accuracy counts as chance: {_names(diverged)}.")
    if missing:
        sentences.append(
            "A missing replicate may have been anything from chance to the best seen, and intervals hold "
            f"both: {_names(missing)}."
        )
    return sentences


def _untested_in_words(frame: pd.DataFrame, void: Sequence[str]) -> list[str]:
    """Return how many pairs have no interval for want of seeds or of variation."""
    rows = frame[(frame["reason"] != "") & ~frame["arm"].isin(void) & ~frame["than"].isin(void)]
    few, constant = int((rows["n"] < 2).sum()), int((rows["n"] >= 2).sum())
    sentences = []
    if few:
        sentences.append(f"Without an interval, for fewer than two completed replicates: {few}.")
    if constant:
        sentences.append(f"Without an interval, for the same difference in every replicate: {constant}.")
    return sentences


def _names(arms: Sequence[str]) -> str:
    return " and ".join([", ".join(arms[:-1]), arms[-1]] if len(arms) > 1 else arms)
