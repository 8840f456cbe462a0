"""`faster`: how long runs take, by ratios over common seeds."""

import math

import numpy as np
import pandas as pd

from analysis.claims.ahead import Ahead, ahead_of
from analysis.claims.diverges import Share, share_of
from analysis.claims.evidence import Grounds, Kind, Untestable, shared_machine, unknown_arm
from analysis.claims.scale import Scale
from analysis.design import planned_runs
from analysis.records import StudyRecords
from analysis.replicates import replicates
from harness.study.claim_kinds import Faster, Target


def _measure(grounds: Grounds, spec: Faster, region: float | None, n: int) -> Ahead | Share | Untestable:
    """Compare the times of two arms' confirm runs.

    Where a run of either arm misses the target it has no time, and leaving it out would flatter its arm: then
    only who was first is counted, seed by seed, and a miss is last.
    """
    records, arms = grounds.records, [spec.arm, spec.than]
    refused = unknown_arm(records, arms)
    if refused:
        return refused
    runs = {arm: planned_runs(records, arm, n) for arm in arms}
    everything = pd.concat(list(runs.values()))
    void = [arm for arm in arms if (runs[arm]["status"] == "diverged").any()]
    if void:
        return Untestable(reason=f"a confirm run of {' and '.join(void)} diverged, which voids the mean")
    incomparable = None if spec.metric == "epochs_to" else shared_machine(records, everything)
    if incomparable:
        return incomparable
    timed = {arm: _with_times(records, runs[arm], spec) for arm in arms}
    sides = {arm: replicates(records, arm, spec.metric, n, runs=timed[arm]) for arm in arms}
    completed = {arm: timed[arm][timed[arm]["status"] == "completed"] for arm in arms}
    if spec.target is not None and any(own[spec.metric].isna().any() for own in completed.values()):
        if not grounds.design.seeds_are_common:
            reason = "a run missed the target, and arms that share no seeds cannot be ranked seed by seed"
            return Untestable(reason=reason)
        return _who_is_first(spec, completed[spec.arm], completed[spec.than])
    # Where the learning rate does not change how long a step takes, an edge of its range mends nothing.
    edges = grounds.edges(arms) if spec.target else {}
    is_paired, scale = grounds.design.seeds_are_common, Scale.of(records.metrics[spec.metric], region)
    return ahead_of(spec.arm, [spec.than], sides, scale, edges, is_paired=is_paired)


def _with_times(records: StudyRecords, runs: pd.DataFrame, spec: Faster) -> pd.DataFrame:
    """Return runs with their times, which are absent where they are 0 or the target was missed."""
    if spec.target is None:
        return runs.assign(**{spec.metric: runs[spec.metric].where(runs[spec.metric] > 0)})
    reached = _reached(
        records.epochs_of(runs["run_id"]), spec.target, records.metrics[spec.target.metric].sign
    ).set_index("run_id")
    times = reached["seconds_to" if spec.metric == "seconds_to" else "epoch"]
    return runs.assign(**{spec.metric: runs["run_id"].map(times).astype("float64")})


def _reached(epochs: pd.DataFrame, target: Target, sign: int) -> pd.DataFrame:
    """Return the first epoch of each run that meets a target, with the seconds trained until its end."""
    ordered = epochs.sort_values(["run_id", "epoch"])
    ordered = ordered.assign(seconds_to=ordered.groupby("run_id")["seconds"].cumsum())
    values = ordered[target.metric]
    is_met = sign * values >= sign * target.value
    return ordered[is_met].drop_duplicates("run_id")


def _who_is_first(spec: Faster, first: pd.DataFrame, second: pd.DataFrame) -> Share | Untestable:
    """Count the seeds in which the first arm reaches the target sooner; a miss is later than any time."""
    times = [own.set_index("seed")[spec.metric].fillna(np.inf) for own in (first, second)]
    seeds = [seed for seed in times[0].index if seed in times[1].index]
    pairs = [(times[0][seed], times[1][seed]) for seed in seeds]
    decided = [(mine, other) for mine, other in pairs if mine != other]
    missed = [sum(math.isinf(pair[side]) for pair in pairs) for side in (0, 1)]
    misses = f"{spec.arm} misses the target in {missed[0]} of {len(seeds)}, {spec.than} in {missed[1]}"
    noun = f"seeds have {spec.arm} first ({misses})"
    if not decided:
        return Untestable(reason=f"neither arm is first in any of {len(seeds)} seeds: both miss the target")
    wins = sum(mine < other for mine, other in decided)
    growing = frozenset({spec.arm, spec.than})
    return share_of(wins, len(decided), 0.5, arm=spec.arm, noun=noun, growing=growing)


FASTER = Kind(measure=_measure, compared_arms=lambda spec, _: (spec.arm, spec.than))
