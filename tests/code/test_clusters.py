"""A study's code on its way to a cluster: the same files, or a refusal before anything is submitted."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cluster.kuberay.manifest import render_manifest
from harness.cluster.target import Request
from harness.code.trust import trust_lines
from harness.errors import EnvironmentMismatchError
from harness.study.study import Study
from harness.study.submission import KubeRaySite
from tests.code.conftest import STUDY

SITE = KubeRaySite(image="registry.example/harness:1.0", storage="pvc:studies")
OwnStudy = Callable[..., Study]


def request(study: Study) -> Request:
    """Return a request for a study."""
    return Request(study=study, run_dir=Path("/home/me/results/own"), name="own")


def test_the_sweep_on_a_cluster_trusts_what_was_trusted_here(own_study: OwnStudy, study_text: str) -> None:
    """These files, in this folder; a study without code gets no such argument."""
    study = own_study()
    arguments = request(study).sweep_arguments("study.yaml", "run", "auto")
    sha256 = trust_lines(study)[-1].removeprefix("trust sha256: ")
    assert arguments[-3:] == [f"--trust={sha256}", "--code", str(study.folder.resolve())]
    plain = request(own_study(text=study_text)).sweep_arguments("study.yaml", "run", "auto")
    assert not [argument for argument in plain if argument.startswith(("--trust", "--code"))]


def test_pods_take_packages_and_no_files(own_study: OwnStudy) -> None:
    """Of the folder they see nothing; a package is in their image, and compared by its record."""
    with pytest.raises(EnvironmentMismatchError, match=r"names nets, which lies in .* pods have the files"):
        render_manifest(request(own_study()), SITE)
    package = own_study(
        text=STUDY.replace("nets:mlp", "torchvision.models:vit").replace("nets:", "torch.optim:")
    )
    text = render_manifest(request(package), SITE)
    assert "--trust=" in text
    assert "--code" not in text


def test_nothing_is_submitted_without_trust(own_study: OwnStudy, tmp_path: Path) -> None:
    """As no sweep begins."""
    study = own_study()
    command = [sys.executable, "-m", "harness.submit", "slurm", str(study.path)]
    place = ["--run-dir", str(tmp_path / "run")]
    done = subprocess.run([*command, *place], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "names code of its own" in done.stderr
    assert not (tmp_path / "run").exists()
