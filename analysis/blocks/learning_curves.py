"""Learning curves: how fast does each arm learn, and does it overfit?

Validation beside training, each on its own scale, against epochs, and against seconds where runs had the
machine for themselves. Every run is a thin line; the mean and its interval are drawn where all of an arm's
runs have a finite value, so that no average is taken over survivors.
"""

from functools import partial

import pandas as pd

from analysis import statistics
from analysis.blocks import Block, Plot
from analysis.blocks.curve_panels import COMPARABLE, SPLITS, draw, shown_metric, splits_in
from analysis.design import counts_searches
from analysis.facts import Facts
from analysis.noted import noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.responses import chose_nothing
from analysis.search import WinnerRule

_COLUMNS = {
    "arm": "str",
    "phase": "str",
    "split": "str",
    "line": "str",
    "run_id": "str",
    "seed": "Int64",
    "status": "str",
    "epoch": "int64",
    "seconds": "float64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
}


def compute(facts: Facts, quantity: str | None) -> pd.DataFrame:
    """Return every line of the figure: each seed's, and each arm's mean.

    Confirm runs where the study has any, else the search runs with the chosen configuration.

    Args:
        facts: The study.
        quantity: One of its metrics; None for the headline.

    Returns: Columns `arm, phase, split, line, run_id, seed, status, epoch, seconds, value, low, high, n`.
        `line` is `seed` or `mean`; `seconds` is training time since the run began (of a mean: the mean over
        its runs); `value`, a loss or an accuracy in [0, 1], is absent where it was not finite; `low` and
        `high` are the 95 % t-interval of a mean over n >= 2 replicates: repeats where an arm's search is
        repeated, else seeds.
    """
    records = facts.records
    runs = _curve_runs(records)[["run_id", "arm", "phase", "repeat", "seed", "status"]]
    runs = runs.assign(replicate=_replicates(records, runs))
    epochs = records.epochs_of(runs["run_id"]).merge(runs, on="run_id")
    epochs = epochs.assign(seconds=epochs.groupby("run_id")["seconds"].cumsum())
    sizes = {str(arm): len(group) for arm, group in runs.groupby("arm")}
    rows: list[dict[str, object]] = []
    name = quantity or records.metrics.names[0]
    for split in SPLITS:
        may_lack = records.declaration.known_data is None or name not in {"loss", "accuracy"}
        if may_lack and epochs[f"{split}_{name}"].isna().all():
            continue  # a program need not report it, and of further metrics training measures none
        of_split = epochs.assign(split=split, value=epochs[f"{split}_{name}"])
        rows += [*_seed_rows(of_split), *_mean_rows(of_split, sizes)]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    position = frame["arm"].map({arm: at for at, arm in enumerate(records.arms)})
    order = ["position", "split", "line", "run_id", "epoch"]
    frame = frame.assign(position=position).sort_values(order, ignore_index=True).drop(columns="position")
    frame.attrs[COMPARABLE] = not _is_shared(records)
    return noted(frame, records.metrics)


def _curve_runs(records: StudyRecords) -> pd.DataFrame:
    """Return the runs whose curves are shown; failed runs are missing data and left out."""
    confirm = records.runs_of("confirm")
    confirm = confirm[confirm["status"] != "failed"]
    return confirm if len(confirm) else _chosen_runs(records)


def _chosen_runs(records: StudyRecords) -> pd.DataFrame:
    """Return the search runs with each arm's chosen configuration: several where a grid is repeated."""
    runs = records.runs[records.runs["status"] != "failed"]
    settings = ["arm", "phase", *(name for name in runs.columns if name.startswith("config."))]
    chosen = runs.loc[runs["run_id"].isin(records.all_winners), settings]
    return runs.merge(chosen, on=settings)


def _replicates(records: StudyRecords, runs: pd.DataFrame) -> "pd.Series[str]":
    """Return which runs are of one replicate: confirm runs of one repeated search, else each by itself."""
    searched = [arm for arm in records.arms if counts_searches(records, arm)]
    is_joined = runs["arm"].isin(searched) & (runs["phase"] == "confirm")
    return runs["run_id"].mask(is_joined, runs["repeat"].astype("str"))


def _seed_rows(epochs: pd.DataFrame) -> list[dict[str, object]]:
    columns = ["arm", "phase", "split", "run_id", "seed", "status", "epoch", "seconds", "value"]
    rows = epochs[columns].itertuples(index=False)
    return [dict(zip(columns, row, strict=True), line="seed", n=1) for row in rows]


def _mean_rows(epochs: pd.DataFrame, sizes: dict[str, int]) -> list[dict[str, object]]:
    """Return the mean and interval at every epoch that all of an arm's runs reached with a finite value."""
    rows: list[dict[str, object]] = []
    for (arm, phase, split, epoch), group in epochs.groupby(["arm", "phase", "split", "epoch"], sort=False):
        values = group["value"].dropna().tolist()
        if len(values) < sizes[str(arm)]:
            continue
        if not group["replicate"].is_unique:
            values = group.groupby("replicate", sort=False)["value"].mean().tolist()
        interval = statistics.t_interval(values)
        place = {"arm": arm, "phase": phase, "split": split, "epoch": epoch, "line": "mean", "run_id": ""}
        ends = {"value": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}
        rows.append({**place, "status": "", "seconds": float(group["seconds"].mean()), **ends})
    return rows


def caption(facts: Facts, frame: pd.DataFrame, quantity: str | None) -> str:
    """Return what the lines are and how the band was made."""
    if frame.empty:
        return "No learning curves: no confirm run and no winning search run has ended."
    which = f"{' and '.join(splits_in(frame).values()).capitalize()} {shown_metric(frame, quantity).short}"
    if quantity != "loss" and facts.records.metrics.has_loss:
        return f"{which} of the same runs, drawn like their loss."
    runs = frame[frame["line"] == "seed"].groupby("arm", sort=False)["run_id"].nunique()
    sizes = ", ".join(f"{arm} {n}" for arm, n in runs.items())
    what = (
        "confirm runs"
        if "confirm" in set(frame["phase"])
        else f"search runs with the {_chosen_in_words(facts.records)} (no confirm run: optimistic)"
    )
    n = frame.loc[frame["line"] == "mean", "n"]
    is_joined = facts.records.is_repeated and len(n)
    over = f" over n = {numbers.span(n)} replicates (of a searched arm, repeats)" if is_joined else ""
    crowded = (
        " Runs shared the machine, so no curve over seconds is drawn." if _is_shared(facts.records) else ""
    )
    return (
        f"{which} of the {what}, each on its own scale. Thin lines: every run "
        f"({sizes}). Thick line and band: mean and 95 % Student t-interval{over} at epochs that all runs of "
        f"the arm reached with a finite value (n = 1: no band). {numbers.TIMES} marks where a run diverged."
        f"{_LAG if facts.records.declaration.known_data and 'train' in set(frame['split']) else ''}{crowded}"
    ).rstrip()


def _chosen_in_words(records: StudyRecords) -> str:
    """Return which configuration search runs have; if nothing learned, of the luckiest runs."""
    guessing = [arm for arm in records.arms if chose_nothing(records, arm)]
    if not guessing:
        return "chosen configuration"
    whose = "" if len(guessing) == len(records.arms) else f" of {', '.join(guessing)}"
    best = f"best {WinnerRule.of(records.declaration).metric}"
    return f"configuration of the {best}, by luck as no run{whose} is better than guessing"


_LAG = (
    " Training values are means over the epoch while the weights still change, so they lag behind "
    "validation values."
)


def _is_shared(records: StudyRecords) -> bool:
    return bool((records.runs["concurrency"] > 1).any())


def alt(frame: pd.DataFrame, quantity: str | None) -> str:
    """Return the last mean of each arm on both splits."""
    means = frame[frame["line"] == "mean"]
    last = means.sort_values("epoch", kind="stable").groupby(["arm", "split"], sort=False).tail(1)
    ends = [
        f"{row['arm']} {SPLITS[row['split']].lower()} {row['value']:.3g} at epoch {row['epoch']}"
        for row in last.sort_index().to_dict("records")
    ]
    what = shown_metric(frame, quantity).short
    return f"Learning curves of {what} by epoch. Last means: {'; '.join(ends) or 'none'}."


def _block(name: str, quantity: str | None) -> Block:
    return Block(
        name=name,
        section="results",
        is_open=quantity != "loss",
        plot=Plot(
            title=f"Learning curves: {quantity or 'the headline metric'}",
            compute=partial(compute, quantity=quantity),
            draw=partial(draw, quantity=quantity),
            caption=partial(caption, quantity=quantity),
            alt=partial(alt, quantity=quantity),
            is_for=partial(_has, quantity=quantity),
        ),
    )


def _has(facts: Facts, quantity: str | None) -> bool:
    names = facts.records.metrics.names
    return names[0] not in {"loss", "accuracy"} if quantity is None else quantity in names


LEARNING_CURVES = _block("learning_curves", "loss")
ACCURACY_CURVES = _block("accuracy_curves", "accuracy")
METRIC_CURVES = _block("metric_curves", None)
