"""What a real sweep keeps of the test images."""

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.load import load_study
from analysis.report import write_report
from harness.recipe.configuration import Configuration
from harness.records.events import RunEnded, RunStarted, TestLabels
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.training.data.arrays import load_test_samples, load_training_samples
from harness.training.data.prepare import prepare_dataset
from harness.training.loop import train


@pytest.mark.slow
@pytest.mark.ray
def test_labels_stand_once_before_the_first_confirm_run_ends_and_after_every_search(
    undisturbed: ResultsFolder,
) -> None:
    """The drill's searches are over when its first confirm run starts; no other end carries classes."""
    events = list(read_journal(undisturbed))
    (place,) = (at for at, event in enumerate(events) if isinstance(event, TestLabels))
    ends = {event.run_id: (at, event) for at, event in enumerate(events) if isinstance(event, RunEnded)}
    assert all(at > place for at, end in ends.values() if end.phase == "confirm")
    assert all(at < place for at, end in ends.values() if end.phase == "search")
    assert {end.phase for _, end in ends.values() if end.predicted is not None} == {"confirm"}
    before = events[place - 1]
    assert isinstance(before, RunStarted)
    assert before.phase == "confirm"


@pytest.mark.slow
@pytest.mark.ray
def test_predicted_classes_are_those_of_the_network_trained_again(undisturbed: ResultsFolder) -> None:
    """Training a confirm run again in this process and asking its network gives the same class everywhere."""
    records = load_study(undisturbed.root)
    start = next(e for e in read_journal(undisturbed) if isinstance(e, RunStarted) and e.phase == "confirm")
    configuration = Configuration.model_validate(start.configuration)
    prepared = prepare_dataset(configuration.dataset)
    result = train(configuration, start.seed, load_training_samples(prepared), lambda _: None)
    test = load_test_samples(prepared, phase="confirm")
    with torch.no_grad():
        logits = result.predictor.model(result.predictor.transform(test.inputs))
    predicted = records.predictions(start.run_id)
    assert predicted is not None
    assert predicted.tolist() == logits.argmax(dim=1).tolist()
    assert records.test_labels is not None
    assert records.test_labels.tolist() == test.targets.tolist()
    accuracy = records.runs.set_index("run_id").loc[start.run_id, "test_accuracy"]
    assert np.mean(predicted == records.test_labels) == accuracy


@pytest.mark.slow
@pytest.mark.ray
def test_the_report_writes_them_beside_the_other_tables(undisturbed: ResultsFolder) -> None:
    """Four confirm runs of 100 images each; the accuracies follow from the file alone."""
    write_report(undisturbed.root)
    rows = pd.read_parquet(undisturbed.predictions)
    runs = pd.read_parquet(undisturbed.runs).set_index("run_id")
    right = (rows["label"] == rows["predicted"]).groupby(rows["run_id"], observed=True)
    assert right.size().tolist() == [100] * 4
    assert right.mean().to_dict() == runs["test_accuracy"].dropna().to_dict()
