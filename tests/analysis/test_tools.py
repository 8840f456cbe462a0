"""What studies say of the tools that made them, on small studies whose numbers are worked out by hand."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.facts import Facts
from analysis.load import load_study
from analysis.statistics.sequential import Looks
from analysis.tools.choosing import by_validation, optimism
from analysis.tools.costs import cost_of
from analysis.tools.looking import as_if_looked_at, simulated, stops
from analysis.tools.pairing import pairing
from analysis.tools.repetition import equal_arms, orders, searched
from analysis.tools.stopping import replayed, spending

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


@pytest.fixture
def repeated(new_study: "type[Study]") -> "Study":
    """Return two arms that search three times and a fixed one; of nine pairs of searches one is reversed."""
    study = new_study(arms={"sgd": {"lr": LOG}, "adam": {"lr": LOG}, "plain": {}})
    study.repeat("sgd", [[0.80, 0.82], [0.83, 0.83], [0.86, 0.86]])
    study.repeat("adam", [[0.85, 0.85], [0.87, 0.87], [0.88, 0.90]])
    study.repeat("plain", [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    return study


def test_single_searches_are_set_against_the_means_of_all(repeated: "Study", tmp_path: Path) -> None:
    """Means .81, .83, .86 against .85, .87, .89: only .86 beats .85. The lead is .8700 - .8333."""
    records = load_study(repeated.write(tmp_path))
    (row,) = orders(records)
    assert (row.arm, row.than, row.n, row.pairs, row.otherwise) == ("adam", "sgd", 3, 9, 1)
    assert row.lead == pytest.approx(0.11 / 3)
    assert row.chance is not None
    assert row.chance.low < row.chance.value < row.chance.high
    assert set(searched(records)) == {"sgd", "adam"}
    assert equal_arms(records) is not None


def test_where_less_is_better_the_lower_arm_is_ahead(repeated: "Study", tmp_path: Path) -> None:
    """The same study by its loss, 1 less the accuracy, as the first metric it declares."""
    for run in repeated.runs:
        run.val_loss = 0.3 if run.arm == "adam" else 0.4
    accuracy = {"better": "higher", "scale": 100, "unit": "pp", "region": 0.002}
    metrics = {"loss": {"better": "lower"}, "accuracy": accuracy}
    records = load_study(repeated.write(tmp_path, metrics=metrics))
    (row,) = orders(records)
    assert (row.arm, row.otherwise) == ("adam", 1)
    named = by_validation(records)
    assert named is not None
    assert (named.best, named.named) == ("adam", {"adam": 3})


def test_a_search_without_a_value_leaves_its_arm_out(repeated: "Study", tmp_path: Path) -> None:
    """The rest would be the searches that went well."""
    lost = next(run for run in repeated.runs if run.arm == "sgd" and run.phase == "confirm")
    lost.status = "failed"
    assert set(searched(load_study(repeated.write(tmp_path)))) == {"adam"}


def test_seeds_of_one_search_are_no_searches(results: Path) -> None:
    """Nothing was repeated."""
    assert not orders(load_study(results))
    assert equal_arms(load_study(results)) is None


def test_epochs_are_set_against_those_of_full_length(results: Path) -> None:
    """An arm: five runs of 3 epochs, one that diverged after 2, one stopped after 1: 18 of 20 epochs."""
    took = spending(load_study(results))
    assert took is not None
    assert (took.searches, took.runs, took.stopped) == (3, 21, 3)
    assert (took.epochs, took.full_epochs) == (54, 60)
    assert (took.share.mean, took.share.half_width) == (pytest.approx(0.9), pytest.approx(0))


def test_a_search_that_has_not_ended_is_not_counted(three_arms: "Study", tmp_path: Path) -> None:
    """Its stopped runs would stand for fewer epochs than it takes."""
    del three_arms.winners["sgd"]
    took = spending(load_study(three_arms.write(tmp_path)))
    assert took is not None
    assert took.searches == 2


def test_a_grid_stops_nothing(measured: "Study", tmp_path: Path) -> None:
    """Every run of it is trained to its end."""
    assert spending(load_study(measured.write(tmp_path))) is None


class After:
    """Stop at an epoch what is worse than the best there so far."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.best = epoch, float("inf")

    def should_stop(self, _run_id: str, epoch: int, value: float, /) -> bool:
        """Compare losses."""
        if epoch != self.epoch:
            return False
        is_worse, self.best = value > self.best, min(self.best, value)
        return is_worse


def test_grids_are_searched_again_by_their_curves(new_study: "type[Study]", tmp_path: Path) -> None:
    """A late starter (.9, .1) and an early one (.5, .2), 2 seeds: stopped where it comes second, lost .1."""
    study = new_study(arms={"sgd": {"lr": {"grid": [0.1, 0.2]}}}, max_epochs=2)
    for rate, losses in ((0.1, [0.9, 0.1]), (0.2, [0.5, 0.2])):
        values = {"epochs": 2, "lr": rate, "curve": {"val_loss": losses}}
        study.grid("sgd", {"lr": rate}, [losses[-1]] * 2, **values)
    records = load_study(study.write(tmp_path))
    (row,) = replayed(records, lambda _mode, _length: After(1), orders=200, seed=1)
    assert (row.arm, row.runs, row.n) == ("sgd", 2, 2)
    assert row.kept == pytest.approx(0.5, abs=0.06)  # it is stopped where it comes second
    assert row.regret.mean == pytest.approx(0.1 * (1 - row.kept))
    assert row.share.mean == pytest.approx(1 - 0.25 * (1 - row.kept))  # one of four epochs is saved
    (late,) = replayed(records, lambda _mode, _length: After(3), orders=2, seed=1)
    assert (late.kept, late.regret.mean, late.share.mean) == (1.0, 0.0, 1.0)


def test_a_sampled_search_is_no_grid_to_replay(results: Path) -> None:
    """Its stopped runs have no ends to compare with."""
    assert not replayed(load_study(results), lambda _mode, _length: After(1), orders=1, seed=1)


def test_arms_that_move_together_gain_by_common_seeds(results: Path) -> None:
    """Eight seeds move three arms by 1, .9 and 1.1 times the same: a difference keeps next to nothing."""
    shared = pairing(load_study(results))
    assert shared is not None
    assert (shared.arms, shared.is_tuned, shared.n) == (3, True, 8)
    assert shared.ratio.value == pytest.approx(0.01, abs=0.005)
    # t(.975) with 7 and 14 degrees of freedom: 2.36462, 2.14479
    assert shared.pays_below == pytest.approx((2.14479 / 2.36462) ** 2, rel=1e-5)


def test_an_arm_with_a_lost_seed_is_not_paired(three_arms: "Study", tmp_path: Path) -> None:
    """Two arms are left."""
    lost = next(run for run in three_arms.runs if run.arm == "sgd" and run.phase == "confirm")
    lost.status = "diverged"
    shared = pairing(load_study(three_arms.write(tmp_path)))
    assert shared is not None
    assert shared.arms == 2


def test_searches_with_seeds_of_their_own_are_not_paired(repeated: "Study", tmp_path: Path) -> None:
    """They share no seed."""
    assert pairing(load_study(repeated.write(tmp_path))) is None


def test_validation_names_an_arm_by_each_seed(results: Path) -> None:
    """Adam leads RMSprop where the seed is lucky: 4 of 8. By its mean it is .2 * .0001875 ahead."""
    named = by_validation(load_study(results))
    assert named is not None
    assert (named.best, named.n, named.agreeing) == ("adam", 8, 4)
    assert named.named == {"adam": 4, "rmsprop": 4}
    assert named.regret.mean == pytest.approx(0.5 * 0.2 * 0.0001875)


def test_repeats_name_an_arm_of_those_that_search(repeated: "Study", tmp_path: Path) -> None:
    """Of each repeat by its number."""
    named = by_validation(load_study(repeated.write(tmp_path)))
    assert named is not None
    assert named.named == {"adam": 3}
    assert named.regret.mean == 0


def test_arms_that_looks_ended_earlier_are_judged_by_their_first_repeats(repository: Path) -> None:
    """Of a committed study that ended arms after 5, 8 and 12: five of each count, and no arm is left out."""
    records = load_study(repository / "results/reference/modern_optimizers")
    named = by_validation(records)
    assert named is not None
    assert (named.best, named.n) == ("muon", 5)


def test_arms_that_looks_ended_earlier_are_paired_by_the_seeds_that_all_have(repository: Path) -> None:
    """Of a committed study that left one arm behind after eight seeds, and none of its four arms out."""
    shared = pairing(load_study(repository / "results/reference/optimizers_published"))
    assert shared is not None
    assert (shared.arms, shared.n) == (4, 8)


def test_winners_are_set_against_fresh_seeds(results: Path) -> None:
    """A validation loss of .35 in each search, .40 on fresh seeds: better by .05, as less is better."""
    assert optimism(load_study(results)) == pytest.approx([0.05] * 3)


def test_looks_are_taken_as_if_they_had_been_planned(results: Path) -> None:
    """Eight seeds: looks at 5 and 8. Both claims are clear at 5, where 15 of 24 replicates have been run."""
    facts = Facts(load_study(results))
    looked = as_if_looked_at(facts)
    assert looked is not None
    took = stops(looked)
    assert (took.looks, list(took.closed_at), took.early) == ((5, 8), [5, 5], 2)
    assert (took.replicates, took.fixed) == (15, 24)
    whole = stops(facts)
    assert (whole.looks, list(whole.closed_at), whole.early) == ((8,), [8, 8], 0)
    assert (whole.replicates, whole.fixed) == (24, 24)


def test_a_plan_with_looks_keeps_its_own(results: Path) -> None:
    """Nothing is looked at that was not planned so, and five replicates have no look before the last."""
    looked = as_if_looked_at(Facts(load_study(results)))
    assert looked is not None
    assert as_if_looked_at(looked) is None
    plan = looked.records.declaration.plan.model_copy(update={"looks": (5,), "weights": (1.0,)})
    declaration = looked.records.declaration.model_copy(update={"plan": plan})
    assert as_if_looked_at(Facts(replace(looked.records, declaration=declaration))) is None


def test_simulated_looks_err_and_find_as_they_should() -> None:
    """Equal arms: the first found ahead in 2.5 % at most; two deviations: found, with 7 seeds or fewer."""
    plan = Looks.even((5, 8, 12, 20))
    equal = simulated(plan, 0.0, studies=1000, seed=1)
    assert equal.found <= 35
    ahead = simulated(plan, 2.0, studies=500, seed=1)
    assert ahead.found >= 490
    assert ahead.replicates.mean is not None
    assert ahead.replicates.mean <= 7
    assert simulated(Looks.even((9,)), 2.0, studies=10, seed=1).replicates.mean == 9


def test_a_study_is_charged_what_its_runs_took(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two runs of 3 epochs at 2 seconds; a journal's events are a second apart: 5 for both, from 0 to 9."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.8, 0.9])
    cost = cost_of(load_study(study.write(tmp_path)))
    assert (cost.runs, cost.epochs, cost.train_seconds) == (2, 6, 12.0)
    assert (cost.elapsed_seconds, cost.sessions) == (9.0, 1)


def test_pauses_between_sessions_are_not_charged(new_study: "type[Study]", tmp_path: Path) -> None:
    """The second run, from second 5 to 9, began in a later session: 4 seconds each."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.8, 0.9])
    later = {"at": "2026-01-02T00:00:04.500000+00:00", "command": [], "changes": [], "loss": None}
    cost = cost_of(load_study(study.write(tmp_path, resumed=[later])))
    assert (cost.elapsed_seconds, cost.sessions) == (8.0, 2)
