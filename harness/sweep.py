"""Run a study: `python -m harness.sweep STUDY.yaml`."""

import sys

from harness.commands.sweep import main
from harness.tuning.interruption import hear_no_more

if __name__ == "__main__":
    code = main()
    hear_no_more()
    sys.exit(code)
