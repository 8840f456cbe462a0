"""`python -m harness.winner`: see `harness.commands.winner`."""

import sys

from harness.commands.winner import main

if __name__ == "__main__":
    sys.exit(main())
