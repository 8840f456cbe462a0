"""Fonts inside PDFs have the outlines that matplotlib would have put there."""

import pytest
from matplotlib.backends import _backend_pdf_ps as pdf_fonts
from matplotlib.font_manager import FontPath, FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

from analysis.render.pdf_fonts import cut_once

FIGURE = "0123456789.\N{MINUS SIGN}=± Test accuracy (%), sgd: effects"
RARE = "3 \N{GREEK SMALL LETTER BETA}"


def outlines(path: FontPath, text: str) -> dict[str, object]:
    """Return advance and outline of each character in the font that a PDF would hold now."""
    charmap = get_font(path).get_charmap()
    glyphs = {letter: charmap[ord(letter)] for letter in text}
    with pdf_fonts.get_glyphs_subset(path, set(glyphs.values())) as cut:
        font = FT2Font(pdf_fonts.font_as_file(cut.font))
        places = {letter: cut.glyph_index_map[glyph] for letter, glyph in glyphs.items()}
    found = {}
    for letter, place in places.items():
        glyph = font.load_glyph(place, flags=LoadFlags.NO_SCALE | LoadFlags.NO_HINTING)
        vertices, codes = font.get_path()
        found[letter] = (glyph.horiAdvance, vertices.tolist(), codes.tolist())
    return found


@pytest.mark.parametrize("text", [FIGURE, "f\N{LATIN SMALL LIGATURE FFI}", RARE])
@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_a_font_cut_once_has_the_same_outlines(text: str, weight: str) -> None:
    """Of usual characters, with a ligature, with a rare one."""
    path = FontPath(findfont(FontProperties(family="DejaVu Sans", weight=weight)), 0)
    expected = outlines(path, text)
    with cut_once():
        assert outlines(path, text) == expected
