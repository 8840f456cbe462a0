"""`faster`: how long runs take, by ratios over common seeds."""

from collections.abc import Sequence

import pandas as pd

from analysis.claims import values
from analysis.claims.ahead import Ahead, ahead_of, edges
from analysis.claims.contrast import Scale
from analysis.claims.rates import Rate, rate
from analysis.claims.verdict import Untestable
from analysis.records import StudyRecords
from harness.study.claims import Faster, Target

_MACHINE = ("device", "host", "threads")


def measure_faster(records: StudyRecords, spec: Faster, region: float | None) -> Ahead | Rate | Untestable:
    """Compare the times of two arms' confirm runs.

    Where a run of either arm misses the target it has no time, and leaving it out would flatter its arm: then
    only who was first is counted, seed by seed, and a miss is last.
    """
    arms = [spec.arm, spec.than]
    refused = (
        values.unknown_arm(records, arms)
        or values.voided(records, arms)
        or incomparable(records, arms, spec.metric)
    )
    if refused:
        return refused
    runs = completed(records, arms)
    times = {arm: _times(records, runs[runs["arm"] == arm], spec) for arm in arms}
    seeds = {arm: set(runs.loc[runs["arm"] == arm, "seed"].astype(int)) for arm in arms}
    shared = seeds[spec.arm] & seeds[spec.than]
    if all(shared <= times[arm].keys() for arm in arms):
        # Where the learning rate does not change how long a step takes, an edge of its range mends nothing.
        edged = edges(records, arms) if spec.target else {}
        return ahead_of(spec.arm, [spec.than], times, Scale.of(spec.metric, region), edged)
    return _who_is_first(spec, times[spec.arm], times[spec.than], sorted(shared))


def completed(records: StudyRecords, arms: Sequence[str]) -> pd.DataFrame:
    """Return the completed confirm runs of some arms."""
    confirm = records.runs_of("confirm")
    return confirm[confirm["arm"].isin(arms) & (confirm["status"] == "completed")]


def incomparable(records: StudyRecords, arms: Sequence[str], metric: str) -> Untestable | None:
    """Return why seconds of some arms' confirm runs cannot be compared; epochs always can."""
    if metric == "epochs_to":
        return None
    return shared_machine(completed(records, arms))


def shared_machine(runs: pd.DataFrame) -> Untestable | None:
    """Return why the seconds of some runs cannot be compared with each other."""
    beside = int((runs["concurrency"] > 1).sum())
    if beside:
        reason = f"{beside} of {len(runs)} runs shared the machine with others: seconds are not comparable"
        return Untestable(reason=f"{reason}. Remedy: resources: {{concurrency: 1}}")
    for column in _MACHINE:
        found = sorted({str(value) for value in runs[column].dropna()})
        if len(found) > 1:
            return Untestable(
                reason=f"runs differ in {column} ({', '.join(found)}): seconds are not comparable"
            )
    return None


def _times(records: StudyRecords, runs: pd.DataFrame, spec: Faster) -> values.Values:
    """Return seed to time over runs that have one."""
    if spec.target is None:
        return {seed: time for seed, time in values.by_seed(runs, spec.metric).items() if time > 0}
    reached = _reached(records.epochs, spec.target)
    column = "seconds_to" if spec.metric == "seconds_to" else "epoch"
    timed = runs.merge(reached[["run_id", column]], on="run_id")
    return {int(seed): float(time) for seed, time in zip(timed["seed"], timed[column], strict=True)}


def _reached(epochs: pd.DataFrame, target: Target) -> pd.DataFrame:
    """Return the first epoch of each run that meets a target, with the seconds trained until its end."""
    ordered = epochs.sort_values(["run_id", "epoch"])
    ordered = ordered.assign(seconds_to=ordered.groupby("run_id")["seconds"].cumsum())
    found = ordered[target.metric]
    is_met = found >= target.value if target.metric.endswith("accuracy") else found <= target.value
    return ordered[is_met].drop_duplicates("run_id")


def _who_is_first(
    spec: Faster, first: values.Values, second: values.Values, seeds: Sequence[int]
) -> Rate | Untestable:
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
    return rate(wins, len(decided), 0.5, arm=spec.arm, than=spec.than, metric=spec.metric, noun=noun)
