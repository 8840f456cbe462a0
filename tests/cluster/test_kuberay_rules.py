"""What the operator or the API server would refuse is refused here first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.cluster.kuberay.manifest import render_manifest
from harness.cluster.kuberay.rules import RULES, check_rules
from harness.cluster.target import Request
from harness.errors import EnvironmentMismatchError
from harness.study.reading.parse import parse_study
from harness.study.submission import KubeRaySite
from tests.cluster.rayjob_schema import VARIABLE, rayjob_schema

Change = Callable[[dict[str, Any]], Any]

BROKEN_RULES: dict[str, Change] = {
    "at most 47 characters": lambda job: job["metadata"].update(name="a" * 48),
    "is a DNS-1035 label": lambda job: job["metadata"].update(name="1-study"),
    "can be suspended": lambda job: job["spec"].update(suspend=True, shutdownAfterJobFinishes=False),
    "ttlSecondsAfterFinished = -1: must not": lambda job: job["spec"].update(ttlSecondsAfterFinished=-1),
    "backoffLimit = -1: must not": lambda job: job["spec"].update(backoffLimit=-1),
    "must be above 0": lambda job: job["spec"].update(activeDeadlineSeconds=0),
    "goes only with shutdown": lambda job: job["spec"].update(shutdownAfterJobFinishes=False),
    "must be one of K8sJobMode": lambda job: job["spec"].update(submissionMode="k8sjobmode"),
    "needs rayClusterSpec": lambda job: job["spec"].pop("rayClusterSpec"),
    "needs a container": lambda job: head(job)["template"]["spec"].update(containers=[]),
    "not in both": lambda job: head(job).update(resources={"CPU": "1"}),
    "the group's own labels": lambda job: head(job)["rayStartParams"].update(labels="a=b"),
    "minReplicas <= maxReplicas": lambda job: worker(job).update(minReplicas=2, maxReplicas=1),
    "silently replaced": lambda job: worker(job).update(replicas=5),
    "at least 2.52.0": lambda job: job["spec"]["rayClusterSpec"].update(rayVersion="2.51.9"),
    "never restarted": lambda job: (
        job["spec"].update(submissionMode="SidecarMode"),
        head(job)["template"]["spec"].update(restartPolicy="Always"),
    ),
}

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


@pytest.fixture
def job(study_text: str) -> dict[str, Any]:
    """Return a RayJob that nobody refuses."""
    request = Request(study=parse_study(study_text, "small.yaml"), run_dir=Path("/r/small"), name="small")
    _, job = yaml.safe_load_all(render_manifest(request, KubeRaySite(image="i:1", storage="pvc:a")))
    return dict(job)


def test_a_sound_job_breaks_no_rule(job: dict[str, Any]) -> None:
    """The other tests change one thing in it."""
    check_rules(job)


@pytest.mark.parametrize("says", BROKEN_RULES)
def test_a_job_that_the_operator_would_refuse_is_refused(job: dict[str, Any], says: str) -> None:
    """By the operator's own rule, whose place in its source is named."""
    BROKEN_RULES[says](job)
    with pytest.raises(EnvironmentMismatchError, match=f"{says}.*ray-operator/.*[.]go"):
        check_rules(job)


def test_every_rule_has_a_job_that_breaks_it(job: dict[str, Any]) -> None:
    """A rule without one could be wrong unseen."""
    assert len(BROKEN_RULES) == len(RULES)


def test_all_broken_rules_are_told_at_once(job: dict[str, Any]) -> None:
    """A user mends them in one go."""
    job["metadata"]["name"] = "1" * 48
    with pytest.raises(EnvironmentMismatchError) as caught:
        check_rules(job)
    assert str(caught.value).count("metadata.name") == 2


@pytest.mark.parametrize("change", BROKEN_SCHEMA)
def test_a_job_that_the_api_server_would_refuse_fails_the_schema(job: dict[str, Any], change: str) -> None:
    """So the schema that our manifests pass is one that refuses."""
    schema = rayjob_schema()
    if schema is None:
        pytest.skip(f"the CRD's schema is absent: {VARIABLE} names its file")
    BROKEN_SCHEMA[change](job)
    assert list(Draft202012Validator(schema).iter_errors(job))
