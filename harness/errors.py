"""The errors a user can act on. Everything else that is raised is a bug of ours.

A message gives the value, the rule, the valid set, the place and the remedy; commands print it without a
traceback and end with the error's exit code.
"""

import difflib
from collections.abc import Iterable

EXIT_COMPLETE, EXIT_SOME_FAILED, EXIT_REFUSED, EXIT_INTERRUPTED = 0, 1, 2, 75
"""How commands end: all is done, some runs failed, nothing was started, or a resume finishes it."""


class HarnessError(Exception):
    """Report something a user can mend; `str(error)` is the whole message."""

    exit_code = EXIT_REFUSED


class StudyError(HarnessError):
    """Report every problem of a study file at once."""


class DataError(HarnessError):
    """Report a data set that is missing, damaged or altered."""


class ResultsError(HarnessError):
    """Report a results folder that cannot be written, read or continued."""


class EnvironmentMismatchError(HarnessError):
    """Report that this machine or cluster cannot run what the study asks for."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: the closest valid one first, then all of them."""
    names = list(valid)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Valid: {', '.join(names)}"
