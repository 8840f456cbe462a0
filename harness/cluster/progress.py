"""How far a submitted study is, from its journal alone."""

from collections import Counter
from contextlib import suppress

from harness.errors import ResultsError
from harness.records.events import RunEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal


def runs_by_status(folder: ResultsFolder) -> Counter[str]:
    """Return how many runs ended, by status; of a journal under way, up to the line being written."""
    counts: Counter[str] = Counter()
    with suppress(
        ResultsError
    ):  # no journal yet, or half a line at its end: a sweep judges, not a look at it
        for event in read_journal(folder):
            if isinstance(event, RunEnded):
                counts[event.status] += 1
    return counts
