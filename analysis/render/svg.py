"""SVG as matplotlib writes it, made small: the same drawing without what no reader of it needs.

Gone are comments, line breaks, metadata, groups that say nothing and ids that nothing refers to; numbers
have two decimals. Text stays text: it can be searched for, and needs no outlines. A mark that stands for a
run can be found by it (`name_runs`).
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

from matplotlib.artist import Artist

FONTS = "'DejaVu Sans',Verdana,sans-serif"
"""The fonts that texts are drawn in: the one they were laid out for, or one of the same widths."""

_RUNS = "runs "
"""Begins the id of a group whose marks stand for runs."""
_BETWEEN = "\ue000"
"""Between them: a character that no name has, and that XML leaves as it is."""
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_REFERENCE = re.compile(r"#([^)\"]+)")
_NO_TURN = re.compile(r"\s*rotate\(-?0( [^)]*)?\)")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PRIVATE = "data-run"
_FONT = "font-family:'DejaVu Sans'"
"""Of every text: said once, of the whole drawing."""
_QUOTES = {'"': "&quot;", "\n": "&#10;"}
_PROLOG = '<?xml version="1.0" encoding="utf-8"?>\n'


def name_runs(artist: Artist, run_ids: Iterable[str]) -> None:
    """Say which run each mark of an artist stands for, in the order in which they are drawn."""
    artist.set_gid(_RUNS + _BETWEEN.join(run_ids))


def smaller(text: str) -> str:
    """Return an SVG file without what no reader needs; marks of runs keep theirs as `data-run`."""
    root = ET.fromstring(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))  # noqa: S314 - matplotlib's own
    used = dict.fromkeys(found for each in root.iter() for found in _references(each))
    ids = {name: _letters(place) for place, name in enumerate(used)}
    _mark_runs(root)
    root.attrib.pop("version", None)
    for each in root.iter():
        _shorten(each, ids)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("font-family", FONTS)
    root.set("stroke-linejoin", "round")
    return f"{_PROLOG}{''.join(_written(root))}\n"


def without_runs(svg: str) -> str:
    """Return a drawing whose marks do not say which run they stand for."""
    return re.sub(rf' {_PRIVATE}="[^"]*"', "", svg)


def inlined(svg: str, name: str, styles: dict[str, str], rows: Mapping[str, int]) -> str:
    """Return a drawing as a part of an HTML page: classes in place of styles, ids that no other one has.

    Args:
        svg: As `smaller` returns.
        name: Begins the drawing's ids.
        styles: The page's class of each style, by the style; new ones are added.
        rows: Number of each run in the page's table of runs; marks of other runs do not name theirs.
    """

    def as_class(found: re.Match[str]) -> str:
        return f' class="{styles.setdefault(found[1], f"F{_letters(len(styles))}")}"'

    def as_row(found: re.Match[str]) -> str:
        row = rows.get(found[1])
        return "" if row is None else f' {_PRIVATE}="{row}"'

    svg = re.sub(r' style="([^"]*)"', as_class, svg.removeprefix(_PROLOG).strip())
    svg = re.sub(rf' {_PRIVATE}="([^"]*)"', as_row, svg)
    svg = re.sub(r' (id="|href="#|[a-z-]+="url\(#)', rf" \1{name}-", svg)
    svg = re.sub(r"<title>.*?</title>", "", svg, count=1)
    return re.sub(r"^<svg[^>]*>", _as_part, svg, count=1)


def _as_part(start: re.Match[str]) -> str:
    """Return the start of a drawing that is as wide as the page leaves it, at most as it was drawn."""
    box = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', start[0])
    if box is None:
        raise ValueError(f"{start[0]}: no drawing of matplotlib's")
    return f'<svg aria-hidden="true" {box[0]} style="max-width:{float(box[1]) * 4 / 3:.0f}px">'


def as_css(styles: Mapping[str, str]) -> str:
    """Return the classes of a page's drawings."""
    return "".join(f".{name}{{{style}}}" for style, name in styles.items())


def _letters(place: int) -> str:
    """Return a short name for a place from 0: a, b, ... z, ba, bb, ..."""
    letters = ""
    while True:
        place, rest = divmod(place, 26)
        letters = chr(ord("a") + rest) + letters
        if not place:
            return letters


def _plain(name: str) -> str:
    """Return the name of a tag or attribute without its namespace."""
    return name.rpartition("}")[2]


def _references(element: ET.Element) -> Iterator[str]:
    for name, value in element.attrib.items():
        if _plain(name) == "href" or value.startswith("url("):
            yield from _REFERENCE.findall(value)


def _mark_runs(root: ET.Element) -> None:
    """Give each mark of a group that stands for runs its own one; none where some marks are not drawn."""
    for group in root.iter():
        name = group.get("id") or ""
        if not name.startswith(_RUNS):
            continue
        run_ids = name.removeprefix(_RUNS).split(_BETWEEN)
        marks = list(_drawn(group, "use")) or list(_drawn(group, "path"))
        if len(marks) == len(run_ids):
            for mark, run_id in zip(marks, run_ids, strict=True):
                mark.set(_PRIVATE, run_id)


def _drawn(element: ET.Element, tag: str) -> Iterator[ET.Element]:
    """Yield the elements of a tag that are drawn where they stand."""
    for child in element:
        if _plain(child.tag) == tag:
            yield child
        if _plain(child.tag) != "defs":
            yield from _drawn(child, tag)


def _shorten(element: ET.Element, ids: Mapping[str, str]) -> None:
    """Shorten an element's attributes in place."""
    whole, element.attrib = element.attrib, {}
    for key, value in whole.items():
        name, short = _plain(key), value
        if name == "id":
            if value not in ids:
                continue
            short = ids[value]
        elif name == "href" or value.startswith("url("):
            short = _REFERENCE.sub(lambda found: f"#{ids[found[1]]}", value)
        elif name == "d":
            short = _path(value)
        elif name == "style":
            short = _style(value)
        elif name == "transform":
            short = value if "matrix" in value else _NO_TURN.sub("", _rounded(value)).strip()
        elif name in {"x", "y"}:
            short = _rounded(value)
        if short or name == _PRIVATE:
            element.attrib[name] = short


def _path(d: str) -> str:
    """Return a path without spaces that separate nothing; of lines in a row only one has its letter."""
    parts, before = [], ""
    for letter, numbers in _COMMAND.findall(_rounded(d)):
        goes_on = letter == "L" and before in {"M", "L"}
        parts.append(f"{' ' if goes_on else letter}{numbers.strip()}")
        before = letter
    return "".join(parts)


def _style(text: str) -> str:
    parts = [part.strip().replace(": ", ":").replace(", ", ",") for part in text.split(";")]
    return ";".join(part for part in parts if part and not part.startswith(_FONT))


def _rounded(numbers: str) -> str:
    return _NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), numbers)


def _written(element: ET.Element) -> Iterator[str]:
    """Yield the text of an element and all in it."""
    tag = _plain(element.tag)
    if tag in {"metadata", "style"}:
        return
    children = [text for child in element for text in _written(child)]
    text = (element.text or "") if tag in {"text", "tspan", "title"} else ""
    if tag in {"g", "defs"} and not children:
        return
    if tag == "g" and not element.attrib:
        yield from children
        return
    attributes = "".join(f" {name}={_quoted(value)}" for name, value in element.attrib.items())
    if not children and not text:
        yield f"<{tag}{attributes}/>"
        return
    yield f"<{tag}{attributes}>{escape(text, _QUOTES)}"
    yield from children
    yield f"</{tag}>"


def _quoted(value: str) -> str:
    return f'"{escape(value, _QUOTES)}"'
