"""`python -m analysis.tables RESULTS_DIR ...`: write only the tables of a report."""

import sys
from pathlib import Path

from analysis import command
from analysis.load import load_study
from analysis.tables.rendering import render_tables, write_tables


def write(path: Path) -> list[Path]:
    """Write the tables of one results folder; return their folder."""
    records = load_study(path)
    write_tables(records, render_tables(records))
    return [records.folder.report / "tables"]


if __name__ == "__main__":
    sys.exit(command.run(None, module="analysis.tables", description=write.__doc__ or "", write=write))
