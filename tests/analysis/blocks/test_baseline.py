"""Every arm against the declared baseline: what was changed, and what it did."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.blocks.baseline import caption_baseline, compute_baseline, lay_out_baseline
from analysis.blocks.differences import DIFFERENCES
from analysis.facts import Facts
from analysis.load import load_study

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


def with_baseline(study: "Study", folder: Path, baseline: str) -> Facts:
    """Write a study that declares a baseline and fixes no field that it searches; return its facts."""
    records = load_study(study.write(folder))
    arms = {
        name: arm.model_copy(
            update={"fixed": {field: value for field, value in arm.fixed.items() if field not in arm.space}}
        )
        for name, arm in records.declaration.arms.items()
    }
    declared = records.declaration.model_copy(update={"baseline": baseline, "arms": arms})
    return Facts(replace(records, declaration=declared))


def of(new_study: "type[Study]", **arms: dict[str, Any]) -> "Study":
    """Return a study of arms with these fixed settings; each next arm is 1, 2, 3 pp above the one before."""
    study = new_study(arms={arm: {} for arm in arms})
    study.fixed = arms
    for place, (arm, settings) in enumerate(arms.items()):
        accuracies = [0.80 + place * step for step in (0.01, 0.02, 0.03)]
        study.confirm(arm, accuracies, configuration=settings)
    return study


def changes(facts: Facts) -> list[str]:
    """Return the changes of each arm against the baseline."""
    frame = compute_baseline(facts)
    return list(frame.loc[frame["metric"] == "test_accuracy", "changes"])


def test_each_metric_is_a_family_of_its_own(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two arms against the baseline: accuracy +2 and +4 pp, loss (1 less the accuracy) the other way."""
    study = of(new_study, without={}, low={"dropout": 0.1}, high={"dropout": 0.5})
    frame = compute_baseline(with_baseline(study, tmp_path, "without"))
    assert frame[["arm", "than", "metric"]].to_numpy().tolist() == [
        ["low", "without", "test_accuracy"],
        ["high", "without", "test_accuracy"],
        ["low", "without", "test_loss"],
        ["high", "without", "test_loss"],
    ]
    assert frame["difference"].tolist() == pytest.approx([0.02, 0.04, -0.02, -0.04])
    # Differences 1, 2, 3 and 2, 4, 6 pp have the same t = 3.4641, p = .07418; twice that is Holm's.
    assert frame["p_adjusted"].tolist() == pytest.approx([0.148360] * 4, abs=1e-6)
    assert frame["n"].tolist() == [3, 3, 3, 3]


def test_the_baseline_may_stand_anywhere(new_study: "type[Study]", tmp_path: Path) -> None:
    """It is subtracted from the arms before and behind it, in the study's order."""
    facts = with_baseline(of(new_study, a={}, b={}, c={}), tmp_path, "b")
    frame = compute_baseline(facts)
    assert frame["arm"].tolist() == ["a", "c", "a", "c"]
    assert frame["difference"].tolist() == pytest.approx([-0.02, 0.02, 0.02, -0.02])


def test_changed_fields_are_named_with_both_values(new_study: "type[Study]", tmp_path: Path) -> None:
    """Shared settings are left out; what the baseline leaves to its default is what its runs recorded."""
    study = new_study(arms={arm: {} for arm in ("without", "with", "same")})
    study.fixed = {
        "without": {"optimizer": "sgd"},
        "with": {"optimizer": "sgd", "dropout": 0.1, "init": {"normal": {"std": 0.01}}},
        "same": {"optimizer": "sgd", "dropout": 0},
    }
    recorded = {"dropout": 0, "init": "default", "optimizer": "sgd"}
    for arm in study.arms:
        study.confirm(arm, [0.80, 0.81], configuration=recorded | study.fixed[arm])
    assert changes(with_baseline(study, tmp_path, "without")) == [
        "dropout 0.1 (baseline 0), init normal (std 0.01) (baseline default)",
        "",
    ]


def test_a_default_that_no_run_recorded_is_called_default(new_study: "type[Study]", tmp_path: Path) -> None:
    """The baseline has not run yet, so nobody knows what its dropout would be."""
    study = new_study(arms={"base": {}, "with": {}}, confirm_runs=2)
    study.fixed = {"base": {"optimizer": "sgd"}, "with": {"optimizer": "sgd", "dropout": 0.1}}
    facts = with_baseline(study, tmp_path, "base")
    assert changes(facts) == ["dropout 0.1 (baseline default)"]
    assert lay_out_baseline(compute_baseline(facts))["n"].tolist() == ["0"]


@pytest.mark.parametrize(
    ("space", "tuned", "change"),
    [
        ({"lr": LOG}, "tuned", ""),
        ({"lr": LOG | {"high": 0.1}}, "tuned", "lr searched in another space"),
        ({}, "tuned in one", "lr 0.01 (baseline searched)"),
        (
            {"optimizer": {"one_of": {"sgd": {"lr": LOG}, "adam": {}}}},
            "tuned",
            "optimizer searched (baseline sgd), lr searched in another space",
        ),
    ],
)
def test_whether_the_rate_was_searched_in_both(
    new_study: "type[Study]", tmp_path: Path, space: dict[str, Any], tuned: str, change: str
) -> None:
    """A rate that one arm searched and the other did not is named, inside a choice too."""
    study = new_study(arms={"base": {"lr": LOG}, "other": space})
    study.fixed = {arm: {"optimizer": "sgd"} for arm in study.arms}
    facts = with_baseline(study, tmp_path, "base")
    frame = compute_baseline(facts)
    assert frame["learning_rate"].tolist() == [tuned, tuned]
    assert frame["changes"].tolist() == [change, change]


def test_a_rate_that_nobody_tuned_is_said(new_study: "type[Study]", tmp_path: Path) -> None:
    """With a fixed rate a difference may be one of how well it suits either arm."""
    facts = with_baseline(of(new_study, base={}, other={"dropout": 0.5}), tmp_path, "base")
    frame = compute_baseline(facts)
    assert set(frame["learning_rate"]) == {"fixed"}
    assert "it may suit one of them more" in caption_baseline(facts, frame)


def test_layout(new_study: "type[Study]", tmp_path: Path) -> None:
    """One row an arm; half-widths 4.30265 / sqrt(3) = 2.48 pp of the only pair of its family."""
    facts = with_baseline(of(new_study, base={}, other={"dropout": 0.5}), tmp_path, "base")
    cells = lay_out_baseline(compute_baseline(facts)).iloc[0].tolist()
    assert cells[2:] == ["fixed", "+2.0 ± 2.5", "0.074", "-0.020 ± 0.025", "0.074", "3"]


def test_a_diverged_seed_leaves_no_difference_of_losses(new_study: "type[Study]", tmp_path: Path) -> None:
    """An accuracy counts as chance, a loss has no value; the caption names the arm."""
    study = of(new_study, base={}, other={"dropout": 0.5})
    next(run for run in study.runs if run.arm == "other").status = "diverged"
    facts = with_baseline(study, tmp_path, "base")
    frame = compute_baseline(facts)
    assert frame["difference"].isna().tolist() == [False, True]
    said = caption_baseline(facts, frame)
    assert "A diverged accuracy counts as chance: other." in said


def test_only_for_studies_with_a_baseline(new_study: "type[Study]", tmp_path: Path) -> None:
    """One that is declared, beside another arm, with a confirm phase."""
    study = of(new_study, base={}, other={})
    assert not DIFFERENCES.table.is_for(study.facts(tmp_path / "none"))
    assert DIFFERENCES.table.is_for(with_baseline(study, tmp_path / "declared", "base"))
    assert not DIFFERENCES.table.is_for(with_baseline(of(new_study, base={}), tmp_path / "alone", "base"))
