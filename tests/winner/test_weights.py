"""Weights of confirm runs: the file, which ones are kept, and where none can be."""

import json
from math import nan
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import EnvironmentMismatchError, ResultsError, StudyError
from harness.recipe.metrics import Goal
from harness.records.events import EpochEnded, RunEnded, RunStarted
from harness.records.folder import STORED_IN, weights_of
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.training.data.prepare import known_spec
from harness.training.epoch import EpochRecord
from harness.training.weights import digest, read_weights, weights_file
from harness.tuning.declaration import declare
from harness.tuning.kept_weights import KeptWeights
from harness.tuning.preflight import check_weights_stay
from harness.winning.again import standing_epoch

WEIGHTS = {"b": torch.arange(3.0), "a": torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)}


def test_equal_weights_are_equal_bytes(tmp_path: Path) -> None:
    """Whatever the order of tensors and facts, their layout and what they share; read again likewise."""
    facts = {"run_id": "x", "seed": 3}
    shared = WEIGHTS["a"].contiguous()
    first = weights_file({**WEIGHTS, "c": shared, "d": shared}, facts)
    again = {"d": shared.clone(), "c": shared, "a": shared, "b": WEIGHTS["b"]}
    assert {first} == {weights_file(again, dict(reversed(facts.items()))) for _ in range(8)}
    (tmp_path / "w").write_bytes(first)
    weights, told = read_weights(tmp_path / "w")
    assert told == facts
    assert digest(weights) == digest(again)
    assert digest(weights) != digest(again | {"b": WEIGHTS["b"] + 1})


def test_what_is_no_file_of_weights_is_told(tmp_path: Path) -> None:
    """Also what such a file cannot hold."""
    with pytest.raises(ResultsError, match="cannot be read"):
        read_weights(tmp_path / "w")
    (tmp_path / "w").write_bytes(b"nothing of the kind")
    with pytest.raises(ResultsError, match="no file of weights"):
        read_weights(tmp_path / "w")
    with pytest.raises(StudyError, match="holds extra, which is no tensor"):
        weights_file({"extra": 3}, {})


def run(kept: KeptWeights, folder: Path, number: int, values: list[float], **end: Any) -> None:
    """Let a confirm run train and end."""
    time, run_id = "2026-01-01T00:00:00.000000+00:00", f"a-confirm-{number}"
    given: dict[str, Any] = {"time": time, "run_id": run_id}
    facts: dict[str, Any] = {"arm": "a", "phase": "confirm", "number": number, "seed": number}
    kept.take(RunStarted(**given, **facts, configuration={}))
    rest = dict.fromkeys(["step", "lr", "train_loss", "train_accuracy", "val_accuracy"])
    for epoch, value in enumerate(values, start=1):
        kept.take(EpochEnded(**given, epoch=epoch, val_loss=value, seconds=1.0, **rest))
    weights_of(folder, run_id).write_bytes(b"")
    none = dict.fromkeys(
        ["reason", "steps_per_epoch", "test_loss", "test_accuracy", "threads", "device", "host"]
    )
    told: dict[str, Any] = {"phase": "confirm", "status": "completed", "weights": "0" * 64, **none, **end}
    kept.take(RunEnded(**given, epochs=len(values), train_seconds=1.0, **told))


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    """Of the epoch that stands for a run; of equal ones those of the first run, whichever ends first."""
    kept = KeptWeights(tmp_path, Goal("val_loss", "lower"), {"a"}, pytest.fail)

    def left() -> set[str]:
        return {path.stem for path in tmp_path.iterdir()}

    run(kept, tmp_path, 1, [0.1, 0.5])
    assert left() == {"a-confirm-1"}
    run(kept, tmp_path, 2, [0.1, 0.6])
    assert left() == {"a-confirm-1"}
    run(kept, tmp_path, 0, [0.3, 0.5])
    assert left() == {"a-confirm-0"}
    run(kept, tmp_path, 3, [0.2, 0.6], selected_epoch=1)
    assert left() == {"a-confirm-3"}
    weights_of(tmp_path, "a-confirm-3").unlink()  # somebody took it: a resumed sweep has nothing to compare
    again = KeptWeights(tmp_path, Goal("val_loss", "lower"), {"a"}, pytest.fail)
    again.take(RunEnded.model_validate(json.loads(ENDED)))
    run(again, tmp_path, 4, [0.9])
    assert left() == {"a-confirm-4"}


ENDED = (
    '{"time": "t", "run_id": "a-confirm-3", "phase": "confirm", "status": "completed", "reason": null, '
    '"epochs": 1, "steps_per_epoch": null, "test_loss": null, "test_accuracy": null, "train_seconds": 1, '
    f'"threads": null, "device": null, "host": null, "weights": "{"0" * 64}"}}'
)


@pytest.mark.parametrize(
    ("values", "epoch"), [([nan, 0.6, 0.8, 0.7], 3), ([None, nan], 2), ([0.5, nan, 0.5], 1)]
)
def test_the_epoch_that_stands_for_a_run_has_a_finite_metric(values: list[float | None], epoch: int) -> None:
    """The first of the best, as the training keeps its weights; without a finite one the last."""
    own = {"train_loss": 1.0, "train_accuracy": None, "val_loss": 1.0, "val_accuracy": None, "seconds": 1.0}
    records = [
        EpochRecord(epoch=number, metrics={"val_f1": value}, **own)  # type: ignore[arg-type]
        for number, value in enumerate(values, start=1)
    ]
    assert standing_epoch(records, Goal("val_f1", "higher")).epoch == epoch


def test_an_older_journal_has_no_weights(repository: Path) -> None:
    """Nor does a run that keeps none write the field."""
    ended = RunEnded.model_validate(json.loads(ENDED) | {"weights": None})
    assert "weights" not in ended.model_dump_json()
    with pytest.raises(ValueError, match="pattern"):
        RunEnded.model_validate(json.loads(ENDED) | {"weights": "abc"})


def test_what_is_kept_is_not_declared(study_text: str) -> None:
    """A study that keeps weights has the seal of one that does not."""
    seals = set()
    for keep in ("none", "best", "all"):
        study = parse_study(study_text, "s.yaml", (f"confirm.keep={keep}",))
        assert study.confirm.keep == keep
        spec = known_spec(study.dataset)
        assert spec is not None
        seals.add(declare(study, plan_study(study), spec).sha256)
    assert len(seals) == 1


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("confirm.keep=last",), "'last' is not known. Did you mean 'best'"),
        (("confirm={seeds: 0, keep: all}",), "keeps weights of confirm runs, and seeds: 0 runs none"),
    ],
)
def test_what_cannot_be_kept_is_refused(study_text: str, overrides: tuple[str, ...], told: str) -> None:
    """At its place."""
    with pytest.raises(StudyError, match=told):
        parse_study(study_text, "s.yaml", overrides)


def test_a_program_keeps_its_own() -> None:
    """The remedy is the folder that it is given."""
    text = """\
study: s
question: q
trial: {command: [python, x.py, "--lr={lr}"], epochs: 1, metrics: {accuracy: {better: higher}}}
arms: {a: {parameters: {lr: 1}}}
confirm: {seeds: 2, keep: best}
"""
    with pytest.raises(StudyError, match=r"confirm\.keep: is best, .*HARNESS_RUN_DIR"):
        parse_study(text, "s.yaml")


def test_an_object_storage_takes_no_weights(study_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers do not see the folder that is mirrored there; told before anything starts."""
    monkeypatch.setenv(STORED_IN, "s3://bucket/study")
    study = parse_study(study_text, "s.yaml", ("confirm.keep=all",))
    with pytest.raises(EnvironmentMismatchError, match="object storage"):
        check_weights_stay(study)
