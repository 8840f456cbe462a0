"""Does a search that is done again order the arms as before?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from analysis import statistics
from analysis.design import design_of, searches
from analysis.pairs import unlike_in_one
from analysis.records import StudyRecords
from analysis.replicates import replicates
from analysis.statistics.agreement import Estimate, equal_arms_differ, other_order
from analysis.statistics.tests import welch


@dataclass(frozen=True, kw_only=True)
class Order:
    """Two arms that search, and whether single searches of each order them as the means of all do."""

    arm: str
    """The one that is ahead by the means."""
    than: str
    lead: float
    """By how much, in the metric's unit, at least 0."""
    n: int
    """Searches of the arm that has fewer."""
    pairs: int
    """Pairs of one search of each."""
    otherwise: float
    """Pairs in which `than` is ahead, ties by half."""
    chance: Estimate | None
    """That a further search of each orders them otherwise, for normal noise."""


def searched(records: StudyRecords) -> dict[str, NDArray[np.float64]]:
    """Return by arm what each whole search came to in the headline, with its confirm runs on fresh seeds.

    Arms with fewer than two searches, or with one that ended without a value or diverged, are left out; so
    are all arms of a study that does not repeat its searches.
    """
    if design_of(records).unit != "repeat":
        return {}
    metric = records.metrics.headline.name
    sides = {arm: replicates(records, arm, metric).ended for arm in records.arms if searches(records, arm)}
    return {
        arm: side.values
        for arm, side in sides.items()
        if len(side.keys) > 1 and side.count("completed") == len(side.keys)
    }


def orders(records: StudyRecords) -> list[Order]:
    """Return every pair of arms that search, in the study's order."""
    sign, sides = records.metrics.headline.sign, searched(records)
    return [
        _order({first: sides[first], second: sides[second]}, sign) for first, second in combinations(sides, 2)
    ]


def told_orders(records: StudyRecords, most: int) -> list[Order]:
    """Return the pairs of `orders` that are worth a look: where there are many, those with the baseline.

    Without one, of arms that templates made, each beside the next value and the same value of another.

    Args:
        records: The study.
        most: So many pairs are all told.
    """
    rows, baseline = orders(records), records.declaration.baseline
    if len(rows) <= most:
        return rows
    beside = [row for row in rows if baseline in {row.arm, row.than}]
    near = _neighbours(records)
    return beside or [row for row in rows if not near or {row.arm, row.than} in near]


def _neighbours(records: StudyRecords) -> list[set[str]]:
    """Return which arms of templates stand beside each other: in value, or with the same value."""
    made = {arm: own.template.name for arm, own in records.declaration.arms.items() if own.template}
    places = {arm: place for place, arm in enumerate(records.arms)}
    return [
        {arm, than}
        for arm, than in unlike_in_one(records)
        if {arm, than} <= made.keys() and (made[arm] != made[than] or places[arm] - places[than] == 1)
    ]


def _order(sides: Mapping[str, NDArray[np.float64]], sign: int) -> Order:
    ahead, behind = sorted(sides, key=lambda arm: -sign * float(sides[arm].mean()))
    better, worse = (list(sign * sides[arm]) for arm in (ahead, behind))
    difference = welch(better, worse)
    share = statistics.probability_of_improvement(worse, better)
    if difference is None or share is None:
        raise ValueError(f"{ahead} and {behind} need at least two searches each")
    return Order(
        arm=ahead,
        than=behind,
        lead=difference.mean,
        n=min(len(better), len(worse)),
        pairs=len(better) * len(worse),
        otherwise=share * len(better) * len(worse),
        chance=other_order(difference),
    )


def equal_arms(records: StudyRecords) -> Estimate | None:
    """Return by how much one search of each of two equal arms would differ, at most, in 95 % of cases."""
    return equal_arms_differ([values.tolist() for values in searched(records).values()])
