"""Run a study: `python -m harness.sweep STUDY.yaml`."""

import sys

from harness.commands.sweep import main

if __name__ == "__main__":
    sys.exit(main())
