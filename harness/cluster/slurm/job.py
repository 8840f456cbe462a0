"""Slurm as a kind of cluster: render, check, submit; state, logs and cancel of what was submitted."""

import os
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from harness.arguments import resolved
from harness.cluster.slurm.commands import (
    QueueEntry,
    accounted_state,
    ask_to_end,
    cancel,
    is_reachable,
    queue_entry,
    submit,
    try_submission,
)
from harness.cluster.slurm.environment import unheeded
from harness.cluster.slurm.reasons import in_words
from harness.cluster.slurm.script import (
    ADDRESS,
    PLAN_NAME,
    SCRIPT_NAME,
    WARN_BEFORE_SECONDS,
    LauncherInstructions,
    job_script,
    output_path,
)
from harness.cluster.submit_folder import (
    Cause,
    StatusDetail,
    StatusEvent,
    StatusLog,
    SubmitFolder,
    SubmitRecord,
)
from harness.cluster.target import PHASE_OF_EXIT_CODE, REASON_OF_EXIT_CODE, JobState, Request, named
from harness.errors import (
    EXIT_INTERRUPTED,
    EnvironmentMismatchError,
    ResultsError,
)
from harness.study.submission import SlurmSite

MAX_RESTARTS = 5
"""Default of `max_restarts`."""
_LOOK_FOR_TEXT_SECONDS = 0.5
_LOOK_FOR_END_SECONDS = 1.0
_ASK_SLURM_SECONDS = 5.0
_CANCEL_PATIENCE_SECONDS = 40.0
"""Longer than the launcher takes at most to end a sweep in good order."""

_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_AT_WORK = frozenset({
    "RUNNING", "COMPLETING", "CONFIGURING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED", "RESIZING",
})  # fmt: skip


class SlurmTarget:
    """A study as one Slurm job, which requeues itself until the study is finished."""

    def __init__(self, settings: SlurmSite | None = None) -> None:
        self._settings = settings or SlurmSite()

    def render(self, request: Request) -> Mapping[str, str]:
        """Return the job's script and its plan.

        Raises:
            EnvironmentMismatchError: A value cannot stand in a script.
        """
        settings = self._settings
        folder = request.folder
        instructions = LauncherInstructions(
            name=request.name,
            run_dir=request.run_dir,
            working_dir=resolved(Path()),
            sweep=request.sweep_arguments(str(folder.study_file), str(request.run_dir), ADDRESS),
            warn_before=settings.warn_before or WARN_BEFORE_SECONDS,
            on_timeout=settings.on_timeout or "requeue",
            max_restarts=MAX_RESTARTS if settings.max_restarts is None else settings.max_restarts,
        )
        script = job_script(settings, instructions, settings.python or sys.executable)
        return {SCRIPT_NAME: script, PLAN_NAME: instructions.model_dump_json(indent=1) + "\n"}

    def check(self, texts: Mapping[str, str], folder: SubmitFolder) -> str | None:
        """Let Slurm judge the script; None where no Slurm can be reached.

        Raises:
            EnvironmentMismatchError: The job would be refused, or wait for ever.
        """
        script = named(texts, SCRIPT_NAME, folder)
        if not is_reachable():
            return None
        names = unheeded(os.environ)
        ignored = (
            f" (not heeded: {', '.join(names)} of this shell; flags and profile decide)" if names else ""
        )
        return try_submission(script) + ignored

    def submit(self, folder: SubmitFolder) -> SubmitRecord:
        """Submit the script.

        Raises:
            EnvironmentMismatchError: Slurm refuses it, or is not there.
            ResultsError: The plan is damaged.
        """
        instructions = LauncherInstructions.read(folder.root / PLAN_NAME)
        job_id = submit(folder.root / SCRIPT_NAME, instructions.working_dir, instructions.name)
        return SubmitRecord.now("slurm", job_id, instructions.name)

    def state(self, record: SubmitRecord, folder: SubmitFolder) -> JobState:
        """Return how a job is doing."""
        return job_state(record.id, folder)

    def logs(self, record: SubmitRecord, folder: SubmitFolder, *, follow: bool) -> Iterator[str]:
        """Yield what a job and those before it wrote, over their restarts; with `follow` until it is over.

        Raises:
            ResultsError: The output is there and cannot be read.
        """
        for earlier in record.earlier:
            yield _bytes_from(output_path(folder.root, earlier), 0).decode(errors="replace")
        path = output_path(folder.root, record.id)
        decoder = getincrementaldecoder("utf-8")(errors="replace")
        read, asked_at, is_over = 0, time.monotonic() - _ASK_SLURM_SECONDS, not follow
        while True:
            data = _bytes_from(path, read)
            read += len(data)
            if text := decoder.decode(data):
                yield text
            elif is_over:
                return
            elif time.monotonic() - asked_at >= _ASK_SLURM_SECONDS:
                is_over, asked_at = self.state(record, folder).is_over, time.monotonic()
            else:
                time.sleep(_LOOK_FOR_TEXT_SECONDS)

    def cancel(self, record: SubmitRecord, folder: SubmitFolder) -> None:
        """End a job: a running one gets the time for an end in good order first.

        A plain `scancel` would signal Ray's processes together with the sweep that needs them for its end.

        Raises:
            EnvironmentMismatchError: Slurm refuses, or is not there.
        """
        if self.state(record, folder).phase == "running":
            ask_to_end(record.id)
            until = time.monotonic() + _CANCEL_PATIENCE_SECONDS
            while self.state(record, folder).phase == "running" and time.monotonic() < until:
                time.sleep(_LOOK_FOR_END_SECONDS)
        if queue_entry(record.id) is not None and not self.state(record, folder).is_over:
            cancel(record.id)
        _note_cancellation(record.id, folder)


def _note_cancellation(job: str, folder: SubmitFolder) -> None:
    """Write what a launcher that had not begun, or was not there any more, could not."""
    log = StatusLog(folder.status_log, job=job)
    events = log.of_job(job)
    if not events or events[-1].event != "ended":
        told = StatusDetail(exit_code=EXIT_INTERRUPTED, cause=Cause.TOLD_TO_END, by="cancel")
        with suppress(OSError):  # a full disk: Slurm still tells it for some minutes
            log.append("ended", told)


def _bytes_from(path: Path, start: int) -> bytes:
    """Return what a file holds from a place on; nothing where it does not exist yet.

    Raises:
        ResultsError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ResultsError(
            f"{path}: cannot be read ({error.strerror}). Remedy: be the user who submitted the study",
            place=path,
        ) from error


def job_state(job: str, folder: SubmitFolder) -> JobState:
    """Return how a job is doing.

    Args:
        job: Its id.
        folder: The folder of its submission.
    """
    events = StatusLog(folder.status_log).of_job(job)
    try:
        entry = queue_entry(job)
    except EnvironmentMismatchError as error:
        return _last_known(events, str(error))
    if entry is None:
        return _forgotten(job, events)
    facts = _facts(entry, events)
    if entry.state in _WAITING:
        return JobState(phase="pending", reason=in_words(entry.reason, has_run=bool(events)), facts=facts)
    if entry.state in _AT_WORK:
        return JobState(phase="running", facts=facts)
    facts.pop("time left", None)
    return _over(entry.state, events, facts)


def _over(slurm_state: str, events: list[StatusEvent], facts: dict[str, str]) -> JobState:
    """Return the state of a job that is over: the launcher knows more than Slurm, if it lived to write it.

    Args:
        slurm_state: In Slurm's words.
        events: What the launcher wrote.
        facts: What else is known.
    """
    last = events[-1] if events else None
    if last is not None and last.event == "ended":
        return _ended(last, facts)
    if slurm_state == "CANCELLED":
        return JobState(phase="cancelled", reason="cancelled", facts=facts)
    if slurm_state in {"TIMEOUT", "PREEMPTED", "NODE_FAIL", "DEADLINE"}:
        words = {"TIMEOUT": "time limit"}.get(slurm_state, slurm_state.lower().replace("_", " "))
        return JobState(phase="interrupted", reason=f"{words}; `resume` finishes it", facts=facts)
    return JobState(
        phase="failed", reason=f"{slurm_state}: the launcher did not end by itself; see `logs`", facts=facts
    )


def _ended(event: StatusEvent, facts: dict[str, str]) -> JobState:
    """Return the state of a job whose launcher wrote how its sweep ended."""
    code, cause = event.detail.exit_code, event.detail.cause
    phase = "failed" if code is None else PHASE_OF_EXIT_CODE.get(code, "failed")
    if phase == "interrupted" and cause is Cause.TOLD_TO_END:
        phase = "cancelled"
    reason = REASON_OF_EXIT_CODE.get(code, f"the sweep ended with exit code {code}")
    return JobState(phase=phase, reason="; ".join(filter(None, (cause, reason))), exit_code=code, facts=facts)


def _forgotten(job: str, events: list[StatusEvent]) -> JobState:
    """Return the state of a job that has left Slurm's memory."""
    facts = _facts(None, events)
    if events and events[-1].event == "ended":
        return _ended(events[-1], facts)
    accounted = accounted_state(job)
    if accounted is not None and accounted not in _WAITING | _AT_WORK:
        return _over(accounted, events, facts)
    return JobState(
        phase="unknown", reason="Slurm knows this job no more, and it left no word of its end", facts=facts
    )


def _last_known(events: list[StatusEvent], why: str) -> JobState:
    """Return what the launcher's log says, where Slurm cannot be asked: silence alone means nothing."""
    if events and events[-1].event == "ended":
        return _ended(events[-1], _facts(None, events))
    is_waiting = not events or events[-1].event == "requeued"
    return JobState(phase="pending" if is_waiting else "running", reason=f"last known: {why}")


def _facts(entry: QueueEntry | None, events: list[StatusEvent]) -> dict[str, str]:
    """Return what else is known of a job; where it ran also once Slurm has forgotten it."""
    facts = {"restarts": str(events[-1].restart)} if events else {}
    ran_on = [str(event.detail.nodes) for event in events if event.event == "started" and event.detail.nodes]
    facts |= {"nodes": ran_on[-1]} if ran_on else {}
    if entry is None:
        return facts
    queue_facts = {"nodes": entry.nodes, "start": entry.start, "time left": entry.time_left}
    return facts | {name: text for name, text in queue_facts.items() if text not in {"", "N/A", "None"}}
