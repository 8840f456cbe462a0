"""How what the operator writes is read."""

from typing import Any

import pytest

from harness.cluster.kuberay.status import REMEDIES, state_of, waiting_reason

FAILED = "Job entrypoint command failed with exit code {}, last available logs (truncated):\nTraceback"


def job(**status: Any) -> dict[str, Any]:
    """Return a RayJob with a status."""
    return {"metadata": {"name": "small"}, "status": status}


@pytest.mark.parametrize(
    ("deployment", "outcome", "message", "phase", "exit_code"),
    [
        ("", "", "", "pending", None),
        ("Initializing", "", "", "pending", None),
        ("Running", "PENDING", "", "pending", None),
        ("Running", "RUNNING", "", "running", None),
        ("Retrying", "FAILED", FAILED.format(75), "pending", 75),
        ("Suspended", "", "", "pending", None),
        ("Complete", "SUCCEEDED", "Job finished successfully.", "completed", 0),
        ("Complete", "STOPPED", "Job was intentionally stopped.", "cancelled", None),
        ("Failed", "FAILED", FAILED.format(1), "failed", 1),
        ("Failed", "FAILED", FAILED.format(2), "failed", 2),
        ("Failed", "FAILED", FAILED.format(75), "interrupted", 75),
        ("Failed", "FAILED", FAILED.format(-9), "failed", -9),
        ("Failed", "", "Failed to submit", "failed", None),
        ("ValidationFailed", "", "name too long", "failed", None),
        ("SomethingNew", "", "", "pending", None),
    ],
)
def test_every_status_has_a_phase(
    deployment: str, outcome: str, message: str, phase: str, exit_code: int | None
) -> None:
    """And the sweep's exit code, where Ray tells it."""
    state = state_of(job(jobDeploymentStatus=deployment, jobStatus=outcome, message=message))
    assert (state.phase, state.exit_code) == (phase, exit_code)


def test_a_failure_is_told_in_the_operators_words() -> None:
    """One line of them: the rest is in the logs."""
    status = {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "reason": "AppFailed"}
    state = state_of(job(**status, message=FAILED.format(1)))
    assert state.reason.startswith("AppFailed: Job entrypoint command failed with exit code 1")
    assert "\n" not in state.reason


def test_a_job_that_no_operator_has_seen_asks_for_it() -> None:
    """Without an operator a RayJob stays without status for ever."""
    assert "is KubeRay running" in state_of({"metadata": {}}).reason


def test_a_job_that_is_being_deleted_says_so() -> None:
    """Its status does not."""
    state = state_of({"metadata": {"deletionTimestamp": "now"}, "status": {"jobDeploymentStatus": "Running"}})
    assert state.reason == "it is being deleted"


def test_facts_tell_the_cluster_and_its_workers() -> None:
    """What a user asks next."""
    cluster = {"desiredWorkerReplicas": 4, "readyWorkerReplicas": 3, "head": {"podName": "h"}}
    facts = state_of(job(rayClusterName="c", failed=2, rayClusterStatus=cluster)).facts
    assert facts == {"ray_cluster": "c", "failed_attempts": "2", "head_pod": "h", "workers": "3 of 4 ready"}


def pod(**status: Any) -> dict[str, Any]:
    """Return a pod with a status."""
    return {"metadata": {"name": "head"}, "status": status}


def waiting(reason: str, message: str) -> dict[str, Any]:
    """Return a container that waits."""
    return {"state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            {"containerStatuses": [waiting("ImagePullBackOff", "no such image")]},
            f"ImagePullBackOff: no such image: {REMEDIES['ImagePullBackOff']}",
        ),
        ({"initContainerStatuses": [waiting("StrangeError", "x")]}, "StrangeError: x"),
        ({"containerStatuses": [waiting("ContainerCreating", "")]}, None),
        ({"containerStatuses": [{"state": {"running": {}}}]}, None),
        ({"conditions": [{"type": "PodScheduled", "status": "True"}]}, None),
        ({}, None),
    ],
)
def test_a_pod_that_waits_says_for_what(status: dict[str, Any], says: str | None) -> None:
    """Normal steps of a start are no reason."""
    assert waiting_reason([pod(**status)]) == (says and f"pod head: {says}")
