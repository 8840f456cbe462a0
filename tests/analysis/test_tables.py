"""The tables' numbers, layout and formats."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analysis.blocks import search
from analysis.blocks.registry import TABLES
from analysis.facts import Facts
from analysis.render.table import RenderedTable, escape_markdown

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


def test_a_rate_below_a_diverged_one_is_stability_limited(three_arms: "Study", tmp_path: Path) -> None:
    """Next above rmsprop's 1e-3 is 1e-2, fine; next above sgd's 0.9 is nothing; 0.5 diverged below it."""
    frame = search.compute_table(three_arms.facts(tmp_path))
    assert frame["is_stability_limited"].tolist() == [False, False, False]


def test_stability_limit_is_found(new_study: "type[Study]", tmp_path: Path) -> None:
    """The next larger rate that was tried diverged."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.01, 0.05, 0.5], best=0.05)
    study.add("sgd", "search", lr=0.07, status="diverged", epochs=1)
    assert search.compute_table(study.facts(tmp_path))["is_stability_limited"].tolist() == [True]


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
