"""What learning-rate range tests suggest, beside the rates declared and found: the table, and all files."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import pandas as pd

from analysis import output, selection
from analysis.load import load_study
from analysis.lr_finder.figure import render_figure
from analysis.lr_finder.suggestions import (
    RULE_NAMES,
    RULES,
    RULES_IN_WORDS,
    SHAPES,
    compute_suggestions,
    diverged_in_words,
    not_turned_in_words,
    rate_range,
)
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.numbers import csv_text
from analysis.render.table import RenderedTable
from harness.records.folder import ResultsFolder
from harness.records.range_test import RangeTests, Settings, TestedArm, read_tests
from harness.records.whole_file import write_file
from harness.study.domains import domains_of


def write_finder(root: Path) -> RenderedTable:
    """Write suggestions, table and figure of a study's range tests beside their curves; return the table.

    Args:
        root: The study's results folder, such as `results/optimizers`.

    Raises:
        ResultsError: The folder holds no range tests, something in it is damaged, or it cannot be written.
    """
    tests = read_tests(root)
    suggestions = compute_suggestions(tests)
    table = render_comparison(tests, suggestions)
    figure = render_figure(tests, suggestions)
    write_file(tests.folder / "suggestions.csv", csv_text(suggestions))
    output.write_tables(tests.folder, [table])
    output.write_figures(tests.folder, [figure], has_pdf=False)
    return table


def found_rates(root: Path, settings: Settings) -> dict[str, list[float]]:
    """Return the learning rate that each search of each arm found, those that can be compared.

    There is none where the study's results folder holds no study, the arm's search has not ended, the arm
    searches no learning rate, the search was of an arm declared otherwise (by `--set`, say) or on data that
    have changed since, or it chose another branch of a conditional space than the one that was tested.

    Raises:
        ResultsError: The folder holds a study that cannot be read.
    """
    if not ResultsFolder(root).manifest.exists():
        return {arm: [] for arm in settings.arms}
    return all_rates(load_study(root), settings)


def all_rates(study: StudyRecords, settings: Settings) -> dict[str, list[float]]:
    """Return the learning rate that each search of each tested arm found, by the rules of `found_rates`.

    Returns: One a search that can be compared, in the order of repeats.
    """
    known = [(own, own.declaration.known_data) for own in list(study.by_dataset.values()) or [study]]
    fitting = (own for own, data in known if data and settings.dataset["sha256"] in ({}, data.sha256))
    records = next(fitting, None)
    if records is None:
        return {arm: [] for arm in settings.arms}
    chosen = selection.choices(records)
    rates: dict[str, list[float]] = {}
    for name, arm in settings.arms.items():
        declared = records.declaration.arms.get(name)
        tested = (arm.fixed, domains_of(arm.space))
        is_same = declared is not None and (declared.fixed, declared.space) == tested
        searches = chosen[name].searches if is_same else ()
        found = [_rate_of(search, arm) for search in searches]
        rates[name] = [rate for rate in found if rate is not None]
    return rates


def _rate_of(choice: selection.Choice, arm: TestedArm) -> float | None:
    """Return the rate that a search chose; None where it searched none, or in another branch."""
    is_searched = choice.run_id is not None and choice.learning_rate_range is not None
    return choice.learning_rate if is_searched and choice.branches.items() <= arm.point.items() else None


def compute_comparison(tests: RangeTests, suggestions: pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm and rule.

    Args:
        tests: The range tests.
        suggestions: One row a test, as `compute_suggestions` returns.

    Returns: Columns `arm, rule, median, low, high, n` (over the seeds whose curve suggests a rate),
        `n_tests, n_turned, n_falling, n_rising, n_flat, n_lost` (how many of which shape, as
        `suggestions.SHAPES`), `n_diverged, diverged_lr` (median), `declared_low, declared_high,
        declared_log, fixed_lr`, `found_lr, found_low, found_high, n_found` (geometric mean and extremes of
        the rates that searches found, and of how many) and `ratio` (median to found_lr).
    """
    found = found_rates(tests.folder.parent, tests.settings)
    rows: list[dict[str, Any]] = []
    for name, arm in tests.settings.arms.items():
        own, declared = suggestions[suggestions["arm"] == name], rate_range(arm)
        for rule in RULES:
            rates = own[rule].dropna()
            median = rates.median()
            rows.append(
                {
                    "arm": name,
                    "rule": rule,
                    "median": median,
                    "low": rates.min(),
                    "high": rates.max(),
                    "n": len(rates),
                    "n_tests": len(own),
                    **{f"n_{shape}": int((own["shape"] == shape).sum()) for shape in SHAPES},
                    "n_diverged": int(own["diverged_lr"].notna().sum()),
                    "diverged_lr": own["diverged_lr"].median(),
                    "declared_low": declared.low if declared else None,
                    "declared_high": declared.high if declared else None,
                    "declared_log": declared.is_log if declared else None,
                    "fixed_lr": _fixed_rate(arm),
                    **(at := _found(found[name])),
                    "ratio": median / at["found_lr"] if found[name] else None,
                }
            )
    return pd.DataFrame(rows)


def _found(rates: Sequence[float]) -> dict[str, float]:
    """Return what an arm's searches found, as columns of `compute_comparison`."""
    known = rates or [math.nan]
    mean = known[0] if len(known) == 1 else geometric_mean(known)
    return {"found_lr": mean, "found_low": min(known), "found_high": max(known), "n_found": len(rates)}


def _fixed_rate(arm: TestedArm) -> float | None:
    """Return the learning rate that the study fixes; None where it searches one or takes the default."""
    rate = {**arm.point, **arm.fixed}.get("lr") if rate_range(arm) is None else None
    return float(rate) if rate is not None else None


def lay_out_comparison(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm, a column a rule: the median, and in brackets the extremes."""
    rows = []
    for arm, own in frame.groupby("arm", sort=False):
        first = own.iloc[0].to_dict()
        cells = {RULE_NAMES[row["rule"]].capitalize(): _suggested(row) for row in own.to_dict("records")}
        diverged = f"{first['n_diverged']} of {first['n_tests']}"
        at = f", from {numbers.rate(first['diverged_lr'])}" if first["n_diverged"] else ""
        rows.append(
            {
                "Arm": arm,
                "Declared learning rate": _declared(first),
                **cells,
                "Loss turned": _turned(first),
                "Diverged": f"{diverged}{at}",
                "Found by the search": _searched(first),
            }
        )
    return pd.DataFrame(rows)


def _searched(row: dict[Any, Any]) -> str:
    """Return the rate that an arm's search found, of several the lowest and highest."""
    extremes = {"lowest_rate": row["found_low"], "highest_rate": row["found_high"], "repeats": row["n_found"]}
    return numbers.rates({"learning_rate": row["found_lr"], **(extremes if row["n_found"] > 1 else {})})


def _turned(row: dict[Any, Any]) -> str:
    """Return how many tests saw the loss turn, and how it went in the others."""
    others = [
        f"{row[f'n_{shape}']} {words}"
        for shape, words in SHAPES.items()
        if shape != "turned" and row[f"n_{shape}"]
    ]
    return "; ".join([f"{row['n_turned']} of {row['n_tests']}", *others])


def _suggested(row: dict[Any, Any]) -> str:
    if row["n"] == 0:
        return numbers.ABSENT
    if row["n_tests"] == 1:
        return numbers.rate(row["median"])
    missing = "" if row["n"] == row["n_tests"] else f", n = {row['n']}"
    return (
        f"{numbers.rate(row['median'])} ({numbers.rate(row['low'])} to {numbers.rate(row['high'])}{missing})"
    )


def _declared(row: dict[Any, Any]) -> str:
    if numbers.is_present(row["declared_low"]):
        scale = ", log" if row["declared_log"] else ""
        return f"{numbers.setting(row['declared_low'])} to {numbers.setting(row['declared_high'])}{scale}"
    return f"{numbers.setting(row['fixed_lr'])}, fixed" if numbers.is_present(row["fixed_lr"]) else "default"


def caption_comparison(tests: RangeTests, suggestions: pd.DataFrame) -> str:
    """Return what was tested, what varies, what the rules are, and which losses did not turn."""
    warning = not_turned_in_words(suggestions)
    settings = tests.settings
    n = len(settings.seeds)
    over = (
        f"the median over n = {n} seeds (split, initialisation and data order vary), in brackets the extremes"
        if n > 1
        else "one seed each (n = 1)"
    )
    return (
        f"Learning rates suggested by range tests of {settings.steps} steps from "
        f"{numbers.rate(settings.low)} to {numbers.rate(settings.high)}: {over}. {RULES_IN_WORDS} "
        f"{warning}{' ' if warning else ''}"
        f"Smoothing lags behind by up to a factor of {settings.lag_factor:.2g} in the rate. "
        f"Diverged: tests that ended because the smoothed loss exceeded {diverged_in_words(tests)} "
        f"or was not finite, and the median rate at which they did. Searched settings stood at "
        f"the middle of their ranges (of choices, at the first): "
        f"{_points(tests)}. The search's rate goes with the settings it found, and with whole runs; of "
        "several searches the lowest and the highest are told, and `ratio` in the CSV is that of the median "
        "to their geometric mean; a dash says that no search of this very arm has ended."
    )


def _points(tests: RangeTests) -> str:
    said = []
    for name, arm in tests.settings.arms.items():
        point = ", ".join(f"{field} = {value}" for field, value in arm.point.items() if field != "lr")
        said.append(f"{name} {point or 'searches no other'}")
    return "; ".join(said)


def render_comparison(tests: RangeTests, suggestions: pd.DataFrame) -> RenderedTable:
    """Return the table, ready for every format."""
    frame = compute_comparison(tests, suggestions)
    return RenderedTable(
        name="comparison",
        title="Learning-rate range tests",
        caption=caption_comparison(tests, suggestions),
        numbers=frame,
        cells=lay_out_comparison(frame),
    )
