"""Run a study on a cluster: `python -m harness.submit {slurm,ray,kuberay} STUDY.yaml`."""

import argparse
import shlex
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from harness import json_output
from harness.answering import Answering, add_json
from harness.cluster.settings import add_flags, given, load_profile, merged
from harness.cluster.submission import TARGETS, Prepared, hand_over, prepare, resubmit, runs_by_status
from harness.cluster.submit_folder import StatusLog, SubmitFolder, SubmitRecord
from harness.cluster.target import JobPhase, JobState, Request
from harness.commands.trusting import (
    add_trust,
    check_code_of,
    check_trains,
    code_lines,
    in_code_folder,
    with_trust,
)
from harness.edge import Parser, path_argument, resolved, run_command
from harness.errors import EXIT_COMPLETE, EXIT_INTERRUPTED, EXIT_REFUSED, HarnessError, StudyError
from harness.recipe.datasets import DATASETS
from harness.records.folder import ResultsFolder
from harness.screen import width_of_screen
from harness.study.feasible import check_feasible
from harness.study.reading.parse import load_study
from harness.study.study import Study

_POLL_SECONDS = 2.0
_WITHOUT_CODE: Mapping[JobPhase, int] = {
    "completed": EXIT_COMPLETE,
    "cancelled": EXIT_INTERRUPTED,
    "interrupted": EXIT_INTERRUPTED,
}
"""How a wait ends for a job whose sweep told no exit code; one that failed never began, or was killed."""

_PATIENCE_SECONDS = (5, 15, 60)
"""How long to wait for a cluster that does not answer, time after time."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    interrupted = "interrupted; what was submitted goes on, see: status, logs -f, cancel"
    given = sys.argv[1:] if arguments is None else arguments
    answering = Answering("submit", given)
    return run_command(partial(_run, given, answering), interrupted=interrupted, answering=answering)


def _run(arguments: Sequence[str], answering: Answering) -> int:
    """Do what was asked for; return the exit code."""
    own, extra = _split(arguments)
    options = _parser().parse_args(with_trust(own))
    if options.verb in TARGETS:
        return _submit(options, _overrides(extra), answering)
    if extra:
        _parser().error("arguments after -- go with a submission")
    return int(options.run(options, answering))


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before and after a `--`."""
    at = list(arguments).index("--") if "--" in arguments else len(arguments)
    return list(arguments[:at]), list(arguments[at + 1 :])


def _overrides(extra: Sequence[str]) -> tuple[str, ...]:
    """Return the `--set` arguments meant for the sweep; its other arguments are decided here."""
    parser = Parser(prog="python -m harness.submit ... --", usage="[--set KEY=VALUE ...]")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    return tuple(parser.parse_args(list(extra)).overrides)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m harness.submit",
        description="Run an unchanged study on a cluster, and look after it from anywhere by its RUN_DIR.",
        epilog="Exit codes: 0 done; 2 a bad study, argument or environment, nothing was submitted; with "
        "--wait, those of harness.sweep: 1 some runs failed, 75 interrupted or cancelled, `resume` finishes "
        "it; 2 also where the job failed before its sweep began.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, spec in TARGETS.items():
        target = verbs.add_parser(name, help=f"submit a study as {spec.summary}")
        _add_submission(target)
        add_flags(target, spec.settings)
    for verb, run, text in (
        ("status", _status, "how a submitted study is doing"),
        ("logs", _logs, "print the driver's output"),
        ("cancel", _cancel, "end it in good order; what was recorded stays"),
        ("resume", _resume, "submit it again; it goes on where its journal ends"),
    ):
        command = verbs.add_parser(verb, help=text)
        command.add_argument(
            "run_dir", type=path_argument, metavar="RUN_DIR", help="the study's results folder"
        )
        command.set_defaults(run=run)
        if verb == "logs":
            command.add_argument("-f", "--follow", action="store_true", help="until it is over")
        if verb == "resume":
            _add_watching(command)
        if verb in {"status", "resume"}:
            add_json(command)
    return parser


def _add_submission(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=path_argument, metavar="STUDY.yaml", help="the study file")
    parser.add_argument(
        "--run-dir",
        type=path_argument,
        metavar="DIR",
        help="where results go and the run is kept (results/<study>)",
    )
    parser.add_argument("--name", help="what the cluster calls the job (the study's name)")
    parser.add_argument(
        "--profile", type=path_argument, metavar="FILE", help="site profile (~/.config/harness/cluster.yaml)"
    )
    parser.add_argument("--fresh", action="store_true", help="refuse to continue results that exist")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be submitted; write and submit nothing"
    )
    add_trust(parser)
    _add_watching(parser)
    add_json(parser)


def _add_watching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--follow", action="store_true", help="print the driver's output; Ctrl-C only detaches"
    )
    parser.add_argument("--wait", action="store_true", help="until it is over; the exit code is the sweep's")


def _check_feasible(study: Study) -> None:
    """Refuse what cannot train, before it waits in a queue; of a user's own data only the cluster may know.

    Raises:
        StudyError: Some run could not train on the study's published data set.
    """
    for alone in study.by_dataset.values():
        if alone.dataset in DATASETS:
            check_feasible(alone, DATASETS[alone.dataset].facts)


def _submit(options: argparse.Namespace, overrides: tuple[str, ...], answering: Answering) -> int:
    study = in_code_folder(load_study(options.study, overrides), options)
    if options.dry_run and options.trust is None:
        for text in code_lines(study, options):
            _say(text)
    else:
        check_trains(study, check_code_of(study, options, _say), has_data=False)
    _check_feasible(study)
    _check_parent(study)
    spec = TARGETS[options.verb]
    profile = load_profile(options.profile)
    settings = merged(getattr(profile, options.verb), getattr(study.submit, options.verb), given(options))
    run_dir = resolved(options.run_dir or Path("results") / study.name)
    request = Request(study=study, run_dir=run_dir, name=options.name or study.name)
    target = spec.make(settings)
    prepared = prepare(target, request, fresh=options.fresh)
    if options.dry_run:
        _show(prepared, request.folder, answering)
        return EXIT_COMPLETE
    if prepared.answer:
        print(prepared.answer, file=sys.stderr)
    record = hand_over(target, request.folder, prepared)
    return _after(record, request.folder, options, answering)


def _check_parent(study: Study) -> None:
    """Refuse a parent whose path means something here only.

    Raises:
        StudyError: It is relative.
    """
    if study.parent is not None and not study.parent.is_absolute():
        raise StudyError(
            f"{study.path}: parent: {study.parent}: a job may start in another working directory than this "
            f"one, from which the path goes. Nothing was submitted. "
            f"Remedy: --set parent={study.parent.absolute()}, if the cluster sees that folder",
            place=study.path,
        )


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _show(prepared: Prepared, folder: SubmitFolder, answering: Answering) -> None:
    """Print what would be submitted."""
    if answering.is_asked:
        files = {str(folder.root / name): text for name, text in prepared.texts.items()}
        found = json_output.SubmitDryRun(run_dir=folder.run_dir, files=files, answer=prepared.answer)
        answering.give(found)
    else:
        for name, text in prepared.texts.items():
            print(f"# {folder.root / name}\n{text}")
    print(prepared.answer or "the cluster could not be asked from here", file=sys.stderr)
    print("dry run: nothing was written or submitted", file=sys.stderr)


def _after(
    record: SubmitRecord, folder: SubmitFolder, options: argparse.Namespace, answering: Answering
) -> int:
    """Say what was submitted, and stay with it as long as asked."""
    where = shlex.quote(str(folder.run_dir))
    taken = json_output.Submitted(
        command="submit resume" if options.verb == "resume" else "submit",
        run_dir=folder.run_dir,
        job=None,
        **record.model_dump(),
    )
    answering.give(taken)
    place = record.where.get("results", str(folder.run_dir))
    print(f"submitted as {record.target} job {record.id}, results in {place}")
    print(f"look after it: python -m harness.submit status|logs -f|cancel|resume {where}", flush=True)
    if options.follow:
        _print_logs(record, folder, follow=True)
    if not options.wait:
        return EXIT_COMPLETE
    state = _wait(record, folder)
    answering.give(taken.model_copy(update={"job": _described(state)}))
    return _WITHOUT_CODE.get(state.phase, EXIT_REFUSED) if state.exit_code is None else state.exit_code


def _wait(record: SubmitRecord, folder: SubmitFolder) -> JobState:
    """Wait until it is over; return how it ended."""
    state, said = _patient_state(record, folder), ""
    while not state.is_over:
        if state.phase == "pending" and state.reason != said:
            said = state.reason
            print(f"pending: {said or 'no reason is given'}", file=sys.stderr)
        time.sleep(_POLL_SECONDS)
        state = _patient_state(record, folder)
    print(f"{state.phase}{': ' + state.reason if state.reason else ''}", file=sys.stderr)
    return state


def _patient_state(record: SubmitRecord, folder: SubmitFolder) -> JobState:
    """Ask for the state, a few times where the cluster does not answer: a wait lasts for days."""
    target = TARGETS[record.target].make()
    for seconds in _PATIENCE_SECONDS:
        try:
            return target.state(record, folder)
        except HarnessError as error:
            print(f"{error}\nasking again in {seconds} s", file=sys.stderr)
            time.sleep(seconds)
    return target.state(record, folder)


def _print_logs(record: SubmitRecord, folder: SubmitFolder, *, follow: bool) -> None:
    target = TARGETS[record.target].make()
    if follow:
        with suppress(HarnessError):  # the output may be at hand where the cluster is not
            state = target.state(record, folder)
            if state.phase == "pending":
                print(f"{record.target} job {record.id} is pending: {state.reason}", file=sys.stderr)
    for text in target.logs(record, folder, follow=follow):
        print(text, end="", flush=True)
        if getattr(sys.stdout, "loss", None) is not None:
            return  # the reader has seen enough


def _read(options: argparse.Namespace) -> tuple[SubmitRecord, SubmitFolder]:
    folder = SubmitFolder(resolved(options.run_dir))
    return SubmitRecord.read(folder.record), folder


def _status(options: argparse.Namespace, answering: Answering) -> int:
    record, folder = _read(options)
    state = TARGETS[record.target].make().state(record, folder)
    runs = dict(runs_by_status(ResultsFolder(folder.run_dir)))
    events = StatusLog(folder.status_log).events()
    if answering.is_asked:
        listed = [event.model_dump(mode="json") for event in events]
        job = _described(state).model_dump()
        told = {**job, **record.model_dump(), "runs": runs, "events": listed}
        answering.give(json_output.Status(run_dir=folder.run_dir, **told))
        return EXIT_COMPLETE
    print(f"{record.target} job {record.id} ({record.name}): {state.phase}")
    if state.reason:
        _print_below("", state.reason)
    for key, value in (record.where | dict(state.facts)).items():
        _print_below(f"{key}: ", str(value))
    ended = ", ".join(f"{count} {status}" for status, count in runs.items())
    _print_below("runs ended: ", ended or "none yet")
    for event in events:
        detail = " ".join(f"{key}={value}" for key, value in event.detail.model_dump().items())
        _print_below(f"{event.at} ", f"{event.event} on {event.host} {detail}".rstrip())
    return EXIT_COMPLETE


def _print_below(head: str, text: str) -> None:
    """Print one thing about a job, in lines that fit the screen; words as long as paths stay whole."""
    first = f"  {head}{text}"
    print(
        textwrap.fill(
            first,
            width_of_screen(),
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _described(state: JobState) -> json_output.Job:
    return json_output.Job(
        phase=state.phase, reason=state.reason, exit_code=state.exit_code, facts=dict(state.facts)
    )


def _logs(options: argparse.Namespace, _answering: Answering) -> int:
    _print_logs(*_read(options), follow=options.follow)
    return EXIT_COMPLETE


def _cancel(options: argparse.Namespace, _answering: Answering) -> int:
    record, folder = _read(options)
    target = TARGETS[record.target].make()
    state = target.state(record, folder)
    if state.is_over:
        print(f"{record.target} job {record.id} is over already: {state.phase}")
        return EXIT_COMPLETE
    target.cancel(record, folder)
    print(f"asked {record.target} to end job {record.id}; resume goes on where its journal ends")
    return EXIT_COMPLETE


def _resume(options: argparse.Namespace, answering: Answering) -> int:
    folder = SubmitFolder(resolved(options.run_dir))
    return _after(resubmit(folder), folder, options, answering)
