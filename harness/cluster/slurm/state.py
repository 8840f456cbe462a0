"""How a job is doing: from Slurm's queue while that knows it, and from the launcher's own log."""

from harness.cluster.slurm.commands import QueueEntry, accounted_state, queue_entry
from harness.cluster.status_log import StatusEvent, StatusLog
from harness.cluster.submit_folder import SubmitFolder
from harness.cluster.target import Phase, State
from harness.errors import EnvironmentMismatchError

_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_AT_WORK = frozenset({
    "RUNNING", "COMPLETING", "CONFIGURING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED", "RESIZING",
})  # fmt: skip
_PHASE_OF_CODE: dict[int, Phase] = {0: "completed", 1: "failed", 2: "failed", 75: "interrupted"}
_REASON_OF_CODE = {
    0: "",
    1: "some runs failed, and the report names the reasons; or the sweep crashed, and `logs` tells where",
    2: "refused or could not start; `logs` names the reason",
    75: "`resume` finishes it",
}

_WHY_IT_WAITS = {
    "BeginTime": "Slurm starts a requeued job after two minutes at the earliest",
    "JobHeldUser": "you hold it; `scontrol release` lets it go",
    "Priority": "other jobs come first",
    "QOSMaxJobsPerUserLimit": "you run as many jobs as the site allows",
    "ReqNodeNotAvail": "a node that it needs is down or reserved",
    "Resources": "for nodes that others use now",
}
"""What the commonest reasons in Slurm's queue mean."""


def job_state(job: str, folder: SubmitFolder) -> State:
    """Return how a job is doing.

    Args:
        job: Its id.
        folder: The folder of its submission.
    """
    events = [event for event in StatusLog(folder.status_log).events() if event.job == job]
    try:
        entry = queue_entry(job)
    except EnvironmentMismatchError as error:
        return _last_known(events, str(error))
    if entry is None:
        return _forgotten(job, events)
    facts = _facts(entry, events)
    if entry.state in _WAITING:
        return State(phase="pending", reason=_in_words(entry.reason), facts=facts)
    if entry.state in _AT_WORK:
        return State(phase="running", facts=facts)
    facts.pop("time left", None)
    return _over(entry.state, events, facts)


def _in_words(reason: str) -> str:
    """Return Slurm's reason for a job that waits, explained where it is a common one."""
    return f"{reason}: {_WHY_IT_WAITS[reason]}" if reason in _WHY_IT_WAITS else reason


def _over(state: str, events: list[StatusEvent], facts: dict[str, str]) -> State:
    """Return the state of a job that is over: the launcher knows more than Slurm, if it lived to write it.

    Args:
        state: In Slurm's words.
        events: What the launcher wrote.
        facts: What else is known.
    """
    last = events[-1] if events else None
    if last is not None and last.event == "ended":
        return _ended(last, facts)
    if state == "CANCELLED":
        return State(phase="cancelled", reason="cancelled", facts=facts)
    if state in {"TIMEOUT", "PREEMPTED", "NODE_FAIL", "DEADLINE"}:
        words = {"TIMEOUT": "time limit"}.get(state, state.lower().replace("_", " "))
        return State(phase="interrupted", reason=f"{words}; `resume` finishes it", facts=facts)
    return State(
        phase="failed", reason=f"{state}: the launcher did not end by itself; see `logs`", facts=facts
    )


def _ended(event: StatusEvent, facts: dict[str, str]) -> State:
    code = int(event.detail["exit_code"])
    phase = _PHASE_OF_CODE.get(code, "failed")
    cause = str(event.detail.get("cause", ""))
    if phase == "interrupted" and cause == "told to end":
        phase = "cancelled"
    reason = _REASON_OF_CODE.get(code, f"the sweep ended with exit code {code}")
    return State(phase=phase, reason="; ".join(filter(None, (cause, reason))), exit_code=code, facts=facts)


def _forgotten(job: str, events: list[StatusEvent]) -> State:
    """Return the state of a job that has left Slurm's memory."""
    facts = _facts(None, events)
    if events and events[-1].event == "ended":
        return _ended(events[-1], facts)
    accounted = accounted_state(job)
    if accounted is not None and accounted not in _WAITING | _AT_WORK:
        return _over(accounted, events, facts)
    return State(
        phase="unknown", reason="Slurm knows this job no more, and it left no word of its end", facts=facts
    )


def _last_known(events: list[StatusEvent], why: str) -> State:
    """Return what the launcher's log says, where Slurm cannot be asked: silence alone means nothing."""
    if events and events[-1].event == "ended":
        return _ended(events[-1], _facts(None, events))
    is_waiting = not events or events[-1].event == "requeued"
    return State(phase="pending" if is_waiting else "running", reason=f"last known: {why}")


def _facts(entry: QueueEntry | None, events: list[StatusEvent]) -> dict[str, str]:
    facts = {"restarts": str(events[-1].restart)} if events else {}
    if entry is None:
        return facts
    told = {"nodes": entry.nodes, "start": entry.start, "time left": entry.time_left}
    return facts | {name: text for name, text in told.items() if text not in {"", "N/A", "None"}}
