"""How every figure looks: fonts, sizes, and the colour, marker and line of each arm.

Nothing here changes matplotlib's global state: drawing happens inside `rc_context(RC)` on figures that
pyplot never sees. DejaVu Sans comes with matplotlib, so the bytes of a figure do not depend on the fonts of
the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

PETROFF10 = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten colours that stay apart under colour-vision deficiencies.

Source: Petroff (2021), Accessible color sequences for data visualization, arXiv:2107.02270.
"""

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))

INK = "#1f2328"
FAINT = "#6e7781"

MOST_VECTOR_POINTS = 5000
"""With more points in a figure a scatter becomes an image inside the SVG and the PDF, which stay small."""

MOST_LARGE_MARKS = 300
"""With more marks in a panel each is drawn smaller."""

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#d8dee4",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "path.simplify": False,
}


@dataclass(frozen=True, kw_only=True)
class ArmStyle:
    """The look of one arm, the same in every figure; never told apart by colour alone."""

    label: str
    color: str
    marker: str
    line: Any
    """A matplotlib line style."""


def arm_styles(arms: Sequence[str]) -> dict[str, ArmStyle]:
    """Return each arm's look, by its position in the study file.

    Colours, markers and lines repeat with different periods (10, 9, 4), so up to 90 arms keep their own
    pair of colour and marker.
    """
    return {
        arm: ArmStyle(
            label=literal(arm),
            color=PETROFF10[position % len(PETROFF10)],
            marker=_MARKERS[position % len(_MARKERS)],
            line=_LINES[position % len(_LINES)],
        )
        for position, arm in enumerate(arms)
    }


def line_styles(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> dict[str, ArmStyle]:
    """Return the look of each line: its first arm's, under its own name."""
    first = frame.drop_duplicates("line")
    return {
        str(line): ArmStyle(
            label=literal(str(line)),
            color=styles[arm].color,
            marker=styles[arm].marker,
            line=styles[arm].line,
        )
        for line, arm in zip(first["line"], first["arm"], strict=True)
    }


def mark_size(area: float, count: int) -> dict[str, float]:
    """Return the size of each mark of a scatter: `area`, or so small that many do not become one blot.

    Args:
        area: In square points, of a mark among few.
        count: Marks in the panel.
    """
    if count <= MOST_LARGE_MARKS:
        return {"s": area}
    return {"s": max(1.5, area * MOST_LARGE_MARKS / count), "linewidth": 0.4}


def literal(text: str) -> str:
    """Return text of a study so that matplotlib shows it as it is, dollar signs included."""
    return text.replace("$", r"\$")
