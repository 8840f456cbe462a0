"""What the objects of Kubernetes say about a study: the operator's status of its RayJob, and its pods."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.cluster.target import JobPhase, JobState
from harness.errors import EXIT_INTERRUPTED

Object = Mapping[str, Any]

_EXIT_CODE = re.compile(r"failed with exit code (-?\d+)")
"""Ray's words in a job's message, which the operator hands on."""

_PHASES: dict[str, JobPhase] = {
    "Running": "running",
    "Complete": "completed",
    "Failed": "failed",
    "ValidationFailed": "failed",
}
"""Of `.status.jobDeploymentStatus`; all others are on the way to running. Source: rayjob_types.go."""

_REASONS = {
    "": "the operator has not seen it yet; is KubeRay running, and watching this namespace?",
    "Initializing": "the Ray cluster is being started",
    "Retrying": "it failed, and is started again on a new Ray cluster",
    "Suspended": "it was suspended, by a queue or by hand",
    "Suspending": "it is being suspended, by a queue or by hand",
}

_IMAGE = (
    "Remedy: `cancel`, then --image with one that the nodes may pull (a --service-account with pull secrets)"
)
REMEDIES = {
    "ErrImagePull": _IMAGE,
    "ImagePullBackOff": _IMAGE,
    "ErrImageNeverPull": _IMAGE,
    "InvalidImageName": _IMAGE,
    "CreateContainerConfigError": "Remedy: --secret and --service-account must exist in this namespace",
    "CrashLoopBackOff": "Remedy: `kubectl logs` of the pod tells why it ends; is this harness in its image?",
}
"""What helps where a container cannot start, by Kubernetes' word."""


def state_of(job: Object) -> JobState:
    """Return how a RayJob is doing."""
    status: Object = job.get("status", {})
    deployment, outcome = str(status.get("jobDeploymentStatus", "")), str(status.get("jobStatus", ""))
    phase = _PHASES.get(deployment, "pending")
    message = str(status.get("message", ""))
    exit_code = _exit_code(outcome, message)
    if phase == "running" and outcome in {"", "PENDING"}:
        phase = "pending"
    elif outcome == "STOPPED" and phase == "completed":
        phase = "cancelled"
    elif phase == "failed" and exit_code == EXIT_INTERRUPTED:
        phase = "interrupted"
    reason = ": ".join(filter(None, [str(status.get("reason", "")), message.partition("\n")[0]]))
    if "deletionTimestamp" in job["metadata"]:
        reason = "it is being deleted"
    return JobState(
        phase=phase,
        reason=reason or _REASONS.get(deployment, "" if phase != "pending" else deployment),
        exit_code=exit_code,
        facts=_facts(status),
    )


def _exit_code(outcome: str, message: str) -> int | None:
    if outcome == "SUCCEEDED":
        return 0
    match = _EXIT_CODE.search(message)
    return int(match[1]) if match and outcome == "FAILED" else None


def _facts(status: Object) -> dict[str, str]:
    cluster: Object = status.get("rayClusterStatus", {})
    facts = {
        "ray_cluster": status.get("rayClusterName"),
        "started_at": status.get("startTime"),
        "ended_at": status.get("endTime"),
        "failed_attempts": status.get("failed"),
        "head_pod": cluster.get("head", {}).get("podName"),
    }
    if "desiredWorkerReplicas" in cluster:
        facts["workers"] = (
            f"{cluster.get('readyWorkerReplicas', 0)} of {cluster['desiredWorkerReplicas']} ready"
        )
    return {name: str(value) for name, value in facts.items() if value}


def waiting_reason(pods: Iterable[Object]) -> str | None:
    """Return why the first pod that does not run does not: no room, no image, no volume; None if all run."""
    for pod in pods:
        status: Object = pod.get("status", {})
        name = pod["metadata"]["name"]
        for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
            waiting = container.get("state", {}).get("waiting")
            if waiting and waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
                return _described(name, waiting)
        for condition in status.get("conditions", []):
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                return _described(name, condition)
    return None


def _described(name: str, detail: Object) -> str:
    words = [detail.get("reason"), detail.get("message"), REMEDIES.get(str(detail.get("reason")))]
    return f"pod {name}: " + ": ".join(filter(None, words))
