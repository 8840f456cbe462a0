"""From which range was each arm's learning rate chosen, and did the search have room? In numbers."""

from typing import Any

import pandas as pd

from analysis import selection
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.noted import metrics_in, noted
from analysis.render import numbers
from analysis.responses import NONE_CHOSEN, chose_nothing
from analysis.search import chosen_in_words
from harness.study.domains import NumericRange


def compute_table(facts: Facts) -> pd.DataFrame:
    """Return one row an arm: declared range, chosen rate, the winner's validation values, and warnings.

    Returns: Columns `arm, low, high, is_log, learning_rate, edge, is_stability_limited, winner, val_loss,
        val_accuracy, ended, completed`, or other metrics of the study's. Accuracies are in [0, 1].
        Validation values are the mean over the winners of all repeats.
        Of an arm whose runs are all no better than guessing, the best one's rate is luck, and left out.
        `is_stability_limited`: the next larger rate that was tried diverged, so larger rates were cut off by
        instability and not by quality.
    """
    rows, metrics = [], facts.records.metrics
    losses = ["val_loss"] * metrics.has_loss
    shown = list(dict.fromkeys([*losses, metrics.validated.name, facts.rule.metric]))
    for arm, choice in facts.choices.items():
        runs, declared = facts.records.runs_of("search", arm), _range_of(facts, arm)
        winners = [one.run_id for one in choice.searches if one.run_id]
        won = runs[runs["run_id"].isin(winners)]
        chosen = chosen_in_words(facts.records, arm, winners) if winners else numbers.ABSENT
        is_luck = choice.learning_rate_range is not None and chose_nothing(facts.records, arm)
        rows.append(
            {
                "arm": arm,
                **({"chosen": NONE_CHOSEN if is_luck else chosen} if metrics.of_program else {}),
                "low": declared.low if declared else None,
                "high": declared.high if declared else None,
                "is_log": declared.is_log if declared else None,
                **(dict.fromkeys(choice.rate_cells) if is_luck else choice.rate_cells),
                "edge": None if is_luck else choice.edge,
                "is_stability_limited": not is_luck and selection.is_stability_limited(runs, choice),
                "winner": choice.run_id,
                **{name: won[name].mean() for name in shown},
                "ended": len(runs),
                "completed": int((runs["status"] == "completed").sum()),
            }
        )
    return noted(pd.DataFrame(rows), metrics)


def _range_of(facts: Facts, arm: str) -> NumericRange | None:
    """Return the range that an arm's rate was chosen from; while none is, that of all branches together."""
    choice = facts.choices[arm]
    ranges = selection.declared_ranges(facts.records.declaration.arms[arm].space, "lr")
    is_open = choice.run_id is None and ranges
    return selection.hull(ranges) if is_open else choice.learning_rate_range


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ranges as text and warnings in words."""
    metrics = metrics_in(frame)
    shown = [metrics[str(name)] for name in frame if name in metrics]
    cells = pd.DataFrame(
        {
            "Arm": list(frame["arm"]),
            **({"Chosen parameters": list(frame["chosen"])} if "chosen" in frame else {}),
            "Declared range": [_range(row) for row in frame.to_dict("records")],
            "Best learning rate": [numbers.rates(row) for row in frame.to_dict("records")],
            **{f"Search {metric.axis}": list(map(metric.amount, frame[metric.name])) for metric in shown},
            "Runs at full length": [
                f"{full} of {ended}" for full, ended in zip(frame["completed"], frame["ended"], strict=True)
            ],
            "Warnings": [_warnings(row) for row in frame.to_dict("records")],
        }
    )
    has_rates = "chosen" not in frame or frame["learning_rate"].notna().any()
    return cells if has_rates else cells.drop(columns=["Declared range", "Best learning rate"])


def _range(row: dict[Any, Any]) -> str:
    low, high = (
        float(value) if isinstance(value, float | int) else None for value in (row["low"], row["high"])
    )
    if not numbers.is_present(low) or not numbers.is_present(high):
        return "fixed"
    return f"{numbers.setting(low)} to {numbers.setting(high)}{', log' if row['is_log'] else ''}"


def _warnings(row: dict[Any, Any]) -> str:
    warnings = []
    if isinstance(row["edge"], str):
        warnings.append(f"at the {row['edge']} edge of its range")
    if row["is_stability_limited"]:
        warnings.append("the next larger rate diverged")
    if row["winner"] is None and row["ended"]:
        warnings.append("no winner")
    return "; ".join(warnings) or numbers.ABSENT


def caption_table(facts: Facts, frame: pd.DataFrame) -> str:
    """Return how the search chose, and why its values are no results."""
    del frame
    records = facts.records
    rule, sampler = facts.rule, records.declaration.search.sampler
    each = "one run each" if rule.seeds == 1 else f"{rule.seeds} runs each, of which the first is shown"
    sizes = records.runs_of("search").groupby(["arm", "repeat"]).size()
    most = int(sizes.max()) if len(sizes) else 0
    winners, its = (
        ("Means over the winners of all repeats:", "each one's")
        if records.is_repeated
        else ("The winner's", "its")
    )
    fresh = ": the results table holds those of fresh seeds" if records.has_confirm else ""
    return (
        f"Sampler {sampler}, chosen by {rule.in_words()}, among configurations trained to full length, "
        f"{each}{'' if records.is_repeated else ' (n = 1, no interval)'}. {winners} validation values, of "
        f"{its} {rule.epoch_in_words()}, are the luckiest of up to {most} runs "
        f"{'a search' if records.is_repeated else 'an arm'} and so optimistic{fresh}. Ranges are those the "
        "study declared."
    )


SEARCH = Block(
    name="search",
    section="trust",
    table=Table(
        title="Search",
        compute=compute_table,
        lay_out=lay_out,
        caption=caption_table,
        is_for=lambda facts: facts.is_searched,
    ),
)
