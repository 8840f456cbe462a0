"""The figures' numbers, and that drawing them is faithful and repeatable."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.blocks import search
from analysis.blocks.registry import PLOTS
from analysis.facts import Facts
from analysis.plots.learning_curves import compute_curves
from analysis.records import load_study
from analysis.render.axes import spread
from analysis.render.figure import as_svg, laid_out
from analysis.render.style import MOST_VECTOR_POINTS, arm_styles

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


def test_every_search_run_is_in_the_rate_plot(three_arms: "Study", tmp_path: Path) -> None:
    """Seven runs an arm: five filled, the stopped one hollow, the diverged one on the rail; one ringed."""
    three_arms.add("sgd", "search", lr=0.6, status="failed", epochs=0)
    frame = search.compute_plot(three_arms.facts(tmp_path))
    places = frame.groupby("arm", sort=False)["place"].value_counts()
    assert places["sgd"].to_dict() == {"filled": 5, "rail": 2, "hollow": 1}
    assert places["adam"].to_dict() == {"filled": 5, "rail": 1, "hollow": 1}
    assert frame[frame["is_best"]]["learning_rate"].tolist() == [0.9, 1e-3, 1e-2]
    assert frame[frame["is_best"]]["edge"].tolist()[0] == "upper"
    assert frame.loc[frame["place"] == "rail", "value"].isna().all()


def test_the_rail_shows_each_run_without_a_value(three_arms: "Study", tmp_path: Path) -> None:
    """As many crosses are drawn above the panels as the CSV twin has rows on the rail."""
    for rate in (0.2, 0.3, 0.4):
        three_arms.add("rmsprop", "search", lr=rate, status="diverged", epochs=1)
    facts = three_arms.facts(tmp_path)
    frame = search.compute_plot(facts)
    figure = search.draw(frame, arm_styles(facts.records.arms))
    crosses = [len(line.get_xdata()) for ax in figure.axes for line in ax.lines if line.get_marker() == "x"]
    assert sum(crosses) == (frame["place"] == "rail").sum() == 6
    assert crosses == [1, 4, 1]


@pytest.mark.parametrize(("name", "study", "panels"), [("isolation", 2, 2), ("learning_rates", 0, 3)])
def test_many_runs_are_one_image_a_panel(all_facts: list[Facts], name: str, study: int, panels: int) -> None:
    """All marks of a panel, those beyond it and on its rail included: the drawing stays small."""
    facts = all_facts[study]
    plot = PLOTS[name]
    frame = plot.compute(facts)
    runs = frame[frame["run_id"] != ""]
    many = pd.concat([frame, *[runs] * (1 + MOST_VECTOR_POINTS // len(runs))], ignore_index=True)
    styles = arm_styles(facts.records.arms)
    few, large = (as_svg(laid_out(plot.draw(each, styles)), name, "") for each in (frame, many))
    assert (few.count("<image"), large.count("<image")) == (0, panels)


def test_the_range_in_the_rate_plot_is_the_declared_one(new_study: "type[Study]", tmp_path: Path) -> None:
    """One run at 0.01 in a range from 1e-4 to 1: the bounds come from the manifest."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.01], best=0.01)
    frame = search.compute_plot(study.facts(tmp_path))
    assert frame[["low", "high", "is_log"]].iloc[0].tolist() == [1e-4, 1.0, True]


def test_arms_with_a_fixed_rate_are_named_not_drawn(new_study: "type[Study]", tmp_path: Path) -> None:
    """They have no range to look at."""
    study = new_study(arms={"sgd": {"lr": LOG}, "adam": {}})
    study.search("sgd", [0.01], best=0.01)
    facts = study.facts(tmp_path)
    frame = search.compute_plot(facts)
    assert set(frame["arm"]) == {"sgd"}
    assert search.caption_plot(facts, frame).endswith("Not shown, because fixed or not yet run: adam.")


def test_curves_hold_each_seed_and_the_mean(new_study: "type[Study]", tmp_path: Path) -> None:
    """Last validation accuracies .90 to .94: mean .92, interval .900368 to .939632; 3 epochs of 2 s."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91, 0.92, 0.93, 0.94])
    frame = compute_curves(load_study(study.write(tmp_path)), "accuracy")
    seeds, means = (frame[frame["line"] == kind] for kind in ("seed", "mean"))
    assert (len(seeds), len(means)) == (5 * 3 * 2, 3 * 2)
    last = means[(means["split"] == "val") & (means["epoch"] == 3)].iloc[0]
    assert last[["value", "low", "high"]].tolist() == pytest.approx([0.92, 0.900368, 0.939632], abs=1e-6)
    assert (last["seconds"], last["n"]) == (6.0, 5)


def test_no_mean_is_taken_over_survivors(new_study: "type[Study]", tmp_path: Path) -> None:
    """One of three seeds diverges in epoch 2: the mean ends after epoch 1; failed runs are left out."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9, 0.91])
    study.add("sgd", "confirm", seed=1, status="diverged", epochs=2)
    study.add("sgd", "confirm", seed=2, status="failed", epochs=1)
    frame = compute_curves(load_study(study.write(tmp_path)), "loss")
    means = frame[frame["line"] == "mean"]
    assert set(means["epoch"]) == {1}
    assert set(means["n"]) == {3}


def test_curves_without_a_confirm_phase_are_the_winners(new_study: "type[Study]", tmp_path: Path) -> None:
    """One search run an arm, without a band."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.01, 0.1], best=0.1)
    frame = compute_curves(load_study(study.write(tmp_path)), "loss")
    assert set(frame["phase"]) == {"search"}
    assert set(frame["run_id"]) == {"sgd-search-001", ""}
    assert frame["low"].isna().all()


def test_an_arm_looks_the_same_in_every_figure() -> None:
    """Looks depend on the position in the study file, and no two of 90 arms share colour and marker."""
    styles = arm_styles([f"arm{position}" for position in range(90)])
    assert len({(style.color, style.marker) for style in styles.values()}) == 90
    assert arm_styles(["a", "b"])["b"].color == arm_styles(["x", "y"])["y"].color


@given(st.lists(st.floats(0, 1), min_size=1, max_size=15).map(sorted))
def test_labels_are_moved_apart_in_order(heights: list[float]) -> None:
    """No two labels are closer than the gap, and lone labels stay where they are."""
    placed = spread(heights, gap=0.1)
    steps = [after - before for before, after in pairwise(placed)]
    assert all(step >= 0.1 - 1e-9 for step in steps)
    assert sum(placed) == pytest.approx(sum(heights))


def test_labels_far_apart_stay() -> None:
    """What does not overlap is not moved."""
    assert spread([0.1, 0.5, 0.9], gap=0.1) == pytest.approx([0.1, 0.5, 0.9])
