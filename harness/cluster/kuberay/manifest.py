"""A study as Kubernetes objects: a ConfigMap with its text, and a RayJob that runs it."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

from harness.cluster.kuberay.names import (
    STOP_WAIT_VARIABLE,
    entry_point,
    image_name,
    job_name,
    namespace_name,
    object_name,
    variables,
)
from harness.cluster.kuberay.resources import NodeResources, checked_memory, node_resources
from harness.cluster.kuberay.storage import RESULTS, Bucket, Volume, parse_storage
from harness.cluster.kuberay.yaml_text import to_yaml
from harness.cluster.target import Request
from harness.code.named import named_code
from harness.code.sources import hash_sources, local_part
from harness.errors import EnvironmentMismatchError
from harness.study.study import Study
from harness.study.submission import KubeRaySite

STUDY_FOLDER, STUDY_KEY = "/etc/harness", "study.yaml"

RESULTS_ANNOTATION = "recipe-harness/results"
"""Where the results are kept: `pvc:NAME/FOLDER/STUDY`, or an address."""

MAX_STUDY_BYTES = 1_000_000
"""A ConfigMap holds at most 1 MiB."""

RETRIES = 3
"""Of the whole job, each on a new Ray cluster; a retry goes on where the stored journal ends."""

_HEAD_CPU, _HEAD_MEMORY = "1", "4Gi"
"""For the driver alone: where there are workers, no run trains on the head."""

_STOP_SECONDS = 20
"""What a driver that is told to stop gets to end in good order, before its cluster is taken away."""


def render_manifest(request: Request, settings: KubeRaySite) -> str:
    """Return both objects as one YAML text.

    Raises:
        EnvironmentMismatchError: A setting is missing or cannot be written safely.
    """
    _check_code_is_in_the_image(request.study)
    storage = parse_storage(settings.storage)
    image, node = image_name(settings.image), node_resources(settings, request.study)
    name, kept_in = job_name(request.name, request.run_dir), f"{storage.address}/{request.study.name}"
    described = {
        "name": name,
        **({"namespace": namespace_name(settings.namespace)} if settings.namespace else {}),
        "labels": {"app.kubernetes.io/managed-by": "recipe-harness"},
        "annotations": {"recipe-harness/name": request.name, RESULTS_ANNOTATION: kept_in},
    }
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": described,
        "spec": {
            "entrypoint": _command(request, kept_in if isinstance(storage, Bucket) else None),
            "submissionMode": "K8sJobMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 60,
            # The operator cannot tell hours that are over from a failure, and a retry has as many anew.
            "backoffLimit": RETRIES if request.study.search.max_hours is None else 0,
            "rayClusterSpec": _cluster(name, image, storage, node, settings),
        },
    }
    return to_yaml([_config_map(described, request.study), job])


def _check_code_is_in_the_image(study: Study) -> None:
    """Refuse code that lies beside the study file: of that, pods get the study's text alone.

    Raises:
        EnvironmentMismatchError: It does.
    """
    code = named_code(study)
    beside = [module for module in code.modules if local_part(module, code.folder) is not None]
    if code.commands:
        beside += list(hash_sources(replace(code, references=())))
    if beside:
        named = ", ".join(beside[:5])
        raise EnvironmentMismatchError(
            f"{study.path}: names {named}, which lies in {code.folder}, and pods have the files of their "
            f"image alone. Nothing was submitted. Remedy: install the code as a package, here and in the "
            f"image, and import it from there; or submit to slurm or ray, whose nodes share your files",
            place=study.path,
        )


def _config_map(described: Mapping[str, Any], study: Study) -> dict[str, Any]:
    size = len(study.text.encode())
    if size > MAX_STUDY_BYTES:
        raise EnvironmentMismatchError(
            f"the study file has {size} bytes, and a ConfigMap holds {MAX_STUDY_BYTES}. Remedy: split the "
            f"study, one question each"
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": described,
        "data": {STUDY_KEY: study.text},
    }


def _command(request: Request, mirrored_to: str | None) -> str:
    """Return the driver's command; `auto` is the cluster it runs in.

    Args:
        request: What is submitted.
        mirrored_to: An object storage's folder for the results; None where they lie on a volume.
    """
    run_dir = f"{RESULTS}/{request.study.name}"
    sweep = request.sweep_arguments(f"{STUDY_FOLDER}/{STUDY_KEY}", run_dir, "auto")
    if mirrored_to is None:
        return entry_point(["python", "-u", "-m", "harness.sweep", *sweep])
    return entry_point(["python", "-u", "-m", "harness.cluster.stored_sweep", mirrored_to, "--", *sweep])


def _cluster(
    name: str, image: str, storage: Volume | Bucket, node: NodeResources, settings: KubeRaySite
) -> dict[str, Any]:
    workers = 1 if settings.workers is None else settings.workers
    memory = checked_memory("head_memory", settings.head_memory or _HEAD_MEMORY)
    resources = {"cpu": _HEAD_CPU, "memory": memory} if workers else node.as_limits()
    head_pod = _head_pod(name, image, storage, resources)
    pods = [head_pod]
    if settings.secret is not None:
        reference = {"secretRef": {"name": object_name("secret", settings.secret)}}
        head_pod["containers"][0]["envFrom"] = [reference]
    head = {
        "rayStartParams": {"num-cpus": "0"} if workers else {},
        "template": {"spec": head_pod},
    }
    cluster: dict[str, Any] = {
        "rayVersion": metadata.version("ray"),
        "authOptions": {"mode": "token"},
        "headGroupSpec": head,
    }
    if workers:
        group = {"groupName": "workers", "replicas": workers, "minReplicas": workers, "maxReplicas": workers}
        pods.append(_pod(image, "ray-worker", node.as_limits(), _results_volume(storage)))
        cluster["workerGroupSpecs"] = [group | {"rayStartParams": {}, "template": {"spec": pods[-1]}}]
    for pod in pods:
        if settings.service_account is not None:
            pod["serviceAccountName"] = object_name("service_account", settings.service_account)
        if environment := variables(settings.env):
            container = pod["containers"][0]
            container["env"] = [*container.get("env", []), *environment]
    return cluster


def _head_pod(
    name: str, image: str, storage: Volume | Bucket, resources: Mapping[str, str]
) -> dict[str, Any]:
    """Return the pod that holds Ray's head and the driver."""
    results = _results_volume(storage) or ({"name": "results", "emptyDir": {}}, _mount("results", RESULTS))
    pod = _pod(image, "ray-head", resources, results)
    container = pod["containers"][0]
    container["ports"] = [
        {"name": "gcs-server", "containerPort": 6379},
        {"name": "dashboard", "containerPort": 8265},
    ]
    container["env"] = [{"name": STOP_WAIT_VARIABLE, "value": str(_STOP_SECONDS)}]
    # A RayJob that is deleted stops its driver and takes the cluster away at once: this pod stays so long.
    container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(_STOP_SECONDS)]}}}
    pod["terminationGracePeriodSeconds"] = 2 * _STOP_SECONDS
    pod["volumes"].append({"name": "study", "configMap": {"name": name}})
    container["volumeMounts"].append(_mount("study", STUDY_FOLDER) | {"readOnly": True})
    return pod


def _pod(
    image: str,
    container_name: str,
    resources: Mapping[str, str],
    results: tuple[dict[str, Any], dict[str, Any]] | None,
) -> dict[str, Any]:
    """Return what head and workers have in common.

    Images for Ray name their user instead of numbering it, so `runAsNonRoot` would refuse them.
    """
    volume, mount = results or (None, None)
    container = {
        "name": container_name,
        "image": image,
        "resources": {"requests": dict(resources), "limits": dict(resources)},
        "securityContext": {"allowPrivilegeEscalation": False},
        "volumeMounts": [mount] if mount else [],
    }
    return {
        # A pod that dies is replaced: Ray restarted within an old one would have forgotten its cluster.
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        # The group owns a fresh volume, so that a user who is not root can write there.
        "securityContext": {
            "fsGroup": 1000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [volume] if volume else [],
    }


def _results_volume(storage: Volume | Bucket) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return a volume and its mount; None for an object storage, which only the driver writes to."""
    if isinstance(storage, Bucket):
        return None
    mount = _mount("results", RESULTS) | ({"subPath": storage.folder} if storage.folder else {})
    return {"name": "results", "persistentVolumeClaim": {"claimName": storage.claim}}, mount


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path}
