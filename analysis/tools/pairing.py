"""What it gives to compare arms on the same seeds."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.design import design_of, searches
from analysis.records import StudyRecords
from analysis.replicates import replicates
from analysis.statistics.agreement import Estimate, paired_to_unpaired


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """A study whose arms share their confirm seeds."""

    arms: int
    is_tuned: bool
    """Whether any of them searched, and is confirmed as its search chose."""
    n: int
    """Seeds."""
    ratio: Estimate
    """Variance of a paired difference over that of an unpaired one, over all pairs of arms."""

    @property
    def pays_below(self) -> float:
        """The ratio below which a 95 % interval of paired differences is the narrower one.

        Pairing halves the degrees of freedom: n - 1 in place of 2 n - 2, whose t quantile is smaller.
        """
        paired, unpaired = (float(special.stdtrit(df, 0.975)) for df in (self.n - 1, 2 * self.n - 2))
        return (unpaired / paired) ** 2


def pairing(records: StudyRecords) -> Pairing | None:
    """Return what common seeds share in the headline, over the arms whose every seed completed.

    Where looks ended some arms earlier, the seeds count that all have.

    Returns: None where seeds are not common, for fewer than two such arms or seeds, and where differences
        do not vary.
    """
    if not design_of(records).seeds_are_common:
        return None
    metric = records.metrics.headline.name
    sides = [replicates(records, arm, metric).ended for arm in records.arms]
    whole = [side for side in sides if len(side.keys) > 1 and side.count("completed") == len(side.keys)]
    keys = [key for key in whole[0].keys if all(key in side.keys for side in whole)] if whole else []
    if len(whole) < 2 or len(keys) < 2:
        return None
    ratio = paired_to_unpaired(np.array([side.only(keys).values for side in whole]).T)
    if ratio is None:
        return None
    is_tuned = any(searches(records, side.arm) for side in whole)
    return Pairing(arms=len(whole), is_tuned=is_tuned, n=len(keys), ratio=ratio)
