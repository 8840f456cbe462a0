"""`python -m analysis.tables RESULTS_DIR ...`: write only the tables of a report."""

import sys

from analysis import output
from analysis.report import write_tables

if __name__ == "__main__":
    sys.exit(
        output.run(None, module="analysis.tables", description=write_tables.__doc__ or "", write=write_tables)
    )
