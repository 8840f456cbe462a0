"""Runs of other tools: looked at, and ruled by nothing."""

from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from harness.commands.importing import main
from harness.errors import EXIT_REFUSED


def _objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam"])
    if trial.number == 2:
        trial.report(9.0, 1)
        raise optuna.TrialPruned
    return rate + (optimizer == "adam")


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, Path]:
    """Return two storages that hold the same study, by what they are named as."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = JournalStorage(JournalFileBackend(str(tmp_path / "f.log")))
    for storage in (f"sqlite:///{tmp_path / 'f.db'}", journal):
        sampler = optuna.samplers.RandomSampler(seed=0)
        study = optuna.create_study(study_name="mine", storage=storage, direction="maximize", sampler=sampler)
        study.optimize(_objective, n_trials=6)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return {
        f"optuna:sqlite:///{tmp_path / 'f.db'}": tmp_path / "f.db",
        f"optuna:{tmp_path / 'f.log'}": tmp_path / "f.log",
    }


def test_an_optuna_storage_is_shown_and_left_as_it_is(stored: dict[str, Path], tmp_path: Path) -> None:
    """Both kinds of files give the same runs; one that was pruned has no value, whatever it reported last."""
    shown = []
    for number, (source, path) in enumerate(stored.items()):
        before = path.read_bytes()
        out = tmp_path / str(number)
        assert main([source, "--out", str(out)]) == 0
        assert path.read_bytes() == before
        page = (out / "index.html").read_text()
        assert "Exploratory: imported, no protocol" in page
        assert "No claim is ruled." in page
        assert page.count("<svg") == 2
        shown.append(pd.read_csv(out / "runs.csv"))
    pd.testing.assert_frame_equal(*shown)
    assert shown[0]["status"].tolist() == ["complete", "complete", "pruned", *["complete"] * 3]
    assert shown[0]["value"].isna().tolist() == [False, False, True, False, False, False]


def test_a_table_of_runs_is_shown(tmp_path: Path) -> None:
    """The best ones first, in the direction that was told."""
    table = tmp_path / "t.csv"
    table.write_text("loss,lr,note\n0.5,0.1,a\n,1.0,b\n0.25,0.01,=c\n")
    assert main([str(table), "--metric", "loss", "--mode", "min", "--out", str(tmp_path / "out")]) == 0
    best = pd.read_csv(tmp_path / "out/tables/best.csv")
    assert best["value"].tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["optuna:sqlite:///{}/none.db"], "cannot be read"),
        (["optuna:sqlite:///{}/f.log"], "not a storage that Optuna"),
        (["optuna:{}/f.db"], "not a storage that Optuna"),
        (["optuna:sqlite:///{}/f.db", "--study", "mime"], "Did you mean 'mine'?"),
        (["optuna:mysql://host/x"], "only files can be imported"),
        (["{}/f.db", "--metric", "x", "--mode", "min"], "no table of a CSV file"),
        (["{}/none.csv", "--metric", "x", "--mode", "min"], "cannot be read"),
    ],
)
def test_what_cannot_be_imported_is_told(
    stored: dict[str, Path],
    tmp_path: Path,
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a remedy, and nothing is written, no storage begun where there was none."""
    assert stored
    out = tmp_path / "out"
    before = sorted(tmp_path.iterdir())
    assert main([*(word.format(tmp_path) for word in arguments), "--out", str(out)]) == EXIT_REFUSED
    error = capsys.readouterr().err
    assert told in error
    assert "Remedy:" in error
    assert sorted(tmp_path.iterdir()) == before
