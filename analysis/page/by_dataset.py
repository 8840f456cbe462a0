"""Tables and figures of a study of several data sets: a block answers once a data set.

A table has the rows of each under a first column that names it; of a figure there is one a data set, with the
same look of each arm. What a block says of all data sets alike is said once.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from analysis.blocks import Plot, Table
from analysis.facts import Facts
from analysis.render import numbers
from analysis.render.figure import FAINT, RenderedFigure, arm_styles
from analysis.render.table import RenderedTable

COLUMN = "Data set"
"""What readers find the data set under; in files the column is `dataset`."""

_ALONE = "Each data set is for itself: its tests, its families of comparisons, its budgets."


def table_of(name: str, table: Table[object], facts: Facts) -> RenderedTable | None:
    """Return a block's table of a study; None where it has none."""
    if table.spans_datasets or not facts.parts:
        return table.rendered(name, facts) if table.is_for(facts) else None
    parts = {
        dataset: table.rendered(name, part) for dataset, part in facts.parts.items() if table.is_for(part)
    }
    if not parts:
        return None
    cells = _stacked({dataset: part.cells for dataset, part in parts.items()}, COLUMN)
    return RenderedTable(
        name=name,
        title=table.title,
        caption=f"{in_words({dataset: part.caption for dataset, part in parts.items()})} {_ALONE}",
        numbers=_stacked({dataset: part.numbers for dataset, part in parts.items()}, "dataset"),
        cells=cells.astype("object").where(cells.notna(), numbers.ABSENT),
    )


def figures_of(name: str, plot: Plot, facts: Facts) -> Iterator[RenderedFigure]:
    """Yield a block's figures of a study: one, or one a data set; none where it has none."""
    if not facts.parts:
        if plot.is_for(facts):
            yield plot.rendered(name, facts, arm_styles(facts.records.arms))
        return
    for dataset, part in facts.parts.items():
        if plot.is_for(part):
            figure = plot.rendered(f"{name}-{dataset}", part, arm_styles(part.records.arms))
            if figure.drawing is not None:
                figure.drawing.suptitle(dataset, x=0.01, ha="left", fontsize=9, color=FAINT)
            yield replace(figure, title=f"{figure.title}: {dataset}", alt=f"On {dataset}. {figure.alt}")


def names_of(name: str, facts: Facts) -> list[str]:
    """Return under which names figures and tables of a block stand, in the order of reading."""
    return [*(f"{name}-{dataset}" for dataset in facts.parts), name]


def in_words(of_each: Mapping[str, str]) -> str:
    """Return what is said of each data set: a sentence that is the same of all once, others by data set."""
    sentences = [re.split(r"(?<=[.?!]) (?=[A-Z])", text) for text in of_each.values()]
    same = [sentence for sentence in sentences[0] if all(sentence in own for own in sentences)]
    others = [
        f"On {dataset}: {' '.join(own)}"
        for dataset, whole in zip(of_each, sentences, strict=True)
        if (own := [sentence for sentence in whole if sentence not in same])
    ]
    return " ".join([*same, *others])


def _stacked(frames: Mapping[str, pd.DataFrame], column: str) -> pd.DataFrame:
    """Return frames one below the other, the data set in a first column."""
    named = []
    for dataset, frame in frames.items():
        own = frame.drop(columns=column, errors="ignore")
        own.insert(0, column, dataset)
        named.append(own)
    return pd.concat(named, ignore_index=True)
