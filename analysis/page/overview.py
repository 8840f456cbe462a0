"""One page about all studies below a folder: what was asked, what came out, what every claim came to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.claims.verdict import count_rulings
from analysis.metrics import USUAL
from analysis.page import together
from analysis.page.document import render
from analysis.page.summaries import Summary, Unreadable
from analysis.render import numbers
from harness.records.whole_file import write_file

_CAPTIONS = {
    "studies": (
        "Verdicts: claims by how they were decided. {headline}: mean ± half-width of the 95 % Student "
        "t-interval over n replicates (whole searches where these are repeated, else confirm seeds), for "
        "each arm on its own; differences between arms are decided by the claims alone. Runs: those that "
        "ended, of every phase. Training hours: all runs together, evaluation excluded. Each study's report "
        "says how its numbers were made and what limits them."
    ),
    "claims": (
        "Claims as their studies declare them, with the source they name; each report says whether its "
        "declaration is sealed. Verdicts are Holm-corrected within their study, not over this page. Measured "
        "and n as in the study's own table of claims, which says more."
    ),
}


def reruns(summaries: Sequence[Summary]) -> dict[str, str]:
    """Return, by its folder, what is said of each study that was declared with several seeds.

    Whoever runs a study again until it suits has as many chances of a false verdict.
    """
    seeds: dict[str, set[int]] = {}
    for summary in summaries:
        seeds.setdefault(summary.kin, set()).add(summary.seed)
    return {
        summary.place: f"one of {len(seeds[summary.kin])} declarations of this question that stand here and "
        f"differ in their seed only: a verdict that suits is that much likelier by chance"
        for summary in summaries
        if len(seeds[summary.kin]) > 1
    }


def _heading(summaries: Sequence[Summary]) -> tuple[str, str]:
    """Return what studies show of their arms, in words and as a heading; of several metrics each is named."""
    measured = {summary.measured.heading: summary.measured for summary in summaries}
    if len(measured) > 1:
        return "Headline metric, which each study names", "Headline metric"
    metric = next(iter(measured.values()), USUAL.headline)
    return numbers.capitalised(metric.label), metric.heading


def _named(summary: Summary) -> list[str]:
    """Return a study's headline lines under the name of its metric."""
    return [f"{summary.measured.heading}:", *summary.headline]


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
    for name, text in render_overview(summaries, unreadable).items():
        write_file(root / name, text)
    return root / "index.html"


def render_overview(summaries: Sequence[Summary], unreadable: Sequence[Unreadable]) -> dict[str, str]:
    """Return both documents under the names of their files."""
    words, heading = _heading(summaries)
    is_one = heading != "Headline metric"
    captions = _CAPTIONS | {"studies": _CAPTIONS["studies"].format(headline=words)}
    context: dict[str, Any] = {
        "heading": heading,
        "headlines": {
            summary.place: summary.headline if is_one else _named(summary) for summary in summaries
        },
        "studies": summaries,
        "unreadable": unreadable,
        "reruns": reruns(summaries),
        "rulings": count_rulings(verdict for summary in summaries for verdict in summary.verdicts),
        "totals": _totals(summaries),
        "captions": captions,
        "together": together.in_words([summary.traits for summary in summaries]),
        "absent": numbers.ABSENT,
    }
    return {f"index.{ending}": render(f"overview.{ending}", context) for ending in ("md", "html")}


def _totals(summaries: Sequence[Summary]) -> str:
    runs = sum(summary.runs for summary in summaries)
    hours = sum(summary.train_seconds for summary in summaries) / 3600
    return (
        f"{_counted(len(summaries), 'study', 'studies')}, {_counted(runs, 'run', 'runs')}, "
        f"{hours:,.2f} hours of training."
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
