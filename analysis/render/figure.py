"""Figures as svg, pdf, png and CSV twin; the same records give the same bytes on every machine."""

import io
import re
from dataclasses import dataclass
from functools import cached_property

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from analysis.render.style import RC

_PNG_DPI = 150

_PLACES = re.compile(r' (?:d|x|y)="[^"]*"')
"""Paths and positions in a drawing: in points, of which a hundredth is more than an eye or a printer sees."""

_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


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
        return None if self._laid_out is None else as_svg(self._laid_out, self.name, self.title)

    def png(self) -> bytes | None:
        """Return the drawing as PNG, None where there is none."""
        return None if self._laid_out is None else as_png(self._laid_out)

    def pdf(self) -> bytes | None:
        """Return the drawing for papers, its fonts inside as TrueType; None where there is none."""
        return None if self._laid_out is None else as_pdf(self._laid_out, self.title)

    @cached_property
    def _laid_out(self) -> Figure | None:
        return None if self.drawing is None else laid_out(self.drawing)

    def inline_svg(self) -> str:
        """Return the drawing for use inside HTML: no prolog, no metadata, ids that no other figure has."""
        svg = self.svg or ""
        svg = svg[svg.index("<svg") :] if svg else ""
        svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
        svg = re.sub(r"\s*<title>.*?</title>", "", svg, count=1, flags=re.DOTALL)
        svg = re.sub(r'\bid="', f'id="{self.name}-', svg)
        svg = svg.replace('href="#', f'href="#{self.name}-').replace("url(#", f"url(#{self.name}-")
        return re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r'\1aria-hidden="true"', svg, count=1)


def as_csv(frame: pd.DataFrame) -> str:
    """Return a figure's numbers as its CSV twin, which takes a tenth of the memory of a frame with text."""
    return frame.to_csv(index=False, lineterminator="\n")


def laid_out(figure: Figure) -> Figure:
    """Return the figure with its layout fixed, which would otherwise be worked out again for every format."""
    with mpl.rc_context(RC):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def as_svg(figure: Figure, name: str, title: str) -> str:
    """Return a laid-out figure as SVG.

    Args:
        figure: As `laid_out` returns.
        name: Makes the ids of the drawing's parts.
        title: Stands in the file's metadata.
    """
    buffer = io.StringIO()
    # The salt fixes ids that matplotlib draws at random otherwise; date and version would change the bytes.
    with mpl.rc_context(RC | {"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    return _PLACES.sub(_rounded, buffer.getvalue())


def _rounded(place: re.Match[str]) -> str:
    """Return an attribute with its numbers at two decimals."""
    return _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), place[0])


def as_png(figure: Figure) -> bytes:
    """Return a laid-out figure as PNG."""
    buffer = io.BytesIO()
    with mpl.rc_context(RC):
        figure.savefig(buffer, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def as_pdf(figure: Figure, title: str) -> bytes:
    """Return a laid-out figure as PDF.

    Args:
        figure: As `laid_out` returns.
        title: Stands in the file's metadata.
    """
    buffer = io.BytesIO()
    unstamped = {"CreationDate": None, "Creator": None, "Producer": None}  # date and version change the bytes
    # Compressors differ between machines: only images, too large without, are worth other bytes there.
    has_image = bool(figure.findobj(lambda artist: artist.get_rasterized()))
    with mpl.rc_context(RC | {"pdf.compression": 6 if has_image else 0}):
        figure.savefig(buffer, format="pdf", metadata=unstamped | {"Title": title})
    return buffer.getvalue()
