"""A figure as SVG and PDF from one drawing: matplotlib would go through all its parts once for each.

Both have 72 dots to an inch and the same methods. Texts are placed by the PDF's measures.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.backends import backend_pdf
from matplotlib.backends.backend_pdf import RendererPdf
from matplotlib.backends.backend_svg import RendererSVG

_DOTS = 72
"""To an inch."""
_Svg: Any = RendererSVG
_Pdf: Any = RendererPdf


class _Both:
    """Draws everything into a PDF and into an SVG; is asked like the PDF's renderer."""

    def __init__(self, pdf: Any, svg: Any, height: float) -> None:
        self._pdf, self._svg, self._height = pdf, svg, height

    def __getattr__(self, name: str) -> Any:
        """Return what is asked of the PDF's renderer alone, or a method that draws into both."""
        if not name.startswith("draw_"):
            return getattr(self._pdf, name)

        def draw(*arguments: Any, **named: Any) -> None:
            for renderer in (self._svg, self._pdf):
                getattr(renderer, name)(*arguments, **named)

        return draw

    def draw_text(self, gc: Any, x: float, y: float, *what: Any, **named: Any) -> None:
        """Draw a text; the SVG counts heights from the top."""
        self._svg.draw_text(gc, x, self._height - y, *what, **named)
        self._pdf.draw_text(gc, x, y, *what, **named)

    def open_group(self, name: str, gid: str | None = None) -> None:
        """Begin a group, which a PDF has not."""
        self._svg.open_group(name, gid)

    def close_group(self, name: str) -> None:
        """End it."""
        self._svg.close_group(name)

    def finalize(self) -> None:
        """Write the ends of both."""
        self._svg.finalize()
        self._pdf.finalize()


@contextmanager
def drawn_as_svg_too(svg: io.StringIO, metadata: dict[str, str | None]) -> Iterator[None]:
    """Let what is saved as PDF inside the context be drawn as SVG too.

    Args:
        svg: Takes the drawing.
        metadata: Of the SVG.
    """

    def both(file: Any, image_dpi: float, height: float, width: float) -> _Both:
        size = (_DOTS * width, _DOTS * height)
        drawn = _Svg(*size, svg, image_dpi=image_dpi, metadata=metadata)
        return _Both(_Pdf(file, image_dpi, height, width), drawn, size[1])

    module = vars(backend_pdf)  # `print_pdf` looks there for its renderer
    module["RendererPdf"] = both
    try:
        yield
    finally:
        module["RendererPdf"] = RendererPdf
