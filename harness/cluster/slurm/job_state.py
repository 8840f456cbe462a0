"""What became of a job: what the queue says, what its nodes wrote, what accounting remembers."""

from harness.cluster.slurm.commands import (
    QueueEntry,
    accounted_state,
    queue_entry,
)
from harness.cluster.slurm.reasons import in_words
from harness.cluster.status_log import Cause, StatusEvent, StatusLog
from harness.cluster.submit_folder import SubmitFolder
from harness.cluster.target import PHASE_OF_EXIT_CODE, REASON_OF_EXIT_CODE, JobState
from harness.errors import (
    EnvironmentMismatchError,
)

_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})

_AT_WORK = frozenset({
    "RUNNING", "COMPLETING", "CONFIGURING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED", "RESIZING",
})  # fmt: skip


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
