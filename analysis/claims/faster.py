"""`faster`: how long runs take, by ratios over common seeds."""

from collections.abc import Sequence

import pandas as pd

from analysis.claims.ahead import Ahead, ahead_of
from analysis.claims.contrast import Scale
from analysis.claims.diverges import Share, share_of
from analysis.claims.evidence import (
    Grounds,
    Kind,
    Untestable,
    Values,
    by_seed,
    shared_machine,
    unknown_arm,
    voided,
)
from analysis.records import StudyRecords
from harness.study.claims import Faster, Target


def _measure(grounds: Grounds, spec: Faster, region: float | None) -> Ahead | Share | Untestable:
    """Compare the times of two arms' confirm runs.

    Where a run of either arm misses the target it has no time, and leaving it out would flatter its arm: then
    only who was first is counted, seed by seed, and a miss is last.
    """
    records, arms = grounds.records, [spec.arm, spec.than]
    refused = unknown_arm(records, arms) or voided(records, arms)
    if refused:
        return refused
    confirm = records.runs_of("confirm")
    runs = confirm[confirm["arm"].isin(arms) & (confirm["status"] == "completed")]
    incomparable = None if spec.metric == "epochs_to" else shared_machine(runs)
    if incomparable:
        return incomparable
    times = {arm: _times(records, runs[runs["arm"] == arm], spec) for arm in arms}
    seeds = {arm: set(runs.loc[runs["arm"] == arm, "seed"].astype(int)) for arm in arms}
    shared = seeds[spec.arm] & seeds[spec.than]
    if all(shared <= times[arm].keys() for arm in arms):
        # Where the learning rate does not change how long a step takes, an edge of its range mends nothing.
        edges = grounds.edges(arms) if spec.target else {}
        return ahead_of(spec.arm, [spec.than], times, Scale.of(spec.metric, region), edges)
    return _who_is_first(spec, times[spec.arm], times[spec.than], sorted(shared))


def _times(records: StudyRecords, runs: pd.DataFrame, spec: Faster) -> Values:
    """Return seed to time over runs that have one."""
    if spec.target is None:
        return {seed: time for seed, time in by_seed(runs, spec.metric).items() if time > 0}
    reached = _reached(records.epochs, spec.target)
    column = "seconds_to" if spec.metric == "seconds_to" else "epoch"
    timed = runs.merge(reached[["run_id", column]], on="run_id")
    return {int(seed): float(time) for seed, time in zip(timed["seed"], timed[column], strict=True)}


def _reached(epochs: pd.DataFrame, target: Target) -> pd.DataFrame:
    """Return the first epoch of each run that meets a target, with the seconds trained until its end."""
    ordered = epochs.sort_values(["run_id", "epoch"])
    ordered = ordered.assign(seconds_to=ordered.groupby("run_id")["seconds"].cumsum())
    values = ordered[target.metric]
    is_met = values >= target.value if target.metric.endswith("accuracy") else values <= target.value
    return ordered[is_met].drop_duplicates("run_id")


def _who_is_first(spec: Faster, first: Values, second: Values, seeds: Sequence[int]) -> Share | Untestable:
    """Count the seeds in which the first arm reaches the target sooner; a miss is later than any time."""
    late = float("inf")
    pairs = [(first.get(seed, late), second.get(seed, late)) for seed in seeds]
    decided = [(mine, other) for mine, other in pairs if mine != other]
    missed = [len(seeds) - len(times) for times in (first, second)]
    misses = f"{spec.arm} misses the target in {missed[0]} of {len(seeds)}, {spec.than} in {missed[1]}"
    noun = f"seeds have {spec.arm} first ({misses})"
    if not decided:
        return Untestable(reason=f"neither arm is first in any of {len(seeds)} seeds: both miss the target")
    wins = sum(mine < other for mine, other in decided)
    return share_of(wins, len(decided), 0.5, arm=spec.arm, noun=noun)


FASTER = Kind(measure=_measure, compared_arms=lambda spec, _: (spec.arm, spec.than))
