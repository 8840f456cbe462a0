"""`python -m analysis.plots RESULTS_DIR ...`: write only the figures of a report."""

import sys
from pathlib import Path

from analysis import command
from analysis.facts import Facts
from analysis.page.parts import render_figures, write_figures
from analysis.records import load_study


def write(path: Path) -> list[Path]:
    """Write the figures of one results folder; return their folder."""
    facts = Facts(load_study(path))
    folder = facts.records.folder.report / "figures"
    write_figures(folder, render_figures(facts).values())
    return [folder]


if __name__ == "__main__":
    sys.exit(command.run(None, module="analysis.plots", description=write.__doc__ or "", write=write))
