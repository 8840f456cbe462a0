"""Tables and figures in a paper: what LaTeX is given compiles, whatever a study is called."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.facts import Facts
from analysis.load import load_study
from analysis.page.document import render_tables
from analysis.render.latex import escape_latex, latex_table

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

HOSTILE = r"""_&%$#^~{}\<>|"'`[x]*y -- --- ?` !` µ ± → ↓ é ñ ő α Ω ½ x² – … 中 😀 \end{table} %"""  # noqa: RUF001
ENGINES = {
    "pdflatex": ["-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape"],
    "lualatex": ["-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape"],
    "tectonic": ["--keep-logs"],
}
ENGINE = next((name for name in ENGINES if shutil.which(name)), None)
needs_tex = pytest.mark.skipif(ENGINE is None, reason=f"none of {', '.join(ENGINES)} is installed")


def compiled(folder: Path, tables: Sequence[Path], figures: Sequence[Path]) -> tuple[str, int]:
    """Compile a paper with the packages that the tables ask for; return its log and number of pages."""
    asked = re.findall(r"% needs \\usepackage{(.*)}", "".join(path.read_text() for path in tables))
    packages = sorted({"graphicx", *",".join(asked).split(",")} - {""})
    body = [rf"\input{{{path}}}" for path in tables]
    body += [rf"\includegraphics[width=\linewidth]{{{path}}}" for path in figures]
    lines = [
        r"\documentclass{article}",
        rf"\usepackage{{{','.join(packages)}}}",
        r"\begin{document}",
        r"\listoftables",
        *(line + "\n" for line in body),
        r"\end{document}",
    ]
    (folder / "paper.tex").write_text("\n".join(lines), encoding="ascii")
    assert ENGINE is not None
    command = [ENGINE, *ENGINES[ENGINE], "paper.tex"]
    process = subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=300)
    log = (folder / "paper.log").read_text(encoding="utf-8", errors="replace")
    assert process.returncode == 0, log[-2000:]
    written = re.search(r"Output written on paper\.\w+ \((\d+) page", log)
    return log, int(written[1]) if written else 0


def assert_sound(log: str) -> None:
    """Check that a log tells of no error and of no character that was left out."""
    assert not re.findall(r"^! .*|^Missing character.*", log, flags=re.MULTILINE)


@needs_tex
def test_a_report_compiles_in_a_paper(any_report: Path, tmp_path: Path) -> None:
    """Every table and every figure, with no more packages than the tables name."""
    report = any_report / "report"
    tables = sorted((report / "tables").glob("*.tex"))
    figures = sorted((report / "figures").glob("*.pdf"))
    assert len(tables) >= 3
    assert len(figures) == len(list((report / "figures").glob("*.svg"))) >= 2
    log, pages = compiled(tmp_path, tables, figures)
    assert_sound(log)
    assert pages >= 2


@needs_tex
def test_names_of_a_study_cannot_break_a_paper(three_arms: "Study", tmp_path: Path) -> None:
    """Arms, claims and sources may hold commands, marks of TeX and letters that its fonts lack."""
    three_arms.claims[0] |= {"says": HOSTILE, "source": HOSTILE}
    three_arms.published = {}
    names = {arm: f"[{HOSTILE} {arm}" for arm in three_arms.arms}
    three_arms.claims[0]["better"] |= {"arm": names["adam"], "than": names["sgd"]}
    three_arms.arms = {names[arm]: space for arm, space in three_arms.arms.items()}
    three_arms.winners = {names[arm]: winner for arm, winner in three_arms.winners.items()}
    for run in three_arms.runs:
        run.arm = names[run.arm]
    tables = []
    for name, table in render_tables(Facts(load_study(three_arms.write(tmp_path)))).items():
        tables.append(tmp_path / f"{name}.tex")
        tables[-1].write_text(table.latex(), encoding="ascii")
    log, _ = compiled(tmp_path, tables, [])
    assert_sound(log)


@needs_tex
def test_a_table_of_many_rows_goes_over_pages(tmp_path: Path) -> None:
    """A hundred rows fill two pages, and no row is lost below the first."""
    cells = pd.DataFrame({"Arm": [f"arm {number}" for number in range(100)], "n": ["3"] * 100})
    path = tmp_path / "long.tex"
    path.write_text(latex_table("long", "Long", "A caption.", cells), encoding="ascii")
    log, pages = compiled(tmp_path, [path], [])
    assert_sound(log)
    assert pages == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fcn 300-200, 0.5", "fcn 300-200, 0.5"),
        ("a_b & 5 % of $1 #2", r"a\_b \& 5 \% of \$1 \#2"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("x^2 ~ y", r"x\textasciicircum{}2 \textasciitilde{} y"),
        ("a < b > c | d", r"a \textless{} b \textgreater{} c \textbar{} d"),
        ("[1] * 2", "{[}1{]} {*} 2"),
        ("--set", "-{}-set"),
        ("0.5 ± 0.1 → µ", r"0.5 $\pm$ 0.1 $\rightarrow$ $\mu$"),
        ("é ñ ő ç ï", r"\'{e} \~{n} \H{o} \c{c} \"{\i}"),
        ("β = 0.9, Δ", r"$\beta$ = 0.9, $\Delta$"),
        ("x² ½", r"x\textsuperscript{2} 1/2"),
        ("中 😀", "U+4E2D U+1F600"),
        ("two\nlines\tand  spaces", "two lines and spaces"),
    ],
)
def test_text_is_shown_as_it_is(text: str, shown: str) -> None:
    """What TeX would take for a command is escaped; what its fonts lack is spelt or given by its code."""
    assert escape_latex(text) == shown


@given(st.text())
def test_any_text_becomes_ascii_with_balanced_braces(text: str) -> None:
    """Nothing of a study can end a group or need an encoding."""
    shown = escape_latex(text)
    assert shown.isascii()
    assert shown.isprintable()
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", re.sub(r"\\\\", "", shown)):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


def test_numbers_stand_right_and_words_left() -> None:
    """Absent values are no words; long text gets lines of its own width."""
    why = "a reason that takes more than thirty letters"
    cells = pd.DataFrame(
        {
            "Arm": ["sgd", "adam"],
            "Loss": ["0.5 ± 0.1", "–"],  # noqa: RUF001 -- the mark of an absent value
            "Ended": ["3 of 4", "10 of 12"],
            "Range": ["1 to 2", "fixed"],
            "Why": [why, "short"],
        }
    )
    table = latex_table("t", "T", "c", cells)
    columns = re.search(r"\\begin{tabular}{(@{}.*@{})}$", table, flags=re.MULTILINE)
    assert columns is not None
    assert columns[1] == r"@{}lrrl>{\raggedright\arraybackslash}p{0.65\linewidth}@{}"


def test_a_caption_stands_above_its_table_with_its_label() -> None:
    """A reference to `tab:<name>` finds it, and a list of tables shows its title."""
    table = latex_table("results", "Results", "Mean, n = 3.", pd.DataFrame({"n": ["3"]}))
    caption = r"\caption[Results]{Mean, n = 3.}\label{tab:results}"
    assert table.index(caption) < table.index(r"\begin{tabular}")


def test_heads_are_broken_where_their_cells_are_short() -> None:
    """A column is no wider than its cells need, ten letters at least."""
    table = latex_table("t", "T", "c", pd.DataFrame({"Search validation accuracy (%)": ["90.1"]}))
    assert r"\begin{tabular}[b]{@{}r@{}}Search\\validation\\accuracy\\(\%)\end{tabular} \\" in table


def test_wide_tables_span_the_columns_of_a_paper() -> None:
    """In a paper of two columns a narrow table stands in one, a wide one across both."""
    narrow = pd.DataFrame({"Arm": ["sgd"], "n": ["3"]})
    wide = pd.DataFrame({f"Column {number}": ["0.123 ± 0.456"] for number in range(5)})
    assert r"\begin{table}" in latex_table("t", "T", "c", narrow)
    assert r"\begin{table*}" in latex_table("t", "T", "c", wide)
