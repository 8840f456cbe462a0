r"""Tables as LaTeX, which compiles with every engine, whatever the text of a study holds: it is plain ASCII.

It needs the packages array, booktabs and graphicx, and longtable for tables of more than a page. A table is
as wide as it must be, up to `\linewidth`; beyond that it is scaled down to it. No library keeps this:
pylatexenc writes commands that these packages lack (a Cyrillic A becomes `\CYRA`), and pandas' Styler scales
nothing and breaks no heads.
"""

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import TypeAlias

import pandas as pd

from analysis.render import numbers

Text: TypeAlias = "pd.Series[str]"
"""The cells of one column, under its name."""

_NUMBER = re.compile(r"(n = )?([<+-]\s?)?\d[\d.,]*(e[+-]?\d+)?%?")
_LONG_TEXT = 30
"""Letters from which on a column of text is broken into lines."""
_LINE = 90
"""Letters that fit a line of a one-column paper."""
_COLUMN = 55
"""Letters that fit a column of a two-column paper; wider tables span both."""
_LONG_TABLE = 45
"""Rows that fit a page."""

_ASCII = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\symbol{34}",  # a bare one is a command of some languages
    "[": "{[}",  # a bare one after a line break is its option
    "]": "{]}",
    "*": "{*}",  # likewise
}
_SYMBOLS = {
    "±": r"$\pm$",
    numbers.TIMES: r"$\times$",
    "·": r"$\cdot$",
    "÷": r"$\div$",
    "°": r"$^{\circ}$",
    "\N{MICRO SIGN}": r"$\mu$",
    "\N{MINUS SIGN}": "$-$",
    "←": r"$\leftarrow$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "↔": r"$\leftrightarrow$",
    "⇒": r"$\Rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "∑": r"$\Sigma$",
    numbers.ABSENT: r"\textendash{}",
    "\N{EM DASH}": r"\textemdash{}",
    "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{LEFT SINGLE QUOTATION MARK}": r"\textquoteleft{}",
    "\N{RIGHT SINGLE QUOTATION MARK}": r"\textquoteright{}",
    "\N{LEFT DOUBLE QUOTATION MARK}": r"\textquotedblleft{}",
    "\N{RIGHT DOUBLE QUOTATION MARK}": r"\textquotedblright{}",
    "…": r"\dots{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "©": r"\copyright{}",
    "£": r"\pounds{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "\N{LATIN SMALL LETTER DOTLESS I}": r"\i{}",
}
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING MACRON}": "=",
    "\N{COMBINING DOT ABOVE}": ".",
    "\N{COMBINING BREVE}": "u",
    "\N{COMBINING CARON}": "v",
    "\N{COMBINING DOUBLE ACUTE ACCENT}": "H",
    "\N{COMBINING RING ABOVE}": "r",
    "\N{COMBINING CEDILLA}": "c",
    "\N{COMBINING DOT BELOW}": "d",
}
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
)
_SYMBOLS |= {
    letter: rf"$\{name}$" for letter, name in zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", _GREEK, strict=True)
}


def latex_table(name: str, title: str, caption: str, cells: pd.DataFrame) -> str:
    """Return a table as a float, or as pages where it has more rows than a page.

    Args:
        name: Of its files; makes the label `tab:<name>`.
        title: For a list of tables.
        caption: Stands above the table.
        cells: Text as readers see it, under readable column names.
    """
    if cells.columns.empty:
        cells = pd.DataFrame({title: []})
    above = rf"\caption[{escape_latex(title)}]{{{escape_latex(caption)}}}\label{{tab:{name}}}"
    texts = [column.astype("str") for _, column in cells.items()]
    head = _row([_head(column) for column in texts])
    rows = [_row([escape_latex(cell) for cell in row]) for row in cells.itertuples(index=False)]
    if any(_is_long(column) for column in texts):
        rows[1:] = [r"\addlinespace" + "\n" + row for row in rows[1:]]
    if len(rows) > _LONG_TABLE:
        return "\n".join(_pages(above, _columns(texts), head, rows)) + "\n"
    is_wide = sum(_width(column) + 2 for column in texts) > _COLUMN
    kind = "table*" if is_wide else "table"
    return "\n".join(_float(kind, above, _columns(texts), head, rows)) + "\n"


def _float(kind: str, above: str, columns: str, head: str, rows: list[str]) -> list[str]:
    """Return the lines of a table that LaTeX puts where there is room."""
    return [
        r"% needs \usepackage{array,booktabs,graphicx}",
        rf"\begin{{{kind}}}",
        r"\centering",
        above,
        r"\vspace{1ex}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        *[r"\toprule", head, r"\midrule", *rows, r"\bottomrule"],
        r"\end{tabular}%",
        r"}",
        rf"\end{{{kind}}}",
    ]


def _pages(above: str, columns: str, head: str, rows: list[str]) -> list[str]:
    """Return the lines of a table that goes over pages, its head on each."""
    return [
        r"% needs \usepackage{array,booktabs,longtable}",
        r"\begingroup",
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{longtable}}{{{columns}}}",
        above + r"\\",
        *[r"\toprule", head, r"\midrule", r"\endfirsthead"],
        *[r"\toprule", head, r"\midrule", r"\endhead"],
        *[r"\bottomrule", r"\endfoot"],
        *rows,
        r"\end{longtable}",
        r"\endgroup",
    ]


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _columns(texts: Sequence[Text]) -> str:
    """Return the kinds of the columns: numbers to the right, text to the left, long text in lines."""
    others = sum(_width(column) + 2 for column in texts if not _is_long(column))
    room = min(0.9, max(0.65, 1 - others / _LINE))
    weight = sum(_weight(column) for column in texts if _is_long(column))
    kinds = []
    for column in texts:
        if _is_long(column):
            share = room * _weight(column) / weight
            kinds.append(rf">{{\raggedright\arraybackslash}}p{{{share:.2f}\linewidth}}")
        else:
            kinds.append("r" if _is_numeric(column) else "l")
    return "@{}" + "".join(kinds) + "@{}"


def _weight(column: Text) -> float:
    """Return how much of the room a column of long text gets: more for longer text, but not in proportion."""
    return float(_width(column) ** 0.7)


def _width(column: Text) -> int:
    """Return the letters of a column's longest cell, or of the longest word of its name."""
    return max(len(text) for text in [*column, *str(column.name).split(), ""])


def _is_long(column: Text) -> bool:
    return not _is_numeric(column) and _width(column) > _LONG_TEXT


def _is_numeric(column: Text) -> bool:
    """Return whether the cells of a column that hold anything begin with numbers, and are short."""
    known = [cell for cell in column if cell not in {"", numbers.ABSENT}]
    return bool(known) and all(_NUMBER.match(cell) and len(cell) <= _LONG_TEXT for cell in known)


def _head(column: Text) -> str:
    """Return a column's name, broken into lines where it is longer than its cells."""
    name = str(column.name)
    lines = textwrap.wrap(name, max(10, _width(column)), break_long_words=False)
    if _is_long(column) or len(lines) < 2:
        return escape_latex(name)
    side = "r" if _is_numeric(column) else "l"
    stacked = r"\\".join(escape_latex(line) for line in lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{stacked}\end{{tabular}}"


def escape_latex(text: object) -> str:
    """Return text of a study so that LaTeX shows it as it is, on one line and in ASCII.

    A character that TeX's own fonts lack is shown by its code, such as U+1F600.
    """
    plain = " ".join(unicodedata.normalize("NFC", str(text)).split())
    shown = "".join(_shown(character) for character in plain)
    return re.sub(r"-(?=-)", "-{}", shown)  # else two hyphens become a dash


def _shown(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    if character.isascii() and character.isprintable():
        return character
    return _accented(character) or _compatible(character) or f"U+{ord(character):04X}"


def _accented(character: str) -> str | None:
    """Return a letter with one accent."""
    parts = unicodedata.normalize("NFD", character)
    if len(parts) != 2 or not parts[0].isascii() or parts[1] not in _ACCENTS:
        return None
    letter = {"i": r"\i", "j": r"\j"}.get(parts[0], parts[0])
    return rf"\{_ACCENTS[parts[1]]}{{{letter}}}"


def _compatible(character: str) -> str | None:
    """Return a character that stands for ASCII ones, such as a superscript or a fraction."""
    kind, _, _ = unicodedata.decomposition(character).partition(" ")
    plain = unicodedata.normalize("NFKD", character).replace("\N{FRACTION SLASH}", "/")
    if not kind.startswith("<") or not plain.isascii():
        return None
    escaped = "".join(_ASCII.get(part, part) for part in plain)
    raised = {"<super>": r"\textsuperscript", "<sub>": r"\textsubscript"}.get(kind)
    return f"{raised}{{{escaped}}}" if raised else escaped
