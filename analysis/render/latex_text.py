"""Text of a study as LaTeX: plain ASCII that every engine shows as it is meant, whatever it holds."""

import re
import unicodedata

from analysis.render import numbers

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
