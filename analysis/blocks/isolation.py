"""What did an arm's search reach at each value of a setting, whatever the other settings were?

Source: Google tuning playbook, isolation plots: the best value at each setting of one field, over all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis import statistics
from analysis.blocks import Block, Plot
from analysis.blocks.isolation_panels import draw, title_of
from analysis.facts import Facts
from analysis.noted import metric_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import replicates
from analysis.responses import label, levels_of
from analysis.search import SearchedField, at_full_length, fields_of
from harness.study.domains import NumericRange

_BUCKETS = 5
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
class _Panel:
    """One searched field of one arm, and its completed search runs."""

    arm: str
    field: SearchedField
    runs: pd.DataFrame
    """With the column `value`: the search metric by the winner's rule."""


def _fields(records: StudyRecords, arm: str) -> list[SearchedField]:
    """Return an arm's searched fields; its learning rate, which has a figure of its own, only by branches."""
    fields = fields_of(records.declaration.arms[arm].space)
    return [field for field in fields if field.name != "lr" or field.condition]


def _panels(facts: Facts) -> list[_Panel]:
    """Return every searched field of every arm but the learning rate, those without completed runs too."""
    records = facts.records
    panels = []
    for arm in records.arms:
        values = at_full_length(records, "search", arm)
        runs = records.runs_of("search", arm)
        runs = runs.assign(value=runs["run_id"].map(values)).dropna(subset="value")
        fields = _fields(records, arm)
        panels += [_Panel(arm=arm, field=field, runs=field.runs_with(runs)) for field in fields]
    return panels


def compute(facts: Facts) -> pd.DataFrame:
    """Return everything drawn: of each panel every completed search run, the best of each value, the winner.

    Returns: Columns `arm, field, condition, scale, metric, kind, run_id, level, x, left, right, value, low,
        high, n, is_winner`. `kind` is `run`, `best` (of the `n` runs at one value of a list, or in one
        fifth of a range from `left` to `right`; of equals, that of the first run id) or `confirm` (mean and
        95 % t-interval of the arm's winners over `n` replicates, absent where a run diverged). `x` is the
        value, or its position in the list. Accuracies are in [0, 1].
    """
    records, rule = facts.records, facts.rule
    frames = []
    for panel in [panel for panel in facts.once(_panels) if len(panel.runs)][:MOST_PANELS]:
        runs = _placed(panel, records.winners_of(panel.arm))
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
    frame = frame.reindex(columns=list(_COLUMNS)).fillna(blank).astype(_COLUMNS)
    return noted(frame, records.metrics)


def _scale(field: SearchedField) -> str:
    if field.range is None:
        return "listed"
    return "log" if field.range.is_log else "linear"


def _placed(panel: _Panel, winners: Sequence[str | None]) -> pd.DataFrame:
    """Return a panel's runs as rows of the frame, with their `bucket`: the number of their value or fifth."""
    places = panel.field.places(panel.runs)
    placed = panel.runs[["run_id", "value"]].assign(kind="run", n=1, x=places)
    if not panel.field.listed:
        places = np.clip(np.floor(places * _BUCKETS), 0, _BUCKETS - 1)
        placed["x"] = panel.runs[f"config.{panel.field.name}"]
    placed["bucket"] = places.astype(np.int64)
    level = placed["bucket"].map(dict(enumerate(_levels(panel.field)))).fillna("other")
    return placed.assign(level=level, is_winner=placed["run_id"].isin(winners))


def _levels(field: SearchedField) -> list[str]:
    """Return the values of a list, or the fifths of a range, in words."""
    if field.range is None:
        return [label(level) for level in levels_of(field.listed)]
    ends = [numbers.rate(end) for end in _bounds(field.range)]
    return [f"{low} to {high}" for low, high in pairwise(ends)]


def _bounds(declared: NumericRange) -> list[float]:
    """Return the ends of the fifths of a range."""
    return [declared.at(part / _BUCKETS) for part in range(_BUCKETS + 1)]


def _bests(field: SearchedField, runs: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return one row a declared value or fifth: the best of its runs, absent where it has none."""
    ordered = runs.assign(loss=-sign * runs["value"]).sort_values(["loss", "run_id"], kind="stable")
    counts, names = runs["bucket"].value_counts(), _levels(field)
    bests = ordered.drop_duplicates("bucket").set_index("bucket").reindex(range(len(names)))
    bests = bests.assign(kind="best", level=names, n=counts.reindex(bests.index, fill_value=0))
    if field.range is None:
        return bests.assign(x=bests.index)
    bounds = _bounds(field.range)
    return bests.assign(left=bounds[:-1], right=bounds[1:])


def _confirm(records: StudyRecords, arm: str) -> pd.DataFrame:
    """Return one row with what an arm's confirm runs reached; none without them."""
    runs = records.runs_of("confirm", arm)
    if runs.empty:
        return pd.DataFrame()
    values = runs["run_id"].map(at_full_length(records, "confirm", arm))
    own = replicates(records, arm, "value", runs=runs.assign(value=values))
    interval = statistics.t_interval([] if own.is_voided else own.measured.tolist())
    row = {"kind": "confirm", "value": interval.mean, "low": interval.low, "high": interval.high}
    return pd.DataFrame([row | {"n": own.count("completed")}])


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks are, over which runs, and which settings have none or are not drawn."""
    if frame.empty:
        return "Nothing is shown: no search run has reached full length."
    rule = facts.rule
    most = "highest" if rule.sign > 0 else "lowest"
    how = (
        f"Each panel: one searched setting and all completed search runs of the arm ({rule.in_words()}; "
        "stopped runs are shorter and left out). Circles: single runs, moved aside only to be seen; "
        f"triangles at an edge: runs beyond it. Filled, with a bar: the {most} of the runs at each value of "
        "the setting, or in each fifth of its declared range, and above it their number. All other settings "
        "vary along with the one shown, and more runs alone move a bar: a panel suggests, it proves nothing. "
        f"Ringed: {'the run of each repeat' if facts.records.is_repeated else 'the run'} that was chosen."
    )
    return " ".join([how, *_confirmed(facts, frame), *_missing(facts)])


def _confirmed(facts: Facts, frame: pd.DataFrame) -> list[str]:
    rows = frame[frame["kind"] == "confirm"].drop_duplicates("arm")
    if rows.empty:
        return []
    void = list(rows.loc[rows["value"].isna(), "arm"])
    without = f" Without it, because a run diverged or none completed: {', '.join(void)}." if void else ""
    over = "configurations over repeats" if facts.records.is_repeated else "configuration over fresh seeds"
    how = f"mean and 95 % Student t-interval of the chosen {over}"
    return [f"Line and band: {how} (n = {numbers.span(rows['n'])}; n = 1: no band).{without}"]


def _missing(facts: Facts) -> list[str]:
    panels = facts.once(_panels)
    empty = [
        f"{panel.arm}: {title_of(panel.field.name, panel.field.condition)}"
        for panel in panels
        if panel.runs.empty
    ]
    sentences = [f"Without a completed run: {', '.join(empty)}."] if empty else []
    left_out = len(panels) - len(empty) - MOST_PANELS
    return sentences + ([f"{left_out} more settings are not drawn."] if left_out > 0 else [])


def alt(frame: pd.DataFrame) -> str:
    """Return what was reached at each value of each setting."""
    bests = frame[(frame["kind"] == "best") & (frame["n"] > 0)]
    panels = [
        f"{arm}: {title_of(str(field), str(condition))}: {_reached(rows)}"
        for (arm, field, condition), rows in bests.groupby(["arm", "field", "condition"], sort=False)
    ]
    return f"What search runs of full length reached at each value of each setting. {'; '.join(panels)}."


def _reached(bests: pd.DataFrame) -> str:
    """Return the best value at each level of one panel."""
    metric = metric_in(bests)
    unit = f" {metric.value_unit}" if metric.value_unit else ""
    rows = bests.to_dict("records")
    return ", ".join(f"{row['level']} {metric.amount(row['value'])}{unit}" for row in rows)


def _is_for(facts: Facts) -> bool:
    """Return whether anything but the learning rate was searched."""
    return facts.is_searched and any(_fields(facts.records, arm) for arm in facts.records.arms)


ISOLATION = Block(
    name="isolation",
    section="results",
    plot=Plot(
        title="What each setting reached",
        compute=compute,
        draw=draw,
        caption=caption,
        alt=alt,
        is_for=_is_for,
    ),
)
