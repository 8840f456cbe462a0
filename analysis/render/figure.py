"""How every figure looks, and figures as svg, pdf, png and CSV twin: the same bytes on every machine.

Nothing here changes matplotlib's global state: drawing happens inside `rc_context(RC)` on figures that
pyplot never sees. DejaVu Sans comes with matplotlib, so the bytes of a figure do not depend on the fonts of
the machine.
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from analysis.render import svg
from analysis.render.numbers import csv_text

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

LONGEST_NAME = 36
"""Letters of an arm's name in a figure: a third of the width of a page."""

MOST_LARGE_MARKS = 300
"""With more marks in a panel each is drawn smaller."""

RC: dict[Any, Any] = {
    # Matplotlib's own: a user's matplotlibrc may ask for TeX, or for other sizes.
    **{name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith("backend")},
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
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "path.simplify": False,
}


@dataclass(frozen=True, kw_only=True)
class ArmStyle:
    """The look of one arm, the same in every figure; never told apart by colour alone."""

    label: str
    """Its name, the middle of a long one left out; tables and CSV have it whole."""
    color: str
    marker: str
    line: Any
    """A matplotlib line style."""


def arm_styles(arms: Sequence[str]) -> dict[str, ArmStyle]:
    """Return each arm's look, by its position in the study file.

    Colours, markers and lines repeat with different periods (10, 9, 4), so up to 90 arms keep their own
    pair of colour and marker.
    """
    labels = short_names(arms)
    return {
        arm: ArmStyle(
            label=literal(labels[arm]),
            color=PETROFF10[position % len(PETROFF10)],
            marker=_MARKERS[position % len(_MARKERS)],
            line=_LINES[position % len(_LINES)],
        )
        for position, arm in enumerate(arms)
    }


def line_styles(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> dict[str, ArmStyle]:
    """Return the look of each line: its first arm's, under its own name."""
    first = frame.drop_duplicates("line")
    labels = short_names([str(line) for line in first["line"]])
    return {
        str(line): ArmStyle(
            label=literal(labels[str(line)]),
            color=styles[arm].color,
            marker=styles[arm].marker,
            line=styles[arm].line,
        )
        for line, arm in zip(first["line"], first["arm"], strict=True)
    }


def short_names(names: Sequence[str], longest: int = LONGEST_NAME) -> dict[str, str]:
    """Return every name as figures write it: at most `longest` letters, the middle of longer ones left out.

    Names that are alike at both ends keep their place in the order of the study, in brackets.

    Args:
        names: All that stand in one figure, each once.
        longest: Letters of a shortened name.
    """
    shortened = {name: _shortened(name, longest) for name in names}
    counts = Counter(shortened.values())
    return {
        name: short if counts[short] == 1 else _shortened(name, longest, f" ({place})")
        for place, (name, short) in enumerate(shortened.items(), start=1)
    }


def _shortened(name: str, longest: int, mark: str = "") -> str:
    room = longest - len(mark) - 1
    if len(name) <= longest:
        return name
    head = room // 2
    return f"{name[:head]}\N{HORIZONTAL ELLIPSIS}{name[len(name) - (room - head) :]}{mark}"


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


_PNG_DPI = 150


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderedFigure:
    """One figure of one study; a format is made when it is asked for: most of a report's time goes there."""

    name: str
    title: str
    caption: str
    alt: str
    csv: str
    """Everything drawn, with full precision; absent values are empty."""
    drawing: Figure | None
    """None where the study has nothing to draw; the caption then says why."""

    @cached_property
    def svg(self) -> str | None:
        """The drawing as SVG, None where there is none."""
        return None if self._vector is None else svg.without_runs(self._vector[0])

    @cached_property
    def _vector(self) -> tuple[str, bytes] | None:
        """The drawing as SVG whose marks say which run they stand for, and as PDF."""
        return None if self._laid_out is None else as_svg_and_pdf(self._laid_out, self.name, self.title)

    def _repr_svg_(self) -> str | None:
        """Return the drawing as a notebook shows it."""
        return self.svg

    def png(self) -> bytes | None:
        """Return the drawing as PNG, None where there is none."""
        return None if self._laid_out is None else as_png(self._laid_out)

    def pdf(self) -> bytes | None:
        """Return the drawing for papers, its fonts inside as TrueType; None where there is none."""
        return None if self._vector is None else self._vector[1]

    @cached_property
    def _laid_out(self) -> Figure | None:
        return None if self.drawing is None else laid_out(self.drawing)

    def inline_svg(self, styles: dict[str, str], rows: Mapping[str, int]) -> str:
        """Return the drawing as a part of an HTML page, see `svg.inlined`; empty where there is none."""
        return "" if self._vector is None else svg.inlined(self._vector[0], self.name, styles, rows)


def as_csv(frame: pd.DataFrame) -> str:
    """Return a figure's numbers as its CSV twin, which takes a tenth of the memory of a frame with text."""
    return csv_text(frame)


def laid_out(figure: Figure) -> Figure:
    """Return the figure with its layout fixed, which would otherwise be worked out again for every format."""
    with mpl.rc_context(RC):
        if engine := figure.get_layout_engine():
            engine.execute(figure)
        figure.set_layout_engine(None)  # with any other, even "none", matplotlib draws every format twice
    return figure


def as_svg(figure: Figure, name: str, title: str) -> str:
    """Return a laid-out figure as SVG, whose marks say which run they stand for.

    Args:
        figure: As `laid_out` returns.
        name: Makes the ids of the drawing's parts.
        title: Stands in the file's metadata.
    """
    return as_svg_and_pdf(figure, name, title)[0]


def as_png(figure: Figure) -> bytes:
    """Return a laid-out figure as PNG."""
    buffer = io.BytesIO()
    with mpl.rc_context(RC):
        figure.savefig(buffer, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def as_svg_and_pdf(figure: Figure, name: str, title: str) -> tuple[str, bytes]:
    """Return a laid-out figure in both vector formats.

    Args:
        figure: As `laid_out` returns.
        name: Makes the ids of the drawing's parts.
        title: Stands in the files' metadata.
    """
    from analysis.render.pdf_fonts import cut_once  # fontTools is of use to PDFs alone
    from analysis.render.vector import drawn_as_svg_too

    drawn, content = io.StringIO(), io.BytesIO()
    # The salt fixes ids that matplotlib draws at random otherwise; date and version would change the bytes.
    undated = {"Creator": None, "Title": title}
    # Compressors differ between machines: only images, too large without, are worth other bytes there.
    has_image = bool(figure.findobj(lambda artist: artist.get_rasterized()))
    settings = {"svg.hashsalt": name, "pdf.compression": 6 if has_image else 0}
    with mpl.rc_context(RC | settings), cut_once(), drawn_as_svg_too(drawn, undated | {"Date": None}):
        figure.savefig(content, format="pdf", metadata=undated | {"CreationDate": None, "Producer": None})
    return svg.smaller(drawn.getvalue()), content.getvalue()
