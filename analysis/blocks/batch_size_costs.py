"""What does each batch size cost, and how soon is it at a common loss? In numbers."""

from typing import Any

import pandas as pd

from analysis import responses
from analysis.batch_sizes import way_of
from analysis.blocks import Table
from analysis.design import counted_in_words
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in
from analysis.render import numbers
from analysis.seconds import incomparable

_SECONDS = "Seconds an epoch"


def lay_out_batch_sizes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a line and batch size; without what other tables have of a study that only measures."""
    rows, metrics = frame.to_dict("records"), metrics_in(frame)
    means = {metric.heading: metric for metric in (way_of(metrics), metrics.headline)}
    seconds = _SECONDS if frame["is_comparable"].all() else f"{_SECONDS}, not comparable"
    cells = pd.DataFrame(
        {
            "Arm": [row["line"] for row in rows],
            "Batch size": [row["level"] for row in rows],
            "Learning rate": [_rate(row) for row in rows],
            "Epochs": [numbers.count(row["budget_epochs"]) for row in rows],
            "Steps": [numbers.count(row["budget_steps"]) for row in rows],
            "Steps an epoch": [numbers.count(row["steps_per_epoch"]) for row in rows],
            seconds: [_seconds(row) for row in rows],
            "Epochs to target": [_to_target(row, "epochs_to") for row in rows],
            "Steps to target": [_to_target(row, "steps_to") for row in rows],
            "Reach it": [f"{row['reached']} of {row['runs']}" for row in rows],
            **{heading: [_amount(row, metric) for row in rows] for heading, metric in means.items()},
            "n": [numbers.with_lost(row["n"], row["diverged"], row["failed"]) for row in rows],
        }
    )
    is_grid = set(frame["phase"]) == {"search"}
    is_timed = frame["epoch_seconds"].notna().any()
    told = [*(means if is_grid else []), *([] if is_timed else [seconds])]
    return cells.drop(columns=told)


def _rate(row: dict[Any, Any]) -> str:
    how = "" if row["is_tuned"] else ", fixed"
    return numbers.rate(row["learning_rate"]) + how + numbers.edge_mark(row["edge"])


def _seconds(row: dict[Any, Any]) -> str:
    low, middle, high = (
        f"{row[f'epoch_seconds{end}']:.3g}" if numbers.is_present(row["epoch_seconds"]) else numbers.ABSENT
        for end in ("_low", "", "_high")
    )
    return middle if middle == numbers.ABSENT else f"{middle} ({low} to {high})"


def _to_target(row: dict[Any, Any], name: str) -> str:
    """Return a mean number of epochs or steps, with `>` where runs that miss the target would raise it."""
    decimals = 1 if name == "epochs_to" else 0
    text = numbers.with_uncertainty(row[name], row[f"{name}_half_width"], decimals=decimals)
    return f"> {text}" if 0 < row["reached"] < row["runs"] else text


def _amount(row: dict[Any, Any], metric: Metric) -> str:
    return metric.amount(row[metric.name], row[f"{metric.name}_half_width"])


def caption_sizes(facts: Facts, frame: pd.DataFrame) -> str:
    """Return the target, how each column was made, and what cannot be compared."""
    if frame.empty:
        return "No batch size is shown: no run that measures one has ended."
    phases = list(dict.fromkeys(frame["phase"]))
    how = (
        f"Every batch size, from its {' and '.join(phases)} runs. ± is the half-width of the 95 % Student "
        f"t-interval over n {counted_in_words(facts.records, phases)} (n = 1: no interval). "
        f"{target_in_words(frame)} "
        f"{budgets_in_words()}"
    )
    return " ".join(filter(None, [how, *_remarks(facts, frame), quality_in_words(frame)]))


def _remarks(facts: Facts, frame: pd.DataFrame) -> list[str]:
    """Return what the frame's own rows call for."""
    remarks = [facts.rule.values_in_words()] if "confirm" in set(frame["phase"]) else []
    if frame["epoch_seconds"].notna().any():
        remarks.append(
            "Seconds: median and quartiles over the whole training epochs of completed runs, evaluation and "
            f"each run's first epoch left out.{_incomparable(facts, frame)}"
        )
    if (frame["reached"] < frame["runs"]).any():
        remarks.append(">: the mean of those runs that reach the target; the others would raise it.")
    if frame["diverged"].any():
        remarks.append("Where a run diverged there is no mean: the survivors alone would flatter the size.")
    if (frame["edge"] != "").any():
        remarks.append("edge ↓ or ↑: the tuned rate lies at that edge of its declared range.")
    return remarks


def _incomparable(facts: Facts, frame: pd.DataFrame) -> str:
    """Return why seconds of different sizes cannot be compared; empty where they can."""
    if frame["is_comparable"].all():
        return ""
    refused = incomparable(responses.runs_of(facts.records, facts.lines_over("batch_size")))
    reason = "" if refused is None else f": {refused.reason}"
    return f" They cannot be compared between sizes{reason}."


def target_in_words(frame: pd.DataFrame) -> str:
    """Return what the target is, and its value on each line."""
    targets = frame.drop_duplicates("line").to_dict("records")
    values = "; ".join(f"{row['line']} {numbers.rate(row['target'])}" for row in targets)
    way = way_of(metrics_in(frame))
    worst = "largest of the sizes' mean validation losses" if way.short == "loss" else _worst(way)
    return (
        f"Target: the {worst} at the end, so that each size reaches it "
        f"on average, and its own seeds about every other time ({values})."
    )


def _worst(way: Metric) -> str:
    return f"{'lowest' if way.sign > 0 else 'highest'} of the sizes' means of {way.label}"


def budgets_in_words() -> str:
    """Return what must be known of the two budgets before sizes are compared."""
    return (
        "All sizes train for the same epochs, in which a small batch makes more steps: a comparison at equal "
        "epochs favours small batches, one at equal steps would favour large ones (Shallue et al. 2019)."
    )


def quality_in_words(frame: pd.DataFrame) -> str:
    """Return which lines say nothing of quality, because their rate was not tuned; empty where all were."""
    untuned = list(dict.fromkeys(frame.loc[~frame["is_tuned"], "line"]))
    if not untuned:
        return ""
    which = "" if len(untuned) == frame["line"].nunique() else f" for {', '.join(untuned)}"
    return (
        f"Nothing is said of quality{which}: the learning rate was not tuned for each batch size, and a rate "
        "that suits one size does not suit another."
    )


def has_sizes(facts: Facts) -> bool:
    """Return whether the batch size varies; of a program nobody knows what a parameter of that name does."""
    return not facts.records.metrics.of_program and bool(facts.lines_over("batch_size"))


SIZES_IN_NUMBERS = Table(
    title="Batch size",
    compute=lambda facts: facts.batch_sizes,
    lay_out=lay_out_batch_sizes,
    caption=caption_sizes,
    is_for=has_sizes,
)
