"""`python -m analysis.watch RESULTS_DIR`: how far a study is, and what its claims come to, while it runs.

Reads the folder's files and nothing else, so it works from anywhere that sees the folder, such as a login
node of a cluster, and can disturb nothing.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from analysis.listing import age, state
from analysis.results import Results, results
from harness.edge import EXIT_CODES, path_argument, pause_argument, resolved, run_command
from harness.errors import EXIT_COMPLETE
from harness.records.folder import ResultsFolder

_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_watch, arguments))


def _watch(arguments: Sequence[str] | None) -> int:
    options = _options(arguments)
    folder = ResultsFolder(resolved(options.folder))
    console = Console()
    found = results(folder.root)
    if options.once or not console.is_terminal:
        console.print(view(found))
        while found.missing and not options.once:
            found = _next(folder, options.every)
            console.print(view(found))
        return EXIT_COMPLETE
    with Live(view(found), console=console, auto_refresh=False) as screen:
        while found.missing:
            found = _next(folder, options.every)
            screen.update(view(found), refresh=True)
    return EXIT_COMPLETE


def _next(folder: ResultsFolder, seconds: float) -> Results:
    """Return the results after the next event."""
    before = folder.journal.stat().st_size
    while folder.journal.stat().st_size == before:
        time.sleep(seconds)
    return results(folder.root)


def view(found: Results) -> Group:
    """Return what is shown: the state, what each arm has done, and how each claim stands."""
    records = found.facts.records
    head = f"{found.declaration.study}: {state(found)}, last event {age(found)} ago"
    table = Table(box=None, pad_edge=False)
    table.add_column("arm")
    for name in ("ended", "planned", "bad", "epochs", "best"):
        table.add_column(name, justify="right")
    for arm, runs in ((arm, records.runs[records.runs["arm"] == arm]) for arm in records.arms):
        table.add_row(arm, *map(str, _row(found, arm, runs)))
    metric = Text(f"best: {found.declaration.search.metric} of a full search run", style="dim")
    claims = [
        Text(f"{number}. {claim.ruling_in_words()}: {claim.said()}") for number, claim in _numbered(found)
    ]
    return Group(Text(head), table, metric, *claims)


def _numbered(found: Results) -> list[tuple[int, Any]]:
    return list(enumerate(found.claims, start=1))


def _row(found: Results, arm: str, runs: Any) -> tuple[int, int, int, int, str]:
    declared, search = found.declaration.arms[arm], found.declaration.search
    planned = declared.search_runs + declared.confirm_runs
    full = runs[(runs["phase"] == "search") & (runs["status"] == "completed")]
    values = full[search.metric].dropna() if search.metric in full else full["run_id"].iloc[:0]
    best = "" if values.empty else f"{values.min() if search.mode == 'min' else values.max():.4f}"
    bad = int(runs["status"].isin({"diverged", "failed"}).sum())
    return len(runs), planned, bad, int(runs["epochs"].sum()), best


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.watch",
        description="Show how far a study is and how its claims stand, until it ends. Nothing is written.",
        epilog=f"exit codes: 0 the study has ended, or was shown once; 2 no results folder; {EXIT_CODES}; 75 "
        "interrupted, the study goes on.",
    )
    parser.add_argument(
        "folder", type=path_argument, metavar="RESULTS_DIR", help="such as results/optimizers"
    )
    parser.add_argument("--once", action="store_true", help="show it once and end")
    parser.add_argument(
        "--every", type=pause_argument, default=_SECONDS, metavar="SECONDS", help="look as often as that (5)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
