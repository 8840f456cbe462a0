"""What each arm is, what it came to, what it chose and what it cost: one row an arm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis import statistics
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import replicates
from analysis.responses import NONE_CHOSEN, chose_nothing
from analysis.search import chosen_in_words

if TYPE_CHECKING:
    import pandas as pd


def answers(facts: Facts) -> list[dict[str, str]]:
    """Return each arm's headline value, what it chose or fixes alone, and what it cost."""
    records = facts.records
    metric, spent = records.metrics.headline, records.runs.groupby("arm")["train_seconds"].sum()
    counts = records.runs.groupby(["arm", "phase"]).size()
    rows = []
    for arm in records.arms:
        value = {metric.heading: headline(records, arm, metric)} if records.has_confirm else {}
        of_arm = [f"{int(counts.get((arm, phase), 0)):,} {phase}" for phase in _phases(counts, arm)]
        rows.append(
            {
                "Arm": arm,
                **value,
                "Chosen" if records.has_search else "Settings of its own": chosen(records, arm),
                "Runs": ", ".join(of_arm) or "none yet",
                "Training hours": f"{float(spent.get(arm, 0.0)) / 3600:.2f}",
            }
        )
    return rows


def _phases(counts: "pd.Series[int]", arm: str) -> list[str]:
    return [phase for phase in ("search", "audit", "confirm") if (arm, phase) in counts.index]


def headline(records: StudyRecords, arm: str, metric: Metric) -> str:
    """Return an arm's mean with its interval over replicates and n, or why there is none."""
    runs = records.runs_of("confirm", arm)
    diverged = int((runs["status"] == "diverged").sum())
    if runs.empty:
        return "no confirm run yet" if records.declaration.arms[arm].confirm_runs else numbers.ABSENT
    if diverged:
        return f"{diverged} of {len(runs)} diverged"
    own = replicates(records, arm, metric.name)
    interval = statistics.t_interval(own.measured.tolist())
    return f"{metric.amount(interval.mean, interval.half_width)}, n = {own.count('completed')}"


def chosen(records: StudyRecords, arm: str) -> str:
    """Return what an arm's searches chose, of several the span of numbers; else what it alone fixes."""
    declared = records.declaration.arms[arm]
    if not declared.search_runs:
        return numbers.settings_in_words(own_settings(records)[arm]) or "as all others"
    winners = [winner for winner in records.winners_of(arm) if winner]
    if not winners:
        return "nothing yet" if arm not in records.winners else "no winner"
    return NONE_CHOSEN if chose_nothing(records, arm) else chosen_in_words(records, arm, winners)


def own_settings(records: StudyRecords) -> Mapping[str, Mapping[str, Any]]:
    """Return of each arm the fixed settings that not all arms have alike."""
    common = common_settings(records)
    arms = records.declaration.arms
    return {
        name: {field: value for field, value in arm.fixed.items() if field not in common}
        for name, arm in arms.items()
    }


def common_settings(records: StudyRecords) -> Mapping[str, Any]:
    """Return the settings that all arms fix alike."""
    first, *others = (arm.fixed for arm in records.declaration.arms.values())
    return {
        field: value
        for field, value in first.items()
        if all(field in other and other[field] == value for other in others)
    }


def declared(records: StudyRecords) -> list[dict[str, str]]:
    """Return what each arm fixes alone and what it searches, and its runs as planned."""
    own = own_settings(records)
    return [
        {
            "Arm": name,
            "Fixed for it": numbers.settings_in_words(own[name]) or numbers.ABSENT,
            "Searched": numbers.space_in_words(arm.space) or "nothing",
            "Search runs": str(arm.search_runs),
            "Confirm runs": str(arm.confirm_runs),
            "Epochs": "searched" if arm.max_epochs is None else str(arm.max_epochs),
        }
        for name, arm in records.declaration.arms.items()
    ]
