"""Interrupting, killing and resuming real sweeps."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.records.events import EpochEnded, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.recovery import recover_journal

STUDY = """\
study: drill
question: Is anything lost?
recipe: {model: {name: fcn, hidden: [64]}, batch_size: 1024, epochs: 8}
arms:
  sgd: {optimizer: sgd, lr: {low: 1e-2, high: 1.0, log: true}}
  adam: {optimizer: adam, lr: {low: 1e-4, high: 1e-2, log: true}}
search: {trials: 6, metric: val_accuracy, early_stopping: {grace_epochs: 2, reduction_factor: 3}}
confirm: {seeds: 3}
"""


def command(study: Path, results: Path, *arguments: str) -> list[str]:
    """Return the sweep command, one run at a time."""
    head = [sys.executable, "-m", "harness.sweep", str(study), "--results", str(results)]
    return [*head, "--set", "resources.concurrency=1", *arguments]


def start(study: Path, results: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a sweep."""
    return subprocess.Popen(
        command(study, results, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def outcome(folder: ResultsFolder) -> dict[str, Any]:
    """Return what a study led to, times and ids of sessions left out; no run may have ended twice."""
    events = recover_journal(folder).events
    starts = {e.run_id: e for e in events if isinstance(e, RunStarted)}
    last = {e.run_id: (e.train_loss, e.val_loss, e.val_accuracy) for e in events if isinstance(e, EpochEnded)}
    ends = [e for e in events if isinstance(e, RunEnded)]
    assert len({e.run_id for e in ends}) == len(ends)
    runs = {
        e.run_id: (
            json.dumps(starts[e.run_id].configuration), starts[e.run_id].seed, e.status, e.epochs,
            last[e.run_id], e.test_loss, e.test_accuracy,
        )
        for e in ends
    }  # fmt: skip
    return runs | {e.arm: e.winner for e in events if isinstance(e, PhaseEnded) and e.phase == "search"}


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small real study."""
    path = tmp_path_factory.mktemp("study") / "drill.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="session")
def finished(study: Path, tmp_path_factory: pytest.TempPathFactory) -> ResultsFolder:
    """Run the study once without disturbance; return its folder."""
    results = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(study, results), check=True, capture_output=True, timeout=900)
    return ResultsFolder(results / "drill")


@pytest.fixture(scope="session")
def undisturbed(finished: ResultsFolder) -> dict[str, Any]:
    """Return what the undisturbed study led to."""
    return outcome(finished)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_an_interrupted_study_is_finished_by_resume(
    study: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """Ctrl-C in the middle and --resume lead to the same runs and the same numbers, bit for bit."""
    folder = ResultsFolder(tmp_path / "drill")
    process = start(study, tmp_path)
    wait_for_ends(folder, process, 3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 75
    ended_before = outcome(folder)
    resumed = subprocess.run(
        command(study, tmp_path, "--resume"), capture_output=True, text=True, timeout=900, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    assert outcome(folder) == undisturbed
    assert ended_before.items() <= undisturbed.items()
    assert len(json.loads(folder.manifest.read_text())["resumed"]) == 1
    again = subprocess.run(
        command(study, tmp_path, "--resume"), capture_output=True, text=True, timeout=300, check=False
    )
    assert again.returncode == 0
    assert "this study is finished, nothing is left to run" in again.stdout
    assert outcome(folder) == undisturbed


def wait_for_ends(folder: ResultsFolder, process: subprocess.Popen[str], at_least: int) -> None:
    """Return once so many runs have ended."""
    for _ in range(3000):
        if folder.journal.exists() and folder.journal.read_bytes().count(b'"event":"run_ended"') >= at_least:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    pytest.fail("too few runs ended in five minutes")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("arms.sgd.lr.high=0.5", "arms.sgd.lr"),
        ("search.metric=val_loss", "search.metric: 'val_accuracy' before, 'val_loss' now"),
        ("search.seed=1", "search.seed: 0 before, 1 now"),
        ("search.trials=2", "search.trials: 6 before, only 2 now"),
        ("confirm.seeds=1", "confirm.seeds: 3 before, only 1 now"),
    ],
)
@pytest.mark.ray
@pytest.mark.data
def test_a_study_that_differs_is_not_continued(
    study: Path, finished: ResultsFolder, override: str, told: str
) -> None:
    """The message tells what differs; nothing is written."""
    before = finished.journal.read_bytes()
    asked = command(study, finished.root.parent, "--resume", "--set", override)
    done = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert finished.journal.read_bytes() == before


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_more_confirm_seeds_are_accepted_and_recorded(
    study: Path, finished: ResultsFolder, tmp_path: Path
) -> None:
    """Only the new seeds are run; the manifest says what changed."""
    shutil.copytree(finished.root, tmp_path / "drill")
    asked = command(study, tmp_path, "--resume", "--set", "confirm.seeds=4")
    done = subprocess.run(asked, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    folder = ResultsFolder(tmp_path / "drill")
    new = outcome(folder).keys() - outcome(finished).keys()
    assert new == {"sgd-confirm-0003", "adam-confirm-0003"}
    (step,) = json.loads(folder.manifest.read_text())["resumed"]
    assert "confirm.seeds: 3 before, 4 now" in step["changes"]


def test_where_nothing_was_run_nothing_is_continued(study: Path, tmp_path: Path) -> None:
    """A forgotten --results is the likeliest cause, and the remedy says so."""
    done = subprocess.run(command(study, tmp_path, "--resume"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "holds no study to continue" in done.stderr


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_twenty_kills_lose_and_invent_nothing(
    study: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """Driver, worker or raylet are killed at random moments; resumed until it ends, the study is the same."""
    chance = random.Random(20)  # noqa: S311 - moments and victims, not secrets
    folder = ResultsFolder(tmp_path / "drill")
    kept: dict[str, Any] = {}
    n_kills, code = 0, None
    while code != 0:
        process = start(study, tmp_path, *(["--resume"] if folder.manifest.exists() else []))
        family: set[psutil.Process] = set()
        while process.poll() is None and n_kills < 20:
            time.sleep(chance.uniform(0.5, 6))
            n_kills += kill_one(process, family, chance)
        output, _ = process.communicate(timeout=900)
        code = process.returncode
        assert code in {0, 1, 2, 75, -signal.SIGKILL}, output
        for orphan in family:
            if orphan.is_running():
                orphan.kill()
        now = outcome(folder) if folder.journal.exists() else {}
        assert kept.items() <= now.items()
        kept = now
    assert n_kills >= 20
    assert outcome(folder) == undisturbed


def kill_one(driver: subprocess.Popen[str], family: set[psutil.Process], chance: random.Random) -> int:
    """Kill the driver, one of its workers, or its raylet; return how many died.

    Args:
        driver: The sweep.
        family: Takes every process the driver has started so far.
        chance: Chooses the victim.
    """
    try:
        children = psutil.Process(driver.pid).children(recursive=True)
        lines = {child: " ".join(child.cmdline()) for child in children}
        victims = {
            "driver": [psutil.Process(driver.pid)],
            "worker": [child for child, line in lines.items() if line.startswith("ray::ImplicitFunc")],
            "raylet": [child for child, line in lines.items() if "raylet/raylet" in line],
        }
        family.update(children)
        choice = victims[chance.choice(["driver", "worker", "worker", "raylet"])]
        if not choice:
            return 0
        chance.choice(choice).kill()
    except psutil.NoSuchProcess:
        return 0
    return 1
