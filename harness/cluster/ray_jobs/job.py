"""A study on a Ray cluster that runs already, through Ray Jobs."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.cluster.ray_jobs.client import (
    NoTokenError,
    ask_version,
    connect,
    explained,
    followed,
    output,
)
from harness.cluster.ray_jobs.entry import exit_code_in
from harness.cluster.ray_jobs.job_text import JOB_FILE, checked_address, job_text, shipped_commit
from harness.cluster.status_log import StatusLog
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import (
    PHASE_OF_EXIT_CODE,
    REASON_OF_EXIT_CODE,
    JobState,
    NoAnswerError,
    Request,
    UnreachableError,
    named,
)
from harness.errors import EXIT_BUG, EXIT_REFUSED, EXIT_SOME_FAILED, EnvironmentMismatchError
from harness.study.submission import RaySite

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient


class RayTarget:
    """Submit studies as Ray Jobs, and look after them."""

    def __init__(self, settings: RaySite | None = None) -> None:
        """Take the settings of a submission.

        Args:
            settings: The address and what goes with it; only `render` needs it.
        """
        self._settings = settings or RaySite()

    def render(self, request: Request) -> Mapping[str, str]:
        """Return the one file of a submission.

        Raises:
            EnvironmentMismatchError: The address or a variable cannot be used, or the study is too long.
        """
        return {JOB_FILE: job_text(request, self._settings)}

    def check(self, texts: Mapping[str, str], folder: SubmitFolder) -> str | None:
        """Ask the cluster whether it is there and knows us; None where that is not possible.

        Raises:
            EnvironmentMismatchError: It wants another token, or is of another version.
        """
        address = _job(named(texts, JOB_FILE, folder), folder)["address"]
        try:
            return f"Ray {ask_version(address)} at {address} would take the job"
        except (UnreachableError, NoTokenError):
            return None

    def submit(self, folder: SubmitFolder) -> SubmitRecord:
        """Submit the written job under a new id.

        Raises:
            NoAnswerError: The user gave up waiting.
            EnvironmentMismatchError: The cluster cannot be reached, or refuses.
        """
        try:
            text = (folder.root / JOB_FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _damaged(folder, error) from error
        job = _job(text, folder)
        address, submission = str(job["address"]), job["submission"]
        names, runtime_env = submission["metadata"], submission["runtime_env"]
        runtime_env["env_vars"] |= shipped_commit(runtime_env)
        job_id = f"{names['study']}-{secrets.token_hex(4)}"
        client = connect(address)
        try:
            with explained(address):
                client.submit_job(submission_id=job_id, **submission)
        except KeyboardInterrupt as error:
            raise NoAnswerError(
                f"{address}: given up before Ray answered, which may have taken job {job_id} all the same. "
                f"Remedy: `ray job status --address {address} {job_id}` tells, and `ray job stop` likewise "
                f"ends it; submit again where there is no such job",
                place=address,
            ) from error
        return SubmitRecord.now("ray", job_id, names["job_name"], address=address)

    def state(self, record: SubmitRecord, folder: SubmitFolder) -> JobState:
        """Return how a job is doing; what its driver noted counts where the cluster cannot tell.

        Raises:
            UnreachableError: The cluster does not answer, and the driver noted no end.
        """
        events = StatusLog(folder.status_log).of_job(record.id)
        codes = [event.detail.exit_code for event in events if event.event == "ended"]
        noted_code = codes[-1] if codes else None
        try:
            client = connect(record.where["address"])
            info = _details(client, record)
        except UnreachableError as error:
            if noted_code is not None:
                return _over(noted_code, f"so its driver noted; {error}")
            raise UnreachableError(
                f"{error} If it is gone for good: remove {folder.record} and submit the study elsewhere with "
                f"the same --run-dir; it goes on where its journal ends."
            ) from error
        if info is None:
            reason = "the cluster was started anew and does not know this job"
            return (
                JobState(phase="unknown", reason=reason) if noted_code is None else _over(noted_code, reason)
            )
        state = _state_of(info, sweep_exit_code(client, info, record, noted_code))
        return replace(state, facts=_facts(info, folder, is_seen_here=bool(events)))

    def logs(self, record: SubmitRecord, folder: SubmitFolder, *, follow: bool) -> Iterator[str]:
        """Yield the driver's output over all submissions; with `follow` until the last one is over.

        Raises:
            EnvironmentMismatchError: The cluster cannot be reached, refuses, or does not know the job.
        """
        del folder
        address = record.where["address"]
        client = connect(address)
        with explained(address):
            for job_id in record.earlier:
                yield output(client, job_id)
            if not follow or _details(client, record) is None:
                yield output(client, record.id)
                return
        yield from followed(client, address, record.id)

    def cancel(self, record: SubmitRecord, folder: SubmitFolder) -> None:
        """Ask Ray to interrupt the sweep, which then has 30 s to end in good order.

        A job that waits for CPUs stays pending: Ray ends it when they are there, or 15 min after it came.

        Raises:
            EnvironmentMismatchError: The cluster cannot be reached, refuses, or does not know the job.
        """
        del folder
        address = record.where["address"]
        client = connect(address)
        with explained(address):
            client.stop_job(record.id)


def _job(text: str, folder: SubmitFolder) -> dict[str, Any]:
    """Return the job that a text holds.

    Raises:
        EnvironmentMismatchError: It is damaged.
    """
    try:
        job = json.loads(text)
        checked_address(job["address"])
        submission = job["submission"]
        submission["metadata"]["study"], submission["metadata"]["job_name"]
        submission["runtime_env"]["env_vars"].items()
    except (ValueError, KeyError, TypeError, AttributeError, EnvironmentMismatchError) as error:
        raise _damaged(folder, error) from error
    return dict(job)


def _damaged(folder: SubmitFolder, error: Exception) -> EnvironmentMismatchError:
    return EnvironmentMismatchError(
        f"{folder.root / JOB_FILE}: is missing or damaged ({error}). Remedy: submit the study again with the "
        f"same --run-dir"
    )


def _details(client: "JobSubmissionClient", record: SubmitRecord) -> "JobDetails | None":
    """Return what the cluster knows of a job; None where it knows nothing."""
    with explained(record.where["address"]):
        try:
            return client.get_job_info(record.id)
        except RuntimeError as error:
            if "status code 404" in str(error):
                return None
            raise


def sweep_exit_code(
    client: "JobSubmissionClient", info: "JobDetails", record: SubmitRecord, noted: int | None
) -> int | None:
    """Return the sweep's exit code; None where no sweep ended.

    Ray has none of a job that was stopped, and sometimes none of one that failed: its driver noted it, and
    where it shares no file system with this machine only its last line tells. A 1 that neither tells is
    Python's own, of a driver that never began.
    """
    is_over = info.status.value not in {"PENDING", "RUNNING"}
    if not is_over or info.driver_exit_code not in {None, EXIT_SOME_FAILED}:
        return info.driver_exit_code
    if noted is not None:
        return noted
    with explained(record.where["address"]):
        return exit_code_in(client.get_job_logs(record.id).rstrip().rpartition("\n")[2])


def _state_of(info: "JobDetails", exit_code: int | None) -> JobState:
    """Return the state that stands for Ray's."""
    message = (info.message or "").strip()
    match info.status.value:
        case "PENDING":
            return JobState(phase="pending", reason=message)
        case "RUNNING":
            return JobState(phase="running")
        case "STOPPED" if exit_code is None:
            return JobState(phase="cancelled", reason="it was stopped, and its sweep told no end")
    if exit_code is not None and exit_code in PHASE_OF_EXIT_CODE:
        # Of a sweep that began, the last lines are those of two streams, in any order.
        told = _reason(message) if exit_code in {EXIT_REFUSED, EXIT_BUG} else ""
        return _over(exit_code, told or REASON_OF_EXIT_CODE[exit_code])
    ended = "no exit code" if exit_code is None else f"exit code {exit_code}"
    # Killed, or never started: no sweep ended here.
    return JobState(phase="failed", reason=message or f"its driver ended with {ended} and no word")


def _reason(message: str) -> str:
    """Return the last line of Ray's message that tells more than the exit code."""
    lines = [line for line in message.splitlines() if line.strip() and exit_code_in(line) is None]
    return lines[-1].strip() if lines else ""


def _over(exit_code: int, reason: str) -> JobState:
    return JobState(phase=PHASE_OF_EXIT_CODE.get(exit_code, "failed"), reason=reason, exit_code=exit_code)


def _facts(info: "JobDetails", folder: SubmitFolder, *, is_seen_here: bool) -> dict[str, str]:
    """Return what else there is to tell: when it started, and where its results are."""
    facts = {}
    if info.start_time and info.status.value != "PENDING":
        at = datetime.fromtimestamp(info.start_time / 1000, UTC)
        facts["started"] = at.isoformat(timespec="seconds")
    if info.status.is_terminal() and not is_seen_here:
        facts["results"] = f"{folder.run_dir} on the node of its driver; this machine does not share it"
    return facts
