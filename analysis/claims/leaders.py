"""Which arms may be the best: a set, never a single winner by the look of a table."""

import numpy as np

from analysis import budget
from analysis.claims import values
from analysis.claims.ahead import edges
from analysis.claims.metrics import METRICS
from analysis.claims.verdict import ALPHA
from analysis.records import StudyRecords
from analysis.statistics import factors


def leaders(records: StudyRecords, metric: str = "test_accuracy") -> list[str] | None:
    """Return the arms that no other arm is shown to be better than; None where arms cannot be compared.

    The arm with the best true mean is among them with a chance of 95 %. An arm whose learning rate lies at
    the edge of its range stays, as no arm may be called better than it.
    """
    arms = records.arms
    if len(arms) < 2 or values.voided(records, arms) or budget.inequalities(records):
        return None
    found = [values.confirm_values(records, arm, metric) for arm in arms]
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in found)))
    if len(seeds) < 2:
        return None
    matrix = np.array([[by_seed[seed] for by_seed in found] for seed in seeds])
    is_possible = factors.not_the_largest(METRICS[metric].sign * matrix) >= ALPHA
    edged = edges(records, arms)
    return [arm for arm, is_in in zip(arms, is_possible, strict=True) if is_in or edged[arm]]
