"""What is submitted as a Ray Job, before any cluster is asked."""

import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.ray_jobs.entry import PLAN_VARIABLE, DriverInstructions
from harness.cluster.ray_jobs.job import RayTarget
from harness.cluster.ray_jobs.job_text import ENTRYPOINT, JOB_FILE, shipped
from harness.cluster.target import Request
from harness.errors import EnvironmentMismatchError
from harness.study.reading.parse import parse_study
from harness.study.submission import RaySite

ADDRESS = "http://head:8265"


def rendered(study_text: str, run_dir: Path = Path("/shared/run"), **settings: Any) -> dict[str, Any]:
    """Return the job of a submission."""
    study = parse_study(study_text, "s.yaml", ("search.trials=2",))
    request = Request(study=study, run_dir=run_dir, name="ünïcödé 'name'")
    files = RayTarget(RaySite(**{"address": ADDRESS, **settings})).render(request)
    job = json.loads(files[JOB_FILE])
    assert isinstance(job, dict)
    return job


def as_ray_sets_it(value: str) -> str:
    """Return an environment variable after what Ray 2.60 does to it (ray._private.utils.update_envs)."""
    return re.sub(r"\$\{[A-Z0-9_]+\}", "", os.path.expandvars(value))


def test_a_job_holds_all_that_is_submitted(study_text: str) -> None:
    """Entry point, name, clean stop and plan stand in it, and no value of the user in the shell's line."""
    job = rendered(study_text, entrypoint_cpus=0.5, env={"SITE": "here"})
    submission, variables = job["submission"], job["submission"]["runtime_env"]["env_vars"]
    assert job["address"] == ADDRESS
    assert submission["entrypoint"] == ENTRYPOINT == "python -m harness.cluster.ray_jobs.entry"
    assert submission["entrypoint_num_cpus"] == 0.5
    assert submission["metadata"] == {"job_name": "ünïcödé 'name'", "study": "small"}
    assert (variables["RAY_JOB_STOP_SIGNAL"], variables["RAY_JOB_STOP_WAIT_TIME_S"]) == ("SIGINT", "30")
    assert variables["SITE"] == "here"
    plan = DriverInstructions.model_validate_json(variables[PLAN_VARIABLE])
    assert plan.study == study_text
    assert plan.run_dir == "/shared/run"
    assert plan.arguments == [
        "/shared/run/submit/study.yaml", "--run-dir", "/shared/run", "--address", "auto", "--resume-if-begun",
        "--set=search.trials=2",
    ]  # fmt: skip


@given(text=st.text(), arguments=st.lists(st.text()))
def test_ray_leaves_every_plan_alone(text: str, arguments: list[str]) -> None:
    """Whatever study, folder and arguments hold, what Ray makes of the variable is the plan that was sent."""
    plan = DriverInstructions(study=text, run_dir=text + "/$HOME/${HOME}", arguments=arguments)
    sent = plan.encode()
    assert as_ray_sets_it(sent) == sent
    assert DriverInstructions.model_validate_json(sent) == plan


@pytest.mark.parametrize(
    "address",
    [
        None, "head:8265", "http://head", "ray://head:10001", "auto", "http://head:port", "http://:8265",
        "http://user:secret@head:8265", "http://head:8265/path", "http://head:8265?x", "https://[::1:8265",
    ],
)  # fmt: skip
def test_an_address_that_is_no_dashboard_is_refused(study_text: str, address: str | None) -> None:
    """The message shows the form, before anything is written."""
    with pytest.raises(EnvironmentMismatchError, match="http://HOST:PORT"):
        rendered(study_text, address=address)


def test_a_slash_after_the_address_does_no_harm(study_text: str) -> None:
    """As browsers show it."""
    assert rendered(study_text, address="https://head:443/")["address"] == "https://head:443"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("A", "$HOME", "Ray replaces what follows a \\$"),
        ("RAY_JOB_STOP_SIGNAL", "SIGTERM", "set by the harness or by the cluster"),
        (PLAN_VARIABLE, "{}", "set by the harness or by the cluster"),
    ],
)
def test_a_variable_that_would_not_arrive_is_refused(
    study_text: str, name: str, value: str, told: str
) -> None:
    """Beside what no cluster takes."""
    with pytest.raises(EnvironmentMismatchError, match=told) as refused:
        rendered(study_text, env={name: value})
    assert f"--env {name}=..." in str(refused.value)


def test_a_study_too_long_for_a_variable_is_refused(study_text: str) -> None:
    """Linux limits a variable's length; the message tells both sizes."""
    with pytest.raises(
        EnvironmentMismatchError, match=r"takes \d+ bytes of a job's environment, which holds"
    ):
        rendered(study_text + "# very long\n" * 10_000)


def package(environment: dict[str, Any], target: Path) -> set[str]:
    """Return the files that Ray puts into the package of a working directory."""
    from ray._private.ray_constants import get_runtime_env_default_excludes
    from ray._private.runtime_env.packaging import create_package

    excludes = [*get_runtime_env_default_excludes(), *environment["excludes"]]
    create_package(environment["working_dir"], target, include_gitignore=True, excludes=excludes)
    with zipfile.ZipFile(target) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_by_default_the_code_of_this_checkout_is_shipped_alone(repository: Path, tmp_path: Path) -> None:
    """Modules, templates and shipped studies go along; results, tests, data and caches do not."""
    files = package(dict(shipped(None, tmp_path)), tmp_path / "package.zip")
    expected = {
        path.relative_to(repository).as_posix()
        for name in ("harness", "analysis")
        for path in (repository / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    studies = {f"harness/search_spaces/{path.name}" for path in (repository / "search_spaces").glob("*.*")}
    assert files == expected | studies  # which a link of the package leads to
    assert "harness/sweep.py" in files


def test_a_folder_is_shipped_without_results_and_data(tmp_path: Path) -> None:
    """Results, this study's own folder, data sets, models, caches, and what .gitignore names stay behind."""
    folder = tmp_path / "project"
    run_dir = folder / "out [1]" / "my run"
    left = [
        "results/drill/journal.jsonl", "out [1]/my run/journal.jsonl", "data/train-images-idx3-ubyte.gz",
        "data/train-images-idx3-ubyte", "x.npy", "m.pt", "runs.parquet", ".git/config", ".venv/bin/python",
        ".env", "pkg/__pycache__/a.pyc", ".mypy_cache/x", "secret.txt",
    ]  # fmt: skip
    kept = [".gitignore", "pkg/a.py", "pkg/results.py", "out [1]/other.py", "study.yaml"]
    for name in [*left, *kept]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (folder / ".gitignore").write_text("secret.txt\n")
    assert package(dict(shipped(str(folder), run_dir)), tmp_path / "package.zip") == set(kept)


def test_a_cluster_that_has_the_harness_is_sent_nothing(study_text: str) -> None:
    """`none` ships no folder; an address of an archive is left to the cluster."""
    assert rendered(study_text, working_dir="none")["submission"]["runtime_env"].keys() == {"env_vars"}
    remote = rendered(study_text, working_dir="https://site/code.zip")["submission"]["runtime_env"]
    assert remote["working_dir"] == "https://site/code.zip"
    assert "excludes" not in remote


def test_a_working_directory_that_is_none_is_refused(study_text: str, tmp_path: Path) -> None:
    """Before Ray looks for it."""
    with pytest.raises(EnvironmentMismatchError, match="is no folder"):
        rendered(study_text, working_dir=str(tmp_path / "missing"))
