"""`python -m analysis.listing [DIR ...]`: the studies below a folder, with state, age and rulings."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from analysis.page.document import count_rulings
from analysis.page.overview import is_collection, study_folders
from analysis.results import Results, results
from harness.edge import EXIT_CODES, deliver, path_argument, resolved, run_command
from harness.errors import EXIT_COMPLETE, EXIT_REFUSED, HarnessError, ResultsError
from harness.records.lock import is_held

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_WIDTH = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_list, arguments))


def state(found: Results) -> str:
    """Return whether a study has ended, is running, or waits for a resume, with how many runs are left."""
    if found.missing is None:
        return "finished"
    ended, planned = found.progress
    doing = "running" if is_held(found.facts.records.folder.lock) else "unfinished"
    return f"{doing}, {ended} of {planned} runs"


def age(found: Results) -> str:
    """Return the time since the last run ended, or since the study began, in the largest unit that fits."""
    ends = found.facts.records.runs["ended_at"].dropna()
    last = found.manifest.created_at if ends.empty else str(ends.max())
    seconds = (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()
    size, unit = next((own for own in _UNITS if seconds >= own[0]), _UNITS[-1])
    return f"{max(0, int(seconds // size))} {unit}"


def _list(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.listing",
        description="List the studies below one or more folders: state, age, how claims are ruled.",
        epilog=f"exit codes: 0 all are listed; 2 a folder cannot be read; {EXIT_CODES}.",
    )
    parser.add_argument(
        "folders", nargs="*", type=path_argument, default=[Path("results")], metavar="DIR", help="(results)"
    )
    folders = dict(_folders(parser.parse_args(arguments).folders))
    rows, code = [("study", "state", "age", "rulings")], EXIT_COMPLETE
    for folder, name in folders.items():
        try:
            found = results(folder)
        except HarnessError as error:
            code = EXIT_REFUSED
            sys.stderr.write(f"error: {error}\n")
            continue
        counted = count_rulings(claim.ruling for claim in found.claims)
        rulings = ", ".join(f"{count} {ruling}" for ruling, count in counted) or "no claims"
        rows.append((name, state(found), age(found), rulings))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    deliver("\n".join("  ".join([*map(str.ljust, row, widths), row[3]]).rstrip() for row in rows))
    return code


def _folders(given: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the results folders that are meant, each with its place below the folder that was given.

    Raises:
        ResultsError: A folder is none and holds none.
    """
    for path in map(resolved, given):
        if is_collection(path):
            yield from ((folder, folder.relative_to(path).as_posix()) for folder in study_folders(path))
        elif path.is_dir() and study_folders(path.parent):
            yield path, path.name
        else:
            raise ResultsError(
                f"{path}: no results here. Remedy: give a folder that python -m harness.sweep wrote, or one "
                f"that holds such folders."
            )


if __name__ == "__main__":
    sys.exit(main())
