"""The tables' numbers, layout and formats."""

import pandas as pd
import pytest

from analysis.blocks.registry import TABLES
from analysis.facts import Facts
from analysis.render.table import RenderedTable, escape_markdown


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
    assert " n " in table.caption or "n = 1" in table.caption or name in {"budget", "failures"}


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
