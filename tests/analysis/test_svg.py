"""Drawings made small: marks that know their run, and no id that two drawings of a page share."""

import re
from html.parser import HTMLParser

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from analysis.render.figure import RC, as_svg, laid_out
from analysis.render.svg import as_css, inlined, name_runs, smaller, without_runs

NAMES = ["a", 'b" <i>', "c d"]


@pytest.fixture(scope="module")
def drawing() -> str:
    """Return three dots that stand for runs, two that do not, and a text that looks like an attribute."""
    with mpl.rc_context(RC):
        figure = Figure(layout="constrained")
        ax = figure.subplots()
        name_runs(ax.scatter([1, 2, 3], [1, 2, 3]), NAMES)
        name_runs(ax.plot([1, 2], [3, 1])[0], ["a"])
        ax.plot([1, 2], [3, 1], "s")
        ax.set_title(' style="x" id="y" <b>')
    return as_svg(laid_out(figure), "name", "title")


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_marks_say_which_run_they_stand_for(drawing: str) -> None:
    """In the order in which they were named; marks that stand for none say nothing, and files never do."""
    marked = [attrs["data-run"] for _, attrs in _Tags(drawing).found if "data-run" in attrs]
    assert marked == [*NAMES, "a"]
    assert "data-run" not in without_runs(drawing)


def test_a_part_of_a_page_has_classes_and_ids_of_its_own(drawing: str) -> None:
    """Every class is in the style sheet, every reference stays inside, runs are numbers of rows."""
    styles: dict[str, str] = {}
    part = inlined(drawing, "mine", styles, {"a": 0, "c d": 7})
    tags = _Tags(part)
    classes = {attrs["class"] for _, attrs in tags.found if "class" in attrs}
    assert classes == set(re.findall(r"\.(\w+)\{", as_css(styles)))
    ids = {attrs["id"] for _, attrs in tags.found if "id" in attrs}
    assert ids
    assert all(str(name).startswith("mine-") for name in ids)
    assert {
        reference for one in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', part) for reference in one
    } - {""} <= ids
    assert [attrs["data-run"] for _, attrs in tags.found if "data-run" in attrs] == ["0", "7", "0"]
    assert ' style="x" id="y" <b>' in tags.texts
    assert "<title>" not in part


def test_marks_that_are_not_drawn_leave_no_wrong_name() -> None:
    """A dot without a value is not drawn: which of the others is whose is not known then."""
    with mpl.rc_context(RC):
        figure = Figure(layout="constrained")
        name_runs(figure.subplots().scatter([1, 2, 3], [1, float("nan"), 3]), ["a", "b", "c"])
    assert "data-run" not in as_svg(laid_out(figure), "name", "title")


def test_a_line_after_a_curve_stays_a_line() -> None:
    """Of lines in a row only the first needs its letter; after a curve one without it would be a curve."""
    path = "M 0 0 \nL 1 1.23456 \nL 2 2 \nC 1 1 2 2 3 3 \nL 4 4 \nL 5 5 \nz\n"
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><path d="{path}"/></svg>'
    assert 'd="M0 0 1 1.23 2 2C1 1 2 2 3 3L4 4 5 5z"' in smaller(drawing)
