"""The command as users run it: real processes, real Ray, real FashionMNIST."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pandas as pd
import psutil
import pytest

from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from tests import drill

STUDY = "search_spaces/optimizers.yaml"
SWEEP_AND_TELL_IMPORTS = """
import sys
from harness.commands.sweep import main
code = main(sys.argv[1:])
print({"ray", "torch"} & set(sys.modules))
sys.exit(code)
"""
QUICK = (
    *("--set", "recipe.epochs=2", "--set", "search.trials=2"),
    *("--set", "search.repeats=1", "--set", "confirm.seeds=2"),
)


def sweep(
    repository: Path, *arguments: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run the sweep command to its end."""
    command = [python, "-m", "harness.sweep", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="session")
def quick_results(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultsFolder, str]:
    """Run the shipped study, cut short, with one arm more that diverges; return its folder and output.

    The interpreter and the results lie in folders whose names have spaces, as in many a user's clone.
    """
    results = tmp_path_factory.mktemp("results with spaces")
    venv = results / "a venv"
    venv.symlink_to(sys.prefix)
    diverging = "arms.diverging={optimizer: sgd, lr: 1e4, momentum: {low: 0.1, high: 0.9}}"
    arguments = (STUDY, *QUICK, "--set", diverging, "--results", str(results))
    done = sweep(Path(__file__).parents[1], *arguments, python=str(venv / "bin" / "python"))
    assert done.returncode == 0, done.stderr
    return ResultsFolder(results / "optimizers"), done.stdout + done.stderr


@pytest.mark.ray
@pytest.mark.data
def test_a_sweep_leaves_every_file_of_the_design(quick_results: tuple[ResultsFolder, str]) -> None:
    """Records, report and figures are there, and the output ends with the report's path."""
    folder, output = quick_results
    named = (folder.study_file, folder.declaration, folder.manifest, folder.journal)
    for path in (*named, folder.runs, folder.epochs):
        assert path.stat().st_size > 0
    assert folder.optuna_journal.stat().st_size > 0
    assert str(folder.report / "index.html") in output
    for name in ("index.html", "report.md", "claims.json"):
        assert (folder.report / name).stat().st_size > 0
    figures = list((folder.report / "figures").glob("*.svg"))
    assert figures
    assert all(
        figure.with_suffix(".csv").exists() and figure.with_suffix(".png").exists() for figure in figures
    )


@pytest.mark.ray
@pytest.mark.data
def test_every_planned_run_has_a_row(quick_results: tuple[ResultsFolder, str]) -> None:
    """Two search runs an arm; two confirm runs for each arm that has a winner."""
    runs = pd.read_parquet(quick_results[0].runs)
    search = runs[runs.phase == "search"]
    assert search.groupby("arm").size().to_dict() == {"sgd": 2, "rmsprop": 2, "adam": 2, "diverging": 2}
    confirm = runs[runs.phase == "confirm"]
    assert confirm.groupby("arm").size().to_dict() == {
        "published_rate": 2,
        "sgd": 2,
        "rmsprop": 2,
        "adam": 2,
    }
    assert len(set(confirm.groupby("arm").seed.apply(lambda seeds: tuple(sorted(seeds))))) == 1
    assert runs.threads.eq(1).all()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_an_absurd_learning_rate_gives_diverged_rows_and_a_finished_study(
    quick_results: tuple[ResultsFolder, str],
) -> None:
    """Divergence is a result: exit code 0, a reason in each row, no loss invented."""
    runs = pd.read_parquet(quick_results[0].runs)
    diverging = runs[runs.arm == "diverging"]
    assert set(diverging.status) == {"diverged"}
    assert diverging.reason.str.contains("in epoch 1").all()
    assert diverging.val_loss.isna().all()


@pytest.mark.ray
@pytest.mark.data
def test_only_confirm_runs_carry_test_values(quick_results: tuple[ResultsFolder, str]) -> None:
    """Test columns are null in the search phase, and above chance after two epochs of confirm runs."""
    runs = pd.read_parquet(quick_results[0].runs)
    assert runs[runs.phase == "search"][["test_loss", "test_accuracy"]].isna().all(axis=None)
    assert (runs[runs.phase == "confirm"].test_accuracy > 0.6).all()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_the_numbers_come_out_of_the_journal_alone(quick_results: tuple[ResultsFolder, str]) -> None:
    """Deleting the report and both parquet files and reporting again gives the same bytes."""
    folder, _ = quick_results
    before = {path: path.read_bytes() for path in derived(folder)}
    for path in before:
        path.unlink()
    command = [sys.executable, "-m", "analysis.report", str(folder.root)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert {path: path.read_bytes() for path in derived(folder)} == before


def derived(folder: ResultsFolder) -> list[Path]:
    """Return every file that follows from the journal."""
    return [folder.runs, folder.epochs, *(path for path in folder.report.rglob("*") if path.is_file())]


@pytest.mark.ray
@pytest.mark.data
def test_the_study_is_declared(quick_results: tuple[ResultsFolder, str]) -> None:
    """Domains, seeds, data hash, versions and machine are written before the first run."""
    declared = json.loads(quick_results[0].declaration.read_text())
    assert declared["arms"]["sgd"]["space"]["lr"] == {"low": 1e-3, "high": 1.0, "log": True}
    assert declared["arms"]["sgd"]["max_epochs"] == 2
    assert declared["plan"]["looks"] == [2]
    assert len(declared["confirm_seeds"]) == 2
    assert len(declared["dataset"]["sha256"]) == 4
    manifest = json.loads(quick_results[0].manifest.read_text())
    assert {"python", "torch", "ray", "optuna"} <= set(manifest["versions"])


@pytest.mark.ray
@pytest.mark.data
def test_the_output_is_quiet(quick_results: tuple[ResultsFolder, str]) -> None:
    """No banner, warning or log line of a library is on the screen: only ours."""
    lines = quick_results[1].splitlines()
    ours = ("looking for ", "caching ", "starting Ray", "report: ", "took: ", "claims: ", "  ")
    assert all(line.startswith(ours) or " elapsed" in line for line in lines), lines


@pytest.mark.ray
@pytest.mark.data
def test_the_last_line_tells_what_took_how_long(quick_results: tuple[ResultsFolder, str]) -> None:
    """Start, training and the rest, none of which takes no time; training is what the journal says it is."""
    folder, output = quick_results
    told = re.search(r"^took: start (.+) s, training (.+) s, report and end (.+) s$", output, re.MULTILINE)
    assert told, output
    start, training, ending = map(float, told.groups())
    assert min(start, ending) > 0
    events = list(read_journal(folder))
    first = next(event for event in events if event.event == "epoch")
    last = [event for event in events if event.event == "run_ended"][-1]
    between = datetime.fromisoformat(last.time) - datetime.fromisoformat(first.time)
    assert training == pytest.approx(between.total_seconds() + first.seconds, abs=1)


@pytest.mark.ray
@pytest.mark.data
def test_a_folder_that_holds_results_is_refused(
    quick_results: tuple[ResultsFolder, str], repository: Path
) -> None:
    """Nothing is overwritten, and the exit code says that nothing was started."""
    folder, _ = quick_results
    before = folder.journal.read_bytes()
    done = sweep(repository, STUDY, *QUICK, "--results", str(folder.root.parent))
    assert done.returncode == 2
    assert "already holds results of this study" in done.stderr
    assert folder.journal.read_bytes() == before


@pytest.mark.ray
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.full)])
def test_an_interrupted_sweep_ends_in_good_order(number: int, tmp_path: Path, repository: Path) -> None:
    """Exit code 75, a journal that is whole, and no process of Ray left behind."""
    command = [sys.executable, "-m", "harness.sweep", STUDY, "--results", str(tmp_path)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    folder = ResultsFolder(tmp_path / "optimizers")
    drill.wait_until(lambda: has_trained(folder), lambda: process.poll() is not None)
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("raylet" in member.name() for member in family)
    process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 75, output
    assert b"Traceback" not in output
    events = list(read_journal(folder))
    assert not any(event.event == "run_ended" and event.status == "failed" for event in events)
    _, left = psutil.wait_procs(family, timeout=20)  # those that die with the raylet need a moment
    assert not left


def has_trained(folder: ResultsFolder) -> bool:
    """Return whether the journal holds an epoch."""
    return folder.journal.exists() and b'"event":"epoch"' in folder.journal.read_bytes()


def test_five_mistakes_are_told_without_starting_anything(tmp_path: Path, repository: Path) -> None:
    """All of them with their lines, exit code 2, and neither Ray nor torch imported."""
    text = (repository / STUDY).read_text()
    for old, new in (
        ("batch_size", "batchsize"), ("high: 1.0", "high: 1e-5"), ("optimizer: adam", "optimizer: adem"),
        ("trials: 12", "trials: -1"), ("arm: adam", "arm: adm"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new, 1)
    study = tmp_path / "bad.yaml"
    study.write_text(text)
    command = [sys.executable, "-c", SWEEP_AND_TELL_IMPORTS, str(study), "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.strip() == "set()"
    assert "5 problems, nothing was started" in done.stderr
    assert done.stderr.count(f"{study}:") == 6
    assert not (tmp_path / "optimizers").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere.yaml",), "nowhere.yaml: cannot be read"),
        ((STUDY, "--set", "recipe.epochs"), "not of the form key.subkey=value"),
        ((STUDY, "--set", "resources.cpu=4096"), "resources.cpu: a run asks for 4096, but this machine has"),
        ((STUDY, "--set", "resources.gpu=64"), "resources.gpu: a run asks for 64, but this machine has"),
    ],
)
def test_what_cannot_run_is_refused_without_traceback(
    repository: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    """Exit code 2, one clear message, nothing written."""
    done = sweep(repository, *arguments, "--results", str(tmp_path / "results"))
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("journal.jsonl"))


def test_a_dry_run_starts_and_writes_nothing(repository: Path, tmp_path: Path) -> None:
    """It tells arms, spaces, runs and steps."""
    done = sweep(repository, STUDY, "--dry-run", "--results", str(tmp_path))
    assert done.returncode == 0
    assert "arm rmsprop: 5 repeats of 12 search runs, 2 confirm runs: 70 runs in all" in done.stdout
    assert "12 epochs of 106 steps = 1272 steps" in done.stdout
    assert not list(tmp_path.iterdir())
