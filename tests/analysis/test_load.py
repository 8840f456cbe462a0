"""Reading results folders, and what is refused."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.load import load_study
from harness.errors import ResultsError
from harness.records.events import RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, read_journal

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


def test_a_compressed_journal_is_the_same_study(results: Path) -> None:
    """Committed reference results hold only the gzipped journal; frames, winners and hash are the same."""
    plain = load_study(results)
    folder = ResultsFolder(results)
    folder.compressed_journal.write_bytes(gzip.compress(folder.journal.read_bytes()))
    folder.journal.unlink()
    packed = load_study(results)
    assert packed.runs.equals(plain.runs)
    assert packed.winners == plain.winners
    assert packed.journal_sha256 == plain.journal_sha256


def test_a_repeated_seed_is_no_further_replicate(three_arms: "Study", tmp_path: Path) -> None:
    """Eight seeds written twice stay eight seeds: n never grows by copying rows."""
    for run in [r for r in three_arms.runs if r.phase == "confirm"]:
        three_arms.add(run.arm, "confirm", seed=run.seed, test_accuracy=run.test_accuracy)
    confirm = load_study(three_arms.write(tmp_path)).runs_of("confirm")
    assert list(confirm["arm"].value_counts()) == [8, 8, 8]


def test_runs_that_have_not_ended_are_left_out(results: Path) -> None:
    """A report of a study that is still running shows the runs that have ended."""
    folder = ResultsFolder(results)
    started = next(event for event in read_journal(folder) if isinstance(event, RunStarted))
    with JournalWriter(folder.journal) as journal:
        journal.append(started.model_copy(update={"run_id": "sgd-search-999"}))
    assert "sgd-search-999" not in set(load_study(results).runs["run_id"])


def test_the_rows_of_a_run_are_its_epochs(results: Path) -> None:
    """Each run's block holds its epochs in order, and no other's."""
    records = load_study(results)
    for run_id, rows in records.epoch_rows.items():
        block = records.epochs.iloc[rows]
        assert set(block["run_id"]) == {run_id}
        assert list(block["epoch"]) == list(range(1, len(block) + 1))
    assert sum(rows.stop - rows.start for rows in records.epoch_rows.values()) == len(records.epochs)


def test_a_study_whose_runs_all_failed_at_once_has_no_rows(results: Path) -> None:
    """No epoch was reached, so there is no block."""
    records = load_study(results)
    assert replace(records, epochs=records.epochs.iloc[:0]).epoch_rows == {}


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_that_is_no_results_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The message names the folder and what to give instead."""
    with pytest.raises(ResultsError, match=r"Remedy: give a folder that python -m harness\.sweep wrote"):
        load_study(tmp_path / name)


def test_the_parent_of_results_folders_is_pointed_at_them(results: Path) -> None:
    """`results` in place of `results/optimizers` is the likeliest mistake, so the remedy is spelled out."""
    with pytest.raises(ResultsError, match=re.escape(f"Remedy: give {results}")):
        load_study(results.parent)


def test_a_declaration_without_training_samples_is_refused(results: Path) -> None:
    """Throughput cannot be computed without it."""
    path = ResultsFolder(results).declaration
    declared = json.loads(path.read_text())
    del declared["dataset"]["train_samples"]
    path.write_text(json.dumps(declared))
    with pytest.raises(ResultsError, match=r"dataset\.train_samples: Field required"):
        load_study(results)


def test_a_journal_of_another_study_is_refused(results: Path) -> None:
    """Runs of an arm that was never declared mean that the files do not belong together."""
    path = ResultsFolder(results).declaration
    path.write_text(re.sub('"adam"', '"adamw"', path.read_text()))
    with pytest.raises(ResultsError, match=r"the journal has runs of adam, but declaration\.json declares"):
        load_study(results)


@pytest.mark.parametrize("loser", ["sgd-search-006", "sgd-search-005", "sgd-search-777"])
def test_only_a_completed_run_can_win(three_arms: "Study", tmp_path: Path, loser: str) -> None:
    """A stopped (006), a diverged (005) or an unknown run as winner is a damaged journal."""
    three_arms.winners["sgd"] = loser
    with pytest.raises(ResultsError, match=f"the winner of a search, run {loser}, is not a completed run"):
        load_study(three_arms.write(tmp_path))


def test_a_journal_of_two_studies_is_refused(three_arms: "Study", tmp_path: Path) -> None:
    """Runs of the same name that both ended cannot be told apart."""
    three_arms.runs += three_arms.runs[:1]
    with pytest.raises(
        ResultsError, match="run sgd-search-000 ended twice, so the journal holds the runs of"
    ):
        load_study(three_arms.write(tmp_path))


def test_a_journal_beside_another_study_s_declaration_is_refused(results: Path) -> None:
    """The arms have the same names, but the seeds are those of another search."""
    path = ResultsFolder(results).declaration
    declared = json.loads(path.read_text())
    path.write_text(json.dumps(declared | {"confirm_seeds": declared["confirm_seeds"][1:]}))
    with pytest.raises(
        ResultsError, match=r"run sgd-confirm-000 has a seed that declaration\.json does not declare"
    ):
        load_study(results)


@pytest.fixture
def classified(new_study: "type[Study]") -> "Study":
    """Return a study of one arm that says four of five images right, then two."""
    study = new_study(arms={"sgd": {}}, labels=[0, 1, 2, 3, 4])
    study.classify("sgd", [[0, 1, 2, 3, 3], [0, 1, 0, 0, 0]])
    return study


def test_predicted_classes_come_with_the_labels(classified: "Study", tmp_path: Path) -> None:
    """By run id, as bytes; a study whose journal keeps none has none, and no file of them."""
    records = load_study(classified.write(tmp_path))
    labels, predicted = records.test_labels, records.predictions("sgd-confirm-001")
    assert labels is not None
    assert predicted is not None
    assert (labels.tolist(), predicted.tolist()) == ([0, 1, 2, 3, 4], [0, 1, 0, 0, 0])
    assert records.predictions("sgd-search-000") is None


def test_a_journal_that_keeps_no_predictions_has_none(reported: Path) -> None:
    """Neither classes nor labels, and no file of them."""
    records = load_study(reported)
    assert records.test_labels is records.predictions("sgd-confirm-000") is None
    assert not records.folder.predictions.exists()


def test_predicted_classes_that_contradict_the_test_accuracy_are_refused(
    classified: "Study", tmp_path: Path
) -> None:
    """One image more than the classes have right is enough."""
    classified.runs[1].test_accuracy = 0.6
    with pytest.raises(ResultsError, match=r"run sgd-confirm-001 has .* of 0\.6, but .* have 0\.4"):
        load_study(classified.write(tmp_path))


def test_predicted_classes_without_labels_are_refused(classified: "Study", tmp_path: Path) -> None:
    """A journal holds the labels before any run that was tested ends."""
    classified.labels = []
    with pytest.raises(ResultsError, match=r"sgd-confirm-000 cannot be read .*no labels of"):
        load_study(classified.write(tmp_path))
