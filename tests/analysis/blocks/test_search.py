"""The range of each rate, and every search run in it."""

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.blocks import learning_rates, search
from analysis.render.figure import arm_styles

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}
SPACE = {
    "optimizer": {
        "one_of": {
            "sgd": {"lr": {"low": 1e-2, "high": 1.0, "log": True}},
            "adam": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}},
            "adamw": {"lr": 3e-5},
        }
    }
}


def conditional(new_study: "type[Study]") -> "Study":
    """Return an arm of which Adam at 0.003 won, between runs of SGD and a diverged one of each."""
    study = new_study(arms={"joint": SPACE})
    for optimizer, lr, status in (
        ("sgd", 0.01, "diverged"), ("sgd", 0.9, "completed"), ("sgd", 0.8, "diverged"),
        ("adamw", 3e-5, "stopped"),
        ("adam", 2e-4, "completed"), ("adam", 0.003, "completed"), ("adam", 0.005, "completed"),
    ):  # fmt: skip
        study.add("joint", "search", lr=lr, status=status, configuration={"optimizer": optimizer})
    study.winners["joint"] = "joint-search-005"
    return study


def test_a_rate_below_a_diverged_one_is_stability_limited(three_arms: "Study", tmp_path: Path) -> None:
    """Next above rmsprop's 1e-3 is 1e-2, fine; next above sgd's 0.9 is nothing; 0.5 diverged below it."""
    frame = search.compute_table(three_arms.facts(tmp_path))
    assert frame["is_stability_limited"].tolist() == [False, False, False]


def test_stability_limit_is_found(new_study: "type[Study]", tmp_path: Path) -> None:
    """The next larger rate that was tried diverged."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.01, 0.05, 0.5], best=0.05)
    study.add("sgd", "search", lr=0.07, status="diverged", epochs=1)
    assert search.compute_table(study.facts(tmp_path))["is_stability_limited"].tolist() == [True]


def test_every_search_run_is_in_the_rate_plot(three_arms: "Study", tmp_path: Path) -> None:
    """Seven runs an arm: five filled, the stopped one hollow, the diverged one on the rail; one ringed."""
    three_arms.add("sgd", "search", lr=0.6, status="failed", epochs=0)
    frame = learning_rates.compute_learning_rates(three_arms.facts(tmp_path))
    assert frame.query("arm == 'sgd'")["place"].value_counts().to_dict() == {
        "filled": 5,
        "rail": 2,
        "hollow": 1,
    }
    assert frame.query("arm == 'adam'")["place"].value_counts().to_dict() == {
        "filled": 5,
        "rail": 1,
        "hollow": 1,
    }
    assert frame[frame["is_best"]]["learning_rate"].tolist() == [0.9, 1e-3, 1e-2]
    assert frame[frame["is_best"]]["edge"].tolist()[0] == "upper"
    assert frame.loc[frame["place"] == "rail", "value"].isna().all()


def test_the_rail_shows_each_run_without_a_value(three_arms: "Study", tmp_path: Path) -> None:
    """As many crosses are drawn above the panels as the CSV twin has rows on the rail."""
    for rate in (0.2, 0.3, 0.4):
        three_arms.add("rmsprop", "search", lr=rate, status="diverged", epochs=1)
    facts = three_arms.facts(tmp_path)
    frame = learning_rates.compute_learning_rates(facts)
    figure = learning_rates.draw_learning_rates(frame, arm_styles(facts.records.arms))
    crosses = [len(line.get_xdata()) for ax in figure.axes for line in ax.lines if line.get_marker() == "x"]
    assert sum(crosses) == (frame["place"] == "rail").sum() == 6
    assert crosses == [1, 4, 1]


def test_the_rate_plot_shows_losses_below_zero(three_arms: "Study", tmp_path: Path) -> None:
    """Of 0.35 and more, lowered by 0.4: the best is below 0, and no logarithmic scale hides it."""
    for run in three_arms.runs:
        run.val_loss -= 0.4
    facts = three_arms.facts(tmp_path)
    frame = learning_rates.compute_learning_rates(facts)
    ax, *_ = learning_rates.draw_learning_rates(frame, arm_styles(facts.records.arms)).axes
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] < frame["value"].min() < 0


def test_the_range_in_the_rate_plot_is_the_declared_one(new_study: "type[Study]", tmp_path: Path) -> None:
    """One run at 0.01 in a range from 1e-4 to 1: the bounds come from the manifest."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.01], best=0.01)
    frame = learning_rates.compute_learning_rates(study.facts(tmp_path))
    assert frame[["low", "high", "is_log"]].iloc[0].tolist() == [1e-4, 1.0, True]


def test_arms_with_a_fixed_rate_are_named_not_drawn(new_study: "type[Study]", tmp_path: Path) -> None:
    """They have no range to look at."""
    study = new_study(arms={"sgd": {"lr": LOG}, "adam": {}})
    study.search("sgd", [0.01], best=0.01)
    facts = study.facts(tmp_path)
    frame = learning_rates.compute_learning_rates(facts)
    assert set(frame["arm"]) == {"sgd"}
    assert learning_rates.caption_learning_rates(facts, frame).endswith(
        "Not shown, because fixed or not yet run: adam."
    )


def test_the_next_larger_rate_is_one_of_the_same_branch(new_study: "type[Study]", tmp_path: Path) -> None:
    """SGD diverged at 0.01, next above Adam's 0.003, which says nothing of Adam; Adam's own 0.004 would."""
    study = conditional(new_study)
    assert search.compute_table(study.facts(tmp_path))["is_stability_limited"].tolist() == [False]
    study.add("joint", "search", lr=0.004, status="diverged", configuration={"optimizer": "adam"})
    again = study.facts(tmp_path / "again")
    assert search.compute_table(again)["is_stability_limited"].tolist() == [True]


def test_each_run_of_a_conditional_space_is_in_sight(new_study: "type[Study]", tmp_path: Path) -> None:
    """The axis covers all branches and the fixed rate of one; every point and cross lies inside its panel."""
    facts = conditional(new_study).facts(tmp_path)
    frame = learning_rates.compute_learning_rates(facts)
    assert len(frame) == 7
    assert list(frame["low"].dropna()) == [0.01] * 3 + [1e-4] * 3
    assert frame["low"].isna().sum() == 1
    (ax,) = learning_rates.draw_learning_rates(frame, arm_styles(facts.records.arms)).axes
    low, high = ax.get_xlim()
    assert low < 3e-5
    assert high > 1.0
    crosses = [x for line in ax.lines if line.get_marker() == "x" for x in line.get_xdata()]
    assert sorted(crosses) == [0.01, 0.8]
    points = [x for marks in ax.collections[:2] for x, _ in marks.get_offsets()]
    assert len(points) + len(crosses) == len(frame)
    assert all(low < x < high for x in (*crosses, *points))
    assert (
        "light are all of them, dark the outer parts of the chosen run's"
        in learning_rates.caption_learning_rates(facts, frame)
    )


def test_an_arm_whose_winner_fixes_its_rate_is_drawn(new_study: "type[Study]", tmp_path: Path) -> None:
    """Its other branches searched one: their runs are counted and shown."""
    study = conditional(new_study)
    study.winners["joint"] = None
    table = search.compute_table(study.facts(tmp_path))
    assert table[["low", "high", "is_log"]].iloc[0].tolist() == [1e-4, 1.0, True]
    study.winners["joint"] = "joint-search-003"
    study.runs[3].status = "completed"
    facts = study.facts(tmp_path / "fixed")
    assert search.lay_out(search.compute_table(facts))["Declared range"].tolist() == ["fixed"]
    frame = learning_rates.compute_learning_rates(facts)
    assert len(frame) == 7
    assert learning_rates.draw_learning_rates(frame, arm_styles(["joint"])).axes[0].get_xlim()[0] < 3e-5
