"""How lucky the search was: the winner's value against the same metric on fresh seeds."""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis.blocks import optimism
from analysis.blocks.optimism import OPTIMISM
from analysis.facts import Facts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


def searched(new_study: "type[Study]", metric: str = "val_accuracy") -> "Study":
    """Return a study of one arm whose search chooses by a metric."""
    return new_study(arms={"sgd": {"lr": LOG}}, metric=metric)


def test_gap_of_an_accuracy(new_study: "type[Study]", tmp_path: Path) -> None:
    """.93 in the search, .90, .91, .92 afresh: gap .02, with 4.30265 * .01 / sqrt(3) = .0248414 around it."""
    study = searched(new_study)
    study.winners["sgd"] = study.add("sgd", "search", lr=0.1, val_accuracy=0.93).run_id
    study.add("sgd", "search", lr=0.2, val_accuracy=0.90)
    study.add("sgd", "search", lr=0.3, status="stopped", epochs=1)
    study.confirm("sgd", [0.90, 0.91, 0.92])
    frame = optimism.compute(study.facts(tmp_path))
    row = frame.iloc[0]
    assert (row["ended"], row["chosen_among"], row["n"]) == (3, 2, 3)
    assert row[["search", "confirm", "gap"]].tolist() == pytest.approx([0.93, 0.91, 0.02])
    ends = [0.02 - 0.0248414, 0.02 + 0.0248414]
    assert row[["gap_low", "gap_high"]].tolist() == pytest.approx(ends, abs=1e-6)
    assert optimism.lay_out(frame).iloc[0].tolist() == [
        "sgd",
        "2 of 3",
        "93.00",
        "91.0 ± 2.5",
        "+2.0 ± 2.5",
        "3",
    ]


def test_gap_of_a_loss(new_study: "type[Study]", tmp_path: Path) -> None:
    """A search loss of .30 against a confirm mean of .35 was optimistic by .05: the sign is turned."""
    study = searched(new_study, "val_loss")
    study.winners["sgd"] = study.add("sgd", "search", val_loss=0.30).run_id
    study.confirm("sgd", [0.90], val_loss=0.34)
    study.add("sgd", "confirm", seed=7, val_loss=0.36)
    row = optimism.compute(study.facts(tmp_path)).iloc[0]
    assert row[["search", "confirm", "gap"]].tolist() == pytest.approx([0.30, 0.35, 0.05])
    assert row["gap_low"] < 0.05 < row["gap_high"]


@pytest.mark.parametrize(
    ("settings", "search", "confirm"),
    [
        ({"winner": "best"}, 0.95, 0.93),
        ({"winner": "last"}, 0.90, 0.87),
        ({"winner": "last", "average_epochs": 2}, 0.925, 0.90),
    ],
)
def test_both_values_are_by_the_winner_rule(
    new_study: "type[Study]", tmp_path: Path, settings: dict[str, object], search: float, confirm: float
) -> None:
    """Epochs .80, .95, .90 and .80, .93, .87: the best, the last, or the mean of the last two."""
    study = searched(new_study)
    study.search_settings |= settings
    run = study.add("sgd", "search", curve={"val_accuracy": [0.80, 0.95, 0.90]})
    study.winners["sgd"] = run.run_id
    study.add("sgd", "confirm", seed=1, curve={"val_accuracy": [0.80, 0.93, 0.87]})
    facts = study.facts(tmp_path)
    if settings["winner"] == "best":
        facts.records.runs["val_accuracy"] = np.nan  # curves decide, not the row of a run
    row = optimism.compute(facts).iloc[0]
    assert row[["search", "confirm"]].tolist() == pytest.approx([search, confirm])


def test_a_winner_of_several_seeds_counts_by_their_mean(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of three points with two seeds each, one lacks a completed seed: two to choose among, .91 the mean."""
    study = searched(new_study)
    study.arms = {"sgd": {"batch_size": {"grid": [1, 2, 3]}}}
    for size, first, second in ((1, 0.90, 0.92), (2, 0.85, 0.86), (3, 0.95, None)):
        at = {"batch_size": size}
        study.add("sgd", "search", seed=0, val_accuracy=first, configuration=at)
        if second is None:
            study.add("sgd", "search", seed=1, status="diverged", epochs=1, configuration=at)
        else:
            study.add("sgd", "search", seed=1, val_accuracy=second, configuration=at)
    study.search_settings = {"sampler": "grid", "seeds": 2}
    study.winners["sgd"] = "sgd-search-000"
    study.confirm("sgd", [0.90, 0.91])
    row = optimism.compute(study.facts(tmp_path)).iloc[0]
    assert (row["ended"], row["chosen_among"]) == (3, 2)
    assert row["search"] == pytest.approx(0.91)


def test_without_a_winner_or_a_confirm_run_no_gap(new_study: "type[Study]", tmp_path: Path) -> None:
    """An unfinished study shows its arms; fixed arms are left out, as nothing was chosen for them."""
    study = searched(new_study)
    study.arms |= {"adam": {"lr": LOG}, "fixed": {}}
    study.search("sgd", [0.1, 0.2])
    study.search("adam", [0.1, 0.2], best=0.1)
    study.confirm_runs = 3
    facts = study.facts(tmp_path)
    frame = optimism.compute(facts)
    assert frame["arm"].tolist() == ["sgd", "adam"]
    assert frame["search"].isna().tolist() == [True, False]
    assert frame[["confirm", "gap"]].isna().all(axis=None)
    assert optimism.caption(facts, frame).endswith("No confirm run has completed, so no gap is known.")


def test_a_diverged_seed_leaves_no_gap(new_study: "type[Study]", tmp_path: Path) -> None:
    """The mean of the survivors would hide it."""
    study = searched(new_study)
    study.search("sgd", [0.1, 0.2], best=0.1)
    study.confirm("sgd", [0.90, 0.91])
    study.add("sgd", "confirm", seed=9, status="diverged", epochs=1)
    frame = optimism.compute(study.facts(tmp_path))
    assert frame[["confirm", "gap"]].isna().all(axis=None)
    assert optimism.lay_out(frame)["n"].tolist() == ["2 (1 diverged)"]


def test_one_fresh_seed_has_a_gap_without_interval(new_study: "type[Study]", tmp_path: Path) -> None:
    """A single value says nothing about spread."""
    study = searched(new_study)
    study.winners["sgd"] = study.add("sgd", "search", val_accuracy=0.93).run_id
    study.confirm("sgd", [0.90])
    frame = optimism.compute(study.facts(tmp_path))
    assert frame["gap"].tolist() == pytest.approx([0.03])
    assert frame[["gap_low", "gap_high"]].isna().all(axis=None)
    assert optimism.lay_out(frame)["Gap (pp)"].tolist() == ["+3.00"]


def test_test_values_change_no_gap(three_arms: "Study", tmp_path: Path) -> None:
    """Reversed test accuracies leave the table as it is: it never looks at them."""
    first = optimism.compute(three_arms.facts(tmp_path / "a"))
    confirm = [run for run in three_arms.runs if run.phase == "confirm"]
    for run, value in zip(confirm, [run.test_accuracy for run in reversed(confirm)], strict=True):
        run.test_accuracy = value
    pd.testing.assert_frame_equal(first, optimism.compute(three_arms.facts(tmp_path / "b")))


def test_only_for_studies_that_search_and_confirm(
    new_study: "type[Study]", measured: "Study", three_arms: "Study", tmp_path: Path
) -> None:
    """A grid without a confirm phase has no fresh seeds, fixed arms have no choice."""
    fixed = new_study(arms={"sgd": {}})
    fixed.confirm("sgd", [0.9, 0.91])
    assert OPTIMISM.table.is_for(three_arms.facts(tmp_path / "a"))
    assert not OPTIMISM.table.is_for(measured.facts(tmp_path / "b"))
    assert not OPTIMISM.table.is_for(fixed.facts(tmp_path / "c"))


def test_the_luckiest_of_25_equal_configurations(new_study: "type[Study]", tmp_path: Path) -> None:
    """400 searches with noise of deviation s: the mean gap is that of the largest of 25, 1.965 s, to 5 %.

    Each is an arm of one study; its winner is the run with the highest value, and 10 fresh seeds follow. The
    runs are copies of one that was read from a folder, with other values.
    """
    searches, s = 400, 0.01
    study = searched(new_study)
    study.search("sgd", [0.1], best=0.1)
    study.confirm("sgd", [0.9] * 10)
    template = study.facts(tmp_path).records
    names = [f"arm{i}" for i in range(searches)]
    phases = ["search"] * 25 + ["confirm"] * 10
    runs = pd.DataFrame(
        {
            "arm": np.repeat(names, 35),
            "phase": phases * searches,
            "run_id": [f"{arm}-{phase}-{j:03d}" for arm in names for j, phase in enumerate(phases)],
            "seed": ([0] * 25 + list(range(100, 110))) * searches,
            "status": "completed",
            "repeat": 0,
            "val_accuracy": np.random.default_rng(11).normal(0.5, s, size=searches * 35),
        }
    )
    found = runs[runs["phase"] == "search"]
    best = found.loc[found.groupby("arm")["val_accuracy"].idxmax()].set_index("arm")["run_id"]
    arms = dict.fromkeys(names, template.declaration.arms["sgd"])
    records = dataclasses.replace(
        template,
        declaration=template.declaration.model_copy(update={"arms": arms}),
        runs=runs,
        epochs=runs[["run_id", "val_accuracy"]],
        winners_by_repeat={arm: {0: run_id} for arm, run_id in best.items()},
    )
    frame = optimism.compute(Facts(records))
    assert set(frame["chosen_among"]) == {25}
    assert frame["gap"].mean() / s == pytest.approx(1.965, rel=0.05)
    centred = frame["gap"] - (frame["search"] - 0.5)  # less the luck of the search, it is the fresh seeds'
    half_widths = (frame["gap_high"] - frame["gap_low"]) / 2
    covered = (centred.abs() <= half_widths).mean()
    assert covered == pytest.approx(0.95, abs=2 * math.sqrt(0.95 * 0.05 / searches))
