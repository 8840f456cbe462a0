"""Rules of the KubeRay operator that the CRD's schema does not hold.

The operator finds them broken only after the API server has taken a RayJob: older versions then log an event
and leave the job without any status for ever. Each rule names the function of the operator it restates.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.cluster.kuberay.names import MAX_JOB_NAME
from harness.errors import EnvironmentMismatchError

_VALIDATION = "ray-operator/controllers/ray/utils/validation.go"
_TYPES = "ray-operator/apis/ray/v1/rayjob_types.go"

SUBMISSION_MODES = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")

_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_VERSION = re.compile(r"v?(\d+)\.(\d+)(\.\d+)*\S*")
_TOKEN_SINCE = (2, 52)

RayJob = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule; `problems` yields what breaks it, with the value."""

    says: str
    source: str
    problems: Callable[[RayJob], Iterator[str]]


def check_rules(job: RayJob) -> None:
    """Refuse a RayJob that the operator would refuse.

    Raises:
        EnvironmentMismatchError: Rules are broken; the message tells all of them.
    """
    broken = [f"{problem}: {rule.says} ({rule.source})" for rule in RULES for problem in rule.problems(job)]
    if broken:
        raise EnvironmentMismatchError(
            "the KubeRay operator would refuse this RayJob:\n  " + "\n  ".join(broken)
        )


def _name_is_short(job: RayJob) -> Iterator[str]:
    if len(job["metadata"]["name"]) > MAX_JOB_NAME:
        yield f"metadata.name = {job['metadata']['name']!r}"


def _name_is_a_label(job: RayJob) -> Iterator[str]:
    if not _DNS_1035.fullmatch(job["metadata"]["name"]):
        yield f"metadata.name = {job['metadata']['name']!r}"


def _suspended_is_shut_down(job: RayJob) -> Iterator[str]:
    if job["spec"].get("suspend") and not job["spec"].get("shutdownAfterJobFinishes"):
        yield "spec.suspend = true"


def _not_negative(field: str) -> Callable[[RayJob], Iterator[str]]:
    def problems(job: RayJob) -> Iterator[str]:
        if job["spec"].get(field, 0) < 0:
            yield f"spec.{field} = {job['spec'][field]}"

    return problems


def _deadline_is_positive(job: RayJob) -> Iterator[str]:
    if job["spec"].get("activeDeadlineSeconds", 1) <= 0:
        yield f"spec.activeDeadlineSeconds = {job['spec']['activeDeadlineSeconds']}"


def _waits_only_to_shut_down(job: RayJob) -> Iterator[str]:
    spec = job["spec"]
    if spec.get("ttlSecondsAfterFinished", 0) > 0 and not spec.get("shutdownAfterJobFinishes"):
        yield f"spec.ttlSecondsAfterFinished = {spec['ttlSecondsAfterFinished']}"


def _mode_is_known(job: RayJob) -> Iterator[str]:
    mode = job["spec"].get("submissionMode", "K8sJobMode")
    if mode not in SUBMISSION_MODES:
        yield f"spec.submissionMode = {mode!r}"


def _has_a_cluster(job: RayJob) -> Iterator[str]:
    if not job["spec"].get("rayClusterSpec") and not job["spec"].get("clusterSelector"):
        yield "spec"


def _groups_have_containers(job: RayJob) -> Iterator[str]:
    for name, group in _groups(job):
        if not group.get("template", {}).get("spec", {}).get("containers"):
            yield name


def _resources_stand_once(job: RayJob) -> Iterator[str]:
    for name, group in _groups(job):
        given = {"num-cpus", "num-gpus", "memory", "resources"} & set(group.get("rayStartParams", {}))
        if given and group.get("resources"):
            yield f"{name}: {', '.join(sorted(given))}"


def _labels_stand_in_labels(job: RayJob) -> Iterator[str]:
    for name, group in _groups(job):
        if "labels" in group.get("rayStartParams", {}):
            yield f"{name}.rayStartParams.labels"


def _replicas_are_a_range(job: RayJob) -> Iterator[str]:
    for name, group in _groups(job)[1:]:
        least, most = group.get("minReplicas", 0), group.get("maxReplicas", 0)
        if not 0 <= least <= most:
            yield f"{name}: minReplicas = {least}, maxReplicas = {most}"


def _replicas_are_within(job: RayJob) -> Iterator[str]:
    for name, group in _groups(job)[1:]:
        least, most = group.get("minReplicas", 0), group.get("maxReplicas", 0)
        if not least <= group.get("replicas", least) <= most:
            yield f"{name}: replicas = {group['replicas']}, from {least} to {most}"


def _tokens_need_a_version(job: RayJob) -> Iterator[str]:
    cluster = job["spec"].get("rayClusterSpec") or {}
    if cluster.get("authOptions", {}).get("mode") != "token":
        return
    version = str(cluster.get("rayVersion", ""))
    match = _VERSION.fullmatch(version)
    if match is None or (int(match[1]), int(match[2])) < _TOKEN_SINCE:
        yield f"spec.rayClusterSpec.rayVersion = {version!r}"


def _sidecar_head_is_not_restarted(job: RayJob) -> Iterator[str]:
    if job["spec"].get("submissionMode") == "SidecarMode":
        policy = _groups(job)[0][1].get("template", {}).get("spec", {}).get("restartPolicy", "Never")
        if policy != "Never":
            yield f"headGroupSpec.template.spec.restartPolicy = {policy!r}"


def _groups(job: RayJob) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the groups of nodes, the head first, each with its name."""
    cluster = job["spec"].get("rayClusterSpec") or {}
    workers = cluster.get("workerGroupSpecs", [])
    named = [(f"workerGroupSpecs[{at}]", group) for at, group in enumerate(workers)]
    return [("headGroupSpec", cluster.get("headGroupSpec", {})), *named]


RULES = (
    Rule(
        says=f"the name has at most {MAX_JOB_NAME} characters",
        source=f"ValidateRayJobMetadata in {_VALIDATION}",
        problems=_name_is_short,
    ),
    Rule(
        says="the name is a DNS-1035 label: lower-case letters, digits and -, a letter first",
        source=f"ValidateRayJobMetadata in {_VALIDATION}",
        problems=_name_is_a_label,
    ),
    Rule(
        says="only a job with shutdownAfterJobFinishes can be suspended",
        source=f"ValidateRayJobSpec in {_VALIDATION}",
        problems=_suspended_is_shut_down,
    ),
    Rule(
        says="must not be negative",
        source=f"ValidateRayJobSpec in {_VALIDATION}",
        problems=_not_negative("ttlSecondsAfterFinished"),
    ),
    Rule(
        says="must not be negative",
        source=f"ValidateRayJobSpec in {_VALIDATION}",
        problems=_not_negative("backoffLimit"),
    ),
    Rule(
        says="must be above 0",
        source=f"ValidateRayJobSpec in {_VALIDATION}",
        problems=_deadline_is_positive,
    ),
    Rule(
        says="goes only with shutdownAfterJobFinishes",
        source=f"validateDeletionConfiguration in {_VALIDATION}",
        problems=_waits_only_to_shut_down,
    ),
    Rule(
        says=f"must be one of {', '.join(SUBMISSION_MODES)}",
        source=f"JobSubmissionMode in {_TYPES}",
        problems=_mode_is_known,
    ),
    Rule(
        says="needs rayClusterSpec or clusterSelector",
        source=f"ValidateRayJobSpec in {_VALIDATION}",
        problems=_has_a_cluster,
    ),
    Rule(
        says="needs a container",
        source=f"ValidateRayClusterSpec in {_VALIDATION}",
        problems=_groups_have_containers,
    ),
    Rule(
        says="resources stand in rayStartParams or in resources, not in both",
        source=f"validateRayGroupResources in {_VALIDATION}",
        problems=_resources_stand_once,
    ),
    Rule(
        says="labels stand in the group's own labels",
        source=f"validateRayGroupLabels in {_VALIDATION}",
        problems=_labels_stand_in_labels,
    ),
    Rule(
        says="needs 0 <= minReplicas <= maxReplicas",
        source=f"ValidateRayClusterSpec in {_VALIDATION}",
        problems=_replicas_are_a_range,
    ),
    Rule(
        says="replicas outside minReplicas and maxReplicas are silently replaced",
        source="GetWorkerGroupDesiredReplicas in ray-operator/controllers/ray/utils/util.go",
        problems=_replicas_are_within,
    ),
    Rule(
        says="token authentication needs a rayVersion of at least 2.52.0",
        source=f"ValidateRayClusterSpec in {_VALIDATION}",
        problems=_tokens_need_a_version,
    ),
    Rule(
        says="the head of SidecarMode is never restarted",
        source=f"ValidateRayJobSpec in {_VALIDATION}",
        problems=_sidecar_head_is_not_restarted,
    ),
)
