"""Run training-recipe studies: fair search, fresh-seed confirmation, faithful records."""

import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and not __file__.startswith(f"{sys.path[0]}/"):
    # `python -m` puts the working directory first, where a user's random.py would take the place of Python's.
    del sys.path[0]

__version__ = "0.1.0"

PROTOCOL_VERSION = "2"
"""Raised whenever a change of the code changes the numbers of a study (CHANGELOG tag: Protocol)."""
