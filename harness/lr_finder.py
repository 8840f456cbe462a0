"""Find learning rates by range tests: `python -m harness.lr_finder STUDY.yaml`."""

import sys

from harness.commands.lr_finder import main

if __name__ == "__main__":
    sys.exit(main())
