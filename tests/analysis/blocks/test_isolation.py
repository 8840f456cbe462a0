"""Isolation: what was reached at each value of a setting, of runs of full length, with nothing hidden."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from analysis.blocks import isolation, isolation_panels
from analysis.facts import Facts
from analysis.render.figure import arm_styles
from analysis.search import after_epoch, at_full_length

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LR = {"low": 1e-4, "high": 1.0, "log": True}


@pytest.fixture
def searched(new_study: "type[Study]") -> "Study":
    """Return an arm that searched dropout in [0, 0.5] and two initialisations, with ten runs and a winner."""
    space = {"lr": LR, "dropout": {"low": 0.0, "high": 0.5}, "init": {"choices": ["default", "orthogonal"]}}
    study = new_study(arms={"sgd": space})
    for number in range(10):
        init = "orthogonal" if number == 9 else "default"
        configuration = {"dropout": 0.04 * number, "init": init}
        study.add("sgd", "search", val_loss=0.5 - 0.01 * number, configuration=configuration)
    study.winners = {"sgd": "sgd-search-009"}
    return study


def bests(facts: Facts, field: str) -> dict[str, float]:
    """Return the best value by level of one field."""
    frame = isolation.compute(facts)
    rows = frame[(frame["kind"] == "best") & (frame["field"] == field)]
    return dict(zip(rows["level"], rows["value"], strict=True))


def test_the_best_of_each_value_is_that_of_its_runs(searched: "Study", tmp_path: Path) -> None:
    """Losses fall from .5 to .42 in runs 0 to 8 (default); run 9 alone is orthogonal, with .41."""
    facts = searched.facts(tmp_path)
    assert bests(facts, "init") == pytest.approx({"default": 0.42, "orthogonal": 0.41})
    frame = isolation.compute(facts)
    assert frame.loc[(frame["kind"] == "best") & (frame["field"] == "init"), "n"].tolist() == [9, 1]
    assert "lr" not in set(frame["field"])


def test_ranges_have_five_equal_parts(searched: "Study", tmp_path: Path) -> None:
    """Dropout 0 to .36 in steps of .04: the last run of each tenth, and nothing from .4 on."""
    found = bests(searched.facts(tmp_path), "dropout")
    assert list(found) == ["0 to 0.1", "0.1 to 0.2", "0.2 to 0.3", "0.3 to 0.4", "0.4 to 0.5"]
    assert list(found.values()) == pytest.approx([0.48, 0.46, 0.43, 0.41, np.nan], nan_ok=True)


def test_log_ranges_are_cut_on_their_scale(new_study: "type[Study]", tmp_path: Path) -> None:
    """From 1e-5 to 1 each fifth is a decade; the upper bound belongs to the last."""
    domain = {"low": 1e-5, "high": 1.0, "log": True}
    study = new_study(arms={"sgd": {"weight_decay": domain}})
    for decay, loss in ((2e-5, 0.5), (5e-3, 0.4), (1.0, 0.3)):
        study.add("sgd", "search", val_loss=loss, configuration={"weight_decay": decay})
    found = bests(study.facts(tmp_path), "weight_decay")
    assert list(found.values()) == pytest.approx([0.5, np.nan, 0.4, np.nan, 0.3], nan_ok=True)


def test_accuracies_are_best_where_highest(new_study: "type[Study]", tmp_path: Path) -> None:
    """The direction follows the search's metric."""
    study = new_study(arms={"sgd": {"init": {"choices": ["default", "orthogonal"]}}}, metric="val_accuracy")
    for accuracy in (0.7, 0.9, 0.8):
        study.add("sgd", "search", val_accuracy=accuracy, configuration={"init": "default"})
    facts = study.facts(tmp_path)
    assert bests(facts, "init")["default"] == 0.9
    assert "the highest of the runs" in isolation.caption(facts, isolation.compute(facts))


def test_only_runs_of_full_length_are_compared(searched: "Study", tmp_path: Path) -> None:
    """A stopped run with the lowest loss and a diverged one are no runs of the panels."""
    lucky = {"dropout": 0.45, "init": "default"}
    searched.add("sgd", "search", val_loss=0.01, status="stopped", epochs=1, configuration=lucky)
    searched.add("sgd", "search", val_loss=0.01, status="diverged", epochs=2, configuration=lucky)
    found = bests(searched.facts(tmp_path), "dropout")
    assert np.isnan(found["0.4 to 0.5"])


def test_every_run_is_drawn_and_the_winner_ringed(searched: "Study", tmp_path: Path) -> None:
    """In each panel ten circles or triangles, one ring; the hopeless run lies at the edge."""
    searched.runs[0].val_loss = 40.0
    facts = searched.facts(tmp_path)
    figure = isolation_panels.draw(isolation.compute(facts), arm_styles(facts.records.arms))
    for ax in figure.axes:
        sizes = [
            (float(c.get_sizes()[0]), len(c.get_offsets()))
            for c in ax.collections
            if isinstance(c, PathCollection) and len(c.get_offsets())
        ]
        assert (14.0, 9) in sizes
        assert (18.0, 1) in sizes
        assert (110.0, 1) in sizes
        assert ax.get_ylim()[1] < 1


def test_the_winner_is_shown_with_its_fresh_seeds(searched: "Study", tmp_path: Path) -> None:
    """Confirm losses .40 to .44: mean .42, half-width .019632; a diverged seed leaves no mean."""
    for offset in range(5):
        searched.add("sgd", "confirm", seed=100 + offset, val_loss=0.40 + 0.01 * offset)
    facts = searched.facts(tmp_path / "whole")
    frame = isolation.compute(facts)
    (row,) = frame[(frame["kind"] == "confirm") & (frame["field"] == "init")].to_dict("records")
    assert [row["value"], row["low"], row["high"], row["n"]] == pytest.approx(
        [0.42, 0.400368, 0.439632, 5], abs=1e-6
    )
    searched.add("sgd", "confirm", seed=200, status="diverged")
    facts = searched.facts(tmp_path / "void")
    frame = isolation.compute(facts)
    assert frame.loc[frame["kind"] == "confirm", "value"].isna().all()
    assert "a run diverged or none completed: sgd" in isolation.caption(facts, frame)
    assert isolation_panels.draw(frame, arm_styles(facts.records.arms)).axes


def test_fields_of_branches_have_panels_of_their_own(new_study: "type[Study]", tmp_path: Path) -> None:
    """Each branch's learning rate is one, which no other figure shows apart; one without runs is named."""
    branches = {name: {"lr": LR} for name in ("sgd", "adam")}
    study = new_study(arms={"joint": {"optimizer": {"one_of": branches}}})
    study.add("joint", "search", lr=0.1, configuration={"optimizer": "sgd"})
    facts = study.facts(tmp_path)
    frame = isolation.compute(facts)
    assert frame[["field", "condition"]].drop_duplicates().to_numpy().tolist() == [
        ["optimizer", ""],
        ["lr", "optimizer sgd"],
    ]
    assert "Without a completed run: joint: lr (optimizer adam)" in isolation.caption(facts, frame)


def test_no_more_panels_than_can_be_read(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of 14 arms with one setting each, 12 are drawn, and the text says that 2 are not."""
    arms = {f"arm{number}": {"init": {"choices": ["default", "orthogonal"]}} for number in range(14)}
    study = new_study(arms=arms)
    for arm in arms:
        study.add(arm, "search", configuration={"init": "default"})
    facts = study.facts(tmp_path)
    frame = isolation.compute(facts)
    assert frame["arm"].nunique() == isolation.MOST_PANELS == 12
    assert "2 more settings are not drawn" in isolation.caption(facts, frame)


def test_without_a_completed_run_there_is_a_reason(searched: "Study", tmp_path: Path) -> None:
    """An empty frame, and words in place of the figure."""
    for run in searched.runs:
        run.status = "diverged"
    searched.winners = {"sgd": None}
    facts = searched.facts(tmp_path)
    frame = isolation.compute(facts)
    assert frame.empty
    assert isolation.caption(facts, frame).startswith("Nothing is shown")


def test_studies_of_the_rate_alone_have_no_isolation(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nor have grids that only measure, and fixed arms; a searched momentum is enough."""
    rate = new_study(arms={"sgd": {"lr": LR}}, name="rate")
    rate.search("sgd", [0.1], best=0.1)
    grid = new_study(arms={"sgd": {"momentum": {"grid": [0.0, 0.9]}}}, name="grid")
    grid.grid("sgd", {"momentum": 0.0}, [0.5])
    fixed = new_study(arms={"sgd": {}}, name="fixed")
    fixed.confirm("sgd", [0.9])
    assert not any(isolation.ISOLATION.plot.is_for(study.facts(tmp_path)) for study in (rate, grid, fixed))


@pytest.mark.parametrize(
    ("settings", "value"), [({}, 0.5), ({"winner": "best"}, 0.3), ({"average_epochs": 2}, 0.4)]
)
def test_runs_count_by_the_winners_rule(
    new_study: "type[Study]", tmp_path: Path, settings: dict[str, object], value: float
) -> None:
    """Of losses .9, .3, .5 the last counts, or the best, or the mean of the last two."""
    study = new_study(arms={"sgd": {"lr": LR}}, search_settings=settings)
    study.add("sgd", "search", curve={"val_loss": [0.9, 0.3, 0.5]})
    facts = study.facts(tmp_path)
    assert at_full_length(facts.records).tolist() == pytest.approx([value])
    assert after_epoch(facts.records, ["sgd-search-000"], 1).tolist() == [0.9]
