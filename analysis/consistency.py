"""Does a journal fit its declaration? Checked before anything is said about a study's runs."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.declaration import Declaration
from harness.errors import ResultsError
from harness.records.predictions import Predictions
from harness.study.plan import confirm_seeds_of, search_seeds_of


@dataclass(frozen=True, kw_only=True)
class Journaled:
    """What a journal holds, and what was declared."""

    root: Path
    """The results folder."""
    declared_in: str
    """Name of the file that holds the declaration."""
    declaration: Declaration
    confirm_seeds: Sequence[int]
    """Declared or added later, of a study whose arms share them."""
    runs: pd.DataFrame
    """One row a run."""
    winners: Mapping[str, Mapping[int, str | None]]
    """Winning run of each search that ended, by arm and repeat."""
    predictions: Predictions


def check_consistency(read: Journaled) -> None:
    """Refuse a journal that contradicts its declaration or the rule of selection.

    Raises:
        ResultsError: It does.
    """
    declared = list(read.declaration.arms)
    strangers = sorted((set(read.runs["arm"].unique()) | set(read.winners)) - set(declared))
    if strangers:
        raise ResultsError(
            f"{read.root}: the journal has runs of {', '.join(strangers)}, but "
            f"{read.declared_in} declares only {', '.join(declared)}. Remedy: put back the one that "
            "belongs to this journal.",
            place=read.root,
        )
    undeclared = _undeclared_seed(read)
    if undeclared is not None:
        raise ResultsError(
            f"{read.root}: run {undeclared} has a seed that {read.declared_in} does not "
            f"declare, so it is another study's. Remedy: put back the one that belongs to this journal.",
            place=read.root,
        )
    twice = read.runs.loc[read.runs["run_id"].duplicated(), "run_id"]
    if len(twice):
        raise ResultsError(
            f"{read.root}: run {twice.iloc[0]} ended twice, so the journal holds the runs of two "
            f"studies, which cannot be told apart. Remedy: bring back the journal as the first one left it.",
            place=read.root,
        )
    completed = set(read.runs.loc[read.runs["status"] == "completed", "run_id"])
    for winner in itertools.chain.from_iterable(own.values() for own in read.winners.values()):
        if winner is not None and winner not in completed:
            raise ResultsError(
                f"{read.root}: the winner of a search, run {winner}, is not a completed run "
                f"of this journal, and only a run of full length can win. "
                f"Remedy: restore the journal as it was written.",
                place=read.root,
            )
    contradiction = _contradicted_accuracy(read)
    if contradiction is not None:
        raise ResultsError(
            f"{read.root}: {contradiction}, so the journal is not as it was written. "
            f"Remedy: bring back a copy of it.",
            place=read.root,
        )


def _contradicted_accuracy(read: Journaled) -> str | None:
    """Return which run's predicted classes contradict its test accuracy; None where all agree."""
    predictions = read.predictions
    recorded = dict(zip(read.runs["run_id"], read.runs["test_accuracy"], strict=True))
    for run_id in predictions:
        try:
            accuracy = predictions.accuracy_of(run_id)
        except ValueError as error:
            return f"the predicted classes of run {run_id} cannot be read ({error})"
        if accuracy != recorded[run_id]:
            return (
                f"run {run_id} has a test accuracy of {recorded[run_id]}, but its predicted classes have "
                f"{accuracy}"
            )
    return None


def _undeclared_seed(read: Journaled) -> str | None:
    """Return the first run whose seed is none of its phase's; None where all are declared."""
    if not read.declaration.plan.seeds_are_common:
        return _undeclared_in_repeats(read)
    is_confirm = read.runs["phase"] == "confirm"
    is_known = (
        read.runs["seed"]
        .isin(read.confirm_seeds)
        .where(is_confirm, read.runs["seed"].isin(read.declaration.search_seeds))
    )
    return None if is_known.all() else str(read.runs.loc[~is_known, "run_id"].iloc[0])


def _undeclared_in_repeats(read: Journaled) -> str | None:
    """Return the first run whose seed is none of its phase and repeat, each of which has its own."""
    search, confirm = read.declaration.search, read.declaration.confirm
    is_confirm = read.runs["phase"] == "confirm"
    groups = read.runs.groupby([is_confirm, "arm", "repeat"], sort=False)
    place: Any
    for place, runs in groups:
        measures, arm, repeat = place
        seeded_by = read.declaration.plain_name(arm)
        if measures:
            seeds = confirm_seeds_of(search, confirm, seeded_by, repeat)
        else:
            seeds = search_seeds_of(search, seeded_by, repeat)
        strangers = runs.loc[~runs["seed"].isin(seeds), "run_id"]
        if len(strangers):
            return str(strangers.iloc[0])
    return None
