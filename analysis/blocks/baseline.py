"""What was changed against the baseline, and how far is each arm from it? A table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import pair_words, pairs
from analysis.blocks import Table
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.numbers import capitalised, is_number, parsed, value_in_words
from analysis.search import fields_of


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """What an arm does with one recipe field."""

    text: str
    identity: str
    """The same for two arms that treat the field alike."""
    is_searched: bool = False


def compute_baseline(facts: Facts) -> pd.DataFrame:
    """Return one row a metric and arm other than the baseline: its difference from the baseline.

    Returns: The columns of `analysis.pairs.compare`, each metric a family of its own, then `changes`, the
        recipe fields in which the arm differs from the baseline, and `learning_rate`: `tuned`, `fixed` or
        `tuned in one`.
    """
    records, family = facts.records, pairs.against_baseline(facts.records)
    compared = [facts.differences(family, metric) for metric in records.metrics.compared]
    frame = pd.concat(compared, ignore_index=True)
    changes = {pair[0]: _changes(records, *pair) for pair in family}
    rates = {pair[0]: _learning_rate(records, *pair) for pair in family}
    frame = frame.assign(
        changes=frame["arm"].map(changes).astype("str"), learning_rate=frame["arm"].map(rates).astype("str")
    )
    return noted(frame, records.metrics)


def _changes(records: StudyRecords, arm: str, baseline: str) -> str:
    """Return the fields in which two arms differ, such as `dropout 0.1 (baseline 0)`."""
    declared = [records.declaration.arms[name] for name in (arm, baseline)]
    fields = dict.fromkeys(field for each in declared for field in (*each.fixed, *each.space))
    differences = []
    for field in fields:
        here, there = (_setting(records, name, field) for name in (arm, baseline))
        if here.identity == there.identity:
            continue
        if here.is_searched and there.is_searched:
            differences.append(f"{field} searched in another space")
        else:
            differences.append(f"{field} {here.text} (baseline {there.text})")
    return ", ".join(differences)


def _setting(records: StudyRecords, arm: str, field: str) -> _Setting:
    """Return what an arm does with a field: as declared, else as its confirm runs recorded it."""
    declared = records.declaration.arms[arm]
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
    identity = repr(float(plain)) if is_number(plain) else json.dumps(plain, sort_keys=True)
    return _Setting(text=value_in_words(plain), identity=identity)


def _searched(records: StudyRecords, arm: str) -> set[str]:
    return {field.name for field in fields_of(records.declaration.arms[arm].space)}


def _learning_rate(records: StudyRecords, arm: str, baseline: str) -> str:
    """Return whether both arms, one or neither searched the learning rate; nothing where no arm has one."""
    arms = records.declaration.arms.values()
    if records.metrics.of_program and not any("lr" in declared.fixed | declared.space for declared in arms):
        return ""
    searched = sum("lr" in _searched(records, name) for name in (arm, baseline))
    return ("fixed", "tuned in one", "tuned")[searched]


def lay_out_baseline(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm, with a column of differences and one of p-values for each metric."""
    metrics = [metrics_in(frame)[name] for name in metrics_in(frame).compared]
    columns = [frame[frame["metric"] == metric.name].to_dict("records") for metric in metrics]
    first = columns[0]
    cells = {
        "Arm": [row["arm"] for row in first],
        "Differs from the baseline in": [row["changes"] or numbers.ABSENT for row in first],
        "Learning rate": [row["learning_rate"] for row in first],
    }
    if not any(cells["Learning rate"]):
        del cells["Learning rate"]  # a program without a parameter of that name
    for metric, rows in zip(metrics, columns, strict=True):
        cells[capitalised(metric.label) + metric.difference_heading] = [
            pair_words.amount(row["difference"], row["high"], metric) for row in rows
        ]
        cells[f"p (Holm), {metric.short}"] = [numbers.p_value(row["p_adjusted"]) for row in rows]
    cells["n"] = [_size(metrics, rows) for rows in zip(*columns, strict=True)]
    return pd.DataFrame(cells)


def _size(metrics: Sequence[Metric], rows: Sequence[dict[Any, Any]]) -> str:
    """Return the common seeds, of both metrics where they differ: a test loss may be no finite number."""
    first, last = rows[0]["n"], rows[-1]["n"]
    return str(first) if first == last else f"{first} ({metrics[-1].short} {last})"


def caption_baseline(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what was subtracted from what, how the intervals were made, and what a fixed rate means."""
    metrics = facts.records.metrics
    headline = frame[frame["metric"] == metrics.headline.name]
    compared = [metrics[name] for name in metrics.compared]
    words = ", and ".join(f"{metric.label}{metric.in_unit}, {metric.sides}" for metric in compared)
    what = f"Every other arm minus the declared baseline {facts.records.declaration.baseline}: {words}."
    recorded = "Settings that the study leaves to their defaults are those the runs recorded."
    rates = _rates(set(headline["learning_rate"]))
    return " ".join(
        [
            what,
            pair_words.method(frame, facts.records),
            recorded,
            *rates,
            *pair_words.cautions(facts.grounds, headline),
        ]
    )


def _rates(kinds: set[str]) -> list[str]:
    """Return what it means where not both arms searched their learning rate."""
    sentences = []
    if "fixed" in kinds:
        sentences.append(
            "Learning rate fixed: in neither arm was it searched, and it may suit one of them more."
        )
    if "tuned in one" in kinds:
        sentences.append("Tuned in one: only one of the two arms searched its learning rate.")
    return sentences


def has_baseline(facts: Facts) -> bool:
    """Return whether the study compares arms with a declared baseline, by test values."""
    return facts.records.has_confirm and bool(pairs.against_baseline(facts.records))


AGAINST_BASELINE = Table(
    title="Against the baseline",
    compute=compute_baseline,
    lay_out=lay_out_baseline,
    caption=caption_baseline,
    is_for=has_baseline,
)
