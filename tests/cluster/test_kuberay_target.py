"""What the real kubectl does for us, with an API server of the tests: see `kubernetes_api` for its limits."""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from harness.cluster.exclusive import texts_of
from harness.cluster.kuberay.job import MANIFEST, KubeRayTarget
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import Request
from harness.commands.submit import main
from harness.errors import EnvironmentMismatchError, ResultsError
from harness.records.folder import ResultsFolder
from harness.study.reading.parse import parse_study
from harness.study.submission import KubeRaySite
from tests.cluster.components import require
from tests.cluster.kubernetes_api import NAMESPACE, KubernetesApi, served
from tests.cluster.rayjob_schema import VARIABLE, rayjob_schema

SITE = KubeRaySite(image="registry.example/harness:1.0", storage="pvc:studies")


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    """Serve an empty cluster with one volume, to which the user's kubectl is configured."""
    require("kubectl", shutil.which("kubectl") is not None, "apt-get install kubernetes-client")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("HOME", str(tmp_path))  # kubectl caches what it discovers
    api = KubernetesApi()
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "studies"}}
    api.put("persistentvolumeclaims", claim | {"spec": {"accessModes": ["ReadWriteMany"]}})
    with served(api, tmp_path / "kubeconfig"):
        yield api


@pytest.fixture
def folder(study_text: str, tmp_path: Path) -> SubmitFolder:
    """Return a folder with a rendered submission."""
    return prepared(study_text, tmp_path)


def prepared(study_text: str, tmp_path: Path, **settings: Any) -> SubmitFolder:
    """Write what the command would write."""
    request = Request(study=parse_study(study_text, "s.yaml"), run_dir=tmp_path / "small", name="small")
    request.folder.root.mkdir(parents=True, exist_ok=True)
    for name, text in KubeRayTarget(SITE.model_copy(update=settings)).render(request).items():
        (request.folder.root / name).write_text(text, encoding="utf-8")
    return request.folder


def submit(folder: SubmitFolder) -> SubmitRecord:
    """Submit as the command does."""
    record = KubeRayTarget().submit(folder)
    record.write(folder.record)
    return record


def change(folder: SubmitFolder, **spec: Any) -> None:
    """Change fields of the written RayJob's spec."""
    path = folder.root / MANIFEST
    config_map, job = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    job["spec"] |= spec
    path.write_text(yaml.safe_dump_all([config_map, job]), encoding="utf-8")


def test_a_submission_creates_both_objects_as_written(
    api: KubernetesApi, folder: SubmitFolder, study_text: str
) -> None:
    """The study arrives byte for byte through kubectl, and the record says where the job is."""
    record = submit(folder)
    job = api.objects["rayjobs", record.id]
    assert api.objects["configmaps", record.id]["data"] == {"study.yaml": study_text}
    _, written = yaml.safe_load_all((folder.root / MANIFEST).read_text(encoding="utf-8"))
    assert job["spec"] == written["spec"]
    assert record.where == {
        "namespace": NAMESPACE,
        "uid": job["metadata"]["uid"],
        "results": "pvc:studies/small",
        "context": "x",
    }


def test_hostile_text_arrives_as_it_is(api: KubernetesApi, tmp_path: Path, study_text: str) -> None:
    """In the study and in its name; kubectl reads YAML by rules of its own."""
    text = study_text + "# $(id) `id` \"' \t no: on\u0085 é 漢 \U0001f600 \\n %s {{ }} \n\n"
    study = replace(parse_study(study_text, "s.yaml"), text=text)
    request = Request(study=study, run_dir=tmp_path / "x", name="$(id) `é` \"'; no")
    request.folder.root.mkdir(parents=True)
    manifest = KubeRayTarget(SITE).render(request)[MANIFEST]
    (request.folder.root / MANIFEST).write_text(manifest, encoding="utf-8")
    record = submit(request.folder)
    held = api.objects["configmaps", record.id]
    assert held["data"]["study.yaml"] == text
    assert held["metadata"]["annotations"]["recipe-harness/name"] == request.name


def test_the_check_asks_the_server_and_keeps_nothing(api: KubernetesApi, folder: SubmitFolder) -> None:
    """A dry run on the server."""
    assert KubeRayTarget().check(texts_of(folder), folder) == "the cluster would take it"
    assert ("rayjobs", "small") not in api.objects
    assert not [kind for kind, _ in api.objects if kind == "rayjobs"]


def test_a_volume_that_is_not_there_is_refused(api: KubernetesApi, study_text: str, tmp_path: Path) -> None:
    """Every pod would wait for it for ever."""
    folder = prepared(study_text, tmp_path, storage="pvc:missing")
    with pytest.raises(EnvironmentMismatchError, match=r"no PersistentVolumeClaim 'missing'.*Remedy"):
        KubeRayTarget().check(texts_of(folder), folder)


def test_a_volume_of_one_machine_is_told(api: KubernetesApi, folder: SubmitFolder) -> None:
    """Pods on other machines would wait; on one machine it works."""
    api.objects["persistentvolumeclaims", "studies"]["spec"]["accessModes"] = ["ReadWriteOnce"]
    assert "ReadWriteOnce: all pods must then land on one machine" in str(
        KubeRayTarget().check(texts_of(folder), folder)
    )


@pytest.mark.parametrize("act", ["check", "submit"])
def test_a_job_that_the_server_refuses_leaves_nothing(
    api: KubernetesApi, folder: SubmitFolder, act: str
) -> None:
    """The ConfigMap that was created before it is taken back."""
    if rayjob_schema() is None:
        pytest.skip(f"the CRD's schema is absent: {VARIABLE} names its file")
    change(folder, backoffLimit="three")
    with pytest.raises(EnvironmentMismatchError, match=r"spec.backoffLimit.*Remedy"):
        KubeRayTarget().check(texts_of(folder), folder) if act == "check" else KubeRayTarget().submit(folder)
    assert [kind for kind, _ in api.objects] == ["persistentvolumeclaims"]


def test_the_same_folder_is_not_submitted_twice_by_two(api: KubernetesApi, folder: SubmitFolder) -> None:
    """Without a record of the first submission, its objects are another's and stay as they are."""
    record = submit(folder)
    before = api.objects["rayjobs", record.id]["metadata"]["uid"]
    folder.record.unlink()
    with pytest.raises(EnvironmentMismatchError, match=r"AlreadyExists.*Remedy.*--run-dir"):
        submit(folder)
    assert api.objects["rayjobs", record.id]["metadata"]["uid"] == before


def test_a_second_submission_replaces_the_first(api: KubernetesApi, folder: SubmitFolder) -> None:
    """The same files, a new job: its sweep goes on from the stored journal."""
    first = submit(folder)
    assert "replaced" in str(KubeRayTarget().check(texts_of(folder), folder))
    second = submit(folder)
    assert first.id == second.id
    assert first.where["uid"] != second.where["uid"]
    assert KubeRayTarget().state(first, folder).phase == "unknown"
    assert KubeRayTarget().state(second, folder).phase == "pending"


@pytest.mark.parametrize("target", ["slurm", "ray"])
def test_a_submission_to_another_cluster_before_is_none_to_replace(
    target: Literal["slurm", "ray"], api: KubernetesApi, folder: SubmitFolder
) -> None:
    """Its record names no namespace; objects of that name in this cluster are somebody else's."""
    SubmitRecord.now(target, "7", "small", address="http://127.0.0.1:1").write(folder.record)
    record = KubeRayTarget().submit(folder)
    assert ("rayjobs", record.id) in api.objects
    with pytest.raises(EnvironmentMismatchError, match=r"AlreadyExists.*Remedy.*--run-dir"):
        KubeRayTarget().check(texts_of(folder), folder)


def test_what_was_cancelled_is_gone_and_told(api: KubernetesApi, folder: SubmitFolder) -> None:
    """Job and ConfigMap; the state comes from our own log then."""
    record = submit(folder)
    KubeRayTarget().cancel(record, folder)
    assert [kind for kind, _ in api.objects] == ["persistentvolumeclaims"]
    assert KubeRayTarget().state(record, folder).phase == "cancelled"
    submit(folder)
    assert KubeRayTarget().state(SubmitRecord.read(folder.record), folder).phase == "pending"


def test_a_job_of_the_same_name_is_not_cancelled(api: KubernetesApi, folder: SubmitFolder) -> None:
    """A record of an earlier one does not name it."""
    record = submit(folder)
    later = record.model_copy(update={"where": record.where | {"uid": "another"}})
    KubeRayTarget().cancel(later, folder)
    assert ("rayjobs", record.id) in api.objects


def test_a_job_that_was_deleted_by_hand_is_unknown(api: KubernetesApi, folder: SubmitFolder) -> None:
    """That is over, and can be submitted again."""
    record = submit(folder)
    del api.objects["rayjobs", record.id]
    state = KubeRayTarget().state(record, folder)
    assert (state.phase, state.is_over) == ("unknown", True)
    assert submit(folder).where["uid"] != record.where["uid"]


def test_a_waiting_job_says_what_its_pods_wait_for(api: KubernetesApi, folder: SubmitFolder) -> None:
    """The scheduler's own words."""
    record = submit(folder)
    api.set_status(record.id, jobDeploymentStatus="Initializing", rayClusterName="small-abc")
    waiting = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "no GPU is left",
    }
    api.add_pod("small-abc-head", {"ray.io/cluster": "small-abc"}, conditions=[waiting])
    state = KubeRayTarget().state(record, folder)
    assert (state.phase, state.reason) == ("pending", "pod small-abc-head: Unschedulable: no GPU is left")


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ({"ray.io/cluster": "small-abc"}, "containerStatuses"),
        ({"ray.io/cluster": "small-abc"}, "initContainerStatuses"),
        ({"job-name": "{job}"}, "containerStatuses"),
    ],
    ids=["pod", "init", "submitter"],
)
def test_an_image_that_cannot_be_pulled_is_told(
    labels: dict[str, str], kind: str, api: KubernetesApi, folder: SubmitFolder
) -> None:
    """Whoever needs it: a pod of the cluster, what prepares it, the pod that submits."""
    record = submit(folder)
    api.set_status(record.id, jobDeploymentStatus="Initializing", rayClusterName="small-abc")
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}
    held = {key: value.format(job=record.id) for key, value in labels.items()}
    api.add_pod("a-pod", held, **{kind: [waiting]})
    state = KubeRayTarget().state(record, folder)
    assert state.reason.startswith("pod a-pod: ErrImagePull: not found: Remedy: `cancel`, then --image")


def test_runs_are_counted_only_where_their_journal_is(
    api: KubernetesApi, folder: SubmitFolder, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is on the volume: one that an earlier submission elsewhere left here tells nothing of this job."""
    record = submit(folder)
    reference = ResultsFolder(repository / "results" / "reference" / "dropout_published")
    api.set_status(record.id, jobDeploymentStatus="Complete", jobStatus="SUCCEEDED")
    for _ in range(2):
        assert main(["status", str(folder.run_dir)]) == 0
        told = capsys.readouterr().out
        assert "completed" in told
        assert "runs ended" not in told
        journal = gzip.decompress(reference.compressed_journal.read_bytes())
        ResultsFolder(folder.run_dir).journal.write_bytes(journal)
    assert main(["status", str(folder.run_dir), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == {}


def test_a_waiting_job_whose_pods_may_not_be_listed_tells_its_own_state(
    api: KubernetesApi, folder: SubmitFolder
) -> None:
    """And can be cancelled."""
    record = submit(folder)
    api.set_status(record.id, jobDeploymentStatus="Initializing", rayClusterName="small-abc")
    api.forbidden = {"pods"}
    state = KubeRayTarget().state(record, folder)
    assert (state.phase, state.reason) == ("pending", "the Ray cluster is being started")
    assert main(["cancel", str(folder.run_dir)]) == 0
    assert ("rayjobs", record.id) not in api.objects


@pytest.mark.parametrize("damage", ["", "{", "a: 1\n---\nb: 2\n", "- 1\n---\n- 2\n"])
def test_a_damaged_manifest_is_told(damage: str, folder: SubmitFolder) -> None:
    """Somebody may have edited it before `resume`."""
    (folder.root / MANIFEST).write_text(damage)
    with pytest.raises(ResultsError, match=r"rayjob.yaml: is damaged .*Remedy"):
        KubeRayTarget().submit(folder)


def test_logs_are_those_of_every_attempt(api: KubernetesApi, folder: SubmitFolder) -> None:
    """A retry's submitter follows the first one's, and no line comes twice."""
    record = submit(folder)
    api.set_status(record.id, jobDeploymentStatus="Running", jobStatus="RUNNING")
    labels = {"job-name": record.id}
    api.add_pod("first", labels, ["2026-01-01T00:00:01.000000001Z started é", "2026-01-01T00:00:01.5Z 1/4"])
    lines = KubeRayTarget().logs(record, folder, follow=True)
    assert [next(lines), next(lines)] == ["started é\n", "1/4\n"]
    del api.objects["pods", "first"]
    api.add_pod("second", labels, ["2026-01-01T00:00:01.5Z 1/4", "2026-01-01T00:00:09Z resumed"])
    api.set_status(record.id, jobDeploymentStatus="Complete", jobStatus="SUCCEEDED")
    assert list(lines) == ["resumed\n"]


def test_logs_of_a_job_without_pods_are_empty(api: KubernetesApi, folder: SubmitFolder) -> None:
    """It has printed nothing yet."""
    record = submit(folder)
    api.add_pod("first", {"job-name": record.id})
    assert list(KubeRayTarget().logs(record, folder, follow=False)) == []


def test_a_cluster_without_the_operator_is_told(api: KubernetesApi, folder: SubmitFolder) -> None:
    """Nothing is left behind there."""
    api.knows_rayjobs = False
    with pytest.raises(EnvironmentMismatchError, match="Remedy: install the KubeRay operator"):
        KubeRayTarget().submit(folder)
    assert [kind for kind, _ in api.objects] == ["persistentvolumeclaims"]


@pytest.mark.parametrize(
    ("settings", "forbidden", "remedy"),
    [
        ({}, {"rayjobs"}, "ask for the right to create, get, list, watch and delete"),
        ({"namespace": "nobodys"}, set(), "give a --namespace"),
    ],
)
def test_what_the_user_may_not_do_is_told(
    api: KubernetesApi,
    study_text: str,
    tmp_path: Path,
    settings: dict[str, str],
    forbidden: set[str],
    remedy: str,
) -> None:
    """With what to do about it."""
    api.forbidden = forbidden
    folder = prepared(study_text, tmp_path, **settings)
    with pytest.raises(EnvironmentMismatchError, match=f"Remedy: {remedy}"):
        KubeRayTarget().submit(folder)


def test_a_cluster_that_does_not_answer_is_told(
    api: KubernetesApi, folder: SubmitFolder, tmp_path: Path
) -> None:
    """A check then says nothing; everything else is an error with a remedy."""
    record = submit(folder)
    config = json.loads((tmp_path / "kubeconfig").read_text(encoding="utf-8"))
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
    target = KubeRayTarget()
    assert target.check(texts_of(folder), folder) is None
    for act in (target.state, target.cancel):
        with pytest.raises(
            EnvironmentMismatchError, match="Remedy: check that `kubectl --context=x cluster-info`"
        ):
            act(record, folder)


def test_without_kubectl_a_check_says_nothing_and_a_submission_tells_why(
    folder: SubmitFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Manifests can be written anywhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert KubeRayTarget().check(texts_of(folder), folder) is None
    with pytest.raises(EnvironmentMismatchError, match=r"kubectl was not found on PATH. Remedy"):
        KubeRayTarget().submit(folder)
