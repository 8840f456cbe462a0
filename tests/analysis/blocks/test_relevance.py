"""Relevance: a setting is named only beyond noise, and only runs of equal length are compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from analysis.blocks import relevance
from analysis.relevance import relevance as compute_relevance
from analysis.render.figure import arm_styles
from analysis.statistics import factors

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

MOMENTUM = {"low": 0.0, "high": 0.95}
LR = {"low": 1e-4, "high": 1.0, "log": True}


def drawn(generator: np.random.Generator, runs: int = 50) -> list[factors.Field]:
    """Return four ranges and a list of three values, from which runs were drawn at random."""
    ranges = [factors.Field(places=generator.random(runs), n_values=None) for _ in range(4)]
    return [*ranges, factors.Field(places=generator.integers(0, 3, runs).astype(float), n_values=3)]


def searched(study: "Study", arm: str, runs: int, **values: Any) -> None:
    """Add search runs with random rates and momenta, whose loss depends on the rate alone."""
    generator = np.random.default_rng(len(arm))
    for _ in range(runs):
        position, momentum = generator.random(), 0.95 * generator.random()
        rate, loss = float(10 ** (4 * position - 4)), 0.3 + 0.4 * abs(position - 0.6)
        configuration = {"momentum": momentum} | values.get("configuration", {})
        study.add(arm, "search", lr=rate, val_loss=loss, **{**values, "configuration": configuration})


def test_runs_tied_at_the_last_place_share_it() -> None:
    """Of losses 1, 2, 2, 3, the best two are the first and half of each tied run."""
    weights = factors.best_weights(np.array([1.0, 2.0, 2.0, 3.0]), 2)
    assert weights.tolist() == [0.5, 0.25, 0.25, 0.0]


def test_divergence_of_a_list_is_that_of_smoothed_shares() -> None:
    """Of ten best of twenty, all have one of two values: shares 21/22 and 1/22 against 1/2 and 1/2."""
    field = factors.Field(places=np.repeat([0.0, 1.0], 10), n_values=2)
    found = factors.measure([field], np.arange(20.0), 0.05)
    assert found.divergences[0] == pytest.approx(2 * (21 / 22 - 0.5) ** 2 / 0.5)


def test_equal_densities_have_no_divergence() -> None:
    """The best runs have every value as often as all runs do."""
    field = factors.Field(places=np.tile([0.0, 1.0], 10), n_values=2)
    found = factors.measure([field], np.arange(20.0), 0.05)
    assert found.divergences[0] == pytest.approx(0.0)
    assert not found.is_named.any()


def test_the_band_has_the_exact_level_of_a_permutation_test() -> None:
    """Of 999 maxima, 49 may reach the value for p = 50/1000; below 1/1000 nothing can be named."""
    maxima = np.arange(1.0, 1000.0)
    assert factors.upper_band(maxima, 0.05) == 950.0
    assert factors.upper_band(maxima, 0.0005) == float("inf")


def test_noise_names_nothing() -> None:
    """In at least 95 of 100 searches of 50 runs in which no setting matters (in 1,000: 963)."""
    named = 0
    for number in range(100):
        generator = np.random.default_rng([1, number])
        fields = drawn(generator)
        named += factors.measure(fields, generator.standard_normal(50), 0.05).is_named.any()
    assert named <= 5


@pytest.mark.parametrize("driver", [0, 4])
def test_one_true_driver_is_named(driver: int) -> None:
    """In at least 95 of 100 searches of 60 runs, by a parabola or one of three values; no other is larger."""
    named = 0
    for number in range(100):
        generator = np.random.default_rng([2, number])
        fields = drawn(generator, 60)
        effect = (fields[0].places - 0.7) ** 2 if driver == 0 else 0.1 * (fields[4].places != 1)
        found = factors.measure(fields, effect + 0.02 * generator.standard_normal(60), 0.05)
        named += found.is_named[driver] and int(np.argmax(found.divergences)) == driver
    assert named >= 95


def test_a_constant_objective_has_no_variation(new_study: "type[Study]", tmp_path: Path) -> None:
    """No shares, nothing named, and the figure says so."""
    study = new_study(arms={"sgd": {"lr": LR, "momentum": MOMENTUM}})
    for number in range(25):
        study.add("sgd", "search", lr=0.01 * (number + 1), configuration={"momentum": 0.03 * number})
    study.winners = {"sgd": "sgd-search-000"}
    facts = study.facts(tmp_path)
    frame = compute_relevance(facts)
    assert frame["is_constant"].all()
    assert frame["share"].isna().all()
    assert not frame["is_named"].any()
    assert "No variation" in relevance.caption(facts, frame)
    texts = [text.get_text() for text in relevance.draw(frame, arm_styles(facts.records.arms)).axes[0].texts]
    assert texts == ["all 25 runs: no variation"]


def test_stopped_runs_count_like_others_after_the_first_rung(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """20 runs of length 3 and 20 stopped after 1: all 40 are compared after epoch 1, 20 at full length."""
    study = new_study(arms={"sgd": {"lr": LR, "momentum": MOMENTUM}})
    searched(study, "sgd", 20)
    searched(study, "sgd", 20, status="stopped", epochs=1)
    searched(study, "sgd", 5, status="diverged", epochs=2)
    searched(study, "sgd", 5, status="failed", epochs=0)
    frame = compute_relevance(study.facts(tmp_path))
    shown = frame.drop_duplicates("fidelity")
    assert shown[["fidelity", "epoch", "runs", "diverged"]].to_numpy().tolist() == [
        ["early", 1, 45, 5],
        ["full", 3, 20, 0],
    ]


def test_diverged_runs_rank_last(new_study: "type[Study]", tmp_path: Path) -> None:
    """A momentum above one half diverges, whatever value such a run had before: momentum is named."""
    study = new_study(arms={"sgd": {"lr": LR, "momentum": MOMENTUM}})
    generator = np.random.default_rng(0)
    for number in range(60):
        momentum, rate = number / 63, float(10 ** generator.uniform(-4, 0))
        fate: dict[str, Any] = {"status": "diverged", "val_loss": 0.01} if momentum > 0.5 else {}
        loss = 0.3 + 0.1 * generator.random()
        values = {"lr": rate, "val_loss": loss, "configuration": {"momentum": momentum}} | fate
        study.add("sgd", "search", **values)
    frame = compute_relevance(study.facts(tmp_path)).set_index("field")
    assert frame["is_named"].to_dict() == {"lr": False, "momentum": True}
    assert set(frame["fidelity"]) == {"full"}


def test_the_setting_that_decides_has_the_share(new_study: "type[Study]", tmp_path: Path) -> None:
    """The loss follows the rate alone: it is filled, momentum is hollow, and the text names the first."""
    study = new_study(arms={"sgd": {"lr": LR, "momentum": MOMENTUM}})
    searched(study, "sgd", 60)
    facts = study.facts(tmp_path)
    frame = compute_relevance(facts)
    assert frame.set_index("field")["is_named"].to_dict() == {"lr": True, "momentum": False}
    assert frame["share"].sum() == pytest.approx(1.0)
    assert (frame["is_named"] == (frame["share"] > frame["band_share"])).all()
    share = frame["share"].iloc[0]
    assert f"sgd at full length: lr {100 * share:.0f} % beyond noise, 1 within" in relevance.alt(frame)


def test_fewer_than_twenty_runs_say_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """An arm of 19 runs is left out, by name and with its number of runs; an arm without any is named too."""
    study = new_study(arms={arm: {"lr": LR, "momentum": MOMENTUM} for arm in ("sgd", "adam")})
    searched(study, "sgd", 19)
    facts = study.facts(tmp_path)
    frame = compute_relevance(facts)
    assert frame.empty
    assert "fewer than 20 runs: sgd at full length (19), adam (no run)" in relevance.caption(facts, frame)


def test_fields_of_a_branch_are_compared_among_its_runs(new_study: "type[Study]", tmp_path: Path) -> None:
    """30 runs took SGD and 10 Adam: SGD's momentum has a group of 30, Adam's beta1 is left out by name."""
    branches = {"sgd": {"momentum": MOMENTUM}, "adam": {"beta1": MOMENTUM, "eps": 1e-8}, "adamw": None}
    space = {"optimizer": {"one_of": branches}, "lr": LR}
    study = new_study(arms={"joint": space})
    searched(study, "joint", 30, configuration={"optimizer": "sgd"})
    for number in range(10):
        configuration = {"optimizer": "adam", "beta1": 0.05 * number, "momentum": None}
        study.add("joint", "search", lr=0.01, val_loss=0.5, configuration=configuration)
    facts = study.facts(tmp_path)
    frame = compute_relevance(facts)
    assert frame[["condition", "field", "runs"]].to_numpy().tolist() == [
        ["", "optimizer", 40],
        ["", "lr", 40],
        ["optimizer sgd", "momentum", 30],
    ]
    assert "joint at full length with optimizer adam (10)" in relevance.caption(facts, frame)


def test_groups_of_an_arm_share_its_level(new_study: "type[Study]", tmp_path: Path) -> None:
    """With a second group of the same runs, a setting must stand out further."""
    alone = new_study(arms={"joint": {"lr": LR}}, name="alone")
    beside = new_study(arms={"joint": {"lr": LR, "optimizer": {"one_of": {"sgd": {"momentum": MOMENTUM}}}}})
    for study in (alone, beside):
        searched(study, "joint", 40, configuration={"optimizer": "sgd"})
    bands = [compute_relevance(study.facts(tmp_path))["band"].iloc[0] for study in (alone, beside)]
    assert bands[0] < bands[1]


def test_arms_with_one_setting_have_nothing_to_compare(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nor have fixed arms, and a grid that only measures."""
    single = new_study(arms={"sgd": {"lr": LR}}, name="single")
    single.search("sgd", [0.01, 0.1], best=0.1)
    single.confirm("sgd", [0.8])
    fixed = new_study(arms={"sgd": {}}, name="fixed")
    fixed.confirm("sgd", [0.8])
    grid = new_study(arms={"sgd": {"lr": {"grid": [0.1, 1.0]}, "momentum": {"grid": [0.0, 0.9]}}})
    grid.grid("sgd", {"lr": 0.1, "momentum": 0.0}, [0.5])
    assert not any(relevance.RELEVANCE.plot.is_for(study.facts(tmp_path)) for study in (single, fixed, grid))
