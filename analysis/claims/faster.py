"""`faster`: how long runs take, by ratios over common seeds."""

import math

import numpy as np
import pandas as pd

from analysis.claims.ahead import Ahead, ahead_of
from analysis.claims.contrast import in_common
from analysis.claims.contrast_verdict import behind_at_edge
from analysis.claims.diverges import Share, share_of
from analysis.claims.evidence import (
    Edges,
    Grounds,
    Kind,
    Outcome,
    Untestable,
    shared_machine,
    too_few,
    unknown_arm,
)
from analysis.claims.scale import Scale
from analysis.design import planned_runs
from analysis.records import StudyRecords
from analysis.replicates import Replicates, replicates
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
    # Where the learning rate does not change how long a step takes, an edge of its range mends nothing.
    edges = grounds.edges(arms) if spec.target else {}
    if any(np.isinf(own.values).any() for own in sides.values()):
        if not grounds.design.seeds_are_common:
            reason = "a run missed the target, and arms that share no seeds cannot be ranked seed by seed"
            return Untestable(reason=reason)
        return _who_is_first(sides[spec.arm], sides[spec.than], edges)
    is_paired, scale = grounds.design.seeds_are_common, Scale.of(records.metrics[spec.metric], region)
    return ahead_of(spec.arm, [spec.than], sides, scale, edges, is_paired=is_paired)


def _with_times(records: StudyRecords, runs: pd.DataFrame, spec: Faster) -> pd.DataFrame:
    """Return runs with their times: absent where they are 0, endless where a run missed the target."""
    if spec.target is None:
        return runs.assign(**{spec.metric: runs[spec.metric].where(runs[spec.metric] > 0)})
    reached = _reached(
        records.epochs_of(runs["run_id"]), spec.target, records.metrics[spec.target.metric].sign
    ).set_index("run_id")
    times = reached["seconds_to" if spec.metric == "seconds_to" else "epoch"]
    taken = runs["run_id"].map(times).astype("float64")
    return runs.assign(**{spec.metric: taken.fillna(np.inf).where(runs["status"] == "completed")})


def _reached(epochs: pd.DataFrame, target: Target, sign: int) -> pd.DataFrame:
    """Return the first epoch of each run that meets a target, with the seconds trained until its end."""
    ordered = epochs.sort_values(["run_id", "epoch"])
    ordered = ordered.assign(seconds_to=ordered.groupby("run_id")["seconds"].cumsum())
    values = ordered[target.metric]
    is_met = sign * values >= sign * target.value
    return ordered[is_met].drop_duplicates("run_id")


def _who_is_first(first: Replicates, second: Replicates, edges: Edges) -> Share | Untestable:
    """Count the seeds in which the first arm reaches the target sooner; a miss is later than any time.

    A seed that lacks a run of either arm is missing: either may have been first.
    """
    first, second = in_common(first.ended, second.ended)
    pairs = [pair for pair in zip(first.values, second.values, strict=True) if not np.isnan(pair).any()]
    if not pairs:
        return too_few(0)
    arm, than, n, missing = first.arm, second.arm, len(pairs), len(first.keys) - len(pairs)
    decided = [mine < other for mine, other in pairs if mine != other]
    missed = [sum(math.isinf(pair[side]) for pair in pairs) for side in (0, 1)]
    if not decided:
        tied = f" and reach it at the same time in {n - missed[0]}" if missed[0] < n else ""
        reason = f"neither arm is first in any of {n} seeds: both miss the target in {missed[0]}{tied}"
        return Untestable(reason=reason)
    lacking = f"; {missing} more lack a run" if missing else ""
    misses = f"{arm} misses the target in {missed[0]} of {n}, {than} in {missed[1]}{lacking}"
    behind: dict[Outcome, str] = {"claimed": than, "against": arm}
    return share_of(
        sum(decided),
        len(decided),
        0.5,
        arm=arm,
        noun=f"seeds have {arm} first ({misses})",
        missing=missing,
        growing=frozenset({arm, than}),
        left_open={outcome: behind_at_edge(own, edges) for outcome, own in behind.items() if edges.get(own)},
    )


FASTER = Kind(measure=_measure, compared_arms=lambda spec, _: (spec.arm, spec.than))
