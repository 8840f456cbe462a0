"""Figures as svg, pdf, png and CSV twin; the same records give the same bytes on every machine."""

import io
import re
from dataclasses import dataclass

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from analysis.render.style import RC

_PNG_DPI = 150

_PLACES = re.compile(r' (?:d|x|y)="[^"]*"')
"""Paths and positions in a drawing: in points, of which a hundredth is more than an eye or a printer sees."""

_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True, kw_only=True)
class RenderedFigure:
    """One figure of one study, ready for every format."""

    name: str
    title: str
    caption: str
    alt: str
    csv: str
    """Everything drawn, with full precision; absent values are empty."""
    svg: str | None
    """None where the study has nothing to draw; the caption then says why."""
    png: bytes | None
    pdf: bytes | None = None
    """For papers: fonts inside, as TrueType."""

    def inline_svg(self) -> str:
        """Return the drawing for use inside HTML: no prolog, no metadata, ids that no other figure has."""
        svg = self.svg or ""
        svg = svg[svg.index("<svg") :] if svg else ""
        svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
        svg = re.sub(r"\s*<title>.*?</title>", "", svg, count=1, flags=re.DOTALL)
        svg = re.sub(r'\bid="', f'id="{self.name}-', svg)
        svg = svg.replace('href="#', f'href="#{self.name}-').replace("url(#", f"url(#{self.name}-")
        return re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r'\1aria-hidden="true"', svg, count=1)


def render_figure(
    *, name: str, title: str, caption: str, alt: str, frame: pd.DataFrame, drawing: Figure | None
) -> RenderedFigure:
    """Return a figure in every format.

    Args:
        name: Of its files.
        title: Above it.
        caption: Below it.
        alt: For readers who cannot see it.
        frame: Everything drawn; becomes the CSV twin.
        drawing: None where there is nothing to draw.
    """
    figure = None if drawing is None else laid_out(drawing)
    return RenderedFigure(
        name=name,
        title=title,
        caption=caption,
        alt=alt,
        csv=as_csv(frame),
        svg=None if figure is None else as_svg(figure, name, title),
        png=None if figure is None else as_png(figure),
        pdf=None if figure is None else as_pdf(figure, title),
    )


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
