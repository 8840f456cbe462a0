"""How lucky was the search? The winner's search value beside the same metric on fresh seeds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import statistics
from analysis.blocks import Block, Table
from analysis.design import Key, design_of
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import Replicates, replicates
from analysis.search import WinnerRule, at_full_length

_COLUMNS = {
    "arm": "str",
    "metric": "str",
    "winner": "str",
    "ended": "int64",
    "chosen_among": "int64",
    "search": "float64",
    "diverged": "int64",
    "n": "int64",
    "confirm": "float64",
    "half_width": "float64",
    "gap": "float64",
    "gap_low": "float64",
    "gap_high": "float64",
}


def compute(facts: Facts) -> pd.DataFrame:
    """Return one row a searched arm: what its winners reached in the search, and what they reach afresh.

    Returns: Columns `arm, metric, winner, ended, chosen_among, search, diverged, n, confirm, half_width, gap,
        gap_low, gap_high`. Values are of the search metric by the winner's rule, in its unit, accuracies in
        [0, 1]. `ended` counts configurations the search tried, `chosen_among` those it could choose, of
        full length. `confirm` is the mean over `n` completed replicates with its t-interval; absent where
        a run diverged. `gap` is positive where the search value is the better one; its interval is that of
        `confirm`, and where searches are repeated that of the gaps of the repeats.
    """
    records, rule = facts.records, facts.rule
    values = pd.concat([at_full_length(records, "search"), at_full_length(records, "confirm")])
    rows = []
    for arm in records.arms:
        if records.declaration.arms[arm].search_runs:
            tried, fresh = records.runs_of("search", arm), records.runs_of("confirm", arm)
            winners = [winner for winner in records.winners_of(arm) if winner is not None]
            reached = _reached(records, arm, values, rule)
            own = replicates(records, arm, "value", runs=fresh.assign(value=fresh["run_id"].map(values)))
            rows.append(
                {"arm": arm, "winner": next(iter(winners), "")}
                | {"search": sum(reached.values()) / len(reached) if reached else None}
                | {"diverged": int((fresh["status"] == "diverged").sum())}
                | _choice(tried, rule)
                | _outcome(reached, own, rule.sign, is_repeated=design_of(records).unit == "repeat")
            )
    return noted(pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS), records.metrics)


def _choice(tried: pd.DataFrame, rule: WinnerRule) -> dict[str, Any]:
    """Return from how many configurations the search of an arm chose."""
    completed = tried[tried["status"] == "completed"]
    return {
        "metric": rule.metric,
        "ended": _configurations(tried, rule, seeds=1),
        "chosen_among": _configurations(completed, rule, seeds=rule.seeds),
    }


def _configurations(runs: pd.DataFrame, rule: WinnerRule, *, seeds: int) -> int:
    """Return how many configurations have runs on at least so many seeds.

    Where the search has one seed a run is a configuration, even if a sampler proposes one twice.
    """
    if rule.seeds == 1 or runs.empty:
        return len(runs)
    of_each = runs.groupby(_settings(runs), dropna=False)["seed"].nunique()
    return int((of_each >= seeds).sum())


def _reached(
    records: StudyRecords, arm: str, values: "pd.Series[float]", rule: WinnerRule
) -> dict[Key, float]:
    """Return by repeat what an arm's winner reached in its search."""
    tried = records.runs_of("search", arm)
    won: dict[Key, list[str]] = {
        repeat: list(_runs_of_winner(tried, winner, rule)["run_id"])
        for repeat, winner in records.winners_by_repeat.get(arm, {}).items()
        if winner is not None
    }
    return {repeat: float(values.reindex(run_ids).mean()) for repeat, run_ids in won.items()}


def _outcome(
    reached: Mapping[Key, float], own: Replicates, sign: int, *, is_repeated: bool
) -> dict[str, Any]:
    """Return what an arm's replicates reach, and the gap to what their winners reached in the search."""
    n = own.count("completed")
    if own.count("diverged"):
        return {"n": n}
    mean = statistics.t_interval(own.measured.tolist())
    searches: Sequence[Key] = own.keys if is_repeated else [0] * len(own.keys)
    pairs = [
        (reached[search], float(value))
        for search, value in zip(searches, own.values, strict=True)
        if search in reached and not math.isnan(value)
    ]
    gap = statistics.t_interval([sign * (before - after) for before, after in pairs])
    gaps = {"gap": gap.mean, "gap_low": gap.low, "gap_high": gap.high}
    return {"n": n, "confirm": mean.mean, "half_width": mean.half_width, **gaps}


def _runs_of_winner(search: pd.DataFrame, winner: str | None, rule: WinnerRule) -> pd.DataFrame:
    """Return the winning run, and where the search ran each configuration on several seeds, all of its."""
    won = search[search["run_id"] == winner]
    if won.empty or rule.seeds == 1:
        return won
    completed = search[search["status"] == "completed"]
    alike = pd.Series(data=True, index=completed.index)
    for column in _settings(search):
        value = won[column].iloc[0]
        alike &= completed[column].isna() if pd.isna(value) else completed[column] == value
    return completed[alike].drop_duplicates("seed")


def _settings(runs: pd.DataFrame) -> list[str]:
    return [str(name) for name in runs.columns if str(name).startswith("config.")]


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return values and gaps in the readers' unit, rounded to their uncertainty."""
    rows = frame.to_dict("records")
    metrics = metrics_in(frame)
    spec = metrics[str(rows[0]["metric"])] if rows else metrics.validated
    return pd.DataFrame(
        {
            "Arm": [row["arm"] for row in rows],
            "Chosen among": [f"{row['chosen_among']} of {row['ended']}" for row in rows],
            f"Search: {spec.axis}": [spec.amount(row["search"]) for row in rows],
            f"Confirm: {spec.axis}": [spec.amount(row["confirm"], row["half_width"]) for row in rows],
            f"Gap{spec.difference_heading}": [_signed(row, spec) for row in rows],
            "n": [_size(row) for row in rows],
        }
    )


def _signed(row: dict[Any, Any], metric: Metric) -> str:
    reach = row["gap_high"] - row["gap"]
    text = numbers.with_uncertainty(row["gap"], reach, scale=metric.scale, decimals=metric.decimals)
    return f"+{text}" if row["gap"] > 0 else text


def _size(row: dict[Any, Any]) -> str:
    return f"{row['n']} ({row['diverged']} diverged)" if row["diverged"] else str(row["n"])


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the gap is, why it is expected, and what its interval holds."""
    rule = facts.rule
    is_repeated = facts.records.is_repeated
    runs = "a single run" if rule.seeds == 1 else f"{rule.seeds} runs"
    whose, over = ("each repeat's winner", "n repeats") if is_repeated else ("the winner", "n fresh seeds")
    afresh = ", each the mean of its confirm runs on fresh seeds" if is_repeated else ""
    what = (
        f"Of each searched arm {whose}: its value in the search ({rule.in_words()}; {runs}), and the same "
        f"metric of the same configuration over {over}{afresh}: mean ± half-width of the 95 % Student "
        "t-interval (n = 1: no interval)."
    )
    why = (
        "Gap: search minus confirm, with its sign turned where less is better, so that above 0 the search "
        "was optimistic. A gap above 0 is expected from choosing the luckiest of many configurations (the "
        "winner's curse), and the more so the more there were."
    )
    of_gap = (
        "The gap's interval is over the gaps of the repeats."
        if is_repeated
        else "The gap's interval is that of the confirm mean: the search value is taken as it is, with the "
        "luck of its seed."
    )
    sentences = [what, why, of_gap, "Chosen among: configurations trained to full length, of those tried."]
    if frame["diverged"].any():
        sentences.append("Where a confirm run diverged there is no mean.")
    if not frame["n"].any():
        sentences.append("No confirm run has completed, so no gap is known.")
    return " ".join(sentences)


OPTIMISM = Block(
    name="optimism",
    section="trust",
    table=Table(
        title="How lucky was the search?",
        compute=compute,
        lay_out=lay_out,
        caption=caption,
        is_for=lambda facts: facts.records.has_search and facts.records.has_confirm,
    ),
)
