"""How a study's claims stand, for a terminal: which are decided, which are open, each in a line or two."""

import textwrap
from collections.abc import Iterator, Sequence

from analysis.claims.verdict import Ruling, Verdict
from analysis.render import numbers

OPEN: frozenset[Ruling] = frozenset({"inconclusive", "not yet"})
"""Rulings that more replicates may change."""


def standing_lines(verdicts: Sequence[Verdict], width: int) -> Iterator[str]:
    """Yield how many claims are decided and open, then each with its ruling; nothing without claims.

    Args:
        verdicts: In the study file's order.
        width: Letters in a line.
    """
    if not verdicts:
        return
    ruled = [verdict.ruling for verdict in verdicts]
    n_open = sum(ruling in OPEN for ruling in ruled)
    untestable = ruled.count("not testable")
    parts = {"decided": len(ruled) - n_open - untestable, "open": n_open, "not testable": untestable}
    yield f"claims: {', '.join(f'{count} {word}' for word, count in parts.items() if count)}"
    for number, verdict in enumerate(verdicts, start=1):
        measured = verdict.measured_where()
        told = "" if measured == numbers.ABSENT else f" ({measured}, n = {verdict.n})"
        line = f"{number}. {verdict.ruling_in_words()}: {verdict.said()}{told}"
        yield from textwrap.wrap(line, width, initial_indent="  ", subsequent_indent="     ")
