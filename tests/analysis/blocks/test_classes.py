"""Which classes each arm gets right, and which it takes for which."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analysis.blocks.registry import PLOTS, TABLES
from analysis.facts import Facts
from analysis.render.figure import arm_styles

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

PARTS = [parts[name] for parts in (TABLES, PLOTS) for name in ("class_accuracy", "confusions")]


@pytest.fixture
def study(new_study: "type[Study]") -> "Study":
    """Return two arms on four images of class 0 and one of class 2, each with two seeds."""
    study = new_study(arms={"sgd": {}, "adam": {}}, labels=[0, 0, 0, 0, 2])
    study.classify("sgd", [[0, 0, 0, 1, 2], [0, 0, 1, 1, 0]])
    study.classify("adam", [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    return study


def test_each_class_has_the_mean_of_its_seeds(study: "Study", tmp_path: Path) -> None:
    """Of class 0 the seeds have 3/4 and 2/4: mean 5/8, half-width 12.706 (t, 1 df) times 1/8."""
    facts = study.facts(tmp_path)
    rows = TABLES["class_accuracy"].compute(facts).to_dict("records")
    assert [(row["arm"], row["label"], row["images"], row["n"]) for row in rows] == [
        ("sgd", 0, 4, 2), ("sgd", 2, 1, 2), ("adam", 0, 4, 2), ("adam", 2, 1, 2),
    ]  # fmt: skip
    assert [row["accuracy"] for row in rows] == [0.625, 0.5, 1.0, 0.0]
    assert rows[0]["high"] - rows[0]["accuracy"] == pytest.approx(12.706 / 8, abs=1e-3)


def test_no_share_is_above_all_of_a_class(study: "Study", tmp_path: Path) -> None:
    """The interval from 62 - 159 to 62 + 159 % is told, and drawn, from 0 to 100."""
    facts = study.facts(tmp_path)
    cells = TABLES["class_accuracy"].rendered("class_accuracy", facts).cells
    assert cells["sgd"].tolist() == ["62 (0 to 100)", "50 (0 to 100)"]
    plot = PLOTS["class_accuracy"]
    (ax,) = plot.draw(plot.compute(facts), arm_styles(facts.records.arms)).axes
    ends = [bars.get_datalim(ax.transData).intervalx for bars in ax.collections]
    assert (np.min(ends), np.max(ends)) == (0, 100)


def test_classes_without_a_test_image_are_left_out(study: "Study", tmp_path: Path) -> None:
    """Nothing is divided by none; such a class can still be what others are taken for."""
    matrices = PLOTS["confusions"].compute(study.facts(tmp_path))
    assert set(matrices["label"]) == {0, 2}
    assert set(matrices["predicted"]) == set(range(10))
    assert matrices.groupby(["arm", "label"])["share"].sum().tolist() == pytest.approx([1.0] * 4)


def test_confusions_are_ordered_by_their_mean_over_arms(study: "Study", tmp_path: Path) -> None:
    """Class 2 is taken for 0 in 1/2 and 1 of the cases, class 0 for 1 in 3/8 and 0."""
    frame = TABLES["confusions"].compute(study.facts(tmp_path))
    found = [(row["arm"], row["label"], row["predicted"], row["share"]) for row in frame.to_dict("records")]
    assert found == [("sgd", 2, 0, 0.5), ("adam", 2, 0, 1.0), ("sgd", 0, 1, 0.375), ("adam", 0, 1, 0.0)]
    cells = TABLES["confusions"].lay_out(frame)
    assert list(cells["Class"]) == ["Pullover", "T-shirt/top"]
    assert list(cells["adam"]) == ["100.00 ± 0", "0.00 ± 0"]


def test_an_arm_with_a_diverged_seed_has_no_mean(study: "Study", tmp_path: Path) -> None:
    """The survivors would flatter it: it stays in the tables without numbers, and has no panel."""
    study.add("sgd", "confirm", seed=102, status="diverged")
    facts = study.facts(tmp_path)
    accuracy = TABLES["class_accuracy"].compute(facts)
    assert accuracy.loc[accuracy["arm"] == "sgd", "accuracy"].isna().all()
    assert "Without a mean" in TABLES["class_accuracy"].caption(facts, accuracy)
    assert set(PLOTS["confusions"].compute(facts)["arm"]) == {"adam"}
    assert set(PLOTS["class_accuracy"].compute(facts)["arm"]) == {"adam"}
    pairs = TABLES["confusions"].compute(facts)
    assert [row for row in pairs["share"] if not math.isnan(row)] == [1.0]


def test_where_every_arm_has_a_diverged_seed_there_is_nothing_to_show(study: "Study", tmp_path: Path) -> None:
    """Neither tables nor figures are written."""
    for arm in study.arms:
        study.add(arm, "confirm", seed=102, status="diverged")
    facts = study.facts(tmp_path)
    assert not any(part.is_for(facts) for part in PARTS)


def test_of_many_arms_the_most_accurate_have_a_panel(new_study: "type[Study]", tmp_path: Path) -> None:
    """Eight arms with 1 to 8 of ten images right: six panels, in the study's order."""
    arms = [f"arm{place}" for place in (3, 8, 1, 7, 5, 2, 6, 4)]
    study = new_study(arms={arm: {} for arm in arms}, labels=list(range(10)))
    for arm in arms:
        n_right = int(arm[-1])
        study.classify(arm, [[*range(n_right), *[0] * (10 - n_right)]] * 2)
    facts = study.facts(tmp_path)
    frame = PLOTS["confusions"].compute(facts)
    assert list(dict.fromkeys(frame["arm"])) == ["arm3", "arm8", "arm7", "arm5", "arm6", "arm4"]
    assert "The 6 of 8 arms with the highest mean accuracy" in PLOTS["confusions"].caption(facts, frame)


def test_studies_without_predictions_have_none_of_it(all_facts: list[Facts]) -> None:
    """Only the third of the three studies keeps them."""
    for part in PARTS:
        assert [part.is_for(facts) for facts in all_facts] == [False, False, True]
