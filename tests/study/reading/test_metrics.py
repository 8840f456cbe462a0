"""What a study predicts and measures: its losses, and the `metrics` section."""

import pytest

from harness.errors import StudyError
from harness.recipe.metrics import METRICS, task_metrics
from harness.study.reading.parse import parse_study

TABLE = """\
study: small
question: Which?
recipe:
  dataset: npz:/data/table.npz
  model: {name: fcn}
  batch_size: 50
  epochs: 3
  optimizer: adam
  lr: {low: 1e-3, high: 1e-1, log: true}
  loss: mse
arms:
  a: {}
search: {trials: 3}
"""


def problems(*overrides: str) -> list[str]:
    """Return the problems of a study, a line each."""
    with pytest.raises(StudyError) as refused:
        parse_study(TABLE, "s.yaml", overrides)
    return [line.strip() for line in str(refused.value).splitlines()[1:]] or [str(refused.value)]


def test_the_task_and_its_metrics_follow_from_the_loss() -> None:
    """Of numbers RMSE is the headline and the validation loss selects; of classes it is as ever."""
    study = parse_study(TABLE, "s.yaml")
    assert (study.task, study.metrics) == ("regression", task_metrics("regression"))
    assert (study.search.metric, study.search.mode) == ("val_loss", "min")
    classes = parse_study(TABLE.replace("  loss: mse\n", ""), "s.yaml")
    assert (classes.task, classes.metrics) == ("classification", task_metrics("classification"))


def test_a_study_chooses_its_metrics() -> None:
    """In its order, ours by name with what is shown of them, others with what imports them."""
    section = "metrics={r2: {}, mae: {unit: kWh, region: 0.5}, top: {import: 'own:top', better: higher}}"
    study = parse_study(TABLE, "s.yaml", (section, "search.metric=val_top"))
    assert list(study.metrics) == ["r2", "mae", "top"]
    assert study.metrics["r2"] == METRICS["r2"]
    assert study.metrics["mae"] == METRICS["mae"].model_copy(update={"unit": "kWh", "region": 0.5})
    assert (study.metrics["top"].reference, study.metrics["top"].better) == ("own:top", "higher")
    assert (study.search.metric, study.search.mode) == ("val_top", "max")
    assert parse_study(TABLE, "s.yaml", (section,)).search.metric == "val_r2"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["metrics={rsme: {}}"], "'rsme' is not known. Did you mean 'rmse'"),
        (["metrics={accuracy: {}}"], "'accuracy' is not measured of regression."),
        (["metrics={rmse: {better: higher}}"], "of rmse lower values are better. Leave it out"),
        (["metrics={mine: {better: higher}}"], "'mine' is not known."),
        (["metrics={mine: {import: 'own:m'}}"], "better is missing. Remedy: better: higher or better: lower"),
        (["metrics={mae: {import: 'own:m', better: lower}}"], "mae is a metric of ours, and imports nothing"),
        (["metrics={mine: {import: 'own.py', better: lower}}"], "'own.py'"),
        (["search.metric=val_accuracy"], "'val_accuracy' is not known."),
        (["recipe.label_smoothing=0.1"], "arm a uses loss: mse, which has no label_smoothing"),
        (["recipe.huber_delta=2.0"], "arm a uses loss: mse, which has no huber_delta"),
        (
            ["recipe.loss={choices: [mse, l1]}"],
            "values of different losses cannot be compared. Remedy: search",
        ),
        (
            ["recipe.loss=huber", "recipe.huber_delta={low: 0.1, high: 9.0}"],
            "values of different losses cannot be compared. Remedy: search: {metric: val_rmse}",
        ),
        (["arms.b={loss: cross_entropy}"], "a study has one task, but this loss is of classification"),
        (["recipe.loss={import: 'own:loss'}"], "follows from metrics. Remedy: metrics: {accuracy: {}} or"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides: list[str], told: str) -> None:
    """With its place, the rule and the remedy."""
    assert any(told in problem for problem in problems(*overrides)), problems(*overrides)


def test_an_imported_loss_and_a_searched_one_are_taken_where_the_metrics_tell() -> None:
    """The metric that selects is then no loss."""
    own = parse_study(TABLE, "s.yaml", ("recipe.loss={import: 'own:loss'}", "metrics={mae: {}}"))
    assert own.task == "regression"
    parse_study(TABLE, "s.yaml", ("recipe.loss={choices: [mse, l1]}", "search.metric=val_mae"))


CLASSES = TABLE.replace("  loss: mse\n", "").replace("  a: {}", "  a: {}\n  b: {batch_size: 64}")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "claims=[{says: x, faster: {arm: a, than: b, metric: epochs_to, target: {val_accuracy: 88}}}]",
            "accuracy is at least 0 and at most 1, but this is 88. Remedy: val_accuracy: 0.88",
        ),
        (
            "published={a: {source: x, test_accuracy: 88.1}}",
            "accuracy is at least 0 and at most 1, but this is 88.1. Remedy: test_accuracy: 0.881",
        ),
        (
            "published={a: [{source: x, test_accuracy: {value: 88.1, note: y}}]}",
            "published.a.0.test_accuracy: accuracy is at least 0",
        ),
        (
            "claims=[{says: x, region: 1, better: {arm: a, than: b, metric: test_accuracy}}]",
            "claims.0.region: must be below 1, since accuracy lies between 0 and 1, but is 1. Remedy: region",
        ),
        ("region={test_accuracy: 1}", "region.test_accuracy: must be below 1, since accuracy lies"),
        ("metrics={accuracy: {region: 2}}", "metrics.accuracy.region: must be below 1, since accuracy lies"),
    ],
)
def test_a_share_in_percent_is_refused(override: str, told: str) -> None:
    """No run reaches 88, and no two accuracies differ by more than 1."""
    with pytest.raises(StudyError) as refused:
        parse_study(CLASSES, "s.yaml", (override,))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("published={a: {source: x, test_accuracy: 93.5}}", "published.a.test_accuracy: 'test_accuracy'"),
        ("region={test_accuracy: 2}", "region.test_accuracy: 'test_accuracy'"),
        (
            "claims=[{says: x, region: 2, better: {arm: a, than: b, metric: test_accuracy}}]",
            "claims.0.better.metric: 'test_accuracy'",
        ),
        (
            "claims=[{says: x, faster: {arm: a, than: b, metric: epochs_to, target: {val_accuracy: 88}}}]",
            "claims.0.faster.target.val_accuracy: 'val_accuracy'",
        ),
    ],
)
def test_of_a_metric_that_the_study_has_not_nothing_else_is_told(override: str, told: str) -> None:
    """What the value should have been would lead back to the metric."""
    (problem,) = problems("arms.b={batch_size: 64}", override)
    assert f"{told} is not known" in problem


def test_the_ends_of_a_range_can_be_reached_and_published() -> None:
    """A target of all training samples; what errors are worth is anybody's."""
    target = "claims=[{says: x, faster: {arm: a, than: b, metric: epochs_to, target: {train_accuracy: 1}}}]"
    parse_study(CLASSES, "s.yaml", (target, "published={a: {source: x, test_accuracy: 1, test_loss: 88}}"))


def test_a_program_imports_no_metric() -> None:
    """It prints them."""
    text = TABLE[: TABLE.index("recipe:")] + (
        "trial:\n  command: [python, x.py, '{p}']\n  epochs: 2\n"
        "  metrics: {m: {better: lower, import: 'own:m'}}\n"
        "arms:\n  a: {parameters: {p: 1}}\nconfirm: {seeds: 2}\n"
    )
    with pytest.raises(StudyError, match="a program prints its metrics, and none is imported"):
        parse_study(text, "s.yaml")
