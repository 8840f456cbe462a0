"""When the labels of the test images come into a journal."""

import shutil
from pathlib import Path

import pytest

from harness.errors import ResultsError
from harness.records.class_codes import decode_classes
from harness.records.events import Phase, RunStarted, TestLabels
from harness.training.data.prepare import PreparedDataset, prepare_dataset
from harness.tuning.given_labels import GivenLabels


def started(phase: Phase) -> RunStarted:
    """Return the start of a run."""
    return RunStarted(time="t", run_id="r", arm="a", phase=phase, number=0, seed=1, configuration={})


@pytest.fixture
def prepared(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    """Return the small images, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return prepare_dataset(f"idx:{images}")


def test_labels_come_once_and_after_the_first_start_of_a_confirm_run(prepared: PreparedDataset) -> None:
    """No search or audit run brings them, the first confirm run does, the second no more."""
    labels = GivenLabels("idx:here", prepared)
    assert labels.due_after(started("search")) is None
    assert labels.due_after(started("audit")) is None
    event = labels.due_after(started("confirm"))
    assert isinstance(event, TestLabels)
    assert (event.dataset, event.n_images, event.n_classes) == ("idx:here", 100, 4)
    assert decode_classes(event.labels, 4, 100).tolist() == [0, 1, 2, 3] * 25
    assert labels.due_after(started("confirm")) is None


def test_a_resumed_study_gives_labels_only_if_its_journal_lacks_them(prepared: PreparedDataset) -> None:
    """A journal cut between the start of a confirm run and the labels gets them when the run starts again."""
    first = GivenLabels("d", prepared)
    event = first.due_after(started("confirm"))
    assert event is not None
    for past, is_due in (([started("confirm")], True), ([started("confirm"), event], False)):
        labels = GivenLabels("d", prepared)
        labels.recall(past)
        assert (labels.due_after(started("confirm")) is not None) is is_due


def test_labels_that_are_gone_interrupt_the_study_with_the_remedy(prepared: PreparedDataset) -> None:
    """The cache was removed while the searches ran."""
    shutil.rmtree(prepared.folder)
    with pytest.raises(ResultsError, match=r"test-labels\.npy cannot be mapped .* Then --resume finishes"):
        GivenLabels("d", prepared).due_after(started("confirm"))
