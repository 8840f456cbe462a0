"""How far the settings of an arm's top search runs differ from those of all its runs.

Runs that early stopping ended are shorter than others, so values are compared at the same number of epochs:
after the first rung, which every run reached that did not diverge, and apart from that at full length, among
the runs that got there. Diverged runs rank last. Failed runs say nothing of their settings and are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.facts import Facts
from analysis.records import StudyRecords
from analysis.search import SearchedField, WinnerRule, after_epoch, at_full_length, fields_of
from analysis.statistics import factors

FEWEST_RUNS = 20
"""With fewer runs the best ones are half of all or more."""

LEVEL = 0.05
"""Chance that any setting of an arm is named at one length of its runs if none matters; its groups share it
equally (Bonferroni)."""

_COLUMNS = {
    "arm": "str",
    "fidelity": "str",
    "epoch": "Int64",
    "condition": "str",
    "field": "str",
    "metric": "str",
    "runs": "int64",
    "diverged": "int64",
    "divergence": "float64",
    "share": "float64",
    "band": "float64",
    "band_share": "float64",
    "is_constant": "bool",
    "is_named": "bool",
}


@dataclass(frozen=True, kw_only=True)
class Length:
    """A number of epochs after which an arm's runs can be compared, and what they had reached."""

    fidelity: Literal["early", "full"]
    """After the first rung, or at full length."""
    epoch: int | None
    """None where runs of full length differ in their epochs."""
    losses: "pd.Series[float]"
    """By run id, less is better; infinite for diverged runs."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Fields that the same runs of one arm have."""

    arm: str
    length: Length
    condition: str
    """Whose runs these are, such as `optimizer sgd`; empty for all of the arm."""
    fields: Sequence[SearchedField]
    runs: pd.DataFrame

    @property
    def is_enough(self) -> bool:
        """Whether there are runs enough to say anything."""
        return len(self.runs) >= FEWEST_RUNS


def groups_of_fields(facts: Facts) -> dict[str, list[Group]]:
    """Return the groups of fields of each arm, too small ones included."""
    return {arm: _groups_of(facts.records, arm) for arm in facts.records.arms}


def _groups_of(records: StudyRecords, arm: str) -> list[Group]:
    conditions: dict[str, list[SearchedField]] = {}
    for field in fields_of(records.declaration.arms[arm].space):
        conditions.setdefault(field.condition, []).append(field)
    return [
        group
        for length in _lengths(records, arm)
        for fields in (conditions[name] for name in sorted(conditions, key=bool))  # those of all runs first
        for group in _group(records, arm, length, fields)
    ]


def _lengths(records: StudyRecords, arm: str) -> Iterator[Length]:
    """Yield the lengths at which an arm's search runs are compared: one if none of them ended before."""
    runs = records.runs_of("search", arm)
    runs = runs[runs["status"] != "failed"]
    alive, completed = runs[runs["status"] != "diverged"], runs[runs["status"] == "completed"]
    if runs.empty:
        return
    sign, full = WinnerRule.of(records.declaration).sign, at_full_length(records, "search", arm)
    if len(alive) == len(completed) and len(set(alive["epochs"])) < 2:
        yield Length(fidelity="full", epoch=_only(alive["epochs"]), losses=_ranked(runs, -sign * full))
        return
    first = int(alive["epochs"].min())
    reached = -sign * after_epoch(records, alive["run_id"], first)
    yield Length(fidelity="early", epoch=first, losses=_ranked(runs, reached))
    yield Length(fidelity="full", epoch=_only(completed["epochs"]), losses=_ranked(completed, -sign * full))


def _only(epochs: "pd.Series[int]") -> int | None:
    lengths = set(epochs)
    return int(lengths.pop()) if len(lengths) == 1 else None


def _ranked(runs: pd.DataFrame, losses: "pd.Series[float]") -> "pd.Series[float]":
    """Return the losses of some runs by run id, infinite for those that diverged or have none."""
    alive = runs.loc[runs["status"] != "diverged", "run_id"]
    return losses[losses.index.isin(alive)].reindex(runs["run_id"], fill_value=np.inf)


def _group(
    records: StudyRecords, arm: str, length: Length, fields: Sequence[SearchedField]
) -> Iterator[Group]:
    """Yield the fields of one condition with the runs that meet it, less fields that some runs lack."""
    runs = records.runs_of("search", arm)
    runs = runs[runs["run_id"].isin(length.losses.index)]
    runs = fields[0].runs_with(runs) if fields[0].condition else runs
    shared = [field for field in fields if len(field.runs_with(runs)) == len(runs)]
    if shared:
        yield Group(arm=arm, length=length, condition=fields[0].condition, fields=shared, runs=runs)


def relevance(facts: Facts) -> pd.DataFrame:
    """Return one row an arm, length of its runs, and searched field, of groups with at least 20 runs.

    Returns: Columns `arm, fidelity, epoch, condition, field, metric, runs, diverged, divergence, share, band,
        band_share, is_constant, is_named`. Fields with a `condition` were searched in one branch only, and
        `runs` are those that took it. `share` is a field's part of the divergences of its group; `band` is
        the divergence that the largest of the group's fields exceeds with a chance of at most 5 % divided
        by the number of the arm's groups of this length if none matters, `band_share` the same as a share.
        Shares are absent where all runs have the same value (`is_constant`).
    """
    rows: list[dict[str, object]] = []
    for groups in facts.once(groups_of_fields).values():
        large = [group for group in groups if group.is_enough]
        for group in large:
            beside = sum(group.length.fidelity == other.length.fidelity for other in large)
            rows += [{"metric": facts.rule.metric} | row for row in _rows(group, LEVEL / beside)]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _rows(group: Group, level: float) -> Iterator[dict[str, object]]:
    observed = [
        factors.Field(places=field.places(group.runs), n_values=len(field.listed) or None)
        for field in group.fields
    ]
    losses = np.asarray(group.length.losses.reindex(group.runs["run_id"]), dtype=np.float64)
    measured = factors.measure(observed, losses, level)
    total = float(measured.divergences.sum()) or None
    shared = {
        "arm": group.arm,
        "fidelity": group.length.fidelity,
        "epoch": group.length.epoch,
        "condition": group.condition,
        "runs": len(group.runs),
        "diverged": int((group.runs["status"] == "diverged").sum()),
        "band": measured.band,
        "band_share": None if total is None else measured.band / total,
        "is_constant": measured.is_constant,
    }
    for field, divergence, is_named in zip(
        group.fields, measured.divergences, measured.is_named, strict=True
    ):
        share = None if total is None else divergence / total
        yield shared | {"field": field.name, "divergence": divergence, "share": share, "is_named": is_named}
