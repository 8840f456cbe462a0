"""`python -m analysis.plots RESULTS_DIR ...`: write only the figures of a report."""

import sys
from pathlib import Path

from analysis import command
from analysis.load import load_study
from analysis.plots.rendering import render_figures, write_figures


def write(path: Path) -> list[Path]:
    """Write the figures of one results folder; return their folder."""
    records = load_study(path)
    write_figures(records, render_figures(records))
    return [records.folder.report / "figures"]


if __name__ == "__main__":
    sys.exit(command.run(None, module="analysis.plots", description=write.__doc__ or "", write=write))
