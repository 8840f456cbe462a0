"""KubeRay as a place to submit to: what the user's kubectl can do, and nothing besides."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from harness.cluster.exclusive import texts_of
from harness.cluster.kuberay.kubectl import CutOffError, Kubectl, NotFoundError, RefusedError
from harness.cluster.kuberay.manifest import RESULTS_ANNOTATION, render_manifest
from harness.cluster.kuberay.status import state_of, waiting_reason
from harness.cluster.status_log import StatusDetail, StatusLog
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import JobState, NoAnswerError, Request, UnreachableError, named
from harness.errors import EnvironmentMismatchError, ResultsError
from harness.study.submission import KubeRaySite

MANIFEST = "rayjob.yaml"

_JOB = "rayjobs.ray.io"
_CREATED = r'jsonpath={.kind}/{.metadata.name} {.metadata.namespace} {.metadata.uid}{"\n"}'
"""A line for each object that was created; the RayJob is the last of a manifest."""

_POLL_SECONDS = 1.0
_CHECK_SECONDS = 5
"""What a look at the cluster before a submission may take a request."""


class KubeRayTarget:
    """A Ray cluster of its own in Kubernetes for every study; see `harness.cluster.target.Target`."""

    def __init__(self, settings: KubeRaySite | None = None) -> None:
        self._settings = settings or KubeRaySite()

    def render(self, request: Request) -> Mapping[str, str]:
        """Return the manifest: the study in a ConfigMap, and the RayJob."""
        return {MANIFEST: render_manifest(request, self._settings)}

    def check(self, texts: Mapping[str, str], folder: SubmitFolder) -> str | None:
        """Let the API server check the manifest without keeping it, and look for the volume."""
        manifest = named(texts, MANIFEST, folder)
        if not Kubectl.is_installed():
            return None
        job = _job_of(manifest, folder)
        kubectl = Kubectl(namespace=job["metadata"].get("namespace"), seconds=_CHECK_SECONDS)
        try:
            kubectl.run("create", "--dry-run=server", "-f", "-", "-o", "name", text=manifest)
            return " ".join(["the cluster would take it", *_check_volume(kubectl, job)])
        except UnreachableError:
            return None
        except RefusedError as error:
            if "(AlreadyExists)" in str(error) and _earlier(folder) is not None:
                return "the cluster has the submission before this one, which is replaced once it is over"
            raise _explained(error, job) from error

    def submit(self, folder: SubmitFolder) -> SubmitRecord:
        """Create both objects, or none; those of an earlier submission from this folder are replaced.

        Raises:
            NoAnswerError: The cluster gives no answer, or the user gave up waiting: it may have the job.
            EnvironmentMismatchError: The cluster cannot be reached, or refuses.
            ResultsError: The manifest is damaged.
        """
        manifest = named(texts_of(folder), MANIFEST, folder)
        job = _job_of(manifest, folder)
        name = job["metadata"]["name"]
        if (earlier := _earlier(folder)) is not None:
            _remove(earlier, wait=True)
        # Not of this terminal's session: its Ctrl-C must not cut off the answer, which tells of the job.
        context = Kubectl(is_detached=True).current_context()
        kubectl = Kubectl(context=context, namespace=job["metadata"].get("namespace"), is_detached=True)
        try:
            created = kubectl.run("create", "-f", "-", "-o", _CREATED, text=manifest)
        except RefusedError as error:
            # kubectl goes on after an object that is refused: what it did create is taken back.
            if objects := [line.split()[0] for line in error.printed.splitlines()]:
                kubectl.run("delete", "--ignore-not-found", "--wait=false", *objects)
            raise _explained(error, job) from error
        except (CutOffError, KeyboardInterrupt) as error:
            raise _perhaps_taken(kubectl, name, error) from error
        _, namespace, uid = created.splitlines()[-1].split()
        results = job["metadata"]["annotations"][RESULTS_ANNOTATION]
        where = {"namespace": namespace, "uid": uid, "results": results}
        return SubmitRecord.now("kuberay", name, name, **where, **({"context": context} if context else {}))

    def state(self, record: SubmitRecord, folder: SubmitFolder) -> JobState:
        """Return what the operator says of the job; of one that waits, also what its pods say."""
        job = _find(record, _kubectl(record))
        if job is None or not _is_submitted(job, record):
            if StatusLog(folder.status_log).of_job(record.where["uid"]):
                return JobState(phase="cancelled", reason="its RayJob was deleted by `cancel`")
            where = f"namespace {record.where['namespace']}"
            return JobState(phase="unknown", reason=f"RayJob {record.id} is no more in {where}")
        state = state_of(job)
        if state.phase != "pending":
            return state
        cluster = state.facts.get("ray_cluster")
        selectors = [*([f"ray.io/cluster={cluster}"] if cluster else []), f"job-name={record.id}"]
        kubectl = _kubectl(record)
        try:
            pods = [pod for selector in selectors for pod in kubectl.get("pods", "-l", selector)["items"]]
        except RefusedError:
            return state  # they may not be looked at; the job may still be asked about, and cancelled
        return JobState(phase=state.phase, reason=waiting_reason(pods) or state.reason, facts=state.facts)

    def logs(self, record: SubmitRecord, folder: SubmitFolder, *, follow: bool) -> Iterator[str]:
        """Yield what the submitter pod prints: the driver's output. A retry has a submitter of its own."""
        kubectl, last = _kubectl(record), ""
        while True:
            is_over = self.state(record, folder).is_over
            pod = _submitter(kubectl, record.id)
            if pod is not None:
                options = ["-f"] if follow else []
                options += [f"--since-time={last}"] if last else []
                for line in kubectl.stream("logs", pod, "--timestamps", *options):
                    stamp, _, text = line.partition(" ")
                    if stamp > last:  # a connection that was cut begins again with the last second
                        last = stamp
                        yield text
            if is_over or not follow:
                return
            time.sleep(_POLL_SECONDS)

    def cancel(self, record: SubmitRecord, folder: SubmitFolder) -> None:
        """Delete the job: the operator then stops the driver, and takes the cluster away."""
        _remove(record, wait=False)
        StatusLog(folder.status_log, job=record.where["uid"]).append("interrupted", StatusDetail(by="cancel"))


def _job_of(manifest: str, folder: SubmitFolder) -> Any:
    """Return the RayJob of a manifest of ours, which somebody may have edited.

    Raises:
        ResultsError: It is damaged.
    """
    try:
        _, job = YAML(typ="safe").load_all(manifest)
        job["metadata"]["name"], job["metadata"]["annotations"][RESULTS_ANNOTATION]
        job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["volumes"]
    except (YAMLError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{folder.root / MANIFEST}: is damaged ({' '.join(str(error).split())}). Remedy: mend it, or "
            f"submit the study again with the same --run-dir"
        ) from error
    return job


def _earlier(folder: SubmitFolder) -> SubmitRecord | None:
    """Return the submission before this one; None where it was none, or one to another kind of cluster.

    Raises:
        ResultsError: Its record is damaged.
    """
    if not folder.record.exists():
        return None
    record = SubmitRecord.read(folder.record)
    return record if record.target == "kuberay" else None


def _kubectl(record: SubmitRecord, *, is_detached: bool = False) -> Kubectl:
    where = record.where
    return Kubectl(context=where.get("context"), namespace=where["namespace"], is_detached=is_detached)


def _find(record: SubmitRecord, kubectl: Kubectl) -> Any | None:
    """Return the RayJob that has a submission's name; None if there is none."""
    try:
        return kubectl.get(f"{_JOB}/{record.id}")
    except NotFoundError:
        return None


def _is_submitted(job: Any, record: SubmitRecord) -> bool:
    """Return whether a RayJob is the one that was submitted, and not a later one of the same name."""
    return bool(job["metadata"]["uid"] == record.where["uid"])


def _remove(record: SubmitRecord, *, wait: bool) -> None:
    """Delete a submission's objects, unless its name is another one's now.

    Args:
        record: The submission.
        wait: Until they are gone, for a new submission; then no terminal interrupts it.
    """
    kubectl = _kubectl(record, is_detached=wait)
    job = _find(record, kubectl)
    if job is None or _is_submitted(job, record):
        objects = [f"{_JOB}/{record.id}", f"configmap/{record.id}"]
        how = ["--wait=true", f"--timeout={2 * kubectl.seconds}s"] if wait else ["--wait=false"]
        kubectl.run("delete", "--ignore-not-found", *how, *objects)


def _submitter(kubectl: Kubectl, name: str) -> str | None:
    """Return the newest pod of the Kubernetes Job that submits a RayJob, whose name it shares."""
    pods = kubectl.get("pods", "-l", f"job-name={name}")["items"]
    started = [pod["metadata"] for pod in pods if pod.get("status", {}).get("phase") != "Pending"]
    return max(started, key=lambda pod: str(pod["creationTimestamp"]))["name"] if started else None


def _check_volume(kubectl: Kubectl, job: Any) -> Iterator[str]:
    """Yield what should be known of the volume.

    Raises:
        EnvironmentMismatchError: There is none of that name, so that every pod would wait for ever.
    """
    cluster = job["spec"]["rayClusterSpec"]
    volumes = cluster["headGroupSpec"]["template"]["spec"]["volumes"]
    claims = [v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v]
    for claim in claims:
        try:
            modes = kubectl.get(f"persistentvolumeclaims/{claim}")["spec"].get("accessModes", [])
        except NotFoundError as error:
            raise EnvironmentMismatchError(
                f"storage: there is no PersistentVolumeClaim {claim!r} in this namespace, so every "
                f"pod would wait for it. Remedy: --storage pvc:NAME with one that `kubectl get pvc` lists"
            ) from error
        except RefusedError:
            continue  # it may not be looked at; the pods may still use it
        if "ReadWriteMany" not in modes and "workerGroupSpecs" in cluster:
            yield f"(claim {claim} is {', '.join(modes)}: all pods must then land on one machine)"


def _perhaps_taken(kubectl: Kubectl, name: str, error: BaseException) -> NoAnswerError:
    """Return what is told of a job that may have been created."""
    why = "given up before the cluster answered" if isinstance(error, KeyboardInterrupt) else "no answer"
    flags = {"context": kubectl.context, "namespace": kubectl.namespace}
    where = "".join(f" --{flag}={value}" for flag, value in flags.items() if value is not None)
    return NoAnswerError(
        f"kubectl create: {why}, and the cluster may have taken the job all the same. Remedy: "
        f"`kubectl{where} get rayjobs {name}` shows it then, and `kubectl{where} delete --ignore-not-found "
        f"rayjobs,configmaps {name}` takes it back; submit again after that"
    )


def _explained(error: RefusedError, job: Any) -> EnvironmentMismatchError:
    """Return a refusal with what can be done about it."""
    text, name = str(error), job["metadata"]["name"]
    if "no matches for kind" in text:
        remedy = "install the KubeRay operator in this cluster: it does not know RayJob (ray.io/v1)"
    elif "authOptions" in text:
        remedy = "update the KubeRay operator and its CRDs to 1.5.1 or newer, which know token authentication"
    elif "(AlreadyExists)" in text:
        remedy = (
            f"it was submitted from a results folder of the same path: give another one with --run-dir DIR, "
            f"or `kubectl delete rayjob,configmap {name}` if it is not needed"
        )
    elif "(Forbidden)" in text:
        remedy = (
            "ask for the right to create, get, list, watch and delete configmaps and rayjobs.ray.io, or "
            "give another --namespace"
        )
    elif "(NotFound)" in text and "namespaces" in text:
        remedy = "give a --namespace that `kubectl get namespaces` lists"
    else:
        remedy = "change the setting that it names, and submit again"
    return EnvironmentMismatchError(f"{text}. Remedy: {remedy}")
