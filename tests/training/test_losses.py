"""Losses and metrics against formulas written out, and runs that predict numbers."""

from math import isnan, sqrt
from typing import Any

import pytest
import torch

from harness.code.resolve import CodeError
from harness.recipe.configuration import Configuration, resolve
from harness.recipe.losses import LOSSES, task_of
from harness.recipe.metrics import METRICS, TASK_METRICS
from harness.training.data.arrays import Samples
from harness.training.data.splits import random_split
from harness.training.epoch import EpochRecord
from harness.training.evaluation import evaluate
from harness.training.loop import RunResult, train
from harness.training.losses import build_loss, matched
from harness.training.metrics import MEASURES, measures_of

RECIPE = {"model": {"name": "fcn", "hidden": [8]}, "optimizer": "sgd", "lr": 0.05, "batch_size": 30}
REGRESSIONS = [name for name, spec in LOSSES.items() if spec.task == "regression"]


def configuration(**changes: Any) -> Configuration:
    """Return a small recipe."""
    return resolve(RECIPE | {"epochs": 3, "loss": "mse"} | changes)


def table(*target_shape: int) -> Samples:
    """Return 60 rows of four features, and numbers that depend on them."""
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(60, 4, generator=generator)
    columns = torch.stack([inputs[:, 0] - inputs[:, 1], inputs[:, 2].sin()], dim=1)
    targets = columns[:, : target_shape[0]].reshape(60, *target_shape) if target_shape else columns[:, 0]
    return Samples(inputs=inputs, targets=targets.contiguous(), kind="table", greatest=None)


def run(recipe: Configuration, data: Samples, seed: int = 3) -> tuple[RunResult, list[EpochRecord]]:
    """Train, with every metric of a regression measured."""
    records: list[EpochRecord] = []
    measures = measures_of(dict.fromkeys(TASK_METRICS["regression"]))
    return train(recipe, seed, data, records.append, measures=measures), records


def test_losses_are_their_formulas() -> None:
    """Of errors 0.5, -2 and 0: squares, absolute values, and Huber's, linear beyond its delta."""
    outputs, targets = torch.tensor([1.5, 0.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])
    expected = {"mse": (0.25 + 4) / 3, "l1": 2.5 / 3, "huber": (0.125 + 1 * (2 - 0.5)) / 3}
    assert set(expected) == set(REGRESSIONS)
    for name, value in expected.items():
        loss = build_loss(configuration(loss=name))
        assert loss.minimised(outputs, targets).item() == pytest.approx(value)
        assert loss.total(outputs, targets).item() == pytest.approx(3 * value)
        assert loss.reported is None
    wide = build_loss(configuration(loss="huber", huber_delta=3.0))
    assert wide.minimised(outputs, targets).item() == pytest.approx(4.25 / 6)


def test_metrics_are_their_formulas() -> None:
    """Of two numbers a sample: errors over all, and R² the mean of both; constant numbers have none."""
    outputs = torch.tensor([[1.0, 0.0], [2.0, 1.0], [3.0, 5.0]])
    targets = torch.tensor([[1.0, 0.0], [2.0, 2.0], [3.0, 4.0]])
    assert MEASURES["rmse"](outputs, targets) == pytest.approx(sqrt(2 / 6))
    assert MEASURES["mae"](outputs, targets) == pytest.approx(2 / 6)
    assert MEASURES["r2"](outputs, targets) == pytest.approx((1 + (1 - 2 / 8)) / 2)
    assert isnan(MEASURES["r2"](outputs, torch.ones(3, 2)))


def test_every_metric_that_is_named_is_measured() -> None:
    """Those without a field of their own in records have a function here."""
    assert set(MEASURES) == set(METRICS) - {"accuracy", "loss"}
    assert set(measures_of(dict.fromkeys(METRICS))) == set(MEASURES)


@pytest.mark.parametrize("target_shape", [(), (1,), (2,)])
@pytest.mark.parametrize("loss", REGRESSIONS)
def test_every_loss_trains_on_numbers(loss: str, target_shape: tuple[int, ...]) -> None:
    """Its loss falls, each metric is recorded, no class is counted, and a seed fixes every bit."""
    data = table(*target_shape)
    result, records = run(configuration(loss=loss, epochs=8), data)
    assert result.predictor.model[-1].out_features == (target_shape or (1,))[0]  # type: ignore[index]
    assert records[-1].train_loss < records[0].train_loss
    assert records[-1].value("val_rmse") < records[0].value("val_rmse")  # type: ignore[operator]
    for record in records:
        assert (record.train_accuracy, record.val_accuracy) == (None, None)
        assert set(record.metrics) == {"val_rmse", "val_mae", "val_r2"}
    again = run(configuration(loss=loss, epochs=8), data)[1]
    assert [r.train_loss for r in again] == [r.train_loss for r in records]


def test_a_recorded_loss_goes_with_its_metric() -> None:
    """The mean squared error of the validation part is the square of its root, the absolute one its mean."""
    records = run(configuration(), table())[1]
    assert records[-1].val_loss == pytest.approx(records[-1].metrics["val_rmse"] ** 2, rel=1e-5)  # type: ignore[operator]
    records = run(configuration(loss="l1"), table(2))[1]
    assert records[-1].val_loss == pytest.approx(records[-1].metrics["val_mae"], rel=1e-5)


def test_training_on_numbers_equals_a_plain_torch_loop() -> None:
    """Full batches, written out by hand: outputs (n, 1) meet targets (n,) and nothing is broadcast."""
    data = table()
    start = run(configuration(batch_size=54, epochs=1, lr=1e-30), data, seed=5)[0].predictor
    split = random_split(60, 0.1, 5)
    optimizer = torch.optim.SGD(start.model.parameters(), lr=0.05)
    for _ in range(4):
        outputs = start.model(start.transform(data.inputs[split.train]))[:, 0]
        loss = (outputs - data.targets[split.train]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    result, _ = run(configuration(batch_size=54, epochs=4), data, seed=5)
    for ours, plain in zip(result.predictor.model.parameters(), start.model.parameters(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-6)


def test_an_evaluation_of_numbers_weighs_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of 7, of which the last has 4: as on all at once."""
    monkeypatch.setattr("harness.training.evaluation.EVALUATION_BATCH", 7)
    data = table(2)
    predictor = run(configuration(), data)[0].predictor
    evaluation = evaluate(predictor, data, measures=measures_of({"mae": None}))
    with torch.no_grad():
        errors = predictor.model(predictor.transform(data.inputs)) - data.targets
    assert evaluation.loss == pytest.approx(errors.square().mean().item(), rel=1e-6)
    assert evaluation.metrics == {"mae": pytest.approx(errors.abs().mean().item(), rel=1e-6)}
    assert (evaluation.accuracy, evaluation.predicted) == (None, None)


def test_outputs_of_another_count_are_told() -> None:
    """Broadcasting would hide them; classes are left as they are."""
    with pytest.raises(CodeError, match=r"returns outputs of shape \(5, 3\) for targets of shape \(5,\)"):
        matched(torch.zeros(5, 3), torch.zeros(5))
    logits = torch.zeros(5, 3)
    assert matched(logits, torch.zeros(5, dtype=torch.int64)) is logits


def test_a_task_follows_from_its_loss() -> None:
    """Of an imported one from the metrics beside it, if they tell."""
    own = {"import": "own:loss"}
    assert [task_of(name, []) for name in LOSSES] == [spec.task for spec in LOSSES.values()]
    assert task_of(own, ["mae", "pinball"]) == "regression"
    assert task_of(own, ["accuracy"]) == "classification"
    assert task_of(own, ["pinball", "loss"]) is None


@pytest.mark.parametrize("input_norm", ["none", "unit", "standardize", "batch_norm"])
@pytest.mark.parametrize(("kind", "shape"), [("table", (4,)), ("tensor", (2, 2)), ("image", (1, 2, 2))])
def test_every_scaling_trains_on_every_kind(kind: Any, shape: tuple[int, ...], input_norm: str) -> None:
    """Floats of any shape, with a network that takes any."""
    data = table()
    data = Samples(inputs=data.inputs.reshape(60, *shape), targets=data.targets, kind=kind, greatest=None)
    _, records = run(configuration(input_norm=input_norm), data)
    assert records[-1].train_loss < records[0].train_loss
