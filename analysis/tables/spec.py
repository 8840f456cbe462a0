"""What a table is."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from analysis.blocks import Section
from analysis.records import StudyRecords


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: tidy numbers for machines, and their layout for readers."""

    title: str
    section: Section
    """The part of the report it stands in."""
    compute: Callable[[StudyRecords], pd.DataFrame]
    """Returns the numbers in the units of the files on disk; becomes the CSV."""
    lay_out: Callable[[pd.DataFrame], pd.DataFrame]
    """Turns the numbers into cells of text under readable column names."""
    caption: Callable[[StudyRecords, pd.DataFrame], str]
    """States n, what varies, and how every interval was made."""
    is_for: Callable[[StudyRecords], bool] = lambda _: True
    """Whether a study has this table at all; where not, no file and no document mentions it."""
