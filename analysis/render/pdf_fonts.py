"""Fonts inside PDFs, cut once a process: the same outlines, in a sixth of the time.

Matplotlib cuts every PDF's characters out of the whole font, whose 6,000 glyphs are read again each time:
half the time of a small figure's PDF. Here the characters that figures mostly hold are cut out once, and
every PDF holds all of these, some 20 kB more than it needs. A test compares the outlines.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from string import ascii_letters, digits, punctuation
from typing import Any

from matplotlib.backends import _backend_pdf_ps as pdf_fonts
from matplotlib.font_manager import FontPath, get_font

_SIGNS = "\N{MULTIPLICATION SIGN}\N{EN DASH}\N{MINUS SIGN}±·µ²°…→≤≥≈"
_LIGATURES = "\ufb00\ufb01\ufb02\ufb03\ufb04"
_USUAL = f"{ascii_letters}{digits}{punctuation} {_SIGNS}{_LIGATURES}"
"""A figure with other characters has its font cut out of the whole one."""

_from_whole_font = pdf_fonts.get_glyphs_subset


class _Saved:
    """A font as matplotlib saves one."""

    def __init__(self, content: bytes) -> None:
        """Take the bytes of its file."""
        self._content = content

    def save(self, file: io.BytesIO, *, reorderTables: bool) -> None:  # noqa: ARG002, N803 - fontTools' words
        """Write it into a file in memory."""
        file.write(self._content)


@contextmanager
def cut_once() -> Iterator[None]:
    """Let matplotlib cut the fonts of PDFs that are written inside the context by `glyphs_subset`."""
    pdf_fonts.get_glyphs_subset = glyphs_subset  # type: ignore[assignment]
    try:
        yield
    finally:
        pdf_fonts.get_glyphs_subset = _from_whole_font


@contextmanager
def glyphs_subset(path: FontPath, glyphs: Iterable[int]) -> Iterator[pdf_fonts.SubsetResults]:
    """Yield what `matplotlib.backends._backend_pdf_ps.get_glyphs_subset` does, sooner.

    Args:
        path: Of the font.
        glyphs: Numbers of the glyphs that are kept.
    """
    kept, (usual, places) = set(glyphs), _usual_part(path)
    if not kept <= places.keys():
        with _from_whole_font(path, kept) as cut:
            yield cut
        return
    font: Any = _Saved(usual)  # of a font it is asked for nothing but to be saved
    yield pdf_fonts.SubsetResults(font, dict(places))


@cache
def _usual_part(path: FontPath) -> tuple[bytes, Mapping[int, int]]:
    """Return a font cut to the usual characters, and where each of its glyphs is now."""
    charmap = get_font(path).get_charmap()
    glyphs = {charmap[ord(character)] for character in _USUAL if ord(character) in charmap}
    with _from_whole_font(path, glyphs) as cut:
        content = io.BytesIO()
        cut.font.save(content, reorderTables=False)
    # Glyphs that came with others, such as ligatures', stand for no character any more.
    return content.getvalue(), {glyph: cut.glyph_index_map[glyph] for glyph in glyphs}
