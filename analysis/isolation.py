"""What an arm's search reached at each value of a setting, whatever the other settings were.

Source: Google tuning playbook, isolation plots: the best value at each setting of one field, over all others.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis import search_values, statistics
from analysis.claims.response import as_level, label
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.searched_fields import SearchedField, fields_of
from analysis.tables.search import is_searched
from analysis.winner_rule import WinnerRule

BUCKETS = 5
"""Equal parts of a range, on its declared scale."""
MOST_PANELS = 12

_COLUMNS = {
    "arm": "str",
    "field": "str",
    "condition": "str",
    "scale": "str",
    "metric": "str",
    "kind": "str",
    "run_id": "str",
    "level": "str",
    "x": "float64",
    "left": "float64",
    "right": "float64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
    "is_winner": "bool",
}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One searched field of one arm, and its completed search runs."""

    arm: str
    field: SearchedField
    runs: pd.DataFrame
    """With the column `value`: the search metric by the winner's rule."""

    @property
    def name(self) -> str:
        """The arm and the field, such as `whole_recipe: momentum (optimizer sgd)`."""
        return f"{self.arm}: {title(self.field.name, self.field.condition)}"


def title(field: str, condition: str) -> str:
    """Return a field with the condition under which it was searched, such as `momentum (optimizer sgd)`."""
    return f"{field} ({condition})" if condition else field


def has_isolation(records: StudyRecords) -> bool:
    """Return whether anything but the learning rate was searched."""
    return is_searched(records) and any(_fields(records, arm) for arm in records.arms)


def _fields(records: StudyRecords, arm: str) -> list[SearchedField]:
    """Return an arm's searched fields; its learning rate, which has a figure of its own, only by branches."""
    fields = fields_of(records.manifest.arms[arm].space)
    return [field for field in fields if field.name != "lr" or field.condition]


def panels(records: StudyRecords) -> list[Panel]:
    """Return every searched field of every arm but the learning rate, those without completed runs too."""
    found = []
    for arm in records.arms:
        values = search_values.at_full_length(records, "search", arm)
        runs = records.runs_of("search", arm)
        runs = runs.assign(value=runs["run_id"].map(values)).dropna(subset="value")
        fields = _fields(records, arm)
        found += [Panel(arm=arm, field=field, runs=field.runs_with(runs)) for field in fields]
    return found


def compute_isolation(records: StudyRecords) -> pd.DataFrame:
    """Return everything drawn: of each panel every completed search run, the best of each value, the winner.

    Returns: Columns `arm, field, condition, scale, metric, kind, run_id, level, x, left, right, value, low,
        high, n, is_winner`. `kind` is `run`, `best` (of the `n` runs at one value of a list, or in one
        fifth of a range from `left` to `right`; of equals, that of the first run id) or `confirm` (mean and
        95 % t-interval of the arm's winner over `n` fresh seeds, absent where one diverged). `x` is the
        value, or its position in the list. Accuracies are in [0, 1].
    """
    rule = WinnerRule.of(records.manifest)
    frames = []
    for panel in [panel for panel in panels(records) if len(panel.runs)][:MOST_PANELS]:
        runs = _placed(panel, records.winners.get(panel.arm))
        parts = [runs, _bests(panel.field, runs, rule.sign), _confirm(records, panel.arm)]
        frames.append(
            pd.concat(parts).assign(
                arm=panel.arm,
                field=panel.field.name,
                condition=panel.field.condition,
                scale=_scale(panel.field),
                metric=rule.metric,
            )
        )
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    blank = {"run_id": "", "level": "", "is_winner": False}
    return frame.reindex(columns=list(_COLUMNS)).fillna(blank).astype(_COLUMNS)


def _scale(field: SearchedField) -> str:
    if field.listed:
        return "listed"
    return "log" if field.range.is_log else "linear"


def _placed(panel: Panel, winner: str | None) -> pd.DataFrame:
    """Return a panel's runs as rows of the frame, with their `bucket`: the number of their value or fifth."""
    places, own = panel.field.places(panel.runs), panel.runs[f"config.{panel.field.name}"]
    placed = panel.runs[["run_id", "value"]].assign(kind="run", n=1, x=places)
    if not panel.field.listed:
        places = np.clip(np.floor(places * BUCKETS), 0, BUCKETS - 1)
        placed["x"] = own
    placed["bucket"] = places.astype(np.int64)
    level = placed["bucket"].map(dict(enumerate(_levels(panel.field)))).fillna("other")
    return placed.assign(level=level, is_winner=placed["run_id"] == winner)


def _levels(field: SearchedField) -> list[str]:
    """Return the values of a list, or the fifths of a range, in words."""
    if field.listed:
        return [label(as_level(value)) for value in field.listed]
    ends = [numbers.rate(end) for end in _bounds(field)]
    return [f"{low} to {high}" for low, high in pairwise(ends)]


def _bounds(field: SearchedField) -> list[float]:
    """Return the ends of the fifths of a range."""
    return [field.range.at(part / BUCKETS) for part in range(BUCKETS + 1)]


def _bests(field: SearchedField, runs: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return one row a declared value or fifth: the best of its runs, absent where it has none."""
    ordered = runs.assign(loss=-sign * runs["value"]).sort_values(["loss", "run_id"], kind="stable")
    counts, names = runs["bucket"].value_counts(), _levels(field)
    bests = ordered.drop_duplicates("bucket").set_index("bucket").reindex(range(len(names)))
    bests = bests.assign(kind="best", level=names, n=counts.reindex(bests.index, fill_value=0))
    if field.listed:
        return bests.assign(x=bests.index)
    bounds = _bounds(field)
    return bests.assign(left=bounds[:-1], right=bounds[1:])


def _confirm(records: StudyRecords, arm: str) -> pd.DataFrame:
    """Return one row with what an arm's confirm runs reached; none without them."""
    runs = records.runs_of("confirm", arm)
    if runs.empty:
        return pd.DataFrame()
    completed = search_values.at_full_length(records, "confirm", arm)
    is_void = bool((runs["status"] == "diverged").any())
    interval = statistics.t_interval([] if is_void else list(completed))
    row = {"kind": "confirm", "value": interval.mean, "low": interval.low, "high": interval.high}
    return pd.DataFrame([row | {"n": len(completed)}])
