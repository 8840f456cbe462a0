"""Find learning rates by range tests: `python -m harness.lr_finder STUDY.yaml`."""

import sys

from harness.commands.lr_finder import main
from harness.tuning.interruption import hear_no_more

if __name__ == "__main__":
    code = main()
    hear_no_more()
    sys.exit(code)
