"""What the operator and the API server demand of a RayJob, and that ours always has it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.cluster.kuberay.manifest import render_manifest
from harness.cluster.target import Request
from harness.study.reading.parse import parse_study
from harness.study.submission import KubeRaySite
from tests.cluster.rayjob_schema import VARIABLE, rayjob_schema

Change = Callable[[dict[str, Any]], Any]

BROKEN_SCHEMA: dict[str, Change] = {
    "unknown field": lambda job: job["spec"].update(entryPoint="python"),
    "unknown field of a pod": lambda job: head(job)["template"]["spec"].update(container=[]),
    "number for a text": lambda job: head(job)["rayStartParams"].update({"num-cpus": 0}),
    "text for a number": lambda job: job["spec"].update(backoffLimit="3"),
    "missing group name": lambda job: worker(job).pop("groupName"),
    "missing image name": lambda job: head(job)["template"]["spec"]["containers"][0].pop("name"),
    "bad quantity": lambda job: head(job)["template"]["spec"]["containers"][0]["resources"].update(
        limits={"cpu": "four"}
    ),
    "unknown authentication": lambda job: job["spec"]["rayClusterSpec"].update(
        authOptions={"mode": "tokens"}
    ),
}


def head(job: dict[str, Any]) -> Any:
    """Return the head's group."""
    return job["spec"]["rayClusterSpec"]["headGroupSpec"]


def worker(job: dict[str, Any]) -> Any:
    """Return the workers' group."""
    return job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]


def rendered(study_text: str, name: str, site: KubeRaySite) -> dict[str, Any]:
    """Return the RayJob of the small study as Kubernetes reads it."""
    request = Request(study=parse_study(study_text, "small.yaml"), run_dir=Path("/r/small"), name=name)
    _, job = yaml.safe_load_all(render_manifest(request, site))
    return dict(job)


@pytest.fixture
def job(study_text: str) -> dict[str, Any]:
    """Return a RayJob that nobody refuses."""
    return rendered(study_text, "small", KubeRaySite(image="i:1", storage="pvc:a"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=80),
    workers=st.integers(0, 1000),
)
def test_the_operator_takes_a_job_whatever_a_user_gives(study_text: str, name: str, workers: int) -> None:
    """Its rules that the CRD's schema does not hold: older operators leave a job that breaks one for ever.

    Source: ValidateRayJobMetadata, ValidateRayJobSpec, ValidateRayClusterSpec and what they call, in
    ray-operator/controllers/ray/utils/validation.go; GetWorkerGroupDesiredReplicas in util.go beside it.
    """
    job = rendered(study_text, name, KubeRaySite(image="i:1", storage="pvc:a", workers=workers))
    spec, cluster = job["spec"], job["spec"]["rayClusterSpec"]
    assert re.fullmatch("[a-z]([-a-z0-9]{0,45}[a-z0-9])?", job["metadata"]["name"])
    assert spec["submissionMode"] in {"K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"}
    assert spec["shutdownAfterJobFinishes"] is True, "a time to live needs it"
    assert spec["ttlSecondsAfterFinished"] >= 0
    assert spec["backoffLimit"] >= 0
    assert not {"suspend", "activeDeadlineSeconds", "clusterSelector"} & spec.keys(), (
        "these have rules of their own"
    )
    assert tuple(map(int, cluster["rayVersion"].split("."))) >= (2, 52), "token authentication needs it"
    for group in [cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", [])]:
        assert group["template"]["spec"]["containers"]
        assert not {"resources", "labels"} & group.keys(), "they stand in one place"
        assert "labels" not in group["rayStartParams"]
    for group in cluster.get("workerGroupSpecs", []):
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


@pytest.mark.parametrize("change", BROKEN_SCHEMA)
def test_a_job_that_the_api_server_would_refuse_fails_the_schema(job: dict[str, Any], change: str) -> None:
    """So the schema that our manifests pass is one that refuses."""
    schema = rayjob_schema()
    if schema is None:
        pytest.skip(f"the CRD's schema is absent: {VARIABLE} names its file")
    BROKEN_SCHEMA[change](job)
    assert list(Draft202012Validator(schema).iter_errors(job))
