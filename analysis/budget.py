"""What each arm was granted and what it spent, and whether that is equal enough to decide anything.

Two things must not be confused. What an arm is *granted* (search runs, and the epochs those would take at
full length) is the study's doing: if it differs, one arm was tuned harder, and a difference between arms
may be a difference of tuning (Sivaprasad et al. 2020, Optimizer benchmarking needs to account for
hyperparameter tuning). What an arm *spends* of it is a result: ASHA stops hopeless runs, diverged runs end
at once, so an arm whose range holds many bad values spends fewer epochs under exactly the same rules; a
larger batch takes fewer steps an epoch, a dearer update more seconds. Deciding on what was spent would void
nearly every comparison under early stopping, and deciding on nothing would let 50 trials beat 5.

So: **no claim of the study is decided** when arms differ by more than 10 % in

- search runs planned, among arms that search, or search runs that ended with a result (completed, stopped or
  diverged: a failed run tells the search nothing, and an interrupted one has not run), or
- epochs of a full-length run, or planned search runs times those epochs.

Spent epochs, steps and seconds are shown beside their ratio to the mean of the arms, and differences above
10 % are named as notes. The confirm phase needs no such rule: its arms share their seeds and are compared
pairwise. Nor does the audit phase: it looks back at the search and changes no choice, and its runs follow
from how many were stopped; what it took is shown, and neither compared nor noted.
"""

import pandas as pd

from analysis import audit
from analysis.noted import noted
from analysis.records import StudyRecords
from analysis.render import numbers

TOLERANCE = 0.10
"""Share of the largest amount by which the smallest may fall short."""

_COMPARED = ("search", "confirm")
"""Phases whose spent amounts are compared between arms."""

STATUSES = ("completed", "stopped", "diverged", "failed")


def compute_ledger(records: StudyRecords) -> pd.DataFrame:
    """Return one row an arm and phase: runs planned and ended, by status, and epochs, steps and seconds.

    Returns: Columns `arm, phase, planned, ended, completed, stopped, diverged, failed, full_epochs,
        planned_epochs, epochs, steps, seconds, epochs_ratio, steps_ratio, seconds_ratio`. A ratio is to the
        mean over the arms of the phase, and absent in the audit phase. Phases that were not planned and had
        no run are left out.
    """
    last = {run_id: span.stop - 1 for run_id, span in records.epoch_rows.items()}
    reached = records.epochs["step"].fillna(0)  # a program does not tell its steps
    steps = pd.Series(reached.to_numpy()[list(last.values())], index=list(last), dtype="int64")
    runs = records.runs[["arm", "phase", "run_id", "status", "epochs", "train_seconds"]]
    runs = runs.assign(steps=runs["run_id"].map(steps).fillna(0).astype("int64"))
    rows = [_row(records, runs, arm, phase) for phase in (*_COMPARED, "audit") for arm in records.arms]
    ledger = pd.DataFrame(rows)
    is_used = ledger.groupby("phase")[["planned", "ended"]].transform("sum").sum(axis=1) > 0
    ledger = ledger[is_used].reset_index(drop=True)
    for amount in ("epochs", "steps", "seconds"):
        mean = ledger.groupby("phase")[amount].transform("mean")
        is_compared = (mean > 0) & ledger["phase"].isin(_COMPARED)
        ledger[f"{amount}_ratio"] = ledger[amount] / mean.where(is_compared)
    return noted(ledger, records.metrics)


def _row(records: StudyRecords, runs: pd.DataFrame, arm: str, phase: str) -> dict[str, object]:
    declared = records.declaration.arms[arm]
    planned = {
        "search": declared.search_runs,
        "confirm": declared.confirm_runs,
        "audit": audit.planned_runs(records, arm),
    }[phase]
    ended = runs[(runs["arm"] == arm) & (runs["phase"] == phase)]
    full = declared.max_epochs
    return {
        "arm": arm,
        "phase": phase,
        "planned": planned,
        "ended": len(ended),
        **{status: int((ended["status"] == status).sum()) for status in STATUSES},
        "full_epochs": full,
        "planned_epochs": None if full is None else planned * full,
        "epochs": int(ended["epochs"].sum()),
        "steps": int(ended["steps"].sum()),
        "seconds": float(ended["train_seconds"].sum()),
    }


def inequalities(records: StudyRecords) -> list[str]:
    """Return a sentence for every granted amount that differs by more than 10 %.

    Search budgets are compared among the arms that search: beside one that does not, the price of tuning is
    what is asked.
    """
    declared = records.declaration.arms
    searching = {arm: own for arm, own in declared.items() if own.search_runs}
    granted: dict[str, dict[str, float | None]] = {
        "planned search runs": {arm: own.search_runs for arm, own in searching.items()},
        "search runs ended with a result": {arm: _tried(records, arm) for arm in searching},
        "epochs of a full-length run": {arm: declared[arm].max_epochs for arm in declared},
        "planned search epochs": {
            arm: None if own.max_epochs is None else own.search_runs * own.max_epochs
            for arm, own in searching.items()
        },
    }
    return [sentence for name, amounts in granted.items() if (sentence := _unequal(name, amounts))]


def _tried(records: StudyRecords, arm: str) -> float:
    """Return an arm's search runs that ended with a result; of several searches, the mean of whole ones."""
    runs = records.runs_of("search", arm)
    runs = runs[runs["status"] != "failed"]
    if records.declaration.search.max_repeats == 1:
        return len(runs)
    whole = list(records.winners_by_repeat.get(arm, {}))
    return int(runs["repeat"].isin(whole).sum()) / max(1, len(whole))


def spending_notes(ledger: pd.DataFrame) -> list[str]:
    """Return a sentence for every spent amount that differs by more than 10 % within a compared phase."""
    return [
        sentence
        for phase, rows in ledger[ledger["phase"].isin(_COMPARED)].groupby("phase", sort=False)
        for amount in ("epochs", "steps", "seconds")
        if (sentence := _unequal(f"{amount} spent in the {phase} phase", dict(rows.set_index("arm")[amount])))
    ]


def _unequal(name: str, amounts: dict[str, float | None]) -> str | None:
    known = {arm: amount for arm, amount in amounts.items() if amount is not None}
    if len(known) < 2:
        return None
    least, most = min(known, key=lambda arm: known[arm]), max(known, key=lambda arm: known[arm])
    if known[most] - known[least] <= TOLERANCE * known[most] + 1e-9:
        return None
    return f"{name}: {numbers.count(known[least])} ({least}) against {numbers.count(known[most])} ({most})"
