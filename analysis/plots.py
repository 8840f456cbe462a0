"""`python -m analysis.plots RESULTS_DIR ...`: write only the figures of a report."""

import sys

from analysis import output
from analysis.report import write_figures

if __name__ == "__main__":
    sys.exit(
        output.run(
            None, module="analysis.plots", description=write_figures.__doc__ or "", write=write_figures
        )
    )
