"""Fonts inside PDFs are those that matplotlib would have put there."""

import pytest
from matplotlib.backends import _backend_pdf_ps as pdf_fonts
from matplotlib.font_manager import FontPath, FontProperties, findfont, get_font

from analysis.render.pdf_fonts import cut_in_two_steps

FIGURE = "0123456789.\N{MINUS SIGN}=± Test accuracy (%), sgd: effects"


@pytest.mark.parametrize("text", [FIGURE, "f\N{LATIN SMALL LIGATURE FFI}", "3 \N{GREEK SMALL LETTER BETA}"])
@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_a_font_cut_in_two_steps_is_the_same(text: str, weight: str) -> None:
    """Byte for byte, its glyphs in the same places: of usual characters, with a ligature, with a rare one."""
    path = FontPath(findfont(FontProperties(family="DejaVu Sans", weight=weight)), 0)
    charmap = get_font(path).get_charmap()
    glyphs = {charmap[ord(character)] for character in text}
    with pdf_fonts.get_glyphs_subset(path, glyphs) as whole:
        expected = pdf_fonts.font_as_file(whole.font).getvalue()
    with cut_in_two_steps(), pdf_fonts.get_glyphs_subset(path, glyphs) as cut:
        assert pdf_fonts.font_as_file(cut.font).getvalue() == expected
    assert {glyph: cut.glyph_index_map[glyph] for glyph in glyphs} == {
        glyph: whole.glyph_index_map[glyph] for glyph in glyphs
    }
