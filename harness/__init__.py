"""Run training-recipe studies: fair search, fresh-seed confirmation, faithful records."""

__version__ = "0.1.0"

PROTOCOL_VERSION = "2"
"""Raised whenever a change of the code changes the numbers of a study (CHANGELOG tag: Protocol)."""
