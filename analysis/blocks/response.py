"""How do losses and accuracies depend on a setting, and at which values do runs diverge?

The figure has one row of panels a line (an arm's grid, or a template's arms) and one column a metric. Every
run is drawn: one without a finite value stands on a rail above the panel. What the numbers say of claims is
decided in `analysis.claims.evidence`; here they are only shown.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis import responses
from analysis.blocks import Block, Plot
from analysis.blocks.response_means import NOTHING, RESPONSE_IN_NUMBERS, compute_means, guessing_in_words
from analysis.blocks.response_panels import best_in_words, draw
from analysis.design import counted_in_words
from analysis.facts import Facts
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers

_PLACE = ["line", "arm", "phase", "field", "level", "x", "scale", "metric"]
_BLANK: dict[str, Any] = {"run_id": "", "seed": None, "status": "", "place": "panel", "source": ""}
_BLANK |= {"is_best": False, "is_guessing": False}
_TYPES = {"x": "float64", "seed": "Int64", "value": "float64", "low": "float64", "high": "float64"}
_COLUMNS = [*_PLACE, "kind", "run_id", "seed", "status", "place", "value", "low", "high", "n"]
_COLUMNS += ["is_best", "is_guessing"]


def compute_response(facts: Facts) -> pd.DataFrame:
    """Return everything drawn: every run, every mean and every published value of each line and metric.

    Returns: Columns `line, arm, phase, field, level, x, scale, metric, kind, run_id, seed, status, place,
        value, low, high, n, is_best, is_guessing, source`. `kind` is `seed`, `mean` or `published`. `place`
        is `rail` for a run that diverged, failed or has no finite value, else `panel`. `low` and `high` are
        the 95 % t-interval of a mean over n >= 2 replicates; `is_best` marks the best mean.
    """
    means = facts.once(compute_means)
    rows = [*_mean_rows(means)]
    for line in facts.lines:
        if line.name in set(means["line"]):
            rows += [*_seed_rows(facts.records, line), *_published_rows(facts.records, line)]
    frame = pd.DataFrame([_BLANK | row for row in rows], columns=[*_COLUMNS, "source"]).astype(_TYPES)
    order = list(dict.fromkeys(means["line"]))
    frame = frame.sort_values(
        "line", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )
    return noted(frame, facts.records.metrics)


def _mean_rows(means: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in means.to_dict("records"):
        ends = {"low": row["mean"] - row["half_width"], "high": row["mean"] + row["half_width"]}
        marks = {name: row[name] for name in ("is_best", "is_guessing")}
        known = {"kind": "mean", "value": row["mean"], "n": row["n"], **marks, **ends}
        yield {name: row[name] for name in _PLACE} | known


def _seed_rows(records: StudyRecords, line: responses.Line) -> Iterator[dict[str, Any]]:
    metrics = line.metrics(records)
    shown = ["run_id", "seed", "status", *metrics]
    for point in line.points:
        place = responses.place(line, point.level, point.arm)
        for run in point.runs(records)[shown].to_dict("records"):
            known = {"kind": "seed", "n": 1, **{name: run[name] for name in ("run_id", "seed", "status")}}
            for metric in metrics:
                is_lost = run["status"] in {"diverged", "failed"} or not numbers.is_present(run[metric])
                value = {"value": None, "place": "rail"} if is_lost else {"value": run[metric]}
                yield place | known | value | {"metric": metric}


def _published_rows(records: StudyRecords, line: responses.Line) -> Iterator[dict[str, Any]]:
    for level, arm, run in responses.published_of(records, line):
        place = responses.place(line, level, arm)
        for metric in line.metrics(records):
            if metric in run.metrics:
                known = {"kind": "published", "metric": metric, "n": 1, "source": run.source}
                yield place | known | {"value": run.metrics[metric]}


def caption_response(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks mean, n, and whose runs these are."""
    if frame.empty:
        return NOTHING
    seeds = frame[frame["kind"] == "seed"]
    sizes = seeds.drop_duplicates(["line", "x", "run_id"]).groupby(["line", "x"]).size()
    phases = [phase for phase in ("search", "confirm") if phase in set(seeds["phase"])]
    counted = counted_in_words(facts.records, phases)
    how = (
        f"One row a line, one column a metric. Dots: every {' and '.join(phases)} run, "
        f"n = {numbers.span(sizes)} a value (a seed fixes {facts.records.seed_fixes}). Line and bars: mean "
        f"and 95 % Student t-interval over the {counted}, where none diverged; a bar may leave its panel. "
        "Ringed, and named above the panel: the best mean, which is optimistic, being the best of several. "
        f"On the rail above: runs without a finite value, {numbers.TIMES} diverged, + failed, with how many."
    )
    sentences = [how, facts.rule.values_in_words(), *guessing_in_words(facts, frame)]
    sources = list(dict.fromkeys(frame.loc[frame["kind"] == "published", "source"]))
    if sources:
        sentences.append(f"Diamonds: published single runs ({'; '.join(sources)}).")
    if len(set(frame["line"])) > 1:
        sentences.append("Panels of one metric have one scale where the values of all lines overlap.")
    return " ".join(sentences)


def alt_response(frame: pd.DataFrame) -> str:
    """Return each line's best mean of each metric, and how many of its runs have no finite value."""
    by_line, metrics = [], metrics_in(frame)
    for line, rows in frame.groupby("line", sort=False):
        best = [
            f"{metrics[str(name)].label} {words}"
            for name, panel in rows.groupby("metric", sort=False)
            if (words := best_in_words(panel.assign(value=panel["value"] * metrics[str(name)].scale)))
        ]
        on_rail = rows.loc[rows["place"] == "rail", "run_id"].nunique()
        by_line.append(f"{line}: {', '.join([*best, f'runs without a finite value: {on_rail}'])}")
    field = " and ".join(dict.fromkeys(frame["field"])) or "a setting"
    what = "Losses and accuracies" if metrics.has_accuracy else "Metrics"
    return f"{what} against {field}. {'; '.join(by_line)}."


RESPONSE = Block(
    name="response",
    section="results",
    is_open=True,
    table=RESPONSE_IN_NUMBERS,
    plot=Plot(
        title="Response",
        compute=compute_response,
        draw=draw,
        caption=caption_response,
        alt=alt_response,
        is_for=lambda facts: bool(facts.lines),
    ),
)
