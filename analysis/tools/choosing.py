"""How far validation's choice is from the best on test data, and how lucky it was on its own."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import statistics
from analysis.design import design_of, searches
from analysis.records import StudyRecords
from analysis.replicates import replicates
from analysis.search import WinnerRule, at_full_length
from analysis.statistics import MeanInterval


@dataclass(frozen=True, kw_only=True)
class ByValidation:
    """Arms chosen by the validation values of one replicate, judged by the test means of all."""

    best: str
    """The arm with the best test mean."""
    n: int
    """Replicates, each of which names an arm."""
    named: Mapping[str, int]
    """How many name which arm."""
    regret: MeanInterval
    """By how much the test mean of the best arm is better than that of the named one, over replicates; in the
    unit of the headline."""

    @property
    def agreeing(self) -> int:
        """Replicates that name the best arm."""
        return self.named.get(self.best, 0)


def by_validation(records: StudyRecords) -> ByValidation | None:
    """Return which arms single replicates name by validation, of arms whose every replicate completed.

    A replicate is a confirm seed that all arms share, or where searches are repeated the repeat of that
    number of each arm that searches. Where looks ended some arms earlier, the first ones count that all have.

    Returns: None for fewer than two arms or replicates.
    """
    tested, validated = records.metrics.headline, records.metrics.validated
    is_repeated = design_of(records).unit == "repeat"
    arms = [arm for arm in records.arms if searches(records, arm) or not is_repeated]
    n = min((len(replicates(records, arm, tested.name).ended.keys) for arm in arms), default=0)
    test, val = (
        {arm: replicates(records, arm, metric.name, n) for arm in arms} for metric in (tested, validated)
    )
    whole = [arm for arm in arms if 1 < len(test[arm].keys) == test[arm].count("completed")]
    whole = [arm for arm in whole if val[arm].count("completed") == len(val[arm].keys)]
    keys = (
        [key for key in test[whole[0]].keys if all(key in test[arm].keys for arm in whole)] if whole else []
    )
    if len(whole) < 2 or len(keys) < 2:
        return None
    means = tested.sign * np.array([test[arm].only(keys).measured.mean() for arm in whole])
    of_each = validated.sign * np.array([val[arm].only(keys).measured for arm in whole])
    chosen = of_each.argmax(axis=0)
    return ByValidation(
        best=whole[int(means.argmax())],
        n=len(keys),
        named=Counter(whole[place] for place in chosen.tolist()),
        regret=statistics.t_interval((means.max() - means[chosen]).tolist()),
    )


def optimism(records: StudyRecords) -> list[float]:
    """Return by how much the winner of each whole search did better in it than on fresh seeds.

    Both by the search's metric and the winner's rule, in its unit, with the sign turned where less is better.
    Searches without a winner, or with a confirm run that did not complete, are left out, and so are grids of
    several seeds.
    """
    rule = WinnerRule.of(records.declaration)
    if rule.seeds > 1 or not records.has_confirm:
        return []
    values = pd.concat([at_full_length(records, "search"), at_full_length(records, "confirm")])
    gaps: list[float] = []
    for arm in records.arms:
        fresh = records.runs_of("confirm", arm)
        for repeat, winner in records.winners_by_repeat.get(arm, {}).items():
            own = fresh.loc[fresh["repeat"] == repeat, "run_id"]
            after = values.reindex(own)
            is_whole = len(after) > 0 and not after.isna().any()
            if winner is not None and winner in values.index and is_whole:
                gaps.append(rule.sign * float(values[winner] - after.mean()))
    return gaps
