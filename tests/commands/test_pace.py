import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.commands.planning.pace import known_pace
from harness.commands.sweep import main
from harness.records.events import EpochEnded, RunEnded, RunStarted
from harness.study.file import Resources
from harness.study.reading.parse import load_study
from harness.training.data.own import facts_of
from harness.training.paces import Paces
from harness.tuning.step_times import StepTimes

STUDY = """
study: digits
question: Which?
recipe: {dataset: digits, model: {name: fcn, hidden: [8]}, optimizer: sgd, epochs: 3}
arms: {tiny: {lr: {low: 1e-3, high: 1.0}, batch_size: {choices: [16, 64]}}}
search: {trials: 4, early_stopping: none}
confirm: {seeds: 2}
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where paces will be kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "recipe-harness" / "paces.json"


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """Return a small study of two sizes of batches."""
    path = tmp_path / "digits.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def test_between_known_sizes_a_step_takes_what_lies_between(kept: Path) -> None:
    """Outside of them, and of another workload, nobody knows."""
    paces = Paces()
    paces.note("a", 16, 1.0)
    paces.note("a", 64, 4.0)
    paces.keep()
    read = Paces.read()
    assert [read.seconds("a", size) for size in (8, 16, 40, 64, 65)] == [None, 1.0, 2.5, 4.0, None]
    assert read.seconds("b", 16) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"m": 3}', "\0"])
def test_a_damaged_cache_holds_nothing_and_is_written_anew(kept: Path, content: str) -> None:
    """It costs a measurement, and what other machines noted stays where it can be read."""
    kept.parent.mkdir()
    kept.write_text(content, encoding="utf-8")
    assert Paces.read().known == {}
    paces = Paces()
    paces.note("a", 16, 1.0)
    paces.keep()
    assert Paces.read().seconds("a", 16) == 1.0
    assert ("m" in json.loads(kept.read_text(encoding="utf-8"))) == ("m" in content)


def test_a_dry_run_measures_when_asked_and_remembers(
    kept: Path, study_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown at first; then with numbers, and the next time without another measurement."""
    assert main([str(study_file), "--dry-run"]) == 0
    assert "hours: not measured on this machine yet: --measure does that now" in capsys.readouterr().out
    assert main([str(study_file), "--dry-run", "--measure", "--slots", "1"]) == 0
    assert "minutes on 1 slot of 1 CPU" in capsys.readouterr().out
    written = kept.read_bytes()
    assert main([str(study_file), "--dry-run", "--slots", "1"]) == 0
    assert "minutes on 1 slot of 1 CPU" in capsys.readouterr().out
    assert kept.read_bytes() == written


def test_what_is_trained_by_others_is_not_measured(
    kept: Path, study_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused with the remedy."""
    assert main([str(study_file), "--dry-run", "--measure", "--set", "resources.gpu=1"]) == 2
    assert "--measure: takes steps of the built-in training on CPUs" in capsys.readouterr().err


def test_a_sweep_notes_what_its_steps_took(kept: Path, study_file: Path) -> None:
    """Two epochs' ends 3 s apart with 30 steps between: 0.1 s a step, the median over runs."""
    study = load_study(study_file, ("arms.tiny.batch_size=64",))
    facts, (arm,) = facts_of("digits"), study.arms
    times = StepTimes({"digits": facts}, Resources())
    for run, seconds in enumerate((3.0, 3.0, 60.0)):
        _run(times, f"r{run}", arm.run_configuration({"lr": 0.1}), seconds)
    times.keep()
    n_steps = -(-round(facts.n_train * 0.9) // 64)
    assert known_pace(study, [facts]).epoch_seconds(arm) == pytest.approx([0.1 * n_steps] * 3, rel=0.1)
    other = load_study(study_file)
    assert known_pace(other, [facts]).epoch_seconds(other.arms[0]) is None


def _run(times: StepTimes, run_id: str, configuration: dict[str, object], seconds: float) -> None:
    """Let a run of two epochs of 30 steps pass."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    common = {
        "run_id": run_id,
        "train_loss": 1.0,
        "train_accuracy": 0.5,
        "val_loss": 1.0,
        "val_accuracy": 0.5,
    }
    times.take(
        RunStarted(
            time=start.isoformat(), run_id=run_id, arm="tiny", phase="search", number=0, seed=0,
            configuration=configuration,
        )
    )  # fmt: skip
    for epoch in (1, 2):
        at = (start + timedelta(seconds=epoch * seconds)).isoformat()
        times.take(EpochEnded(time=at, epoch=epoch, step=30 * epoch, lr=0.1, seconds=1.0, **common))
    times.take(
        RunEnded(
            time=start.isoformat(), run_id=run_id, phase="search", status="completed", reason=None, epochs=2,
            steps_per_epoch=30, test_loss=None, test_accuracy=None, train_seconds=2.0, threads=1,
            device="cpu", host="here",
        )
    )  # fmt: skip
