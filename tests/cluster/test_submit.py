"""The command, as far as no cluster is needed."""

import json
import os
from pathlib import Path

import pytest

from harness.cluster.submit_folder import SubmitRecord
from harness.commands.submit import main


@pytest.fixture
def study(tmp_path: Path, study_text: str) -> Path:
    """Return a study file."""
    path = tmp_path / "small.yaml"
    path.write_text(study_text)
    return path


def test_a_dry_run_prints_what_a_submission_would_use_and_writes_nothing(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file with the place it would have; not even the folder is made."""
    run_dir = tmp_path / "run"
    assert main(["slurm", str(study), "--run-dir", str(run_dir), "--nodes", "2", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"# {run_dir / 'submit' / 'job.sbatch'}\n#!/bin/bash\n")
    assert "#SBATCH --nodes=2\n" in shown
    assert not run_dir.exists()


def test_a_dry_run_answers_machines_too(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--json prints one object that holds the files."""
    arguments = ["ray", str(study), "--address", "http://127.0.0.1:1", "--run-dir", str(tmp_path / "run")]
    assert main([*arguments, "--dry-run", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["run_dir"] == str(tmp_path / "run")
    assert next(iter(answer["files"])).endswith(".json")


def test_a_dry_run_needs_no_cluster_of_an_earlier_submission(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is gone tells nothing of its job any more; only a submission needs to know."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    run_dir = tmp_path / "run"
    record = run_dir / "submit" / "submit.json"
    record.parent.mkdir(parents=True)
    SubmitRecord.now("ray", "small-1", "small", address="http://127.0.0.1:1").write(record)
    arguments = ["ray", str(study), "--address", "http://127.0.0.1:1", "--run-dir", str(run_dir)]
    assert main([*arguments, "--dry-run"]) == 0
    assert "dry run: nothing was written or submitted" in capsys.readouterr().err
    assert main(arguments) == 2
    assert "If it is gone for good: remove" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "logs", "cancel", "resume"])
def test_a_folder_without_submission_is_refused(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the remedy, and without a traceback."""
    assert main([verb, str(tmp_path)]) == 2
    assert "nothing was submitted from this folder. Remedy" in capsys.readouterr().err


def test_a_bad_study_is_not_submitted(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its problems are those that the sweep would tell, and nothing is written."""
    run_dir = tmp_path / "run"
    assert main(["slurm", str(study), "--run-dir", str(run_dir), "--", "--set", "confirm.seeds=-1"]) == 2
    assert "confirm.seeds" in capsys.readouterr().err
    assert not run_dir.exists()


def test_a_study_that_cannot_train_does_not_wait_in_a_queue(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """54,000 images in batches of 53,999 leave BatchNorm a single one: told at once, as by the sweep."""
    run_dir = tmp_path / "run"
    settings = ("--set", "recipe.batch_norm=hidden", "--set", "recipe.batch_size=53999")
    assert main(["slurm", str(study), "--run-dir", str(run_dir), "--dry-run", "--", *settings]) == 2
    assert "batch_size 53999 with batch_norm hidden leaves one of 54000" in capsys.readouterr().err
    assert not run_dir.exists()


def test_fresh_refuses_to_continue(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results that exist are continued only where that was not excluded."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "manifest.json").write_text("{}")
    arguments = ["slurm", str(study), "--run-dir", str(run_dir), "--dry-run"]
    assert main([*arguments, "--fresh"]) == 2
    assert "already holds results" in capsys.readouterr().err


def test_fresh_is_refused_where_nobody_here_sees_the_results(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A driver on KubeRay goes on from what its storage holds."""
    arguments = ["kuberay", str(study), *SETTINGS["kuberay"], "--run-dir", str(tmp_path / "run"), "--dry-run"]
    assert main([*arguments, "--fresh"]) == 2
    assert "--fresh: does not go with kuberay" in capsys.readouterr().err
    assert main(arguments) == 0


NO_TEXT = os.fsdecode(b"x\xff")


SETTINGS = {
    "slurm": [],
    "ray": ["--address", "http://127.0.0.1:1"],
    "kuberay": ["--image", "i:1", "--storage", "pvc:a"],
}


@pytest.mark.parametrize(
    ("target", "flag"),
    [
        *((target, flag) for target in SETTINGS for flag in ("--run-dir", "--name")),
        *((target, "--env") for target in ("ray", "kuberay")),
    ],
)
def test_what_is_not_utf8_is_refused(
    target: str, flag: str, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its place: it could stand in no file of a submission."""
    value = {"--run-dir": str(tmp_path / NO_TEXT), "--env": f"A={NO_TEXT}"}.get(flag, NO_TEXT)
    assert main([target, str(study), *SETTINGS[target], flag, value, "--dry-run"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {flag}")
    assert "is not UTF-8, in which a submission is written" in told


@pytest.mark.parametrize("target", ["ray", "kuberay"])
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("A-B", "secret-value", "has letters, digits and _ only"),
        ("1A", "secret-value", "has letters, digits and _ only"),
        ("RAY_ADDRESS", "secret-value", "is set by the harness or by the cluster itself"),
        ("RAY_AUTH_TOKEN", "secret-value", "is set by the harness or by the cluster itself"),
        ("A", "secret-value\0", "no variable can hold a NUL character"),
    ],
)
def test_a_variable_that_no_job_can_be_given_is_refused(
    target: str, name: str, value: str, told: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the variable, and never its value, which may be secret."""
    flag = f"--env={name}={value}"
    assert main([target, str(study), *SETTINGS[target], flag, "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --env {name}=...: ")
    assert told in error
    assert "Remedy: " in error
    assert "secret-value" not in error


def test_a_working_directory_that_is_not_utf8_is_refused_where_the_job_starts_there(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slurm's does."""
    (tmp_path / NO_TEXT).mkdir()
    monkeypatch.chdir(tmp_path / NO_TEXT)
    assert main(["slurm", str(study), "--run-dir", str(tmp_path / "run"), "--dry-run"]) == 2
    assert "error: the working directory: " in capsys.readouterr().err


def test_only_set_goes_through_to_the_sweep(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it runs and whether it resumes is decided by the command."""
    with pytest.raises(SystemExit, match="2"):
        main(["slurm", str(study), "--dry-run", "--", "--address", "auto"])
    assert "--address" in capsys.readouterr().err
