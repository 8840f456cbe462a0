"""What is written for KubeRay, before anything is submitted."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.cluster.kuberay.manifest import render_manifest
from harness.cluster.kuberay.names import MAX_JOB_NAME, entry_point, job_name
from harness.cluster.kuberay.yaml_text import to_yaml
from harness.cluster.target import Request
from harness.errors import EnvironmentMismatchError
from harness.study.reading.parse import parse_study
from harness.study.submission import KubeRaySite
from tests.cluster.rayjob_schema import VARIABLE, rayjob_schema

SITE = KubeRaySite(image="registry.example/harness:1.0", storage="pvc:studies")

LINES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=80)


@pytest.fixture
def request_(study_text: str) -> Request:
    """Return a request for the small study."""
    study = parse_study(study_text, "small.yaml", ("recipe.epochs=3",))
    return Request(study=study, run_dir=Path("/home/me/results/small"), name="small")


def rendered(request: Request, site: KubeRaySite = SITE) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ConfigMap and RayJob as Kubernetes reads them: YAML 1.1."""
    config_map, job = yaml.safe_load_all(render_manifest(request, site))
    return config_map, job


def pods(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pods' specs, the head's first."""
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", [])]
    return [group["template"]["spec"] for group in groups]


def test_the_driver_runs_the_mounted_study_into_the_volume(request_: Request) -> None:
    """Study from the ConfigMap, results on the volume, the cluster it runs in, overrides as given."""
    config_map, job = rendered(request_)
    assert job["spec"]["entrypoint"] == (
        "python -u -m harness.sweep /etc/harness/study.yaml --run-dir /results/small --address auto "
        "--resume-if-begun --set=recipe.epochs=3"
    )
    head, worker = pods(job)
    mounts = {mount["mountPath"]: mount["name"] for mount in head["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in head["volumes"]}
    assert volumes[mounts["/etc/harness"]]["configMap"]["name"] == config_map["metadata"]["name"]
    assert volumes[mounts["/results"]]["persistentVolumeClaim"]["claimName"] == "studies"
    assert worker["volumes"] == [volumes[mounts["/results"]]]
    assert worker["containers"][0]["volumeMounts"] == [{"name": "results", "mountPath": "/results"}]


def test_the_cluster_goes_and_a_retry_goes_on(request_: Request) -> None:
    """The operator removes the cluster after the study, and begins a failed job again."""
    _, job = rendered(request_)
    spec = job["spec"]
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0
    assert spec["backoffLimit"] > 0


def test_a_study_whose_hours_are_over_is_not_begun_again(study_text: str) -> None:
    """Each retry would have as many hours as the first attempt."""
    study = parse_study(study_text, "small.yaml", ("search.max_hours=8",))
    _, job = rendered(Request(study=study, run_dir=Path("/r"), name="small"))
    assert job["spec"]["backoffLimit"] == 0


def test_the_cluster_asks_for_a_token_that_is_not_in_the_manifest(request_: Request) -> None:
    """The operator makes the secret; nothing here is one."""
    text = render_manifest(request_, SITE)
    _, job = yaml.safe_load_all(text)
    assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert re.findall("(?i)password|secret|key_id", text) == []


def test_the_study_arrives_byte_for_byte(request_: Request) -> None:
    """As a block where YAML keeps it as it is, else quoted."""
    config_map, _ = rendered(request_)
    assert config_map["data"]["study.yaml"] == request_.study.text
    assert "study.yaml: |\n" in render_manifest(request_, SITE)


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_every_text_survives_yaml_1_1(text: str) -> None:
    """Also those that YAML reads as something else, and as a key."""
    document = {"a": [text, text + "\n"], "b": {text: 1}}
    assert yaml.safe_load(to_yaml([document])) == document


@pytest.mark.parametrize(
    "text", ["no", "on", "1e3", "0x1F", "12:30", "~", "null", "- a", "a: b", "", " x\n", "a\n\n"]
)
def test_words_that_yaml_reads_otherwise_stay_text(text: str) -> None:
    """They are quoted."""
    assert yaml.safe_load(to_yaml([{"key": text}])) == {"key": text}


@given(name=LINES)
def test_names_are_labels_that_the_operator_takes(name: str) -> None:
    """Whatever a study is called: DNS-1035, and short enough for what the operator adds."""
    job = job_name(name, Path("/r"))
    assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", job)
    assert len(job) <= MAX_JOB_NAME


def test_names_that_are_cut_or_spelled_alike_do_not_collide() -> None:
    """Nor do two folders of one study; the same folder keeps its name."""
    long = "a" * 60
    names = [job_name(name, Path("/r")) for name in ("lr_a", "lr-a", "LR-A", long, long + "b")]
    assert len({*names, job_name("lr_a", Path("/elsewhere"))}) == 6
    assert job_name("lr_a", Path("/r")) == names[0]
    assert names[0].startswith("lr-a-")


@pytest.mark.parametrize(
    "word", ["a;b", "$(id)", "`id`", "a b", "a\nb", "a'b", 'a"b', "a&b", "a|b", "a>b", "a*", "~", "ä", ""]
)
def test_an_entry_point_has_no_character_that_a_shell_acts_on(word: str) -> None:
    """Such a word is refused, with the way out."""
    with pytest.raises(EnvironmentMismatchError, match="write the setting into the study file"):
        entry_point(["python", word])


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        (None, "storage is missing"),
        ("pvc:", "a claim's name"),
        ("pvc:UPPER", "a claim's name"),
        ("pvc:a/../b", "relative to the volume"),
        ("pvc:a//b", "relative to the volume"),
        ("/results", "must be pvc:NAME, or an address"),
        ("file:///results", "must be pvc:NAME, or an address"),
        ("s3://bucket/a;b", "must be pvc:NAME, or an address"),
        ("s3://bucket/a?endpoint_override=x", "must be pvc:NAME, or an address"),
        ("s3://key:secret@bucket/a", "credentials come from"),
    ],
)
def test_a_storage_that_is_none_is_refused(request_: Request, storage: str | None, says: str) -> None:
    """So is one that would not outlive the pods, or that carries a secret."""
    with pytest.raises(EnvironmentMismatchError, match=says):
        rendered(request_, SITE.model_copy(update={"storage": storage}))


def test_a_folder_of_a_volume_is_mounted_alone(request_: Request) -> None:
    """`pvc:NAME/folder` shows no more of the volume to the pods."""
    _, job = rendered(request_, SITE.model_copy(update={"storage": "pvc:studies/team/a"}))
    for pod in pods(job):
        assert pod["containers"][0]["volumeMounts"][0]["subPath"] == "team/a"


def test_an_object_storage_is_written_by_the_driver_alone(request_: Request) -> None:
    """It gets a local folder that is mirrored; workers mount nothing."""
    _, job = rendered(request_, SITE.model_copy(update={"storage": "s3://bucket/team/"}))
    begin = "python -u -m harness.cluster.stored_sweep s3://bucket/team/small -- /etc/harness/study.yaml "
    assert job["spec"]["entrypoint"].startswith(begin)
    head, worker = pods(job)
    assert {"name": "results", "emptyDir": {}} in head["volumes"]
    assert worker["volumes"] == []


def test_workers_get_what_is_asked_for_and_the_head_trains_nothing(request_: Request) -> None:
    """Requests equal limits, so that Ray counts what the pod really has."""
    flags = {"workers": 3, "worker_cpu": 6, "worker_memory": "12Gi", "worker_gpu": 2}
    _, job = rendered(request_, SITE.model_copy(update=flags))
    cluster = job["spec"]["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (3, 3, 3)
    asked = {"cpu": "6", "memory": "12Gi", "nvidia.com/gpu": "2"}
    assert group["template"]["spec"]["containers"][0]["resources"] == {"requests": asked, "limits": asked}
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}


def test_credentials_come_from_objects_of_the_cluster(request_: Request) -> None:
    """A service account for all pods, a Secret for the driver alone; neither's content is ours."""
    flags = {
        "storage": "s3://bucket/a",
        "service_account": "trainer",
        "secret": "s3-keys",
        "head_memory": "9Gi",
    }
    _, job = rendered(request_, SITE.model_copy(update=flags))
    head, worker = pods(job)
    assert head["serviceAccountName"] == worker["serviceAccountName"] == "trainer"
    assert head["containers"][0]["envFrom"] == [{"secretRef": {"name": "s3-keys"}}]
    assert head["containers"][0]["resources"]["limits"]["memory"] == "9Gi"
    assert "envFrom" not in worker["containers"][0]


def test_variables_reach_driver_and_runs_as_they_are(request_: Request) -> None:
    """Kubernetes would replace `$(NAME)`, and reads `$$` as one `$`."""
    environment = {"AWS_ENDPOINT_URL": "http://minio:9000", "NOTE": "$(HOME) $x é"}
    site = KubeRaySite(image="i:1", storage="s3://bucket/a", env=environment)
    for pod in pods(rendered(request_, site)[1]):
        held = {each["name"]: each["value"].replace("$$", "$") for each in pod["containers"][0]["env"]}
        assert environment.items() <= held.items()
        assert "$$(HOME) $$x" in str(pod)


def test_a_variable_that_the_operator_reads_is_refused(request_: Request) -> None:
    """Before it is submitted; how long a driver gets is not the user's to set."""
    with pytest.raises(EnvironmentMismatchError, match=r"--env RAY_JOB_STOP_WAIT_TIME_S=.*is set by.*Remedy"):
        rendered(request_, SITE.model_copy(update={"env": {"RAY_JOB_STOP_WAIT_TIME_S": "1"}}))


def test_without_workers_the_head_trains(request_: Request) -> None:
    """It then has what a worker would have."""
    _, job = rendered(request_, SITE.model_copy(update={"workers": 0, "worker_cpu": 6}))
    cluster = job["spec"]["rayClusterSpec"]
    assert "workerGroupSpecs" not in cluster
    assert cluster["headGroupSpec"]["rayStartParams"] == {}
    assert pods(job)[0]["containers"][0]["resources"]["limits"]["cpu"] == "6"


def test_a_worker_has_the_gpus_that_a_run_needs(study_text: str) -> None:
    """Two runs that share a GPU need one."""
    study = parse_study(study_text + "resources: {gpu: 0.5, cpu: 8}\n", "small.yaml")
    _, job = rendered(Request(study=study, run_dir=Path("/r"), name="small"))
    limits = pods(job)[1]["containers"][0]["resources"]["limits"]
    assert (limits["nvidia.com/gpu"], limits["cpu"]) == ("1", "8")


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("worker_cpu", "four", "must be a number of CPUs"),
        ("worker_cpu", "0", "must be a number of CPUs"),
        ("worker_memory", "8", "must be at least 256Mi"),
        ("worker_memory", "8GB", "must be at least 256Mi"),
        ("worker_cpu", 1, "a run asks for resources.cpu = 2"),
        ("image", None, "image is missing"),
        ("image", "a b", "a container image has"),
        ("namespace", "Team_A", "has lower-case letters"),
        ("secret", "a b", "names of Kubernetes have"),
        ("service_account", "$(id)", "names of Kubernetes have"),
        ("head_memory", "9", "head_memory = '9': must be at least"),
    ],
)
def test_what_would_wait_for_ever_is_refused(study_text: str, setting: str, value: Any, says: str) -> None:
    """Quantities that are none, and nodes on which no run fits."""
    study = parse_study(study_text + "resources: {cpu: 2}\n", "small.yaml")
    with pytest.raises(EnvironmentMismatchError, match=says):
        rendered(
            Request(study=study, run_dir=Path("/r"), name="small"), SITE.model_copy(update={setting: value})
        )


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"workers": 0},
        {"storage": "gs://bucket/a"},
        {"namespace": "team", "worker_gpu": 1, "worker_cpu": "500m", "env": {"A": "$1"}},
        {"secret": "s3-keys", "service_account": "trainer", "head_memory": "9Gi"},
    ],
)
def test_the_crd_takes_what_is_written(request_: Request, flags: dict[str, Any]) -> None:
    """The API server checks a RayJob by this schema."""
    schema = rayjob_schema()
    if schema is None:
        pytest.skip(f"the CRD's schema is absent: {VARIABLE} names its file")
    _, job = rendered(request_, SITE.model_copy(update=flags))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(job)] == []
