"""What a figure is."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from analysis.blocks import Section
from analysis.records import StudyRecords
from analysis.render.style import ArmStyle


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One figure: the numbers it shows, and their drawing."""

    title: str
    section: Section
    """The part of the report it stands in."""
    compute: Callable[[StudyRecords], pd.DataFrame]
    """Returns everything that is drawn, in the units of the files on disk; becomes the CSV twin. Empty
    where the study has nothing to draw."""
    draw: Callable[[pd.DataFrame, dict[str, ArmStyle]], Figure]
    """Draws a frame that is not empty, with the given look of each arm."""
    caption: Callable[[StudyRecords, pd.DataFrame], str]
    """States n, what varies, and how every band or bar was made; for an empty frame, why there is no
    figure."""
    alt: Callable[[pd.DataFrame], str]
    """Says in words what a reader who cannot see the figure should know."""
    is_for: Callable[[StudyRecords], bool] = lambda _: True
    """Whether a study has this figure at all; where not, no file and no document mentions it."""
