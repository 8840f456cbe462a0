"""What the plan makes a replicate of: which confirm runs of an arm are one, in the order of the plan.

Where arms search and the study repeats its searches, a replicate is a whole search with its confirm runs.
Everywhere else it is a confirm seed. Runs beyond the plan belong to none.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import pandas as pd

from analysis.records import StudyRecords
from analysis.statistics.sequential import Looks
from harness.manifest import CONFIRM_SEEDS
from harness.study.plan import Unit

Key = int | tuple[int, int]
"""A confirm seed, the number of a repeat, or a repeat and the place of a run in it."""


class Group(NamedTuple):
    """The runs of a replicate."""

    key: Key
    runs: pd.DataFrame
    """Those that have ended."""
    planned: int
    """How many it has when it has ended."""
    is_lost: bool
    """Whether it can have none."""


_Known = dict[tuple[str, int | None], Sequence[Group]]
_CONFIRMED: WeakKeyDictionary[StudyRecords, _Known] = WeakKeyDictionary()
"""Of each study the groups of its arms' first replicates, as long as its records live."""

_DECIDES_NOTHING = Looks(looks=(2,), weights=(1.0,))
"""In place of the looks of a plan with fewer than two replicates, of which no claim can be tested."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What the plan says of replicates."""

    unit: Unit
    counts: tuple[int, ...]
    """Replicates at each look, of the unit; one look where the plan is fixed."""
    looks: Looks
    """The same with weights and alpha."""
    seeds_are_common: bool
    """Whether all arms have the same confirm seeds: then they are compared in pairs."""
    seeds_a_repeat: int
    """Confirm runs of an arm in each repeat."""

    @property
    def noun(self) -> str:
        """What is counted, in the plural."""
        return "repeats" if self.unit == "repeat" else "seeds"


def design_of(records: StudyRecords) -> Design:
    """Return what a study's plan says of replicates; of an older folder, before a later change of it."""
    declaration, plan = records.declaration, records.declaration.plan
    counts, weights = plan.looks, plan.weights
    if records.seal.sha256 is None:
        grown = [change.before for change in records.manifest.changes if change.field == CONFIRM_SEEDS]
        counts = (int(grown[0]),) if grown else counts
    looks = Looks(looks=counts, weights=weights, alpha=plan.alpha) if counts[0] >= 2 else _DECIDES_NOTHING
    return Design(
        unit=plan.unit,
        counts=counts,
        looks=looks,
        seeds_are_common=plan.seeds_are_common,
        seeds_a_repeat=declaration.confirm.max_seeds,
    )


def searches(records: StudyRecords, arm: str) -> bool:
    """Return whether an arm searches anything."""
    return bool(records.declaration.arms[arm].space)


def counts_searches(records: StudyRecords, arm: str) -> bool:
    """Return whether an arm's replicates are whole searches, each of which chose a configuration."""
    return design_of(records).unit == "repeat" and searches(records, arm)


def noun_of(records: StudyRecords, arms: Iterable[str]) -> str:
    """Return what the replicates of some arms are, in the plural: where any of them searches, its repeats."""
    return "repeats" if any(counts_searches(records, arm) for arm in arms) else "seeds"


def counted_in_words(records: StudyRecords, phases: Iterable[str] = ("confirm",)) -> str:
    """Return what the n of some phases' means counts, in the plural; search runs are counted by seed."""
    if "confirm" not in phases:
        return "seeds"
    arms = [name for name, arm in records.declaration.arms.items() if arm.confirm_runs]
    nouns = {noun_of(records, [name]) for name in arms}
    return "repeats (without a search: seeds)" if len(nouns) > 1 else noun_of(records, arms)


def confirmed(records: StudyRecords, arm: str, upto: int | None) -> Sequence[Group]:
    """Return the groups of an arm's confirm runs: half of a report's tables ask for them."""
    known = _CONFIRMED.setdefault(records, {})
    if (arm, upto) not in known:
        known[arm, upto] = list(groups_of(records, arm, records.runs_of("confirm", arm), upto))
    return known[arm, upto]


def groups_of(records: StudyRecords, arm: str, runs: pd.DataFrame, upto: int | None) -> Iterator[Group]:
    """Yield an arm's first replicates, in the plan's order."""
    design = design_of(records)
    count = design.counts[-1] if upto is None else upto
    if not records.declaration.arms[arm].confirm_runs:
        return
    if design.seeds_are_common:
        is_lost = _has_no_winner(records, arm, 0)
        seeds = records.declaration.confirm_seeds[: min(count, records.declaration.arms[arm].confirm_runs)]
        by_seed = dict(iter(runs.groupby("seed")))
        for seed in seeds:
            yield Group(seed, by_seed.get(seed, runs.head(0)), 1, is_lost)
        return
    for repeat in range(count):
        own = runs[runs["repeat"] == repeat].sort_values("run_id")
        is_lost = _has_no_winner(records, arm, repeat)
        if searches(records, arm):
            yield Group(repeat, own, design.seeds_a_repeat, is_lost)
        else:
            for place in range(design.seeds_a_repeat):
                yield Group((repeat, place), own.iloc[place : place + 1], 1, is_lost)


def _has_no_winner(records: StudyRecords, arm: str, repeat: int) -> bool:
    """Return whether a search of an arm ended without a run to confirm."""
    winners = records.winners_by_repeat.get(arm, {})
    return searches(records, arm) and repeat in winners and winners[repeat] is None


def runs_of_replicates(records: StudyRecords, arm: str, upto: int | None = None) -> dict[Key, list[str]]:
    """Return by replicate the confirm runs that it is the mean of, as far as they ended."""
    return {group.key: group.runs["run_id"].tolist() for group in confirmed(records, arm, upto)}


def planned_runs(records: StudyRecords, arm: str, upto: int | None = None) -> pd.DataFrame:
    """Return the confirm runs that have ended of an arm's first replicates."""
    none = records.runs_of("confirm", arm).head(0)
    return pd.concat([none, *(group.runs for group in confirmed(records, arm, upto))])


def n_beyond_the_plan(records: StudyRecords, arm: str) -> int:
    """Return how many confirm runs of an arm have ended that no planned replicate holds."""
    return len(records.runs_of("confirm", arm)) - len(planned_runs(records, arm))
