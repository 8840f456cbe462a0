"""Which seconds of a study count, and which can be compared with each other."""

from dataclasses import dataclass

import pandas as pd

from analysis.records import StudyRecords

_MACHINE = ("device", "host", "threads")


@dataclass(frozen=True, kw_only=True)
class Incomparable:
    """Why seconds of some runs cannot be compared with each other."""

    reason: str
    remedy: str | None = None
    """What would make those of another study comparable."""


def incomparable(runs: pd.DataFrame) -> Incomparable | None:
    """Return why the seconds of some runs cannot be compared with each other, or None where they can."""
    beside = int((runs["concurrency"] > 1).sum())
    if beside:
        return Incomparable(
            reason=f"{beside} of {len(runs)} runs shared the machine with others: seconds are not comparable",
            remedy="resources: {concurrency: 1}",
        )
    for column in _MACHINE:
        values = sorted({str(value) for value in runs[column].dropna()})
        if len(values) > 1:
            return Incomparable(
                reason=f"runs differ in {column} ({', '.join(values)}): seconds are not comparable"
            )
    return None


def is_one_at_a_time(records: StudyRecords) -> bool:
    """Return whether the study trains one run at a time, as timings need it."""
    return records.manifest.resources.concurrency == 1


def timed_epochs(records: StudyRecords, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the epochs that count, with their steps: whole ones, and no run's first if it has others."""
    lengths = runs[["run_id", "epochs", "steps_per_epoch"]]
    epochs = records.epochs_of(lengths["run_id"]).merge(lengths, on="run_id")
    before = epochs.groupby("run_id")["step"].shift(fill_value=0)
    epochs = epochs.assign(steps=epochs["step"] - before)
    is_warm = (epochs["epoch"] > 1) | (epochs["epochs"] == 1)
    is_whole = (epochs["steps"] == epochs["steps_per_epoch"]) & (epochs["seconds"] > 0)
    return epochs[is_warm & is_whole]
