"""What a block of the report is: one question, answered by a table, a figure, or a figure with its table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from analysis.facts import Facts
from analysis.render.figure import ArmStyle, RenderedFigure, as_csv
from analysis.render.table import RenderedTable

Section = Literal["glance", "results", "trust", "reproduce"]
"""At a glance; results; can we trust it?; reproduce."""


Answer = TypeVar("Answer")
"""What a table shows: a tidy frame, or typed rows that know their own words."""


@dataclass(frozen=True, kw_only=True)
class Table(Generic[Answer]):
    """Tidy numbers for machines, and their layout for readers."""

    title: str
    compute: Callable[[Facts], Answer]
    """Returns the numbers in the units of the files on disk."""
    numbers: Callable[..., pd.DataFrame] = pd.DataFrame
    """Returns the frame of the CSV: of typed rows, one row each."""
    lay_out: Callable[[Answer], pd.DataFrame]
    """Turns the numbers into cells of text under readable column names."""
    caption: Callable[[Facts, Answer], str]
    """States n, what varies, and how every interval was made."""
    is_for: Callable[[Facts], bool] = lambda _: True
    """Whether a study has this table at all; where not, no file and no document mentions it."""
    spans_datasets: bool = False
    """Whether it is about all data sets of a study of several at once; any other has rows of each."""

    def rendered(self, name: str, facts: Facts) -> RenderedTable:
        """Return the table of one study, ready for every format."""
        answer, worded = self.compute(facts), facts.records.metrics.worded
        return RenderedTable(
            name=name,
            title=self.title,
            caption=worded(self.caption(facts, answer)),
            numbers=self.numbers(answer),
            cells=self.lay_out(answer).rename(columns=worded),
        )


@dataclass(frozen=True, kw_only=True)
class Plot:
    """The numbers that a figure shows, and their drawing."""

    title: str
    compute: Callable[[Facts], pd.DataFrame]
    """Returns everything that is drawn, in the units of the files on disk; becomes the CSV twin. Empty
    where the study has nothing to draw."""
    draw: Callable[[pd.DataFrame, dict[str, ArmStyle]], Figure]
    """Draws a frame that is not empty, with the given look of each arm."""
    caption: Callable[[Facts, pd.DataFrame], str]
    """States n, what varies, and how every band or bar was made; for an empty frame, why there is no
    figure."""
    alt: Callable[[pd.DataFrame], str]
    """Says in words what a reader who cannot see the figure should know."""
    is_for: Callable[[Facts], bool] = lambda _: True
    """Whether a study has this figure at all; where not, no file and no document mentions it."""

    def rendered(self, name: str, facts: Facts, styles: Mapping[str, ArmStyle]) -> RenderedFigure:
        """Return the figure of one study, ready for every format; one without data has no drawing."""
        frame, worded = self.compute(facts), facts.records.metrics.worded
        return RenderedFigure(
            name=name,
            title=self.title,
            caption=worded(self.caption(facts, frame)),
            alt=worded(self.alt(frame)),
            csv=as_csv(frame),
            drawing=None if frame.empty else self.draw(frame, dict(styles)),
        )


@dataclass(frozen=True, kw_only=True)
class Block:
    """One question of the report: where its answer stands, and the files it is written to."""

    name: str
    """Of its files, in `report/tables/` and `report/figures/`."""
    section: Section
    """The part of the report it stands in."""
    table: Table[Any] | None = None
    plot: Plot | None = None
    is_open: bool = False
    """Whether the page shows it before it is asked for: its figure, or where it has none its table."""
