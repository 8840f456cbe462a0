"""Sources of noise: searches, seeds, test images, and the last epochs."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from analysis.blocks import variance
from analysis.blocks.variance import VARIANCE
from analysis.variance import sources_of_noise, told_apart

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}
BENT = [-0.01, 0.01, 0.0, 0.01, -0.01]
"""Has mean 0, slope 0, and a sum of squares of 4e-4: a variance of 4e-4 / 3 with 5 - 2 degrees of freedom."""


def by_source(frame: pd.DataFrame, arm: str = "sgd") -> dict[str, dict[str, Any]]:
    """Return the rows of an arm by their source."""
    rows = frame[frame["arm"] == arm].to_dict("records")
    return {str(row["source"]): {str(name): value for name, value in row.items()} for row in rows}


def test_spread_of_seeds_has_a_chi_square_interval(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of .90, .91, .92 the deviation is .01; 2 / 7.37776 and 2 / .0506356 are its ends' squares."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91, 0.92])
    seeds = by_source(sources_of_noise(study.facts(tmp_path)))["seed"]
    assert seeds["n"] == 3
    assert seeds["deviation"] == pytest.approx(0.01)
    assert [seeds["low"], seeds["high"]] == pytest.approx([0.0052066, 0.0628475], abs=1e-6)


def test_without_predictions_images_have_a_limit(new_study: "type[Study]", tmp_path: Path) -> None:
    """The root of .9 * .1 / 10 000 is .003, whatever the number of seeds: of one run, so the mean's limit."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.88, 0.92])
    row = by_source(sources_of_noise(study.facts(tmp_path)))["images"]
    assert (row["basis"], row["low"], row["high"], row["n"]) == ("at most", 0, pytest.approx(0.003), 10_000)
    assert pd.isna(row["deviation"])


def test_predicted_classes_say_what_the_test_set_does(new_study: "type[Study]", tmp_path: Path) -> None:
    """All seeds right on the same four images of five: the root of .2 / 5, more than the binomial .1789."""
    study = new_study(arms={"sgd": {}}, labels=[0, 1, 2, 3, 4])
    study.classify("sgd", [[0, 1, 2, 3, 3]] * 3)
    row = by_source(sources_of_noise(study.facts(tmp_path)))["images"]
    assert (row["basis"], row["deviation"]) == ("measured", pytest.approx(0.2))
    assert row["low"] < 0.2 < row["high"]


def test_epochs_wobble_around_a_line(new_study: "type[Study]", tmp_path: Path) -> None:
    """One run bent on a slope, one straight: the root of half of 4e-4 / 3 is .0081650.

    A jump before the last five epochs is not in it, and a run of four epochs is left out.
    """
    study = new_study(arms={"sgd": {}}, max_epochs=6)
    bent = [0.1, *(0.8 + 0.02 * epoch + bend for epoch, bend in enumerate(BENT))]
    straight = [0.1, *(0.8 - 0.01 * epoch for epoch in range(5))]
    for seed, curve in enumerate((bent, straight, [0.1, 0.9, 0.1, 0.9])):
        study.add("sgd", "confirm", seed=seed, epochs=len(curve), curve={"val_accuracy": curve})
    row = by_source(sources_of_noise(study.facts(tmp_path)))["epochs"]
    assert row["n"] == 2
    assert row["deviation"] == pytest.approx(0.0081650, abs=1e-7)
    # 6 degrees of freedom, of which the chi-square quantiles at .975 and .025 are 14.4494 and 1.23734
    assert [row["low"], row["high"]] == pytest.approx([0.0052615, 0.0179799], abs=1e-6)


def test_runs_of_few_epochs_have_no_wobble(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three epochs a run: not measured, and where that is so in every arm there is no column of it."""
    study = new_study(arms={"sgd": {}, "long": {}}, max_epochs=5)
    study.confirm("sgd", [0.90, 0.91])
    short = sources_of_noise(study.facts(tmp_path / "short"))
    assert (by_source(short)["epochs"]["basis"], by_source(short)["epochs"]["n"]) == ("not known", 0)
    assert "Last epochs: SD (pp)" not in variance.lay_out(short)
    study.confirm("long", [0.90, 0.91], epochs=5)
    cells = variance.lay_out(sources_of_noise(study.facts(tmp_path / "long")))
    assert cells["Last epochs: SD (pp)"].iloc[0] == "not known (n = 0)"


def test_a_diverged_seed_voids_the_spread(new_study: "type[Study]", tmp_path: Path) -> None:
    """The survivors alone would flatter the arm."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91])
    study.add("sgd", "confirm", seed=9, status="diverged", epochs=1)
    facts = study.facts(tmp_path)
    frame = sources_of_noise(facts)
    assert frame["high"].isna().all()
    assert variance.lay_out(frame).iloc[0, 2] == "not known: 1 diverged (n = 2)"
    assert VARIANCE.plot.rendered("variance", facts, {}).drawing is None


def test_one_seed_has_no_spread(new_study: "type[Study]", tmp_path: Path) -> None:
    """A deviation takes two; the error of the test set does not."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9])
    cells = variance.lay_out(sources_of_noise(study.facts(tmp_path))).iloc[0].tolist()
    assert cells[:4] == ["sgd", "nothing was searched", "not known (n = 1)", "at most 0.30 (n = 10,000)"]


def test_of_one_search_nothing_is_known(new_study: "type[Study]", tmp_path: Path) -> None:
    """Never 0: the search's part may be larger than all the others. A fixed arm has none."""
    study = new_study(arms={"sgd": {"lr": LOG}, "fixed": {}})
    study.search("sgd", [0.1], best=0.1)
    for arm in study.arms:
        study.confirm(arm, [0.90, 0.91])
    facts = study.facts(tmp_path)
    frame = sources_of_noise(facts)
    searched, fixed = (by_source(frame, arm)["search"] for arm in study.arms)
    assert (searched["basis"], fixed["basis"]) == ("not known", "none")
    assert pd.isna([row[name] for row in (searched, fixed) for name in ("deviation", "low", "high")]).all()
    assert variance.lay_out(frame).iloc[:, 1].tolist() == ["not known: one search", "nothing was searched"]
    drawn = variance.compute_drawn(facts)
    assert list(drawn["arm"] + " " + drawn["source"]) == [
        "sgd search", "sgd seed", "sgd images", "fixed seed", "fixed images",
    ]  # fmt: skip


def test_repeats_part_the_search_from_the_seeds(new_study: "type[Study]", tmp_path: Path) -> None:
    """Means .82, .86, .90 with variance .0016, seeds within .0002 on 3 degrees: search .0016 - .0002 / 2.

    An arm that searches nothing has six seeds and no search.
    """
    study = new_study(arms={"sgd": {"lr": LOG}, "fixed": {}})
    for arm in study.arms:
        study.repeat(arm, [[0.81, 0.83], [0.85, 0.87], [0.89, 0.91]])
    frame = sources_of_noise(study.facts(tmp_path))
    sgd, fixed = (by_source(frame, arm) for arm in study.arms)
    assert (sgd["search"]["deviation"], sgd["search"]["n"]) == (pytest.approx(math.sqrt(0.0015)), 3)
    assert (sgd["seed"]["deviation"], sgd["seed"]["n"]) == (pytest.approx(math.sqrt(0.0002)), 6)
    assert (fixed["search"]["basis"], fixed["seed"]["n"]) == ("none", 6)
    assert fixed["seed"]["deviation"] == pytest.approx(math.sqrt(0.00140))


def test_one_seed_a_search_parts_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of .90, .91, .92 both together have a deviation of .01, at most .0628475; neither has more."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.repeat("sgd", [[0.90], [0.91], [0.92]])
    found = by_source(sources_of_noise(study.facts(tmp_path)))
    assert [found[source]["basis"] for source in ("search", "seed")] == ["at most"] * 2
    assert [found[source]["high"] for source in ("search", "seed")] == pytest.approx(
        [0.0628475] * 2, abs=1e-6
    )


def test_only_intervals_apart_are_told_apart(new_study: "type[Study]", tmp_path: Path) -> None:
    """A search that moves the accuracy 50 times as far as seeds do is the larger; with one search it is not.

    Where images move it by .30 pp at most and seeds by .52 to 6.3, seeds are the larger.
    """
    study = new_study(arms={"apart": {"lr": LOG}, "not": {"lr": LOG}})
    steps = [0.60, 0.65, 0.70, 0.75, 0.80]
    study.repeat("apart", [[step, step + 0.001] for step in steps])
    study.repeat("not", [[step, step + 0.1] for step in steps])
    apart = told_apart(sources_of_noise(study.facts(tmp_path)))
    assert apart["search", "seed"] == ["apart"]
    assert apart["seed", "images"] == ["not"]
    single = new_study(arms={"sgd": {"lr": LOG}}, name="single")
    single.search("sgd", [0.1], best=0.1)
    single.confirm("sgd", [0.90, 0.91, 0.92])
    facts = single.facts(tmp_path)
    assert told_apart(sources_of_noise(facts)) == {("seed", "images"): ["sgd"]}
    assert "seed above test images in sgd. Nothing else is." in variance.caption(
        facts, sources_of_noise(facts)
    )


def test_equal_seeds_have_a_spread_of_zero(new_study: "type[Study]", tmp_path: Path) -> None:
    """Identical values are shown as 0 and not as a rounding error."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9, 0.9, 0.9])
    cells = variance.lay_out(sources_of_noise(study.facts(tmp_path)))
    assert cells.iloc[0, 2] == "0 (0 to 0, n = 3)"


def test_only_with_a_confirm_phase(measured: "Study", tmp_path: Path) -> None:
    """No other run sees the test set."""
    assert not VARIANCE.table.is_for(measured.facts(tmp_path))
