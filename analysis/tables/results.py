"""The results table in the published studies' layout: how good is each arm's chosen configuration?"""

import pandas as pd

from analysis import selection, statistics
from analysis.claims.leaders import leaders
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table
from analysis.winner_rule import WinnerRule

_LOSSES = ("train_loss", "val_loss", "test_loss")
_ACCURACIES = ("val_accuracy", "test_accuracy")
_VALUES = (*_LOSSES, *_ACCURACIES, "minutes")

_HEADINGS = {
    "train_loss": "Train loss",
    "val_loss": "Validation loss",
    "test_loss": "Test loss",
    "val_accuracy": "Validation accuracy (%)",
    "test_accuracy": "Test accuracy (%)",
    "minutes": "Minutes",
}
_EDGE_MARKS = {"lower": " (edge ↓)", "upper": " (edge ↑)"}


def compute_results(records: StudyRecords) -> pd.DataFrame:
    """Return one row an arm: its learning rate, and mean and t-interval of each value over confirm seeds.

    Returns: Columns `arm, optimizer, learning_rate, edge, selected_on, planned, ended, diverged, failed,
        n`, then each of `train_loss, val_loss, test_loss, val_accuracy, test_accuracy, minutes` and its
        `_half_width`. `n` counts completed confirm seeds. Where a seed diverged, the means are absent: an
        average over the survivors would hide it. `edge` is `lower`, `upper` or absent.
    """
    chosen = selection.choices(records)
    confirm = records.runs_of("confirm")
    confirm = confirm.assign(minutes=confirm["train_seconds"] / 60)
    return pd.DataFrame(
        [_row(records, arm, chosen[arm], confirm[confirm["arm"] == arm]) for arm in records.arms]
    )


def _row(records: StudyRecords, arm: str, choice: selection.Choice, runs: pd.DataFrame) -> dict[str, object]:
    completed, diverged = runs[runs["status"] == "completed"], int((runs["status"] == "diverged").sum())
    row: dict[str, object] = {
        "arm": arm,
        "optimizer": _optimizer(records, arm),
        "learning_rate": choice.learning_rate,
        "edge": choice.edge,
        "selected_on": records.manifest.search.get("metric") if choice.run_id else None,
        "planned": records.manifest.arms[arm].confirm_runs,
        "ended": len(runs),
        "diverged": diverged,
        "failed": int((runs["status"] == "failed").sum()),
        "n": len(completed),
    }
    for name in _VALUES:
        interval = statistics.t_interval([] if diverged else list(completed[name].dropna()))
        row |= {name: interval.mean, f"{name}_half_width": interval.half_width}
    return row


def _optimizer(records: StudyRecords, arm: str) -> str | None:
    """Return the optimizer the arm's runs really used, or the declared one where none ran."""
    declared = records.manifest.arms[arm].fixed.get("optimizer")
    if "config.optimizer" not in records.runs:
        return None if declared is None else str(declared)
    winner, runs = records.winners.get(arm), records.runs[records.runs["arm"] == arm]
    used = runs[(runs["run_id"] == winner) | (runs["phase"] == "confirm")]["config.optimizer"].dropna()
    return str(used.iloc[0]) if len(used) else None if declared is None else str(declared)


def lay_out_results(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the published layout: accuracies in percent, numbers rounded to their uncertainty."""
    selected = set(frame["selected_on"].dropna())
    cells: dict[str, list[str]] = {
        "Arm": list(frame["arm"]),
        "Optimizer": [value if isinstance(value, str) else numbers.ABSENT for value in frame["optimizer"]],
        "Best learning rate": [
            numbers.rate(value) + (_EDGE_MARKS[edge] if isinstance(edge, str) else "")
            for value, edge in zip(frame["learning_rate"], frame["edge"], strict=True)
        ],
    }
    for name in _VALUES:
        heading = _HEADINGS[name] + (", selected on" if name in selected else "")
        scale, decimals = (100, 2) if name in _ACCURACIES else (1, 2 if name == "minutes" else 4)
        cells[heading] = [
            numbers.with_uncertainty(mean, half_width, scale=scale, decimals=decimals)
            for mean, half_width in zip(frame[name], frame[f"{name}_half_width"], strict=True)
        ]
    cells["n"] = [
        _count(n, diverged, ended)
        for n, diverged, ended in zip(frame["n"], frame["diverged"], frame["ended"], strict=True)
    ]
    return pd.DataFrame(cells)


def _count(n: int, diverged: int, ended: int) -> str:
    """Return n, and where seeds diverged how many of those that ended did, with the share that trains."""
    if not diverged:
        return str(n)
    low, high = statistics.wilson_interval(ended - diverged, ended)
    return f"{n} ({diverged} of {ended} diverged; {100 * low:.0f} to {100 * high:.0f} % train)"


def caption_results(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what the table shows, how, and what its marks mean."""
    is_searched = any(arm.search_runs for arm in records.manifest.arms.values())
    what = "chosen configuration, trained again on fresh" if is_searched else "configuration, trained on the"
    how = (
        f"Each arm's {what} confirm seeds: mean ± half-width of the 95 % Student t-interval over n seeds "
        "(one seed: the value alone). A seed fixes the split, the initialisation and the data order"
        f"{'; the search is not repeated' if is_searched else ''}. "
        f"{WinnerRule.of(records.manifest).values_in_words()} Minutes are training time of one run, "
        "evaluation excluded."
    )
    sentences = [how]
    if frame["edge"].notna().any():
        sentences.append(
            "edge ↓ or ↑: the rate lies within 5 % of the (log) range of the lower or upper bound of the "
            "arm's declared range (or is the first or last of listed values), so the optimum may lie "
            "outside."
        )
    if frame["selected_on"].notna().any():
        sentences.append(
            f"The search chose by {records.manifest.search.get('metric')} on other seeds; no choice used "
            "test values."
        )
    sentences += _leaders(records)
    if frame["diverged"].any():
        sentences.append(
            "An arm with a diverged seed has no mean: the survivors alone would flatter it; the interval "
            "of the share of seeds that train is Wilson's, 95 %."
        )
    if (records.runs_of("confirm")["concurrency"] > 1).any():
        sentences.append("Several runs trained at the same time, so minutes are not comparable between arms.")
    if not frame["ended"].any():
        sentences.append("No confirm run has ended in this study, so there is nothing to average.")
    return " ".join(sentences)


def _leaders(records: StudyRecords) -> list[str]:
    """Return which arms may have the highest test accuracy: nobody should read one winner off the means."""
    found = leaders(records)
    if found is None:
        return []
    which = (
        "cannot be told from these seeds" if len(found) == len(records.arms) else f"is {' or '.join(found)}"
    )
    claim = f"Exploratory: the arm with the highest true mean test accuracy {which}"
    return [f"{claim} (95 % confidence, paired over seeds, Bonferroni)."]


RESULTS = Table(
    title="Results",
    section="glance",
    compute=compute_results,
    lay_out=lay_out_results,
    caption=caption_results,
    is_for=lambda records: records.has_confirm,
)
