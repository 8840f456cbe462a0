"""Tuning curves: closed forms against hand-worked ones, and paths in the order in which trials ended."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analysis.blocks import tuning_curves
from analysis.render.figure import arm_styles
from analysis.statistics import tuning

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LR = {"low": 1e-4, "high": 1.0, "log": True}


def trials(study: "Study", arm: str, losses: list[float | None]) -> None:
    """Add one search run a loss, in the order in which they end; one without a loss was stopped."""
    for loss in losses:
        fate = {"status": "stopped", "epochs": 1, "val_loss": 0.0} if loss is None else {"val_loss": loss}
        study.add(arm, "search", **fate)


def test_median_best_is_a_quantile() -> None:
    """Of 1 to 10: quantiles .5, .7071 and .9330 (n = 10) are the 5th, 8th and 10th value."""
    values = [float(value) for value in range(10, 0, -1)]
    assert tuning.median_best(values, [1, 2, 10]).tolist() == [5.0, 8.0, 10.0]


def test_trials_that_gave_nothing_are_the_lowest() -> None:
    """Where three of four trials gave nothing, the median of one or two trials is nothing."""
    values = [-np.inf, -np.inf, 0.9, -np.inf]
    assert tuning.median_best(values, [1, 2, 3]).tolist() == [-np.inf, -np.inf, 0.9]


def test_band_ends_are_quantiles_a_margin_away() -> None:
    """100 values: margin sqrt(ln 40 / 200) = .1358, so of .5 the 37th and the 64th; of .9330 no upper end."""
    values = [float(value) for value in range(1, 101)]
    low, high = tuning.median_best_band(values, [1, 10])
    assert low.tolist() == [37.0, 80.0]
    assert high.tolist() == [64.0, np.inf]


def test_few_trials_bound_nothing() -> None:
    """With two trials the margin is .96: both ends are infinite."""
    low, high = tuning.median_best_band([0.1, 0.2], [1])
    assert (low.tolist(), high.tolist()) == ([-np.inf], [np.inf])


def test_the_band_covers_the_whole_curve() -> None:
    """Of 400 samples of 30 uniform values, at least 95 % less noise have 0.5 ** (1 / n) inside for all n."""
    sizes = list(range(1, 31))
    truth = 0.5 ** (1 / np.array(sizes))
    generator, covered = np.random.default_rng(0), 0
    for _ in range(400):
        low, high = tuning.median_best_band(list(generator.random(30)), sizes)
        covered += bool(np.all((low <= truth) & (truth <= high)))
    assert covered >= 0.95 * 400 - 2 * np.sqrt(400 * 0.05 * 0.95)


def test_the_path_follows_the_order_of_the_ends(new_study: "type[Study]", tmp_path: Path) -> None:
    """Losses .5, stopped, .6, .4, .45: steps at trials 1 and 4, and the line goes on to 5."""
    study = new_study(arms={"sgd": {"lr": LR}})
    trials(study, "sgd", [0.5, None, 0.6, 0.4, 0.45])
    frame = tuning_curves.compute(study.facts(tmp_path))
    assert frame[["kind", "trials", "value", "run_id"]].to_numpy().tolist() == [
        ["path", 1, 0.5, "sgd-search-000"],
        ["path", 4, 0.4, "sgd-search-003"],
        ["path", 5, 0.4, "sgd-search-003"],
    ]
    assert frame[["n", "completed"]].drop_duplicates().to_numpy().tolist() == [[5, 4]]


def test_trials_before_the_first_of_full_length_gave_nothing(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """The line of an arm whose first trial was stopped begins at the second; no trial, no line."""
    study = new_study(arms={arm: {"lr": LR} for arm in ("sgd", "adam")})
    trials(study, "sgd", [None, 0.3])
    trials(study, "adam", [None, None])
    facts = study.facts(tmp_path)
    frame = tuning_curves.compute(facts)
    assert frame[["arm", "trials"]].to_numpy().tolist() == [["sgd", 2]]
    caption = tuning_curves.caption(facts, frame)
    assert "n = 1; sampler tpe" in caption
    assert "No run of full length: adam." in caption


def test_random_trials_have_a_curve_with_a_band(new_study: "type[Study]", tmp_path: Path) -> None:
    """Losses 1 to 100 and none stopped: one trial has the median 51, bounded by 37 and 64."""
    study = new_study(
        arms={"sgd": {"lr": LR}}, search_settings={"sampler": "random", "early_stopping": "none"}
    )
    trials(study, "sgd", [float(loss) for loss in range(1, 101)])
    facts = study.facts(tmp_path)
    frame = tuning_curves.compute(facts)
    first = frame.iloc[0]
    assert [first["kind"], first["value"], first["low"], first["high"]] == ["median", 51.0, 37.0, 64.0]
    assert frame["trials"].tolist() == list(range(1, 101))
    assert frame.loc[frame["trials"] == 10, "low"].isna().all()
    assert "Band: 95 %" in tuning_curves.caption(facts, frame)


def test_a_random_search_that_stops_runs_has_a_path(new_study: "type[Study]", tmp_path: Path) -> None:
    """Stopped trials depend on the others, so there is no band."""
    settings = {"sampler": "random", "early_stopping": {"grace_epochs": 1, "reduction_factor": 3}}
    study = new_study(arms={"sgd": {"lr": LR}}, search_settings=settings)
    trials(study, "sgd", [0.5, 0.4])
    frame = tuning_curves.compute(study.facts(tmp_path))
    assert set(frame["kind"]) == {"path"}


def test_many_trials_are_thinned(new_study: "type[Study]", tmp_path: Path) -> None:
    """300 trials are shown at no more than 200 numbers, from the first to the last."""
    study = new_study(arms={"sgd": {"lr": LR}}, search_settings={"sampler": "random"})
    trials(study, "sgd", [float(loss) for loss in range(300)])
    frame = tuning_curves.compute(study.facts(tmp_path))
    assert len(frame) <= 200
    assert frame["trials"].iloc[[0, -1]].tolist() == [1, 300]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_curves_are_drawn_in_readers_units(new_study: "type[Study]", tmp_path: Path, sampler: str) -> None:
    """Accuracies are percent on the axis and in the text; every arm is named."""
    study = new_study(arms={arm: {"lr": LR} for arm in ("sgd", "adam")}, metric="val_accuracy")
    study.search_settings = {"sampler": sampler}
    for arm in study.arms:
        for accuracy in (0.8, 0.9, 0.85):
            study.add(arm, "search", val_accuracy=accuracy)
    facts = study.facts(tmp_path)
    frame = tuning_curves.compute(facts)
    (ax,) = tuning_curves.draw(frame, arm_styles(facts.records.arms)).axes
    assert {text.get_text() for text in ax.texts} == {"sgd", "adam"}
    assert ax.get_ylim()[1] > 80
    assert (
        "sgd 80.00 % after 1 of its trials and 90.00 % after all 3" in tuning_curves.alt(frame)
        or sampler == "random"
    )


def test_grids_and_fixed_arms_have_no_budget(new_study: "type[Study]", tmp_path: Path) -> None:
    """A grid has its points; fixed arms have no search."""
    grid = new_study(arms={"sgd": {"lr": {"grid": [0.1, 1.0]}}}, name="grid")
    grid.grid("sgd", {"lr": 0.1}, [0.5])
    grid.confirm("sgd", [0.8])
    fixed = new_study(arms={"sgd": {}}, name="fixed")
    fixed.confirm("sgd", [0.9])
    assert not any(tuning_curves.TUNING_CURVES.plot.is_for(study.facts(tmp_path)) for study in (grid, fixed))


def test_without_a_completed_run_there_is_a_reason(new_study: "type[Study]", tmp_path: Path) -> None:
    """An empty frame, and words in place of the figure."""
    study = new_study(arms={"sgd": {"lr": LR}})
    trials(study, "sgd", [None])
    facts = study.facts(tmp_path)
    frame = tuning_curves.compute(facts)
    assert frame.empty
    assert tuning_curves.caption(facts, frame).startswith("No tuning curve")
