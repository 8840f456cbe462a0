"""A sweep whose results are kept in an object storage, as a pod runs it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cluster.object_storage import Mirror, ObjectStorage
from harness.cluster.stored_sweep import main, store_rest
from harness.records.folder import ResultsFolder
from tests import drill


def command(study: Path, address: str, run_dir: Path) -> list[str]:
    """Return the command of a pod."""
    begin = [sys.executable, "-m", "harness.cluster.stored_sweep", "--every", "0.2", address, "--"]
    return [*begin, str(study), "--run-dir", str(run_dir), "--address", "local", "--resume-if-begun"]


def test_the_sweeps_exit_code_is_handed_on(study_text: str, tmp_path: Path) -> None:
    """A bad study is refused by the sweep itself, with its own words."""
    study = tmp_path / "study.yaml"
    study.write_text(study_text + "nonsense: 1\n")
    address = (tmp_path / "stored").as_uri()
    done = subprocess.run(
        command(study, address, tmp_path / "run"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_arguments_without_a_results_folder_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """There would be nothing to store."""
    assert main([tmp_path.as_uri(), "--", "study.yaml"]) == 2
    assert "the arguments of the sweep lack --run-dir. Remedy" in capsys.readouterr().err


def test_an_end_that_cannot_be_stored_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """After every attempt has failed."""
    (tmp_path / "file").write_text("no folder")
    folder = ResultsFolder(tmp_path / "run")
    folder.root.mkdir()
    folder.manifest.write_text("{}\n")
    storage = ObjectStorage((tmp_path / "file" / "stored").as_uri())
    assert not store_rest(Mirror(storage, folder), waits=(0, 0))
    assert capsys.readouterr().err.count("results not stored") == 2


@pytest.mark.ray
@pytest.mark.slow
def test_a_driver_that_is_stopped_goes_on_elsewhere(
    drill_study: Path, undisturbed: ResultsFolder, tmp_path: Path
) -> None:
    """On a new machine, from the storage alone; no run is lost, none is run twice."""
    address = (tmp_path / "stored").as_uri()
    stored = ResultsFolder(tmp_path / "stored")
    first = subprocess.Popen(command(drill_study, address, tmp_path / "first"), stderr=subprocess.DEVNULL)
    drill.wait_until(lambda: drill.ended_runs(stored) >= 1, lambda: first.poll() is not None)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=120) == 75
    before, whole = drill.outcome(stored), drill.outcome(undisturbed)
    assert before.items() < whole.items()
    second = subprocess.run(command(drill_study, address, tmp_path / "second"), timeout=300, check=False)
    assert second.returncode == 0
    assert drill.outcome(stored) == whole
    assert (stored.report / "index.html").stat().st_size > 0
