"""The overview's two documents."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from analysis import claims
from analysis.output import write_file
from analysis.page import templating
from analysis.page.overview.summary import Summary, Unreadable

_CAPTIONS = {
    "studies": (
        "Verdicts: claims by how they were decided. Test accuracy: mean ± half-width of the 95 % Student "
        "t-interval over n confirm seeds, for each arm on its own; differences between arms are decided by "
        "the claims alone. Runs: those that ended, of every phase. Training hours: all runs together, "
        "evaluation excluded. Each study's report says how its numbers were made and what limits them."
    ),
    "claims": (
        "Claims fixed before the data, as their study files declare them, with the source they name. "
        "Verdicts are Holm-corrected within their study, not over this page: among many studies, some "
        "verdicts may be chance. Measured and n as in the study's own table of claims, which says more."
    ),
}


def write_overview(root: Path, summaries: Sequence[Summary], unreadable: Sequence[Unreadable]) -> Path:
    """Write `index.html` and `index.md` about the studies below a folder.

    Args:
        root: The folder.
        summaries: One a study that could be read, in the order of reading.
        unreadable: One a study that could not.

    Returns:
        The path of `index.html`.

    Raises:
        ResultsError: The folder cannot be written.
    """
    context = _context(summaries, unreadable)
    write_file(root / "index.md", templating.render("overview.md", context))
    write_file(root / "index.html", templating.render("overview.html", context))
    return root / "index.html"


def _context(summaries: Sequence[Summary], unreadable: Sequence[Unreadable]) -> dict[str, Any]:
    return {
        "studies": summaries,
        "unreadable": unreadable,
        "rulings": _rulings(summaries),
        "totals": _totals(summaries),
        "captions": _CAPTIONS,
    }


def _rulings(summaries: Sequence[Summary]) -> list[tuple[str, int]]:
    """Return how many claims of all studies have each ruling, in the order of `claims.Ruling`."""
    counts = Counter(claim.ruling for summary in summaries for claim in summary.claims)
    return [(ruling, counts[ruling]) for ruling in get_args(claims.Ruling) if counts[ruling]]


def _totals(summaries: Sequence[Summary]) -> str:
    runs = sum(summary.runs for summary in summaries)
    hours = sum(summary.train_seconds for summary in summaries) / 3600
    return (
        f"{_counted(len(summaries), 'study', 'studies')}, {_counted(runs, 'run', 'runs')}, "
        f"{hours:,.2f} hours of training."
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
