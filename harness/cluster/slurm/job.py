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
    ask_to_end,
    cancel,
    is_reachable,
    queue_entry,
    submit,
    try_submission,
)
from harness.cluster.slurm.environment import unheeded
from harness.cluster.slurm.job_state import job_state
from harness.cluster.slurm.script import (
    ADDRESS,
    PLAN_NAME,
    SCRIPT_NAME,
    WARN_BEFORE_SECONDS,
    LauncherInstructions,
    job_script,
    output_path,
)
from harness.cluster.status_log import Cause, StatusDetail, StatusLog
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import JobState, Request, named, utf8
from harness.errors import (
    EXIT_INTERRUPTED,
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
            working_dir=Path(utf8("the working directory", str(resolved(Path())))),
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
    events = StatusLog(folder.status_log).of_job(job)
    log = StatusLog(folder.status_log, job, events[-1].restart if events else 0)
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
