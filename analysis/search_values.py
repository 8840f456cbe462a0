"""What search runs reached: the metric that the search chose by, at full length or after some epochs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from analysis.records import StudyRecords
from analysis.winner_rule import WinnerRule
from harness.records.events import Phase

if TYPE_CHECKING:
    import pandas as pd


def at_full_length(
    records: StudyRecords, phase: Phase = "search", arm: str | None = None
) -> "pd.Series[float]":
    """Return what each completed run of a phase, or of one arm in it, counts by under the winner's rule.

    Returns: The search metric by run id; runs without a finite value are left out.
    """
    rule = WinnerRule.of(records.manifest)
    runs = records.runs_of(phase, arm)
    runs = runs.loc[runs["status"] == "completed", ["run_id", rule.metric]]
    if not rule.is_best_epoch and rule.average_epochs == 1:
        return runs.set_index("run_id")[rule.metric].dropna()
    epochs = records.epochs_of(runs["run_id"])
    if not rule.is_best_epoch:
        epochs = epochs.groupby("run_id").tail(rule.average_epochs)
    values = epochs.groupby("run_id")[rule.metric]
    best = values.max() if rule.sign > 0 else values.min()
    return (best if rule.is_best_epoch else values.mean()).dropna()


def after_epoch(records: StudyRecords, run_ids: Iterable[str], epoch: int) -> "pd.Series[float]":
    """Return the search metric of some runs after one epoch, by run id; runs without it are left out."""
    epochs, metric = records.epochs_of(run_ids), WinnerRule.of(records.manifest).metric
    return epochs[epochs["epoch"] == epoch].set_index("run_id")[metric].dropna()
