"""`python -m analysis.verdict RESULTS_DIR [--claim N]`: how a study's claims are ruled, by the exit code.

For continuous integration and other programs, which ask what may be said now. Nothing is written.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from analysis import report
from analysis.claims import Verdict
from analysis.claims.verdict import Ruling
from analysis.output import sha256_argument
from analysis.results import Results, results
from harness import json_output
from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, path_argument
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, EXIT_REFUSED, ResultsError

EXIT_AGAINST, EXIT_OPEN = 3, 4

CODES: Mapping[Ruling, int] = {
    "supported": EXIT_COMPLETE,
    "contradicted": EXIT_AGAINST,
    "equivalent": EXIT_AGAINST,
    "inconclusive": EXIT_OPEN,
    "not yet": EXIT_OPEN,
    "not testable": EXIT_REFUSED,
}
"""How the command ends, by the ruling."""

_WORST_FIRST = (EXIT_REFUSED, EXIT_AGAINST, EXIT_OPEN, EXIT_COMPLETE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    answering = Answering("verdict", arguments)
    return run_command(partial(_answer, arguments, answering), answering=answering)


def _answer(arguments: Sequence[str] | None, answering: Answering) -> int:
    options = _options(arguments)
    found = results(options.folder, declared=options.declared)
    asked = _asked(found, options.claim)
    if answering.is_asked:
        answering.give(_as_facts(found, asked))
    else:
        deliver("\n".join(map(_in_words, asked, asked.values())))
    if not found.is_sealed:
        reason = found.facts.records.seal.in_words()
        sys.stderr.write(f"{reason}\n")
        answering.fail(ResultsError(f"{found.folder}: {reason}", place=found.folder))
        return EXIT_REFUSED
    codes = {code_of(verdict) for verdict in asked.values()}
    return next(code for code in _WORST_FIRST if code in codes)


def code_of(verdict: Verdict) -> int:
    """Return how the command ends for one claim: one made after the data stays open, however it is ruled."""
    code = CODES[verdict.ruling]
    return EXIT_OPEN if verdict.is_exploratory and code != EXIT_REFUSED else code


def _asked(found: Results, number: int | None) -> dict[int, Verdict]:
    """Return the claims that were asked for, by their number in the study file, from 1.

    Raises:
        ResultsError: There is none, or none of that number.
    """
    verdicts = dict(enumerate(found.claims, start=1))
    if not verdicts:
        raise ResultsError(
            f"{found.folder}: the study declares no claims, so there is no verdict. "
            f"Remedy: declare what it should decide under `claims` before it runs.",
            place=found.folder,
        )
    if number is None:
        return verdicts
    if number not in verdicts:
        raise ResultsError(
            f"{found.folder}: there is no claim {number}; the study declares {len(verdicts)}. "
            f"Remedy: give a number from 1 to {len(verdicts)}, or leave --claim away for all.",
            place=found.folder,
        )
    return {number: verdicts[number]}


def _in_words(number: int, verdict: Verdict) -> str:
    return (
        f"{number}. {verdict.ruling_in_words()}: {verdict.said()}\n"
        f"   {verdict.measured_where()}, n = {verdict.n}: {verdict.why()}"
    )


def _as_facts(found: Results, asked: Mapping[int, Verdict]) -> json_output.Verdict:
    """Return what `claims.json` holds of the claims that were asked for, each with its number."""
    whole = report.claims_document(found.facts)
    whole["claims"] = [report.claim_of(number, verdict) for number, verdict in asked.items()]
    return json_output.Verdict(**whole)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m analysis.verdict",
        description="Say how the claims of a study are ruled, in the exit code too. Nothing is written.",
        epilog="exit codes: 0 supported; 3 contradicted or equivalent; 4 open (inconclusive, not yet, made "
        f"after the data); 2 not testable, not sealed, or a folder or argument is at fault; {EXIT_CODES}. Of "
        "several claims the first of 2, 3, 4, 0 that one of them has.",
    )
    parser.add_argument(
        "folder", type=path_argument, metavar="RESULTS_DIR", help="such as results/optimizers"
    )
    parser.add_argument("--claim", type=int, metavar="N", help="this one, as the study file counts from 1")
    add_json(parser)
    parser.add_argument(
        "--declared",
        type=sha256_argument,
        metavar="SHA256",
        help="hash of the declaration, as it was kept elsewhere: claims of another one are not decided",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
