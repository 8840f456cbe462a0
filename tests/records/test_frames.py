from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.records.events import EVENT, EpochEnded, Event, RunEnded, RunStarted
from harness.records.frames import frames_from_events


def started(run_id: str, **configuration: Any) -> RunStarted:
    """Return the start of a search run."""
    return RunStarted(
        time="t0", run_id=run_id, arm="a", phase="search", number=0, seed=5, configuration=configuration
    )


def epoch(run_id: str, number: int, seconds: float) -> EpochEnded:
    """Return an epoch whose losses tell its number."""
    return EpochEnded(
        time="t", run_id=run_id, epoch=number, step=10 * number, lr=0.1, train_loss=number + 0.5,
        train_accuracy=0.5, val_loss=float(number), val_accuracy=0.25, seconds=seconds,
    )  # fmt: skip


def ended(run_id: str, epochs: int, train_seconds: float) -> RunEnded:
    """Return the end of a completed search run."""
    return RunEnded(
        time="t1", run_id=run_id, phase="search", status="completed", reason=None, epochs=epochs,
        steps_per_epoch=10, test_loss=None, test_accuracy=None, train_seconds=train_seconds, threads=1,
        device="cpu", host="h",
    )  # fmt: skip


def one_run(run_id: str = "r", **configuration: Any) -> list[Event]:
    """Return a run of three epochs, the first slow."""
    epochs = [epoch(run_id, 1, 9.0), epoch(run_id, 2, 1.0), epoch(run_id, 3, 2.0)]
    return [started(run_id, **configuration), *epochs, ended(run_id, 3, 12.0)]


def test_a_row_holds_the_last_epoch_and_the_times() -> None:
    """The median epoch leaves out the first; 100 samples x 3 epochs in 12 s are 25 a second."""
    row = frames_from_events("s", one_run(lr=0.1), 100).runs.to_pylist()[0]
    assert (row["train_loss"], row["val_loss"], row["epochs"]) == (3.5, 3.0, 3)
    assert row["epoch_seconds"] == 1.5
    assert row["samples_per_second"] == 25.0
    assert (row["study"], row["seed"], row["started_at"], row["ended_at"]) == ("s", 5, "t0", "t1")


def test_every_recipe_field_is_a_column_of_its_own() -> None:
    """Scalars keep their type, structures become JSON, absent hyperparameters null."""
    events = one_run("r", lr=0.1, batch_size=512, momentum=None, nesterov=True, model={"name": "fcn"})
    row = frames_from_events("s", events, 100).runs.to_pylist()[0]
    assert row["config.lr"] == 0.1
    assert row["config.batch_size"] == 512
    assert row["config.momentum"] is None
    assert row["config.nesterov"] is True
    assert row["config.model"] == '{"name": "fcn"}'


def test_whole_and_broken_numbers_share_a_float_column() -> None:
    """One run with lr 1 and one with lr 0.5 do not make a text column."""
    events = [*one_run("r", lr=1), *one_run("q", lr=0.5)]
    assert frames_from_events("s", events, 100).runs.column("config.lr").to_pylist() == [1.0, 0.5]


def test_what_is_done_to_images_is_a_column_and_so_is_each_setting() -> None:
    """Whichever of them was searched."""
    settings = {"flip": True, "shift": 2, "cutout": 0}
    events = [*one_run("r", augment=settings), *one_run("q", augment="none")]
    runs = frames_from_events("s", events, 100).runs
    assert runs.column("config.augment").to_pylist() == ['{"flip": true, "shift": 2, "cutout": 0}', "none"]
    assert runs.column("config.augment.flip").to_pylist() == [True, None]
    assert runs.column("config.augment.shift").to_pylist() == [2, None]


def test_concurrency_is_the_most_runs_in_flight() -> None:
    """Two runs overlap, the third runs alone."""
    events = [started("a"), started("b"), ended("a", 0, 0), ended("b", 0, 0), started("c"), ended("c", 0, 0)]
    rows = frames_from_events("s", events, 100).runs.to_pylist()
    assert [(row["run_id"], row["concurrency"]) for row in rows] == [("a", 2), ("b", 2), ("c", 1)]


def test_a_run_that_was_cut_off_counts_until_it_starts_again() -> None:
    """Whether it had ended with its session, or trained on, no event tells: the number is never too low."""
    cut_off: list[Event] = [started("a"), started("b")]
    resumed: list[Event] = [started("a"), ended("a", 0, 0.0), started("b"), ended("b", 0, 0.0)]
    rows = frames_from_events("s", cut_off + resumed, 100).runs.to_pylist()
    assert [(row["run_id"], row["concurrency"]) for row in rows] == [("a", 2), ("b", 1)]


def test_unfinished_runs_are_in_neither_table() -> None:
    """An interrupted run has no row and no epochs."""
    frames = frames_from_events("s", [started("r"), epoch("r", 1, 1.0)], 100)
    assert frames.runs.num_rows == 0
    assert frames.epochs.num_rows == 0


def test_a_run_started_again_counts_once_with_its_last_epochs() -> None:
    """What an interrupted first try reported is dropped."""
    events = [started("r"), epoch("r", 1, 99.0), *one_run("r")]
    frames = frames_from_events("s", events, 100)
    assert frames.runs.num_rows == 1
    assert frames.epochs.column("seconds").to_pylist() == [9.0, 1.0, 2.0]


def test_a_run_that_failed_before_its_first_epoch_has_a_row() -> None:
    """Nothing is measured, nothing is invented, nothing is missing."""
    row = frames_from_events("s", [started("r"), ended("r", 0, 0.0)], 100).runs.to_pylist()[0]
    assert (row["epochs"], row["val_loss"], row["epoch_seconds"], row["samples_per_second"]) == (
        0,
        None,
        None,
        None,
    )


def test_the_same_events_give_the_same_bytes(tmp_path: Path) -> None:
    """Parquet files can be deleted and made again."""
    for name in ("a", "b"):
        frames_from_events("s", one_run(lr=0.1), 100).write(tmp_path / f"{name}r", tmp_path / f"{name}e")
    assert (tmp_path / "ar").read_bytes() == (tmp_path / "br").read_bytes()
    assert (tmp_path / "ae").read_bytes() == (tmp_path / "be").read_bytes()


def program_run(metrics: dict[str, float | None], tested: dict[str, float | None]) -> list[Event]:
    """Return a confirm run of one epoch that reports all it has among its metrics."""
    nothing = dict.fromkeys(["step", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy"])
    return [
        started("p").model_copy(update={"phase": "confirm"}),
        EpochEnded(time="t", run_id="p", epoch=1, seconds=1.0, metrics=metrics, **nothing),
        ended("p", 1, 1.0).model_copy(update={"phase": "confirm", "metrics": tested}),
    ]


def test_declared_metrics_are_columns_whoever_reports_them() -> None:
    """A program's accuracy stands beside the built-in one; a metric that nobody reports is null."""
    events = [*program_run({"val_accuracy": 0.75, "val_rmse": 2.0}, {"test_rmse": 3.0}), *one_run()]
    names = ["val_accuracy", "train_rmse", "val_rmse", "test_rmse"]
    frames = frames_from_events("s", events, None, names)
    rows = frames.runs.select(names).to_pylist()
    assert [list(row.values()) for row in rows] == [[0.75, None, 2.0, 3.0], [0.25, None, None, None]]
    epochs = frames.epochs.select(["run_id", "step", "val_accuracy", "val_rmse"]).to_pylist()[:2]
    assert [list(row.values()) for row in epochs] == [["p", None, 0.75, 2.0], ["r", 10, 0.25, None]]
    assert "test_rmse" not in frames.epochs.column_names


def test_metrics_are_written_only_where_there_are_some() -> None:
    """Journals of the built-in training of classes stay as they are; what is written is read again."""
    plain, own = epoch("r", 1, 1.0), program_run({"val_rmse": None}, {"test_rmse": 1.5})
    assert "metrics" not in plain.model_dump_json()
    assert [EVENT.validate_json(event.model_dump_json()) for event in own] == own


@pytest.mark.parametrize("names", [{"test_rmse": 1.0}, {"test_rmse": None}])
def test_a_search_run_with_a_test_name_is_no_event(names: dict[str, float | None]) -> None:
    """Whether the value is finite or not: the run has seen the test set."""
    with pytest.raises(ValidationError, match="must not carry test values"):
        RunEnded.model_validate(ended("r", 1, 1.0).model_dump() | {"metrics": names})
    with pytest.raises(ValidationError, match="metrics"):
        EpochEnded.model_validate(epoch("r", 1, 1.0).model_dump() | {"metrics": names})
