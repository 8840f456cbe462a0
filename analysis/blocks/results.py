"""How good is each arm's chosen configuration? Its means, in the published studies' layout."""

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd

from analysis import selection, statistics
from analysis.blocks import Block, Table
from analysis.design import counted_in_words, counts_searches, design_of
from analysis.facts import Facts
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import chance_level, replicates
from analysis.search import WinnerRule, chosen_in_words
from harness.recipe.metrics import SPLITS


def columns_of(records: StudyRecords) -> list[str]:
    """Return the columns of the runs whose means are shown: losses, the headline, then what else is tested.

    What no run of a program reports is left out, unless it is the headline.
    """
    metrics = records.metrics
    first, *others = [name for name in metrics.names if name != "loss"] or metrics.names
    losses = metrics.has_loss and first != "loss"
    shown = [f"{split}_loss" for split in SPLITS if losses]
    shown += [f"val_{first}", f"test_{first}", *(f"test_{name}" for name in others)]
    if records.declaration.known_data is not None:
        return shown
    return [name for name in shown if name.endswith(f"_{first}") or records.runs[name].notna().any()]


def compute_results(facts: Facts) -> pd.DataFrame:
    """Return one row an arm: its learning rate, and mean and t-interval of each value over replicates.

    Returns: Columns `arm, optimizer, learning_rate, edge, selected_on, planned, ended, diverged, failed,
        trains_low, trains_high, n`, then each of `columns_of` (of classification `train_loss, val_loss,
        test_loss, val_accuracy, test_accuracy`) and `minutes`, and its `_half_width`, and
        `new_images_half_width`, that of the test accuracy for other test images of the same kind, absent
        where predictions are not kept. `planned` to `failed` count confirm runs, `n` completed replicates
        of the plan: of an arm that searches in a study that repeats its searches, whole searches with the
        mean of their confirm runs; confirm seeds everywhere else. Where a run diverged, the means are
        absent: an average over the survivors would hide it. Of such an arm `trains_low` and `trains_high`
        are the ends of Clopper and Pearson's 95 % interval of the share of runs that train, absent where
        replicates are searches, as runs of one are not independent. `edge` is `lower`, `upper` or absent.
    """
    records = facts.records
    confirm = records.runs_of("confirm")
    confirm = confirm.assign(minutes=confirm["train_seconds"] / 60)
    frame = pd.DataFrame(
        [_row(records, arm, choice, confirm[confirm["arm"] == arm]) for arm, choice in facts.choices.items()]
    )
    widths = {arm: accuracy.half_width for arm, accuracy in facts.new_images.items()}
    frame = frame.assign(new_images_half_width=frame["arm"].map(widths).astype("float64"))
    return noted(frame, records.metrics)


def _row(records: StudyRecords, arm: str, choice: selection.Choice, runs: pd.DataFrame) -> dict[str, object]:
    shown = [*columns_of(records), "minutes"]
    own = {name: replicates(records, arm, name) for name in shown[:-1]}
    own["minutes"] = replicates(records, arm, "minutes", runs=runs)
    n = own[records.metrics.headline.name].count("completed")
    diverged = int((runs["status"] == "diverged").sum())
    row: dict[str, object] = {
        "arm": arm,
        **({"chosen": _chosen(records, arm)} if records.metrics.of_program else {}),
        "optimizer": _optimizer(records, arm),
        **choice.rate_cells,
        "edge": choice.edge,
        "selected_on": records.declaration.search.metric if choice.run_id else None,
        "planned": records.declaration.arms[arm].confirm_runs,
        "ended": len(runs),
        "diverged": diverged,
        "failed": int((runs["status"] == "failed").sum()),
        "trains_low": math.nan,
        "trains_high": math.nan,
        "n": n,
    }
    if diverged and not counts_searches(records, arm):
        ends = statistics.clopper_pearson(len(runs) - diverged, len(runs))
        row["trains_low"], row["trains_high"] = ends
    for name in shown:
        interval = statistics.t_interval([] if diverged else own[name].measured.tolist())
        row |= {name: interval.mean, f"{name}_half_width": interval.half_width}
    return row


def _chosen(records: StudyRecords, arm: str) -> str:
    """Return the parameters that the searches of a program's arm chose."""
    winners = [winner for winner in records.winners_of(arm) if winner]
    return chosen_in_words(records, arm, winners) if winners else ""


def _optimizer(records: StudyRecords, arm: str) -> str | None:
    """Return the optimizer the arm's runs really used, or the declared one where none ran."""
    declared = records.declaration.arms[arm].fixed.get("optimizer")
    if "config.optimizer" not in records.runs:
        return None if declared is None else str(declared)
    winners, runs = records.winners_of(arm), records.runs[records.runs["arm"] == arm]
    used = runs[runs["run_id"].isin(winners) | (runs["phase"] == "confirm")]["config.optimizer"].dropna()
    return " or ".join(sorted(set(used))) if len(used) else None if declared is None else str(declared)


def lay_out_results(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the published layout: accuracies in percent, numbers rounded to their uncertainty."""
    metrics, selected = metrics_in(frame), set(frame["selected_on"].dropna())
    cells: dict[str, list[str]] = {"Arm": list(frame["arm"])}
    if "chosen" in frame:
        cells["Chosen parameters"] = [chosen or numbers.ABSENT for chosen in frame["chosen"]]
    cells |= {
        "Optimizer": [value if isinstance(value, str) else numbers.ABSENT for value in frame["optimizer"]],
        "Best learning rate": [
            numbers.rates(row) + numbers.edge_mark(row["edge"]) for row in frame.to_dict("records")
        ],
    }
    if "chosen" in frame:
        cells = {name: texts for name, texts in cells.items() if set(texts) != {numbers.ABSENT}}
    for name in [str(name) for name in frame if f"{name}_half_width" in frame]:
        metric, values = metrics.get(name), zip(frame[name], frame[f"{name}_half_width"], strict=True)
        heading = (metric.heading if metric else "Minutes") + (", selected on" if name in selected else "")
        cells[heading] = [
            metric.amount(*value) if metric else numbers.with_uncertainty(*value, decimals=2)
            for value in values
        ]
        if name == "test_accuracy" and frame["new_images_half_width"].notna().any():
            cells["On new test images (%)"] = _on_new_images(frame)
    cells["n"] = [_count(row) for row in frame.to_dict("records")]
    return pd.DataFrame(cells)


def _on_new_images(frame: pd.DataFrame) -> list[str]:
    return [
        numbers.with_uncertainty(mean if numbers.is_present(half_width) else None, half_width, scale=100)
        for mean, half_width in zip(frame["test_accuracy"], frame["new_images_half_width"], strict=True)
    ]


def _count(row: dict[Hashable, Any]) -> str:
    """Return n, and where runs diverged how many of those that ended did, with the share that trains."""
    if not row["diverged"]:
        return str(row["n"])
    lost = f"{row['diverged']} of {row['ended']} diverged"
    if numbers.is_present(row["trains_low"]):
        lost += f"; {100 * row['trains_low']:.0f} to {100 * row['trains_high']:.0f} % train"
    return f"{row['n']} ({lost})"


def caption_results(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the table shows, how, and what its marks mean."""
    records = facts.records
    how = (
        f"{_how(records)} {WinnerRule.of(records.declaration).values_in_words()} "
        f"{_ALL_MINUTES if records.metrics.of_program else _MINUTES}"
    )
    sentences = [how, *_directions(records)]
    if frame["edge"].notna().any():
        sentences.append(
            "edge ↓ or ↑: the rate lies within 5 % of the (log) range of the lower or upper bound of the "
            "arm's declared range (or is the first or last of listed values), so the optimum may lie "
            "outside."
        )
    if frame["selected_on"].notna().any():
        sentences.append(
            f"The search chose by {records.declaration.search.metric} on other seeds; no choice used "
            "test values."
        )
    if frame["new_images_half_width"].notna().any():
        sentences.append(
            "On new test images: the test accuracy with its interval for other test images of the same "
            "kind, from the runs' predicted classes; every other interval is for these images. As all arms "
            "share them, a difference of two arms is surer than these intervals suggest."
        )
    sentences += _leaders(facts)
    if frame["diverged"].any():
        counts = chance_level(records, records.metrics.headline.name) is not None
        sentences.append(
            "An arm with a diverged run has no mean here, as the survivors alone would flatter it"
            f"{'; claims count its accuracy as chance' if counts else ''}."
        )
    if frame["trains_low"].notna().any():
        sentences.append("The interval of the share of runs that train is Clopper and Pearson's, 95 %.")
    if (records.runs_of("confirm")["concurrency"] > 1).any():
        sentences.append("Several runs trained at the same time, so minutes are not comparable between arms.")
    if not frame["ended"].any():
        sentences.append("No confirm run has ended in this study, so there is nothing to average.")
    return " ".join(sentences)


_MINUTES = "Minutes are training time of one run, evaluation excluded."
_ALL_MINUTES = "Minutes are those of one run up to its last epoch, whatever the program does in them."


def _directions(records: StudyRecords) -> list[str]:
    """Return which values are better, where not everybody knows."""
    metrics = records.metrics
    own = [metrics[f"test_{name}"] for name in metrics.names if name not in {"accuracy", "loss"}]
    return [f"Better is: {', '.join(f'{metric.better} {metric.short}' for metric in own)}."] if own else []


def _how(records: StudyRecords) -> str:
    """Return what the means are of, and what n counts."""
    interval = "mean ± half-width of the 95 % Student t-interval over n"
    seed = f"A seed fixes {records.seed_fixes}"
    if design_of(records).unit == "repeat":
        return (
            "Each arm searched anew several times, each choice trained again on fresh confirm seeds: "
            f"{interval} {counted_in_words(records)}, a repeat's value being the mean of "
            f"its confirm runs. {seed}."
        )
    is_searched = any(arm.search_runs for arm in records.declaration.arms.values())
    what = "chosen configuration, trained again on fresh" if is_searched else "configuration, trained on the"
    once = "; the search is not repeated" if is_searched else ""
    return f"Each arm's {what} confirm seeds: {interval} seeds (one seed: the value alone). {seed}{once}."


def _leaders(facts: Facts) -> list[str]:
    """Return which arms may be the best by the headline: nobody should read one winner off the means."""
    possible = facts.leaders
    if possible is None:
        return []
    is_any = len(possible) == len(facts.records.arms)
    which = "cannot be told from these seeds" if is_any else f"is {' or '.join(possible)}"
    headline = facts.records.metrics.headline
    claim = f"Exploratory: the arm with the {headline.best} true mean {headline.label} {which}"
    return [f"{claim} (95 % confidence, Bonferroni)."]


RESULTS = Block(
    name="results",
    section="results",
    is_open=True,
    table=Table(
        title="Results",
        compute=compute_results,
        lay_out=lay_out_results,
        caption=caption_results,
        is_for=lambda facts: facts.records.has_confirm,
    ),
)
