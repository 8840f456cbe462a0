"""Interrupting, killing and resuming real sweeps."""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from analysis.load import load_study
from harness.records.events import StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from tests import drill
from tests.processes import command_line

LONGER = ("recipe.dataset=fashion_mnist", "recipe.batch_size=1024", "recipe.epochs=14", "search.trials=6")
"""Overrides with which the drill lasts long enough for many kills."""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(drill_study: Path, tmp_path: Path) -> Iterator[Start]:
    """Return what starts the drill in the test's folder; nothing it starts outlives the test."""
    family: set[psutil.Process] = set()

    def start_sweep(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            drill.sweep_command(drill_study, tmp_path, *arguments),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        family.add(psutil.Process(process.pid))
        return process

    yield start_sweep
    end(family)


def end(family: set[psutil.Process]) -> None:
    """Kill what still runs of some processes."""
    for process in family:
        with suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()


@pytest.mark.slow
@pytest.mark.ray
def test_an_interrupted_study_is_finished_by_resume(
    drill_study: Path, undisturbed: ResultsFolder, start: Start, tmp_path: Path
) -> None:
    """Ctrl-C in the middle and --resume lead to the same runs and the same numbers, bit for bit."""
    folder = ResultsFolder(tmp_path / "drill")
    process = start()
    drill.wait_until(lambda: drill.ended_runs(folder) >= 3, lambda: process.poll() is not None)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 75
    ended_before = drill.outcome(folder)
    resumed = drill.sweep(drill_study, tmp_path, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert drill.outcome(folder) == drill.outcome(undisturbed)
    assert ended_before.items() <= drill.outcome(undisturbed).items()
    assert len(json.loads(folder.manifest.read_text())["resumed"]) == 1
    assert folder.declaration.read_bytes() == undisturbed.declaration.read_bytes()


@pytest.mark.slow
@pytest.mark.ray
def test_a_dry_run_tells_the_hash_that_a_start_seals(drill_study: Path, undisturbed: ResultsFolder) -> None:
    """It can be kept elsewhere before the first run, whose journal begins with it."""
    told = drill.sweep(drill_study, undisturbed.root.parent, "--dry-run").stdout
    sha256 = hashlib.sha256(undisturbed.declaration.read_bytes()).hexdigest()
    assert f"\ndeclaration sha256: {sha256}\n" in told
    first, *others = read_journal(undisturbed)
    assert isinstance(first, StudyDeclared)
    assert first.sha256 == sha256
    assert not any(isinstance(event, StudyDeclared) for event in others)
    assert load_study(undisturbed.root).seal.state == "sealed"


@pytest.mark.slow
@pytest.mark.ray
def test_a_changed_declaration_is_not_continued(
    drill_study: Path, undisturbed: ResultsFolder, tmp_path: Path
) -> None:
    """Nor is a journal whose first event was taken away; the message names the hashes, nothing is written."""
    shutil.copytree(undisturbed.root, tmp_path / "drill")
    folder = ResultsFolder(tmp_path / "drill")
    folder.declaration.write_bytes(folder.declaration.read_bytes().replace(b"Is anything", b"Was anything"))
    before = folder.journal.read_bytes()
    done = drill.sweep(drill_study, tmp_path, "--resume")
    assert done.returncode == 2
    assert "but manifest.json belongs to" in done.stderr
    assert folder.journal.read_bytes() == before


@pytest.mark.full  # shorter siblings: the one above of one search, and tests/tuning/test_repeats.py
@pytest.mark.slow
@pytest.mark.ray
def test_repeats_of_a_search_are_taken_up_where_they_were(
    drill_study: Path, start: Start, tmp_path: Path
) -> None:
    """SIGTERM in the second repeat, then --resume: the runs of an undisturbed study, an Optuna study each."""
    overrides = [f"--set={one}" for one in ("search.repeats=2", "search.trials=2", "confirm.seeds=1")]
    whole = drill.sweep(drill_study, tmp_path / "undisturbed", *overrides)
    assert whole.returncode == 0, whole.stderr
    undisturbed, folder = ResultsFolder(tmp_path / "undisturbed" / "drill"), ResultsFolder(tmp_path / "drill")
    process = start(*overrides)
    drill.wait_until(lambda: has_begun(folder, repeat=1), lambda: process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 75
    assert drill.outcome(folder).items() < drill.outcome(undisturbed).items()
    resumed = drill.sweep(drill_study, tmp_path, "--resume", *overrides)
    assert resumed.returncode == 0, resumed.stderr
    assert drill.outcome(folder) == drill.outcome(undisturbed)
    dashboard = JournalStorage(JournalFileBackend(str(folder.optuna_journal)))
    places = {f"drill/{arm}/{repeat}" for arm in ("sgd", "adam") for repeat in range(2)}
    assert set(optuna.get_all_study_names(dashboard)) == places
    records = load_study(folder.root)
    assert {arm: len(records.runs_of("confirm", arm)) for arm in records.arms} == {"sgd": 2, "adam": 2}
    assert all(None not in records.winners_of(arm) for arm in records.arms)


def has_begun(folder: ResultsFolder, *, repeat: int) -> bool:
    """Return whether a run of a repeat has begun."""
    return folder.journal.exists() and f'"repeat":{repeat}'.encode() in folder.journal.read_bytes()


@pytest.mark.slow
@pytest.mark.ray
def test_of_a_finished_study_nothing_is_left_to_run(drill_study: Path, undisturbed: ResultsFolder) -> None:
    """--resume says so, and adds nothing to the journal."""
    before = undisturbed.journal.read_bytes()
    again = drill.sweep(drill_study, undisturbed.root.parent, "--resume")
    assert again.returncode == 0
    assert "this study is finished, nothing is left to run" in again.stdout
    assert undisturbed.journal.read_bytes() == before


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_that_differs_is_not_continued(drill_study: Path, undisturbed: ResultsFolder) -> None:
    """The message tells everything that differs; nothing is written."""
    told = {
        "arms.sgd.lr.high=0.5": "arms.sgd.space.lr.high: 1.0 before, 0.5 now",
        "search.metric=val_loss": "search.metric: 'val_accuracy' before, 'val_loss' now",
        "search.seed=1": "search.seed: 0 before, 1 now",
        "search.trials=2": "search.trials: 4 before, 2 now",
        "confirm.seeds=1": "confirm.seeds: 2 before, 1 now",
    }
    before = undisturbed.journal.read_bytes()
    overrides = [f"--set={override}" for override in told]
    done = drill.sweep(drill_study, undisturbed.root.parent, "--resume", *overrides)
    assert done.returncode == 2
    assert all(text in done.stderr for text in told.values()), done.stderr
    assert undisturbed.journal.read_bytes() == before


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.ray
def test_more_confirm_seeds_are_accepted_and_recorded(
    drill_study: Path, undisturbed: ResultsFolder, tmp_path: Path
) -> None:
    """Only the new seeds are run; the manifest says what changed."""
    shutil.copytree(undisturbed.root, tmp_path / "drill")
    done = drill.sweep(drill_study, tmp_path, "--resume", "--set", "confirm.seeds=3")
    assert done.returncode == 0, done.stderr
    folder = ResultsFolder(tmp_path / "drill")
    new = drill.outcome(folder).keys() - drill.outcome(undisturbed).keys()
    assert new == {"sgd-confirm-0002", "adam-confirm-0002"}
    (step,) = json.loads(folder.manifest.read_text())["resumed"]
    assert {"field": "confirm.seeds", "before": 2, "after": 3} in step["changes"]


def test_where_nothing_was_run_nothing_is_continued(drill_study: Path, tmp_path: Path) -> None:
    """A forgotten --results is the likeliest cause, and the remedy says so."""
    done = drill.sweep(drill_study, tmp_path, "--resume")
    assert done.returncode == 2
    assert "holds no study to continue" in done.stderr


@pytest.mark.slow
@pytest.mark.ray
def test_a_kill_of_each_kind_loses_and_invents_nothing(
    drill_study: Path, undisturbed: ResultsFolder, start: Start, tmp_path: Path
) -> None:
    """Without its worker a run starts again, without its raylet the driver ends; resumed, all is the same."""
    folder = ResultsFolder(tmp_path / "drill")
    first = start()
    drill.wait_until(lambda: drill.ended_runs(folder) >= 1, lambda: first.poll() is not None)
    (worker,) = members(first, "ray::ImplicitFunc")
    (raylet,) = members(first, "raylet/raylet")
    worker.kill()
    before = drill.ended_runs(folder)
    drill.wait_until(lambda: drill.ended_runs(folder) > before, lambda: first.poll() is not None)
    raylet.kill()
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 75, output
    kept = drill.outcome(folder)
    second = start("--resume")
    drill.wait_until(lambda: drill.ended_runs(folder) > len(kept), lambda: second.poll() is not None)
    family = set(members(second, ""))
    second.kill()
    second.communicate(timeout=300)
    end(family)
    assert kept.items() <= drill.outcome(folder).items()
    last = drill.sweep(drill_study, tmp_path, "--resume")
    assert last.returncode == 0, last.stderr
    assert drill.outcome(folder) == drill.outcome(undisturbed)


def members(driver: "subprocess.Popen[str]", word: str) -> list[psutil.Process]:
    """Return the processes that a sweep has started and whose command line has a word."""
    children = psutil.Process(driver.pid).children(recursive=True)
    return [child for child in children if word in command_line(child)]


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_twenty_kills_lose_and_invent_nothing(drill_study: Path, start: Start, tmp_path: Path) -> None:
    """Driver, worker or raylet are killed at random moments; resumed until it ends, the study is the same."""
    longer = [f"--set={override}" for override in LONGER]
    whole = drill.sweep(drill_study, tmp_path / "undisturbed", *longer)
    assert whole.returncode == 0, whole.stderr
    chance = random.Random(20)  # noqa: S311 - moments and victims, not secrets
    folder = ResultsFolder(tmp_path / "drill")
    kept: dict[str, Any] = {}
    n_kills, code = 0, None
    while code != 0:
        process = start(*longer, *(["--resume"] if folder.manifest.exists() else []))
        family: set[psutil.Process] = set()
        while process.poll() is None and n_kills < 20:
            time.sleep(chance.uniform(0.5, 6))
            n_kills += kill_one(process, family, chance)
        output, _ = process.communicate(timeout=900)
        code = process.returncode
        assert code in {0, 1, 2, 75, -signal.SIGKILL}, output
        end(family)
        now = drill.outcome(folder) if folder.journal.exists() else {}
        assert kept.items() <= now.items()
        kept = now
    assert n_kills >= 20
    assert drill.outcome(folder) == drill.outcome(ResultsFolder(tmp_path / "undisturbed" / "drill"))


def kill_one(driver: "subprocess.Popen[str]", family: set[psutil.Process], chance: random.Random) -> int:
    """Kill the driver, one of its workers, or its raylet; return how many died.

    Args:
        driver: The sweep.
        family: Takes every process the driver has started so far.
        chance: Chooses the victim.
    """
    try:
        family.update(members(driver, ""))
        victims = {
            "driver": [psutil.Process(driver.pid)],
            "worker": members(driver, "ray::ImplicitFunc"),
            "raylet": members(driver, "raylet/raylet"),
        }
        choice = victims[chance.choice(["driver", "worker", "worker", "raylet"])]
        if not choice:
            return 0
        chance.choice(choice).kill()
    except psutil.NoSuchProcess:
        return 0
    return 1
