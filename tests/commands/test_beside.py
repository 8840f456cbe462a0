"""How many runs train beside each other: the rule, its measurement, and what a sweep makes of it."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from harness.code.checking import described
from harness.code.named import named_code
from harness.code.process import ask
from harness.commands.sweep import main
from harness.manifest import Manifest, RunsBeside
from harness.study.reading.parse import load_study
from harness.study.study import Study
from harness.training.beside import best_number, keep_beside, known_beside, numbers_to_try
from harness.training.beside_measurement import counted
from harness.training.data.own import facts_of
from harness.training.paces import workload_of
from tests.commands.answers import checked

STUDY = """
study: digits
question: Which?
recipe: {dataset: digits, model: {name: fcn, hidden: [8]}, optimizer: sgd, batch_size: 64, epochs: 1}
arms: {tiny: {lr: {low: 1e-3, high: 1.0}}}
search: {trials: 1, early_stopping: none}
confirm: {seeds: 1}
"""
ALONE = RunsBeside(
    number=1, steps_per_second={1: 9.0, 2: 8.5}, all_threads=7.0, cores=2, at="2026-11-28T12:00:00+00:00"
)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Return a small study, on a machine with two cores and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "digits.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return load_study(path)


def keep(study: Study, measured: RunsBeside) -> None:
    """Keep a measurement of a study's runs."""
    configuration = study.arms[0].run_configuration({"lr": 0.1})
    workload = workload_of(configuration, facts_of("digits"), study.resources)
    keep_beside(workload, configuration["batch_size"], measured)


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({1: [10.0]}, 1),
        ({1: [10.0, 10.0], 2: [19.0, 19.2]}, 2),
        ({1: [10.0, 10.0], 2: [10.2, 10.2]}, 1),  # 2 % are not worth a run
        ({1: [10.0, 11.0, 9.0], 2: [11.0, 9.0, 10.9]}, 1),  # nor is what may be noise
        ({1: [10.0, 5.0], 2: [13.0, 6.5]}, 2),  # other work slowed both in a round
        ({1: [10.0], 2: [19.0], 4: [19.3]}, 2),
        ({1: [10.0], 2: [8.0]}, 1),
    ],
)
def test_the_fewest_runs_that_are_as_fast_as_any_number(
    rates: Mapping[int, Sequence[float]], best: int
) -> None:
    """Ties go to fewer runs."""
    assert best_number(rates) == best


@pytest.mark.parametrize(
    ("fitting", "numbers"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (6, [1, 2, 4, 6]), (20, [1, 2, 4, 8, 15, 16, 20])],
)
def test_one_run_and_as_many_as_fit_are_tried(fitting: int, numbers: list[int]) -> None:
    """Between them powers of two, and three quarters."""
    assert numbers_to_try(fitting) == numbers


def test_what_was_measured_is_known_of_the_same_runs_on_as_many_cores(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of other batches, not where the study says how many, and not on a part of the machine."""
    facts = {"digits": facts_of("digits")}
    assert known_beside(study, facts) is None
    keep(study, ALONE)
    assert known_beside(study, facts) == ALONE
    for setting in ("recipe.batch_size=32", "resources.concurrency=2", "resources.cpu=2"):
        assert known_beside(load_study(tmp_path / "digits.yaml", (setting,)), facts) is None
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "1")
    assert known_beside(study, facts) is None


def test_a_damaged_cache_knows_nothing(study: Study, tmp_path: Path) -> None:
    """It costs a measurement."""
    keep(study, ALONE)
    (file,) = (tmp_path / "cache").rglob("beside.json")
    file.write_text(file.read_text(encoding="utf-8").replace('"number"', '"nombre"'), encoding="utf-8")
    assert known_beside(study, {"digits": facts_of("digits")}) is None


def test_a_dry_run_plans_with_what_was_measured(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so; with --slots the user decides."""
    keep(study, ALONE)
    path = str(tmp_path / "digits.yaml")
    assert main([path, "--dry-run"]) == 0
    told = "runs: 1 at a time (steps a second of all together, 1: 9, 2: 8.5; one with 2 threads: 7; measured"
    assert told in " ".join(capsys.readouterr().out.split())
    assert main([path, "--dry-run", "--slots", "2"]) == 0
    assert "at a time" not in capsys.readouterr().out


def test_runs_are_counted_in_the_same_windows(study: Study, tmp_path: Path) -> None:
    """Two processes: the second sleeps where only one run is asked for."""
    question = {
        "configuration": study.arms[0].run_configuration({"lr": 0.1}),
        "data": described(facts_of("digits")),
        "processes": 2,
        "folder": str(tmp_path),
        "windows": [[2, 1], [1, 1]],
    }
    task, n_threads = f"{counted.__module__}:{counted.__name__}", torch.get_num_threads()
    try:
        with ThreadPoolExecutor() as pool:
            other = pool.submit(ask, named_code(study), {}, task, question | {"index": 1})
            own = counted(question | {"index": 0})
    finally:
        torch.set_num_threads(n_threads)
    beside, asleep = other.result()
    assert min(*own, beside) > 0
    assert asleep == 0


@pytest.mark.ray
def test_a_sweep_goes_by_what_was_measured_and_records_it(study: Study, tmp_path: Path) -> None:
    """One run at a time, though two may fit."""
    keep(study, ALONE)
    folder = tmp_path / "results"
    command = [
        sys.executable,
        "-m",
        "harness.sweep",
        str(study.path),
        "--run-dir",
        str(folder),
        "--no-report",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    manifest = Manifest.read(folder / "manifest.json")
    assert (manifest.slots, manifest.beside, manifest.resources.concurrency) == (1, ALONE, None)
    assert "resources.concurrency decides otherwise" in done.stderr
    told = checked(done.stdout)
    assert (told["command"], told["state"], told["failed_runs"]) == ("sweep", "finished", 0)
    assert (told["folder"], told["report"]) == (str(folder), None)
