"""`python -m analysis.lr_finder RESULTS_DIR ...`: write table and figure of range tests again."""

import sys
from pathlib import Path

from analysis import output
from analysis.lr_finder import write_finder
from harness.records.range_test import finder_folder


def write(path: Path) -> list[Path]:
    """Write table and figure of one study's range tests again; return their folder."""
    write_finder(path)
    return [finder_folder(path)]


if __name__ == "__main__":
    sys.exit(output.run(None, module="analysis.lr_finder", description=write.__doc__ or "", write=write))
