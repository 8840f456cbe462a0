"""Every block of a study's report, in the report's order within its sections."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.blocks import Block, Plot, Table
from analysis.blocks.as_published import AS_PUBLISHED
from analysis.blocks.batch_sizes import BATCH_SIZES
from analysis.blocks.budget import BUDGET
from analysis.blocks.claims import CLAIMS
from analysis.blocks.early_stopping import EARLY_STOPPING
from analysis.blocks.failures import FAILURES
from analysis.blocks.isolation import ISOLATION
from analysis.blocks.learning_curves import ACCURACY_CURVES, LEARNING_CURVES
from analysis.blocks.optimism import OPTIMISM
from analysis.blocks.published import PUBLISHED
from analysis.blocks.relevance import RELEVANCE
from analysis.blocks.reproducibility import REPRODUCIBILITY
from analysis.blocks.response import RESPONSE
from analysis.blocks.results import FINAL_ACCURACY, RESULTS
from analysis.blocks.search import LEARNING_RATES, SEARCH
from analysis.blocks.timing import TIMING
from analysis.blocks.tuning_curves import TUNING_CURVES
from analysis.blocks.variance import VARIANCE
from analysis.facts import Facts
from analysis.plots.registry import PLOTS as OLD_PLOTS
from analysis.plots.spec import Plot as OldPlot
from analysis.records import StudyRecords
from analysis.tables.registry import TABLES as OLD_TABLES
from analysis.tables.spec import Table as OldTable


def _records(function: Callable[[StudyRecords], Any]) -> Callable[[Facts], Any]:
    return lambda facts: function(facts.records)


def _captioned(function: Callable[[StudyRecords, pd.DataFrame], str]) -> Callable[[Facts, pd.DataFrame], str]:
    return lambda facts, frame: function(facts.records, frame)


def _table(old: OldTable) -> Table[pd.DataFrame]:
    return Table(
        title=old.title,
        compute=_records(old.compute),
        lay_out=old.lay_out,
        caption=_captioned(old.caption),
        is_for=_records(old.is_for),
    )


def _plot(old: OldPlot) -> Plot:
    return Plot(
        title=old.title,
        compute=_records(old.compute),
        draw=old.draw,
        caption=_captioned(old.caption),
        alt=old.alt,
        is_for=_records(old.is_for),
    )


def _block(name: str) -> Block:
    table, plot = OLD_TABLES.get(name), OLD_PLOTS.get(name)
    return Block(
        name=name,
        section=(table or plot).section,  # type: ignore[union-attr]
        table=None if table is None else _table(table),
        plot=None if plot is None else _plot(plot),
    )


BLOCKS: tuple[Block, ...] = (
    CLAIMS,
    RESULTS,
    AS_PUBLISHED,
    PUBLISHED,
    RESPONSE,
    TIMING,
    BATCH_SIZES,
    _block("differences"),
    _block("pairs"),
    BUDGET,
    SEARCH,
    OPTIMISM,
    VARIANCE,
    EARLY_STOPPING,
    FAILURES,
    REPRODUCIBILITY,
    FINAL_ACCURACY,
    LEARNING_CURVES,
    ACCURACY_CURVES,
    ISOLATION,
    LEARNING_RATES,
    TUNING_CURVES,
    RELEVANCE,
)

TABLES: Mapping[str, Table[Any]] = {block.name: block.table for block in BLOCKS if block.table is not None}
PLOTS: Mapping[str, Plot] = {block.name: block.plot for block in BLOCKS if block.plot is not None}
