"""Values of runs by seed, and the reasons why there are none to compare."""

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis import statistics
from analysis.claims.contrast import Contrast, Scale
from analysis.claims.verdict import Untestable
from analysis.records import StudyRecords

Values = dict[int, float]
"""Seed to value."""

ENDED = ("completed", "diverged")
"""Statuses of runs that say something about their configuration."""


def unknown_arm(records: StudyRecords, arms: Sequence[str]) -> Untestable | None:
    """Return why a claim about arms that do not exist cannot be tested."""
    unknown = [name for name in arms if name not in records.arms]
    if not unknown:
        return None
    return Untestable(reason=f"the study has no arm {unknown[0]!r}; it has {', '.join(records.arms)}")


def voided(records: StudyRecords, arms: Sequence[str]) -> Untestable | None:
    """Return why arms with a diverged confirm run have no mean."""
    confirm = records.runs_of("confirm")
    diverged = set(confirm.loc[confirm["status"] == "diverged", "arm"])
    lost = [arm for arm in arms if arm in diverged]
    if not lost:
        return None
    return Untestable(reason=f"a confirm run of {' and '.join(lost)} diverged, which voids the mean")


def by_seed(runs: pd.DataFrame, metric: str) -> Values:
    """Return seed to value over the completed ones of some runs of one configuration."""
    rows = runs[runs["status"] == "completed"].dropna(subset=[metric]).drop_duplicates("seed")
    return {int(seed): float(value) for seed, value in zip(rows["seed"], rows[metric], strict=True)}


def confirm_values(records: StudyRecords, arm: str, metric: str) -> Values:
    """Return seed to value over an arm's completed confirm runs."""
    confirm = records.runs_of("confirm")
    return by_seed(confirm[confirm["arm"] == arm], metric)


def contrast(
    arm: str, than: str, values: Mapping[str, Values], scale: Scale, *, is_more_better: bool
) -> Contrast | Untestable:
    """Compare two sides over the seeds they share.

    Args:
        arm: One side.
        than: The other.
        values: Each side's values.
        scale: Whether differences or ratios are tested.
        is_more_better: Which of two runs counts as improved.
    """
    first, second = values[arm], values[than]
    compare = statistics.paired_log_ratio if scale.is_ratio else statistics.paired_difference
    test = compare(first, second)
    if test is None:
        return too_few_seeds(len(first.keys() & second.keys()))
    if test.is_constant:
        reason = "the difference is the same for every seed: no variation to judge by"
        return Untestable(reason=reason, n=test.n)
    shared = sorted(first.keys() & second.keys())
    ahead, behind = [first[seed] for seed in shared], [second[seed] for seed in shared]
    if not is_more_better:
        ahead, behind = behind, ahead
    improvement = statistics.probability_of_improvement(ahead, behind)
    return Contrast(arm=arm, than=than, test=test, improvement=improvement)


def too_few_seeds(shared: int) -> Untestable:
    """Return why fewer than two shared seeds decide nothing."""
    if shared == 0:
        return Untestable(reason="the arms share no completed confirm seed")
    return Untestable(reason="single seed: it shows no spread, so nothing can be concluded from it", n=1)
