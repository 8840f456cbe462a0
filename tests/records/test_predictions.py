from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from harness.records.class_codes import encode_classes
from harness.records.events import Event, RunEnded, RunStarted, TestLabels
from harness.records.frames import Frames, frames_from_events

LABELS = TestLabels(
    time="t", dataset="d", labels=encode_classes(np.array([0, 1, 2], np.uint8), 3), n_images=3, n_classes=3
)


def run(run_id: str, predicted: str | None) -> list[Event]:
    """Return the start and end of a confirm run."""
    configuration = {"dataset": "d"}
    return [
        RunStarted(
            time="t", run_id=run_id, arm="a", phase="confirm", number=0, seed=1, configuration=configuration,
        ),
        RunEnded(
            time="t", run_id=run_id, phase="confirm", status="completed", reason=None, epochs=0,
            steps_per_epoch=1, test_loss=1.0, test_accuracy=0.5, train_seconds=1.0, threads=1, device="cpu",
            host="h", predicted=predicted,
        ),
    ]  # fmt: skip


def says(*classes: int) -> str:
    """Return predicted classes as an event holds them."""
    return encode_classes(np.array(classes, np.uint8), 3)


@pytest.fixture
def frames() -> Frames:
    """Return the tables of two runs with predictions, which end in the order z, b, and one without."""
    return frames_from_events(
        "s", [*run("z", says(0, 0, 2)), LABELS, *run("n", None), *run("b", says(2, 1, 0))], 1
    )


def test_each_run_says_a_class_of_every_image(frames: Frames) -> None:
    """Two of three images are right in the first run, one in the second; the third kept none."""
    predictions = frames.predictions
    first, second = predictions.of("z"), predictions.of("b")
    assert first is not None
    assert second is not None
    assert (first.tolist(), second.tolist()) == ([0, 0, 2], [2, 1, 0])
    assert first.dtype == np.uint8
    assert (predictions.accuracy_of("z"), predictions.accuracy_of("b")) == (2 / 3, 1 / 3)
    assert predictions.of("n") is predictions.accuracy_of("n") is None


def test_the_file_holds_a_row_a_run_and_image(frames: Frames, tmp_path: Path) -> None:
    """In the order of the runs' ends and the published order of images."""
    frames.predictions.write(tmp_path / "p.parquet")
    frame = pd.read_parquet(tmp_path / "p.parquet")
    assert list(frame.columns) == ["run_id", "dataset", "image", "label", "predicted"]
    assert frame.astype({"run_id": str, "dataset": str}).to_numpy().tolist() == [
        ["z", "d", 0, 0, 0], ["z", "d", 1, 1, 0], ["z", "d", 2, 2, 2],
        ["b", "d", 0, 0, 2], ["b", "d", 1, 1, 1], ["b", "d", 2, 2, 0],
    ]  # fmt: skip


def test_many_runs_share_groups_of_bounded_size_and_the_bytes_are_always_the_same(tmp_path: Path) -> None:
    """60 runs of 10,000 images are three groups of 27, 27 and 6 runs, and take less than a byte a row."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, 10, 10_000, dtype=np.uint8)
    labels = TestLabels(time="t", dataset="d", labels=encode_classes(true, 10), n_images=10_000, n_classes=10)
    events: list[Event] = [labels]
    for number in range(60):
        wrong = generator.integers(0, 10, 10_000, dtype=np.uint8)
        said = np.where(generator.random(10_000) < 0.1, wrong, true)
        events += run(f"r{number:02d}", encode_classes(said, 10))
    for name in ("p", "q"):
        frames_from_events("s", events, 1).predictions.write(tmp_path / name)
    content = (tmp_path / "p").read_bytes()
    assert content == (tmp_path / "q").read_bytes()
    assert len(content) < 600_000
    whole = pq.ParquetFile(tmp_path / "p").metadata
    assert [whole.row_group(i).num_rows for i in range(whole.num_row_groups)] == [270_000, 270_000, 60_000]


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        (lambda: run("r", says(0, 1, 2)), "no labels of the test images of d"),
        (lambda: [LABELS, *run("r", says(0, 1))], "1 bytes, but 3 images"),
        (lambda: [LABELS, *run("r", "MAA=")], "class 3: of 3 classes the last is 2"),
    ],
)
def test_predictions_that_do_not_fit_the_labels_are_refused(
    events: Callable[[], list[Event]], complaint: str
) -> None:
    """Without labels nobody knows how many images and classes there are."""
    with pytest.raises(ValueError, match=complaint):
        frames_from_events("s", events(), 1).predictions.accuracy_of("r")
