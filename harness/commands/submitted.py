"""A study that was submitted: stay with it, ask how it is doing, read along, end it, go on with it."""

import argparse
import shlex
import sys
import textwrap
import time
from collections.abc import Mapping
from contextlib import suppress

from harness import json_output
from harness.answering import Answering
from harness.arguments import resolved
from harness.cluster.status_log import StatusLog
from harness.cluster.submission import TARGETS, resubmit, runs_by_status
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import JobPhase, JobState
from harness.errors import EXIT_COMPLETE, EXIT_INTERRUPTED, EXIT_REFUSED, HarnessError
from harness.records.folder import ResultsFolder
from harness.screen import width_of_screen

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 30.0
"""Between two questions of a wait, whose pauses grow: it may last for days, and a controller serves many."""
_WITHOUT_CODE: Mapping[JobPhase, int] = {
    "completed": EXIT_COMPLETE,
    "cancelled": EXIT_INTERRUPTED,
    "interrupted": EXIT_INTERRUPTED,
}
"""How a wait ends for a job whose sweep told no exit code; one that failed never began, or was killed."""

_PATIENCE_SECONDS = (5, 15, 60)
"""How long to wait for a cluster that does not answer, time after time."""


def after(
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
    state, said, pause = _patient_state(record, folder), "", _FIRST_PAUSE_SECONDS
    while not state.is_over:
        if state.phase == "pending" and state.reason != said:
            said = state.reason
            print(f"pending: {said or 'no reason is given'}", file=sys.stderr)
        time.sleep(pause)
        pause = min(1.1 * pause, _LONGEST_PAUSE_SECONDS)
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


def status(options: argparse.Namespace, answering: Answering) -> int:
    """Tell how a submitted study is doing."""
    record, folder = _read(options)
    state = TARGETS[record.target].make().state(record, folder)
    results = ResultsFolder(folder.run_dir)
    has_journal = results.journal.exists() or results.compressed_journal.exists()
    is_at_hand = "results" not in record.where and has_journal
    runs = dict(runs_by_status(results)) if is_at_hand else {}
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
    if is_at_hand:
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


def logs(options: argparse.Namespace, _answering: Answering) -> int:
    """Print the driver's output."""
    _print_logs(*_read(options), follow=options.follow)
    return EXIT_COMPLETE


def cancel(options: argparse.Namespace, _answering: Answering) -> int:
    """End a submitted study in good order, unless it is over."""
    record, folder = _read(options)
    target = TARGETS[record.target].make()
    state = target.state(record, folder)
    if state.is_over:
        print(f"{record.target} job {record.id} is over already: {state.phase}")
        return EXIT_COMPLETE
    target.cancel(record, folder)
    print(f"asked {record.target} to end job {record.id}; resume goes on where its journal ends")
    return EXIT_COMPLETE


def resume(options: argparse.Namespace, answering: Answering) -> int:
    """Submit a study again: it goes on where its journal ends."""
    folder = SubmitFolder(resolved(options.run_dir))
    return after(resubmit(folder), folder, options, answering)
