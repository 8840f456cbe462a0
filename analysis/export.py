"""`python -m analysis.export RESULTS_DIR --to TARGET`: results for trackers and plain files."""

import sys

from analysis.exports.command import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
