"""Learning curves: every seed, and means over all seeds of an arm."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.blocks import learning_curves
from analysis.blocks.curve_panels import draw
from analysis.render.figure import arm_styles

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


def test_curves_hold_each_seed_and_the_mean(new_study: "type[Study]", tmp_path: Path) -> None:
    """Last validation accuracies .90 to .94: mean .92, interval .900368 to .939632; 3 epochs of 2 s."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91, 0.92, 0.93, 0.94])
    frame = learning_curves.compute(study.facts(tmp_path), "accuracy")
    seeds, means = (frame[frame["line"] == kind] for kind in ("seed", "mean"))
    assert (len(seeds), len(means)) == (5 * 3 * 2, 3 * 2)
    last = means[(means["split"] == "val") & (means["epoch"] == 3)].iloc[0]
    assert last[["value", "low", "high"]].tolist() == pytest.approx([0.92, 0.900368, 0.939632], abs=1e-6)
    assert (last["seconds"], last["n"]) == (6.0, 5)


@pytest.mark.parametrize(("lowest", "scale"), [(0.1, "log"), (0.0, "linear"), (-1.0, "linear")])
def test_no_loss_is_left_out(lowest: float, scale: str, new_study: "type[Study]", tmp_path: Path) -> None:
    """A logarithmic scale shows none at or below 0, which losses of one's own may be."""
    study = new_study(arms={"sgd": {}})
    for loss in (0.5, lowest):
        curve = {"val_loss": [2.0, 1.0, loss], "train_loss": [2.0, 1.0, 0.5]}
        study.add("sgd", "confirm", seed=int(loss == lowest), curve=curve)
    frame = learning_curves.compute(study.facts(tmp_path), "loss")
    axes = draw(frame, arm_styles(["sgd"]), "loss").axes
    assert {ax.get_yscale() for ax in axes} == {scale}
    assert axes[0].get_ylim()[0] < lowest
    assert ("log scale" in axes[0].get_ylabel()) == (scale == "log")


def test_no_mean_is_taken_over_survivors(new_study: "type[Study]", tmp_path: Path) -> None:
    """One of three seeds diverges in epoch 2: the mean ends after epoch 1; failed runs are left out."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9, 0.91])
    study.add("sgd", "confirm", seed=1, status="diverged", epochs=2)
    study.add("sgd", "confirm", seed=2, status="failed", epochs=1)
    frame = learning_curves.compute(study.facts(tmp_path), "loss")
    means = frame[frame["line"] == "mean"]
    assert set(means["epoch"]) == {1}
    assert set(means["n"]) == {3}


def test_curves_without_a_confirm_phase_are_the_winners(new_study: "type[Study]", tmp_path: Path) -> None:
    """One search run an arm, without a band."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.01, 0.1], best=0.1)
    frame = learning_curves.compute(study.facts(tmp_path), "loss")
    assert set(frame["phase"]) == {"search"}
    assert set(frame["run_id"]) == {"sgd-search-001", ""}
    assert frame["low"].isna().all()
