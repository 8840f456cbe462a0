"""What does each batch size cost, how soon is it at a common loss, and where does it end?

The figure is only for arms made by `for_each`, whose rate may be tuned for each size: a grid has its response
as a figure, and the tables of responses and times have its losses and seconds already.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from analysis.batch_sizes import TO_TARGET, first_below
from analysis.blocks import Block, Plot
from analysis.blocks.batch_size_costs import (
    SIZES_IN_NUMBERS,
    budgets_in_words,
    has_sizes,
    quality_in_words,
    target_in_words,
)
from analysis.blocks.batch_size_panels import SINGLE, draw, panels_of
from analysis.design import counted_in_words
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers

_PLACE = ["line", "arm", "field", "level", "x", "scale"]
_DRAWN = {
    **dict.fromkeys(["line", "arm", "field", "level"], "str"),
    "x": "float64",
    "scale": "str",
    "quantity": "str",
    "kind": "str",
    "run_id": "str",
    "seed": "Int64",
    **dict.fromkeys(["value", "low", "high"], "float64"),
    "n": "int64",
    "is_tuned": "bool",
    "edge": "str",
}


def has_templates(facts: Facts) -> bool:
    """Return whether arms of one template differ in their batch size."""
    return has_sizes(facts) and any(
        not point.at for line in facts.lines_over("batch_size") for point in line.points
    )


def compute_figure(facts: Facts) -> pd.DataFrame:
    """Return everything drawn: of each batch size its settings, its means, and every run.

    Returns: Columns `line, arm, field, level, x, scale, quantity, kind, run_id, seed, value, low, high, n,
        is_tuned, edge`. `quantity` is one of `steps_per_epoch, val_loss, test_accuracy, learning_rate,
        epochs_to, steps_to`; `kind` is `mean`, with the ends of its 95 % t-interval, or `seed`, whose value
        is absent for a run that diverged, failed or misses the target.
    """
    table = _confirmed(facts)
    rows: list[dict[str, Any]] = []
    panels = list(panels_of(facts.records.metrics))
    for line in facts.lines_over("batch_size"):
        for point in line.points:
            is_here = (table["line"] == line.name) & (table["arm"] == point.arm)
            for row in table[is_here].to_dict("records"):
                place = {name: row[name] for name in [*_PLACE, "is_tuned", "edge"]}
                seeds = _seeds(facts.records, point.runs(facts.records), row["target"])
                marks = [*_bars(row, panels), *seeds]
                rows += [{"run_id": "", "seed": None, **place, **mark} for mark in marks]
    return noted(pd.DataFrame(rows, columns=list(_DRAWN)).astype(_DRAWN), facts.records.metrics)


def _confirmed(facts: Facts) -> pd.DataFrame:
    """Return the rows of the table that confirm runs measure."""
    table = facts.batch_sizes
    return table[table["phase"] == "confirm"]


def _bars(row: dict[Any, Any], panels: Sequence[str]) -> Iterator[dict[str, Any]]:
    for quantity in panels:
        if quantity in SINGLE:
            yield {"quantity": quantity, "kind": "mean", "value": row[quantity], "n": row["runs"]}
            continue
        is_partly = quantity in TO_TARGET and row["reached"] < row["runs"]
        n = row["reached"] if is_partly else row["n"]
        reach = row[f"{quantity}_half_width"]
        ends = {"low": row[quantity] - reach, "high": row[quantity] + reach}
        yield {"quantity": quantity, "kind": "mean", "value": row[quantity], "n": n, **ends}


def _seeds(records: StudyRecords, runs: pd.DataFrame, target: float) -> Iterator[dict[str, Any]]:
    first = first_below(records, runs, target if numbers.is_present(target) else None)
    known = runs.merge(first, on="run_id", how="left")
    is_lost = known["status"] != "completed"
    for quantity in [name for name in panels_of(records.metrics) if name not in SINGLE]:
        values = known[quantity].astype("float64").mask(is_lost)
        for run_id, seed, value in zip(known["run_id"], known["seed"], values, strict=True):
            mark = {"quantity": quantity, "kind": "seed", "run_id": run_id, "seed": seed}
            yield mark | {"value": value, "n": 1}


def caption_figure(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks are, which target is meant, and what the budget does to the comparison."""
    if frame.empty:
        return "No batch size is shown: no confirm run has ended."
    table = _confirmed(facts)
    rates = (
        "Learning rate: that which each size's own search chose"
        if table["is_tuned"].all()
        else "Learning rate: chosen for each size by its own search where filled, fixed where hollow"
    )
    edges = "; ↑ or ↓: at that edge of its declared range" if (table["edge"] != "").any() else ""
    metrics = facts.records.metrics
    of_what = " of loss and accuracy" if metrics.has_loss and metrics.has_accuracy else ""
    how = (
        f"Lines and bars: means and 95 % Student t-intervals over the {counted_in_words(facts.records)}, "
        f"n = {numbers.span(table['n'])} a size. Small marks: every confirm run; above the panel: "
        f"{numbers.TIMES} those without a value (diverged, failed, or short of the target), with their "
        f"number. A size with a diverged run has no mean{of_what}; hollow, without a bar: the "
        "mean of those runs that reach the target, which the others would raise. Lines are moved aside to "
        f"tell them apart. {rates}{edges}."
    )
    sentences = [how, target_in_words(table), budgets_in_words(), quality_in_words(table)]
    return " ".join(filter(None, sentences))


def alt_figure(frame: pd.DataFrame) -> str:
    """Return each line's learning rates, test accuracies and steps to the target by batch size."""
    means = frame[frame["kind"] == "mean"]
    by_line = []
    for line, rows in means.groupby("line", sort=False):
        headline = metrics_in(frame).headline
        sizes = rows.groupby("level", sort=False)
        by_size = [_size_in_words(str(level), size, headline) for level, size in sizes]
        by_line.append(f"{line}: {'; '.join(by_size)}")
    common = "loss" if metrics_in(frame).has_loss else "value"
    what = f"Steps, rates, results and the way to a common {common} against the batch size"
    return f"{what}. {'. '.join(by_line)}."


def _size_in_words(level: str, rows: pd.DataFrame, headline: Metric) -> str:
    values = dict(zip(rows["quantity"], rows["value"], strict=True))
    amount = headline.amount(values[headline.name])
    amount += f" {headline.value_unit}" if headline.value_unit else ""
    steps = numbers.count(values["steps_to"])
    rate = numbers.rate(values["learning_rate"])
    return f"{level} with rate {rate}, {amount}, {steps} steps to the target"


BATCH_SIZES = Block(
    name="batch_sizes",
    section="results",
    table=SIZES_IN_NUMBERS,
    plot=Plot(
        title="Batch size",
        compute=compute_figure,
        draw=draw,
        caption=caption_figure,
        alt=alt_figure,
        is_for=has_templates,
    ),
)
