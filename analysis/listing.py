"""`python -m analysis.listing [DIR ...]`: the studies below a folder, with state, age and rulings."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from analysis.claims.verdict import count_rulings
from analysis.page.summaries import is_collection, study_folders
from analysis.results import Results, results
from harness import json_output
from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, path_argument, resolved
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, EXIT_REFUSED, HarnessError, ResultsError, several
from harness.records.lock import is_held
from harness.screen import width_of_screen
from harness.text_table import table_lines

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    answering = Answering("ls", arguments)
    return run_command(partial(_list, arguments, answering), answering=answering)


def state_of(found: Results) -> json_output.State:
    """Return whether a study has ended, is running, or waits for a resume."""
    if found.missing is None:
        return "finished"
    return "running" if is_held(found.facts.records.folder.lock) else "unfinished"


def state(found: Results) -> str:
    """Return the state in words, with how many runs have ended of those planned."""
    ended, planned = found.progress
    name = state_of(found)
    return name if name == "finished" else f"{name}, {ended} of {planned} runs"


def last_event(found: Results) -> str:
    """Return when the last run ended, or the study began: UTC, ISO 8601."""
    ends = found.facts.records.runs["ended_at"].dropna()
    return found.manifest.created_at if ends.empty else str(ends.max())


def age(found: Results) -> str:
    """Return the time since the last event, in the largest unit that fits."""
    return ago((datetime.now(UTC) - datetime.fromisoformat(last_event(found))).total_seconds())


def ago(seconds: float) -> str:
    """Return a time in the largest unit that fits."""
    size, unit = next((own for own in _UNITS if seconds >= own[0]), _UNITS[-1])
    return f"{max(0, int(seconds // size))} {unit}"


def rulings(found: Results) -> dict[str, int]:
    """Return how many claims have each ruling."""
    return dict(count_rulings(found.claims))


def in_words(counted: Mapping[str, int]) -> str:
    """Return counts of rulings in words."""
    return ", ".join(f"{count} {ruling}" for ruling, count in counted.items()) or "no claims"


def listed(found: Results, name: str) -> json_output.Listed:
    """Return what is known of one study."""
    ended, planned = found.progress
    return json_output.Listed(
        study=name,
        folder=found.folder,
        state=state_of(found),
        runs_ended=ended,
        runs_planned=planned,
        last_event_at=last_event(found),
        rulings=rulings(found),
    )


def _list(arguments: Sequence[str] | None, answering: Answering) -> int:
    parser = Parser(
        prog="python -m analysis.listing",
        description="List the studies below one or more folders: state, age, how claims are ruled.",
        epilog=f"exit codes: 0 all are listed; 2 a folder cannot be read; {EXIT_CODES}.",
    )
    parser.add_argument(
        "folders", nargs="*", type=path_argument, default=[Path("results")], metavar="DIR", help="(results)"
    )
    add_json(parser)
    folders = dict(_folders(parser.parse_args(arguments).folders))
    rows, studies, errors = [], [], list[HarnessError]()
    for folder, name in folders.items():
        try:
            found = results(folder)
        except HarnessError as error:
            errors.append(error)
            sys.stderr.write(f"error: {error}\n")
            continue
        rows.append((name, state(found), age(found), in_words(rulings(found))))
        if answering.is_asked:
            studies.append(listed(found, name))
    if answering.is_asked:
        answering.give(json_output.Listing(studies=studies))
    else:
        deliver("\n".join(table_lines(("study", "state", "age", "rulings"), rows, width_of_screen())))
    if errors:
        answering.fail(several(errors, "could not be read"))
        return EXIT_REFUSED
    return EXIT_COMPLETE


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
                f"that holds such folders.",
                place=path,
            )


if __name__ == "__main__":
    sys.exit(main())
