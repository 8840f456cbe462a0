"""What each arm's search chose, and where that lies in the range the study declared.

Ranges come from the declaration, never from the data: whether an optimum is interior cannot be read off the
points that happened to be sampled.

Source of the rule: Google tuning playbook, "search space is suspicious if the best point is close to its
boundary".
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.records import StudyRecords
from analysis.replicates import Replicates, chance_level, replicates, result_of
from harness.study.domains import Domain, NumericRange, OneOf

Side = Literal["lower", "upper"]

EDGE_SHARE = 0.05
"""A value within this share of the range (of the log range where the domain is log) of a bound is at its
edge."""


def edge(declared: NumericRange, value: float) -> Side | None:
    """Return the bound that a value is close to, of a list the end that it is; None in the interior."""
    if declared.low == declared.high:
        return None
    if declared.is_listed:
        below, above = math.isclose(value, declared.low), math.isclose(value, declared.high)
    else:
        position = declared.position(value)
        # The tolerance keeps a value exactly on the 5 % line at the edge despite rounding.
        below, above = position <= EDGE_SHARE + 1e-9, position >= 1 - EDGE_SHARE - 1e-9
    return "lower" if below else "upper" if above else None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The learning rate an arm ended up with; where searches are repeated, in the first that chose."""

    run_id: str | None
    """The winning search run; None for an arm without a search or without a winner."""
    learning_rate: float | None
    learning_rate_range: NumericRange | None
    """None where the learning rate was fixed."""
    branches: Mapping[str, Any]
    """Each field that has a `one_of`, with the value that was chosen; empty without a winner."""
    others: "tuple[Choice, ...]" = ()
    """What further searches of the arm chose, where the study repeats them."""

    @property
    def searches(self) -> "tuple[Choice, ...]":
        """What each search chose, this one first."""
        return (self, *self.others)

    @property
    def rate_cells(self) -> dict[str, float | None]:
        """The rate as cells of a table; where searches are repeated with the rates of all of them."""
        cells = {"learning_rate": self.learning_rate}
        rates = [one.learning_rate for one in self.searches if one.learning_rate is not None]
        if not self.others or not rates:
            return cells
        return {**cells, "lowest_rate": min(rates), "highest_rate": max(rates), "repeats": len(rates)}

    @property
    def edge(self) -> Side | None:
        """The bound of the declared range that the rate is close to, that of any search."""
        return next((side for one in self.searches if (side := one.own_edge)), None)

    @property
    def own_edge(self) -> Side | None:
        """The bound of the declared range that the rate of the first search is close to."""
        if self.run_id is None or self.learning_rate is None or self.learning_rate_range is None:
            return None
        return edge(self.learning_rate_range, self.learning_rate)


def choices(records: StudyRecords) -> dict[str, Choice]:
    """Return what each arm chose, in the declared order of arms."""
    return {arm: choice_of(records, arm) for arm in records.arms}


def choice_of(records: StudyRecords, arm: str) -> Choice:
    """Return what one arm chose."""
    winners = [winner for winner in records.winners_of(arm) if winner is not None]
    first, *others = [_choice(records, arm, winner) for winner in winners] or [_choice(records, arm, None)]
    return replace(first, others=tuple(others))


def _choice(records: StudyRecords, arm: str, winner: str | None) -> Choice:
    """Return what the search that a run won chose; without a winner, what the arm was confirmed with."""
    declared = records.declaration.arms[arm]
    if winner is None:
        chosen = records.runs_of("confirm", arm)
    else:
        search = records.runs_of("search", arm)
        chosen = search[search["run_id"] == winner]
    configuration = _configuration(chosen)
    rate = configuration.get("lr", declared.fixed.get("lr"))
    return Choice(
        run_id=winner,
        learning_rate=float(rate) if isinstance(rate, int | float) else None,
        learning_rate_range=declared_range(declared.space, "lr", configuration),
        branches={name: configuration[name] for name in choosers(declared.space) if name in configuration},
    )


def is_stability_limited(runs: pd.DataFrame, choice: Choice) -> bool:
    """Return whether the smallest rate above the chosen one that an arm's search runs tried diverged.

    Of a conditional space the runs in the winner's branches count: another optimizer's rates are no larger
    or smaller ones of this.
    """
    if choice.run_id is None or choice.learning_rate is None or "config.lr" not in runs:
        return False
    for field, value in choice.branches.items():
        runs = runs[has_value(runs, field, value)]
    is_above = (runs["config.lr"] > choice.learning_rate) & (runs["status"] != "failed")
    above = runs.loc[is_above, ["config.lr", "status"]]
    if above.empty:
        return False
    nearest = above[above["config.lr"] == above["config.lr"].min()]
    return bool((nearest["status"] == "diverged").any())


def _configuration(runs: pd.DataFrame) -> dict[str, Any]:
    """Return the recipe fields of the first of some runs of one configuration; absent values left out."""
    if runs.empty:
        return {}
    cells = runs.iloc[0].dropna().to_dict()
    return {str(n).removeprefix("config."): v for n, v in cells.items() if str(n).startswith("config.")}


def runs_of_one_configuration(
    records: StudyRecords, arm: str, at: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return an arm's runs of one configuration, on several seeds.

    These are its confirm runs, where searches are repeated of the configuration that each of them chose; with
    `at`, the search runs with these values of recipe fields; and for an arm that searches nothing in a study
    without a confirm phase, its search runs. What n counts of them, `measured` says.
    """
    is_searched = bool(at) or not (
        records.declaration.arms[arm].confirm_runs or records.declaration.arms[arm].space
    )
    runs = records.runs_of("search" if is_searched else "confirm", arm)
    chosen = pd.Series(data=True, index=runs.index)
    for field, value in (at or {}).items():
        chosen &= has_value(runs, field, value)
    return runs[chosen].drop_duplicates("seed")


def measured(
    records: StudyRecords,
    arm: str,
    metric: str,
    at: Mapping[str, Any] | None = None,
    *,
    upto: int | None = None,
    runs: pd.DataFrame | None = None,
) -> Replicates:
    """Return what n counts of an arm, or of a point of its grid: replicates of the plan, or seeds searched.

    Args:
        records: The study.
        arm: One of its arms.
        metric: Column of the runs.
        at: Values of recipe fields that pick search runs.
        upto: The first so many confirmed replicates; all that are planned by default.
        runs: Those of `runs_of_one_configuration` with a further column `metric`.
    """
    if records.declaration.arms[arm].confirm_runs and not at:
        return replicates(records, arm, metric, upto, runs=runs)
    rows = runs_of_one_configuration(records, arm, at) if runs is None else runs
    chance = chance_level(records, metric)
    results = [result_of(rows.iloc[place : place + 1], metric, chance) for place in range(len(rows))]
    return Replicates(
        arm=arm,
        keys=rows["seed"].tolist(),
        values=np.array([value for value, _ in results], dtype=np.float64),
        statuses=[status for _, status in results],
    )


def has_value(runs: pd.DataFrame, field: str, value: Any) -> "pd.Series[bool]":
    """Return which runs have a value of a recipe field; numbers match up to rounding."""
    column = f"config.{field}"
    if column not in runs:
        return pd.Series(data=False, index=runs.index)
    cells = runs[column]
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_number = pd.api.types.is_numeric_dtype(cells)
        close = np.isclose(cells.astype("float64"), float(value), rtol=1e-9, atol=0) if is_number else False
        return pd.Series(data=close, index=runs.index)
    if isinstance(value, bool | str):
        return cells == value
    wanted = json.dumps(value, sort_keys=True)  # a declaration sorts its keys, a run has the recipe's order
    return cells.isin([cell for cell in cells.dropna().unique() if _sorted(cell) == wanted])


def _sorted(cell: Any) -> str | None:
    """Return a structure from its cell with its keys sorted; None for a cell that holds none."""
    is_structure = isinstance(cell, str) and cell[:1] in {"{", "["}
    return json.dumps(json.loads(cell), sort_keys=True) if is_structure else None


def choosers(space: Mapping[str, Any]) -> list[str]:
    """Return the fields on whose value it depends which others a run has, and from which range."""
    return [field for field, domain in space.items() if isinstance(domain, OneOf)]


def declared_ranges(space: Mapping[str, Any], field: str) -> list[NumericRange]:
    """Return every declared range of a numeric field, those of all branches; none where it has none."""
    branches = [
        branch
        for domain in space.values()
        if isinstance(domain, OneOf)
        for branch in domain.branches.values()
    ]
    ranges = [declared_range(fields, field) for fields in (space, *branches)]
    return [declared for declared in ranges if declared is not None]


def hull(ranges: Sequence[NumericRange], values: Iterable[float] = ()) -> NumericRange:
    """Return the range that covers others, of which there is at least one, and some values."""
    inside = list(values)
    return NumericRange(
        low=min([*(declared.low for declared in ranges), *inside]),
        high=max([*(declared.high for declared in ranges), *inside]),
        is_log=any(declared.is_log for declared in ranges),
        is_listed=all(declared.is_listed for declared in ranges),
    )


def declared_range(
    space: Mapping[str, Any], field: str, configuration: Mapping[str, Any] | None = None
) -> NumericRange | None:
    """Return the declared range of a numeric field, or None where it has none.

    Args:
        space: An arm's space, or what a branch of it fixes and searches.
        field: The recipe field.
        configuration: Picks the branch of a `one_of` that the field stands in; without it (or with another
            value) such a field has no range.
    """
    if field in space:
        return space[field].numeric_range if isinstance(space[field], Domain) else None
    taken = configuration or {}
    choices = {chooser: domain for chooser, domain in space.items() if isinstance(domain, OneOf)}
    branches = (domain.branches.get(str(taken.get(chooser))) for chooser, domain in choices.items())
    ranges = (declared_range(branch, field, configuration) for branch in branches if branch)
    return next((declared for declared in ranges if declared is not None), None)
