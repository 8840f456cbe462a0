"""`python -m analysis.tables RESULTS_DIR ...`: write only the tables of a report."""

import sys
from pathlib import Path

from analysis import command
from analysis.facts import Facts
from analysis.page.parts import render_tables, write_tables
from analysis.records import load_study


def write(path: Path) -> list[Path]:
    """Write the tables of one results folder; return their folder."""
    facts = Facts(load_study(path))
    folder = facts.records.folder.report / "tables"
    write_tables(folder, render_tables(facts).values())
    return [folder]


if __name__ == "__main__":
    sys.exit(command.run(None, module="analysis.tables", description=write.__doc__ or "", write=write))
