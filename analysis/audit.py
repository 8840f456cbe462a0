"""Whether early stopping ended runs better than the winner: stopped search runs trained at full length.

An audit run repeats a stopped search run, drawn at random among those of its arm, with the same configuration
and seed. Audit runs choose nothing: the winner stays. What they can show of an arm:

- in how many of its searches one of them ended better than the winner (a run that diverges when it goes on
  does not; one that failed is missing). Searches are counted and not runs: those of one search share its
  winner, and only one of them could have won;
- the regret: how much better than the winner of its search the best audited run ended, which the stopped
  runs that were not audited can only raise. Where searches are repeated it is known of each, and their mean
  has an interval.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import statistics
from analysis.records import StudyRecords
from analysis.search import WinnerRule

Curve = NDArray[np.float64]
"""The search metric after each epoch of a run, shape `(epochs,)`; NaN where it was not finite."""

_NO_EPOCHS = np.empty(0)

_RUN_COLUMNS = {
    "arm": "str",
    "repeat": "int64",
    "run_id": "str",
    "full_run_id": "str",
    "fate": "str",
    "search_epochs": "int64",
    "full_status": "str",
    "metric": "str",
    "value_when_stopped": "float64",
    "final": "float64",
    "gain": "float64",
    "repeat_deviation": "float64",
    "is_winner": "bool",
}
_ARM_COLUMNS = {
    "arm": "str",
    "metric": "str",
    "ended": "int64",
    "stopped": "int64",
    "audited": "int64",
    "completed": "int64",
    "diverged": "int64",
    "failed": "int64",
    "searches": "int64",
    "audited_searches": "int64",
    "better_searches": "Int64",
    "share_low": "float64",
    "share_high": "float64",
    "winner_final": "float64",
    "best_audited": "float64",
    "regret": "float64",
    "regret_half_width": "float64",
    "repeat_deviation": "float64",
}


def is_asked(records: StudyRecords) -> bool:
    """Return whether the study asked for an audit."""
    return _declared_runs(records) > 0


def planned_runs(records: StudyRecords, arm: str) -> int:
    """Return an arm's audit runs: as many as asked for, once a search is over at most those it stopped."""
    if not records.declaration.arms[arm].search_runs:
        return 0
    search, declared = records.runs_of("search", arm), _declared_runs(records)
    stopped = search.loc[search["status"] == "stopped", "repeat"].value_counts()
    ended = records.winners_by_repeat.get(arm, {})
    n_repeats = records.allowed[arm] if records.declaration.plan.unit == "repeat" else records.max_repeats
    return sum(min(declared, int(stopped.get(n, 0))) if n in ended else declared for n in range(n_repeats))


def _declared_runs(records: StudyRecords) -> int:
    return records.declaration.search.audit


def compute_runs(records: StudyRecords) -> pd.DataFrame:
    """Return one row a search run that completed or was stopped; no row where no audit was asked for.

    Returns: Columns `arm, repeat, run_id, full_run_id, fate, search_epochs, full_status, metric,
        value_when_stopped, final, gain, repeat_deviation, is_winner`. `repeat` numbers an arm's searches.
        `fate` is `completed`, `audited` or `stopped` (and not audited). `full_run_id` is the run whose
        `final` value counts by the winner's rule: itself or the audit run, absent where that did not
        complete. `gain` is by how much that is better than the winner's of the same search (negative:
        worse). `repeat_deviation` is the largest difference of the metric between a stopped run and its
        audit over the epochs of both.
    """
    rule = WinnerRule.of(records.declaration)
    search = records.runs_of("search") if is_asked(records) else records.runs.iloc[:0]
    ended = search["status"].isin(["completed", "stopped"])
    frame = _fates(records, search.loc[ended, ["arm", "repeat", "run_id", "status"]])
    known = pd.concat([frame["run_id"], frame["full_run_id"]]).unique()
    curves = metric_curves(records, list(known), rule.metric)
    frame = frame.assign(metric=rule.metric).join(_values(frame, curves, rule))
    frame["is_winner"] = frame["run_id"].isin(records.all_winners)
    winners = frame["final"].where(frame["is_winner"])
    winner_final = winners.groupby([frame["arm"], frame["repeat"]]).transform("first")
    frame["gain"] = rule.sign * (frame["final"] - winner_final)
    return frame[list(_RUN_COLUMNS)].astype(_RUN_COLUMNS)


def _fates(records: StudyRecords, search: pd.DataFrame) -> pd.DataFrame:
    """Return what became of each search run, by itself or in its audit, if that has ended.

    Returns: Columns `arm, repeat, run_id, fate, full_run_id, full_status` of `compute_runs`.
    """
    audits = records.runs_of("audit")
    ends = dict(zip(audits["run_id"], audits["status"], strict=True))
    rows = []
    for arm, repeat, run_id, status in search.itertuples(index=False):
        if status == "completed":
            rows.append((arm, repeat, run_id, "completed", run_id, status))
        elif (audit_id := records.audits.get(run_id)) in ends:
            rows.append((arm, repeat, run_id, "audited", audit_id, ends[audit_id]))
        else:
            rows.append((arm, repeat, run_id, "stopped", "", ""))
    return pd.DataFrame(rows, columns=["arm", "repeat", "run_id", "fate", "full_run_id", "full_status"])


def _values(frame: pd.DataFrame, curves: Mapping[str, Curve], rule: WinnerRule) -> pd.DataFrame:
    """Return the columns of `compute_runs` that the curves of runs and of their full lengths tell."""
    searched = [curves.get(run_id, _NO_EPOCHS) for run_id in frame["run_id"].to_numpy()]
    full = [curves.get(run_id, _NO_EPOCHS) for run_id in frame["full_run_id"].to_numpy()]
    is_stopped = list(frame["fate"] != "completed")
    is_full = list(frame["full_status"] == "completed")
    return pd.DataFrame(
        {
            "search_epochs": [len(curve) for curve in searched],
            "value_when_stopped": [
                curve[-1] if stopped and len(curve) else None
                for curve, stopped in zip(searched, is_stopped, strict=True)
            ],
            "final": [
                rule.value(curve.tolist()) if ended and len(curve) else None
                for curve, ended in zip(full, is_full, strict=True)
            ],
            "repeat_deviation": [
                _deviation(first, second) if stopped else None
                for first, second, stopped in zip(searched, full, is_stopped, strict=True)
            ],
        }
    )


def metric_curves(records: StudyRecords, run_ids: Sequence[str], metric: str) -> dict[str, Curve]:
    """Return the metric after each epoch of some runs."""
    values, rows = records.epochs[metric].to_numpy(), records.epoch_rows
    return {run_id: values[rows[run_id]] for run_id in run_ids if run_id in rows}


def _deviation(first: Curve, second: Curve) -> float | None:
    """Return the largest difference over the epochs of both curves; None without a common finite one."""
    shared = min(len(first), len(second))
    apart = np.abs(first[:shared] - second[:shared])
    known = apart[~np.isnan(apart)]
    return float(known.max()) if len(known) else None


def compute_audit(records: StudyRecords, runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row a searched arm: what its audit found; no row where none was asked for.

    Args:
        records: The study.
        runs: As `compute_runs` returns.

    Returns: Columns `arm, metric, ended, stopped, audited, completed, diverged, failed, searches,
        audited_searches, better_searches, share_low, share_high, winner_final, best_audited, regret,
        regret_half_width, repeat_deviation`. `ended` and `stopped` count search runs; `audited` counts audit
        runs that ended, and `completed`, `diverged` and `failed` say how. `searches` counts searches with a
        winner, `audited_searches` those that have a completed or diverged audit run too, `better_searches`
        those in which one ended better than the winner; the ends of their share are Clopper and Pearson's,
        95 %. Both are absent without such a search.
        `winner_final` and `best_audited` are means over searches, `regret` over those that are audited, with
        the half-width of Student's interval for two or more of them. Values are in the metric's unit,
        accuracies in [0, 1]; the regret of a search is at least 0 whichever direction of the metric is
        better.
    """
    metric = WinnerRule.of(records.declaration).metric
    ended = records.runs_of("search")["arm"].value_counts()
    rows = [
        {"arm": arm, "metric": metric, "ended": int(ended.get(arm, 0)), **_findings(runs[runs["arm"] == arm])}
        for arm in records.arms
        if is_asked(records) and records.declaration.arms[arm].search_runs
    ]
    return pd.DataFrame(rows, columns=list(_ARM_COLUMNS)).astype(_ARM_COLUMNS)


def _findings(runs: pd.DataFrame) -> dict[str, object]:
    """Return what the audit of one arm found, from its rows of `compute_runs`."""
    audited = runs[runs["fate"] == "audited"]
    ends = {
        status: int((audited["full_status"] == status).sum())
        for status in ("completed", "diverged", "failed")
    }
    known = audited[audited["full_status"].isin(["completed", "diverged"])]
    return {
        "stopped": int((runs["fate"] != "completed").sum()),
        "audited": len(audited),
        **ends,
        "searches": int(runs["is_winner"].sum()),
        "winner_final": runs.loc[runs["is_winner"], "final"].mean(),
        "best_audited": _best(audited),
        **_over_searches(runs, known),
        "repeat_deviation": audited["repeat_deviation"].max(),
    }


def _best(audited: pd.DataFrame) -> float:
    """Return the final value of the audited run with the largest gain, mean over the searches with one."""
    ordered = audited.dropna(subset="gain").sort_values("gain")
    return ordered.groupby("repeat")["final"].last().mean()


def _over_searches(runs: pd.DataFrame, known: pd.DataFrame) -> dict[str, object]:
    """Return the mean regret of the searches that have a winner and an audited run with a result.

    With it stands in how many of them the best of these runs ended better than the winner.
    """
    has_winner = known["repeat"].isin(runs.loc[runs["is_winner"], "repeat"])
    gains = known[has_winner].groupby("repeat")["gain"].max()  # NaN where all diverged: nothing is lost
    regret = statistics.t_interval(gains.clip(lower=0.0).fillna(0.0).tolist())
    found: dict[str, object] = {
        "audited_searches": len(gains),
        "regret": regret.mean,
        "regret_half_width": regret.half_width,
    }
    if gains.empty:
        return found
    better = int((gains > 0).sum())
    low, high = statistics.clopper_pearson(better, len(gains))
    return {**found, "better_searches": better, "share_low": low, "share_high": high}
