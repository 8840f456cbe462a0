"""Run a study: `python -m harness.sweep STUDY.yaml`."""

import argparse
import shlex
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, add_overrides, add_results, path_argument, resolved
from harness.commands.planning import dry_run
from harness.commands.trusting import (
    add_trust,
    check_code_of,
    check_trains,
    in_code_folder,
    with_trust,
)
from harness.edge import run_command
from harness.errors import EXIT_COMPLETE, EXIT_INTERRUPTED, EXIT_SOME_FAILED
from harness.records.folder import ResultsFolder
from harness.screen import say, width_of_screen
from harness.tuning.interruption import Interruption

if TYPE_CHECKING:
    from harness import json_output
    from harness.tuning.looks import Look
    from harness.tuning.session import Outcome


_INTERRUPTED = "interrupted: nothing that was recorded is lost"

_PATIENCE_SECONDS = 2.0
"""What a terminal that takes nothing may cost a study: a connection that hangs, or Ctrl-S."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code.

    Requests to end are heard from here on, so this module imports at once only what takes no time.
    """
    interruption, answering = Interruption(), Answering("sweep", arguments)
    with interruption.heard():
        act = partial(_sweep, arguments, interruption, answering)
        return run_command(
            act,
            interrupted=_INTERRUPTED,
            was_asked=interruption.has_raised,
            patience=_PATIENCE_SECONDS,
            answering=answering,
        )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m harness.sweep",
        description="Search every arm of a study with the same budget, confirm each winner on fresh seeds, "
        "and write the records and the report to RESULTS/<study>/.",
        epilog="exit codes: 0 every planned run ended; 1 some runs failed; 2 a bad study, argument or "
        f"environment, what was recorded before is kept; {EXIT_CODES}; 75 interrupted, --resume finishes it.",
    )
    parser.add_argument("study", type=path_argument, metavar="STUDY.yaml", help="the study file")
    place = parser.add_mutually_exclusive_group()
    add_results(place)
    place.add_argument(
        "--run-dir",
        type=path_argument,
        metavar="DIR",
        help="this study's own folder, instead of RESULTS/<study>",
    )
    add_overrides(parser, "recipe.epochs=2")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print arms, spaces, runs, what the study can show and what it costs; start nothing",
    )
    parser.add_argument(
        "--no-report",
        action="store_true",
        help="keep to the journal; python -m analysis.report writes tables and report from it at any time",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="continue an interrupted study")
    again.add_argument(
        "--resume-if-begun",
        action="store_true",
        help="continue the study, or begin it: for jobs that restart",
    )
    parser.add_argument(
        "--address",
        default="local",
        metavar="local|auto|HOST:PORT",
        help="a private Ray on this machine (local, the default), or a running cluster",
    )
    add_trust(parser)
    add_json(parser)
    dry_run.add_options(parser)
    return parser


def _sweep(arguments: list[str] | None, interruption: Interruption, answering: Answering) -> int:
    parser = _parser()
    options = parser.parse_args(with_trust(arguments))
    dry_run.check_options(options, parser)
    from harness.study.reading.parse import load_study

    study = in_code_folder(load_study(options.study, tuple(options.overrides)), options)
    if options.dry_run:
        from harness.commands.planning.foretelling import foretell

        foretell(study, options, answering)
        return EXIT_COMPLETE
    from harness.tuning.local_ray import set_ray_environment
    from harness.tuning.preflight import check_before_start

    folder = ResultsFolder(resolved(options.run_dir or options.results / study.name))
    resume = options.resume or (options.resume_if_begun and folder.manifest.exists())
    sources = check_code_of(study, options, say)
    check_before_start(study, folder, options.address, resume=resume)
    check_trains(study, sources)
    set_ray_environment(is_local=options.address == "local")
    from harness import json_output
    from harness.tuning.study_run import run_study

    look = partial(_look, folder)
    outcome = run_study(
        study,
        folder,
        options.address,
        say,
        interruption,
        take_look=look,
        resume=resume,
        trust=options.trust,
    )
    end = _finish(outcome, folder, writes_report=not options.no_report)
    answering.give(
        json_output.Sweep(
            study=study.name,
            folder=folder.root,
            state="interrupted" if outcome.is_interrupted else "finished",
            had_nothing_to_do=outcome.had_nothing_to_do,
            failed_runs=outcome.failed_runs,
            report=end.page,
            claims=end.claims,
        )
    )
    return end.code


def _look(folder: ResultsFolder, n: int) -> "Look":
    """Rule the claims of a running study at a look, as its report will."""
    from analysis.claims.decide import standing
    from analysis.facts import Facts
    from analysis.load import load_study
    from harness.tuning.looks import Look

    records = load_study(folder.root)
    now = standing(Facts(records).grounds, n)
    arms = tuple(arm for arm in records.arms if arm in now.needed_arms)
    return Look(open=tuple(now.open), arms=arms, why=now.why)


@dataclass(frozen=True, kw_only=True)
class _End:
    """How a sweep ended, after its report."""

    code: int
    page: Path | None = None
    """The report; None where none was written."""
    claims: "list[json_output.Claim] | None" = None
    """Likewise."""


def _finish(outcome: "Outcome", folder: ResultsFolder, *, writes_report: bool) -> _End:
    """Report what ended; return the exit code, and what was reported."""
    report_command = f"python -m analysis.report {shlex.quote(str(folder.root))}"
    if outcome.is_interrupted:
        print(f"interrupted: every event until now is in {folder.journal}")
        print("the same command with --resume finishes the study")
        print(f"a report of this part: {report_command}")
        return _End(code=EXIT_INTERRUPTED)
    if outcome.had_nothing_to_do:
        print("this study is finished, nothing is left to run")
    page = found = None
    if writes_report:
        from analysis import report
        from analysis.claims.standing import standing_lines
        from analysis.facts import Facts
        from analysis.load import load_study

        facts = Facts(load_study(folder.root))
        page = report.write_study(facts)
        found = [report.claim_of(number, own) for number, own in enumerate(facts.verdicts, start=1)]
        for line in standing_lines(facts.verdicts, width_of_screen()):
            say(line)
        print(f"report: {page}")
    else:
        print(f"no report was written; later: {report_command}")
    if outcome.trained is not None:
        say(_phases(*outcome.trained))
    if outcome.failed_runs:
        print(f"{outcome.failed_runs} runs failed; the report names the reasons", file=sys.stderr)
    return _End(code=EXIT_SOME_FAILED if outcome.failed_runs else EXIT_COMPLETE, page=page, claims=found)


def _phases(first_epoch_at: float, last_end_at: float) -> str:
    """Return what took how long since this process began; moments are those of `time.monotonic`."""
    import psutil

    now = time.monotonic()
    start = time.time() - psutil.Process().create_time() - (now - first_epoch_at)
    training, ending = last_end_at - first_epoch_at, now - last_end_at
    return f"took: start {start:.1f} s, training {training:.1f} s, report and end {ending:.1f} s"
