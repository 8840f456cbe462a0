"""Write everything that derives from range tests: suggestions, table and figure."""

from pathlib import Path

from analysis.lr_finder.comparison import render_comparison
from analysis.lr_finder.figure import render_figure
from analysis.lr_finder.suggestions import compute_suggestions
from analysis.output import write_file
from analysis.render.table import RenderedTable
from harness.records.range_test import read_tests


def write_finder(root: Path) -> RenderedTable:
    """Write suggestions, table and figure of a study's range tests beside their curves; return the table.

    Args:
        root: The study's results folder, such as `results/optimizers`.

    Raises:
        ResultsError: The folder holds no range tests, something in it is damaged, or it cannot be written.
    """
    tests = read_tests(root)
    suggestions = compute_suggestions(tests)
    table = render_comparison(tests, suggestions)
    figure = render_figure(tests, suggestions)
    folder = tests.folder
    write_file(folder / "suggestions.csv", suggestions.to_csv(index=False, lineterminator="\n"))
    write_file(folder / "comparison.csv", table.csv())
    write_file(folder / "comparison.md", table.markdown())
    write_file(folder / "comparison.tex", table.latex())
    if figure.svg is not None and figure.png is not None:
        write_file(folder / "lr_finder.svg", figure.svg)
        write_file(folder / "lr_finder.png", figure.png)
        write_file(folder / "lr_finder.csv", figure.csv)
    return table
