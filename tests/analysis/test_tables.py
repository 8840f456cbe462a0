"""The tables' numbers, layout and formats."""

import csv
import io

import pandas as pd
import pytest

from analysis.blocks.registry import TABLES
from analysis.facts import Facts
from analysis.render.figure import as_csv
from analysis.render.numbers import csv_text
from analysis.render.table import RenderedTable, escape_markdown

COUNTS = {"budget", "failures", "reproducibility"}
"""Tables that hold counts themselves."""


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_every_format(all_facts: list[Facts], name: str) -> None:
    """Markdown and LaTeX have a row a row; each caption says n."""
    facts = next(facts for facts in all_facts if TABLES[name].is_for(facts))
    table = TABLES[name].rendered(name, facts)
    assert table.markdown().count("\n| ") == len(table.cells) + 1
    latex = table.latex()
    assert latex.count(r" \\") == len(table.cells) + 1
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption["):
        assert part in latex
    assert " n " in table.caption or "n = 1" in table.caption or name in COUNTS


def test_text_of_a_study_cannot_break_a_table() -> None:
    """Pipes, line breaks, markup and macros stay text."""
    frame = pd.DataFrame({"Arm": ["a|b\nc", "<script>", r"\input{x} 5 % & #"]})
    table = RenderedTable(name="t", title="T", caption="n", numbers=frame, cells=frame)
    assert table.markdown().splitlines()[2:5] == [
        r"| a\|b c |",
        r"| \<script\> |",
        r"| \\input\{x\} 5 % & \# |",
    ]
    assert r"\textbackslash{}input\{x\} 5 \% \& \#" in table.latex()


def test_escapes_leave_plain_text_alone() -> None:
    """Words and numbers are not touched."""
    assert escape_markdown("0.5 ± 0.1") == "0.5 ± 0.1"


def test_text_that_a_spreadsheet_would_carry_out_is_text_in_every_csv() -> None:
    """An apostrophe before it makes it so; numbers, with signs or as text, are as they are."""
    frame = pd.DataFrame(
        {
            "says": [
                "=1+1",
                "+cmd|' /C calc'!A0",
                "-2+3",
                "@SUM(A1)",
                "\t=1",
                "\r=1",
                "\uff1d1",
                "a=b",
                None,
            ],
            "level": ["-0.1", "+1e-3", "-inf", "0", "1", "2", "3", "4", "-"],
            "value": [-1.5, 2, 3, 4, 5, 6, 7, 8, float("nan")],
            "seed": pd.array([-1, 2, 3, 4, 5, 6, 7, 8, None], dtype="Int64"),
            "mixed": [-1, "=a", None, 2.5, True, "-3", "b", "c", "d"],
        }
    )
    table = RenderedTable(name="t", title="T", caption="n", numbers=frame, cells=frame)
    assert table.csv() == csv_text(frame) == as_csv(frame)
    rows = list(csv.reader(io.StringIO(table.csv(), newline="")))
    assert [row[0] for row in rows[1:]] == [
        *("'=1+1", "'+cmd|' /C calc'!A0", "'-2+3", "'@SUM(A1)", "'\t=1", "'\n=1", "'\uff1d1", "a=b", "")
    ]
    assert [row[1] for row in rows[1:]] == ["-0.1", "+1e-3", "-inf", "0", "1", "2", "3", "4", "'-"]
    assert [row[2:4] for row in rows[1:3]] == [["-1.5", "-1"], ["2.0", "2"]]
    assert [row[4] for row in rows[1:]] == ["-1", "'=a", "", "2.5", "True", "-3", "b", "c", "d"]


def test_plain_frames_keep_every_byte_of_their_csv() -> None:
    """Nothing of a table changes that no spreadsheet would carry out."""
    frame = pd.DataFrame({"a": ["x", None], "b": [1, None], "c": [1e-17, -2.0]})
    assert csv_text(frame) == frame.to_csv(index=False, lineterminator="\n")


def test_dollars_are_no_formula_in_markdown() -> None:
    """GitHub sets what stands between two of them as mathematics."""
    assert escape_markdown("costs $5 or $6") == r"costs \$5 or \$6"
