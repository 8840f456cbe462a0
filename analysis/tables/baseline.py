"""Every other arm against the declared baseline: what was changed, and what it did to the test values."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import pairs
from analysis.facts import Facts
from analysis.recipe_text import parsed, value_in_words
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.searched_fields import fields_of
from analysis.tables.spec import Table

_METRICS = ("test_accuracy", "test_loss")


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """What an arm does with one recipe field."""

    text: str
    identity: str
    """The same for two arms that treat the field alike."""
    is_searched: bool = False


def compute_baseline(records: StudyRecords) -> pd.DataFrame:
    """Return one row a metric and arm other than the baseline: its difference from the baseline.

    Returns: The columns of `analysis.pairs.compare`, each metric a family of its own, then `changes`, the
        recipe fields in which the arm differs from the baseline, and `learning_rate`: `tuned`, `fixed` or
        `tuned in one`.
    """
    family, facts = pairs.against_baseline(records), Facts(records)
    frame = pd.concat([facts.differences(family, metric) for metric in _METRICS], ignore_index=True)
    changes = {pair[0]: _changes(records, *pair) for pair in family}
    rates = {pair[0]: _learning_rate(records, *pair) for pair in family}
    return frame.assign(
        changes=frame["arm"].map(changes).astype("str"), learning_rate=frame["arm"].map(rates).astype("str")
    )


def _changes(records: StudyRecords, arm: str, baseline: str) -> str:
    """Return the fields in which two arms differ, such as `dropout 0.1 (baseline 0)`."""
    declared = [records.manifest.arms[name] for name in (arm, baseline)]
    fields = dict.fromkeys(field for each in declared for field in (*each.fixed, *each.space))
    differences = []
    for field in fields:
        own, other = (_setting(records, name, field) for name in (arm, baseline))
        if own.identity == other.identity:
            continue
        if own.is_searched and other.is_searched:
            differences.append(f"{field} searched in another space")
        else:
            differences.append(f"{field} {own.text} (baseline {other.text})")
    return ", ".join(differences)


def _setting(records: StudyRecords, arm: str, field: str) -> _Setting:
    """Return what an arm does with a field: as declared, else as its confirm runs recorded it."""
    declared = records.manifest.arms[arm]
    if field in declared.fixed:
        return _fixed(declared.fixed[field])
    if field in _searched(records, arm):  # inside a `one_of`, its whole domain says how
        domain = declared.space.get(field, declared.space)
        return _Setting(text="searched", identity=repr(domain), is_searched=True)
    runs, column = records.runs_of("confirm"), f"config.{field}"
    runs = runs[runs["arm"] == arm]
    if column not in runs or runs.empty:
        return _Setting(text="default", identity="default")
    return _fixed(runs[column].iloc[0])


def _fixed(value: Any) -> _Setting:
    """Return a field with one value, as declared or as a run's row holds it: 0 and 0.0 are the same."""
    plain = parsed(value)
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    identity = repr(float(plain)) if is_number else json.dumps(plain, sort_keys=True)
    return _Setting(text=value_in_words(plain), identity=identity)


def _searched(records: StudyRecords, arm: str) -> set[str]:
    return {field.name for field in fields_of(records.manifest.arms[arm].space)}


def _learning_rate(records: StudyRecords, arm: str, baseline: str) -> str:
    """Return whether both arms, one or neither searched the learning rate."""
    searched = sum("lr" in _searched(records, name) for name in (arm, baseline))
    return ("fixed", "tuned in one", "tuned")[searched]


def lay_out_baseline(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm, with a column of differences and one of p-values for each metric."""
    by_metric = {metric: frame[frame["metric"] == metric].to_dict("records") for metric in _METRICS}
    accuracy, loss = (by_metric[metric] for metric in _METRICS)
    return pd.DataFrame(
        {
            "Arm": [row["arm"] for row in accuracy],
            "Differs from the baseline in": [row["changes"] or numbers.ABSENT for row in accuracy],
            "Learning rate": [row["learning_rate"] for row in accuracy],
            "Test accuracy (pp)": [_amount(row) for row in accuracy],
            "p (Holm), accuracy": [numbers.p_value(row["p_adjusted"]) for row in accuracy],
            "Test loss": [_amount(row) for row in loss],
            "p (Holm), loss": [numbers.p_value(row["p_adjusted"]) for row in loss],
            "n": [_size(*rows) for rows in zip(accuracy, loss, strict=True)],
        }
    )


def _amount(row: dict[Any, Any]) -> str:
    return pairs.amount(row["difference"], row["high"], row["metric"])


def _size(accuracy: dict[Any, Any], loss: dict[Any, Any]) -> str:
    """Return the common seeds, of both metrics where they differ: a test loss may be no finite number."""
    same = accuracy["n"] == loss["n"]
    return str(accuracy["n"]) if same else f"{accuracy['n']} (loss {loss['n']})"


def caption_baseline(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what was subtracted from what, how the intervals were made, and what a fixed rate means."""
    accuracy = frame[frame["metric"] == "test_accuracy"]
    what = (
        f"Every other arm minus the declared baseline {records.manifest.baseline}: test accuracy in "
        "percentage points (pp), where positive is higher, and test loss, where negative is lower."
    )
    recorded = "Settings that the study leaves to their defaults are those the runs recorded."
    rates = _rates(set(accuracy["learning_rate"]))
    return " ".join(
        [what, pairs.method(frame), recorded, *rates, *pairs.cautions(Facts(records).grounds, accuracy)]
    )


def _rates(kinds: set[str]) -> list[str]:
    """Return what it means where not both arms searched their learning rate."""
    found = []
    if "fixed" in kinds:
        found.append("Learning rate fixed: in neither arm was it searched, and it may suit one of them more.")
    if "tuned in one" in kinds:
        found.append("Tuned in one: only one of the two arms searched its learning rate.")
    return found


def has_baseline(records: StudyRecords) -> bool:
    """Return whether the study compares arms with a declared baseline, by test values."""
    return records.has_confirm and bool(pairs.against_baseline(records))


BASELINE = Table(
    title="Against the baseline",
    section="results",
    compute=compute_baseline,
    lay_out=lay_out_baseline,
    caption=caption_baseline,
    is_for=has_baseline,
)
