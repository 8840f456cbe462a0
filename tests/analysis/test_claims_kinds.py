"""Each kind of claim on studies whose answer is known."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from analysis.blocks.registry import TABLES
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page.cards import cards
from harness.manifest import CONFIRM_SEEDS, Change, Resumption
from harness.study.claims import Claim

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

ZIGZAG = (0.000, 0.001, -0.001, 0.002, -0.002, 0.001, -0.001, 0.000, 0.002, -0.002)
"""Ten deviations with mean 0 and s = .0014907."""

COUNTER = (0.001, -0.001, 0.000, 0.001, -0.001, -0.002, 0.002, 0.001, -0.001, 0.000)
"""Ten others with mean 0."""


def decided(facts: Facts) -> list[SimpleNamespace]:
    """Return the claims of a study as `claims.json` holds them."""
    rows = json.dumps([verdict.as_row() for verdict in facts.verdicts], allow_nan=False)
    verdicts: list[SimpleNamespace] = json.loads(rows, object_hook=lambda row: SimpleNamespace(**row))
    return verdicts


def verdicts(study: "Study", path: Path, *kinds: dict[str, Any]) -> list[SimpleNamespace]:
    """Return the verdicts of claims, each in a study of its own, so that none is corrected for another."""
    found = []
    for number, kind in enumerate(kinds):
        study.claims = [{"says": "It is so.", **kind}]
        found += decided(study.facts(path / str(number)))
    return found


def arms_at(new_study: "type[Study]", means: dict[str, float], noise: float = 1.0) -> "Study":
    """Return fixed arms with the given mean test accuracies; noise of neighbours differs."""
    study = new_study(arms={arm: {} for arm in means})
    for place, (arm, mean) in enumerate(means.items()):
        pattern = ZIGZAG if place % 2 == 0 else COUNTER
        study.confirm(arm, [mean + noise * (1 + 0.3 * place) * offset for offset in pattern])
    return study


def best(arm: str) -> dict[str, Any]:
    """Return a claim that an arm is the best of its study."""
    return {"best": {"arm": arm, "metric": "test_accuracy"}}


def test_the_best_is_ahead_of_every_other(new_study: "type[Study]", tmp_path: Path) -> None:
    """Five points ahead of one and one of the other: supported, and decided by the closer one."""
    study = arms_at(new_study, {"a": 0.90, "b": 0.85, "c": 0.89})
    first, second = verdicts(study, tmp_path, best("a"), best("c"))
    assert (first.ruling, first.arm, first.than, first.n) == ("supported", "a", "c", 10)
    assert first.reason == "ahead of each of b and c, least surely of c"
    assert first.effect == pytest.approx(0.01)
    assert [comparison.than for comparison in first.comparisons] == ["b", "c"]
    assert first.improvement == 1.0
    assert (second.ruling, second.than, second.reason) == ("contradicted", "a", "behind a")


def test_the_best_shares_its_place(new_study: "type[Study]", tmp_path: Path) -> None:
    """Ahead of b by far, and within a tenth of the region of c: tied, not best."""
    (verdict,) = verdicts(arms_at(new_study, {"a": 0.9002, "b": 0.88, "c": 0.90}, 0.3), tmp_path, best("a"))
    assert (verdict.ruling, verdict.than) == ("equivalent", "c")
    assert verdict.reason.startswith("tied with c: ")


def test_a_best_that_is_not_separated_names_its_rivals(new_study: "type[Study]", tmp_path: Path) -> None:
    """Noise three times the region: only b is left behind, and the verdict says what ten seeds could show."""
    study = arms_at(new_study, {"a": 0.90, "b": 0.85, "c": 0.901, "d": 0.899}, 3.0)
    (verdict,) = verdicts(study, tmp_path, best("a"))
    assert (verdict.ruling, verdict.than) == ("inconclusive", "c")
    assert verdict.reason.startswith("not separated from c and d:")
    assert verdict.detectable > 0.002
    assert verdict.seeds_needed > 10
    assert verdict.needed_for == 0.002


def test_an_open_best_shows_the_interval_that_decided(new_study: "type[Study]", tmp_path: Path) -> None:
    """Behind b with p = .037, where either rival may refute the claim: a 97.5 % interval, with zero in it."""
    study = new_study(arms={arm: {} for arm in "abc"})
    study.confirm("a", [0.9 - offset for offset in ZIGZAG])
    study.confirm("b", [0.903465 + 2 * offset for offset in ZIGZAG])
    study.confirm("c", [0.8 + offset for offset in ZIGZAG])
    (verdict,) = verdicts(study, tmp_path, best("a"))
    assert (verdict.ruling, verdict.than, verdict.level) == ("inconclusive", "b", 0.975)
    assert verdict.reason.startswith("not separated from b: the test does not exclude zero")
    assert verdict.low < verdict.effect < 0 < verdict.high


def test_best_of_one_arm_has_no_rival(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nothing to be better than."""
    (verdict,) = verdicts(arms_at(new_study, {"a": 0.9}), tmp_path, best("a"))
    assert (verdict.ruling, verdict.reason) == ("not testable", "the study has one arm only")


def equal(*arms: str, region: float | None = None, metric: str = "test_accuracy") -> dict[str, Any]:
    """Return a claim that arms are equal."""
    return {"equal": {"arms": list(arms), "metric": metric}} | ({"region": region} if region else {})


def test_equal_arms_are_within_the_region(new_study: "type[Study]", tmp_path: Path) -> None:
    """Every pair's 90 % interval lies within ±.002, that of the widest pair is shown."""
    study = arms_at(new_study, {"a": 0.90, "b": 0.9002, "c": 0.8999}, 0.5)
    (verdict,) = verdicts(study, tmp_path, equal("a", "b", "c"))
    assert verdict.ruling == "supported"
    assert verdict.level == pytest.approx(0.90)
    assert -0.002 < verdict.low < verdict.high < 0.002
    assert len(verdict.comparisons) == 3


def test_arms_apart_are_not_equal(new_study: "type[Study]", tmp_path: Path) -> None:
    """A point apart with a region of .2 points: contradicted; with a region of two points: supported."""
    study = arms_at(new_study, {"a": 0.90, "b": 0.89})
    narrow, wide = verdicts(study, tmp_path, equal("a", "b"), equal("a", "b", region=0.02))
    assert (narrow.ruling, narrow.equivalence) == ("contradicted", 0.002)
    assert (wide.ruling, wide.equivalence) == ("supported", 0.02)


def test_a_small_difference_is_neither(new_study: "type[Study]", tmp_path: Path) -> None:
    """A difference of the region's own size is open, whatever its p against zero; seeds are named."""
    (verdict,) = verdicts(arms_at(new_study, {"a": 0.902, "b": 0.90}), tmp_path, equal("a", "b"))
    assert verdict.ruling == "inconclusive"
    assert verdict.needed_for == 0.002


def test_equal_losses_need_a_region(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nothing says which difference of losses is too small to matter."""
    (verdict,) = verdicts(
        arms_at(new_study, {"a": 0.9, "b": 0.9}), tmp_path, equal("a", "b", metric="test_loss")
    )
    assert (verdict.ruling, "no region of equivalence" in verdict.reason) == ("not testable", True)


def timed(new_study: "type[Study]", seconds: dict[str, Sequence[float]], **other: Any) -> "Study":
    """Return fixed arms whose runs take the given seconds an epoch, three epochs each."""
    study = new_study(arms={arm: {} for arm in seconds})
    for arm, times in seconds.items():
        for seed, time in enumerate(times):
            study.add(arm, "confirm", seed=seed, epoch_seconds=time, **other)
    return study


def faster(metric: str = "train_seconds", **target: float) -> dict[str, Any]:
    """Return a claim that arm a is faster than arm b."""
    aim = {"target": target} if target else {}
    return {"faster": {"arm": "a", "than": "b", "metric": metric, **aim}}


def test_times_are_compared_by_ratio(new_study: "type[Study]", tmp_path: Path) -> None:
    """Half the time on every seed, give or take: a ratio near .5, whose interval excludes 1."""
    study = timed(new_study, {"a": [1.0, 1.1, 0.9, 1.0], "b": [2.0, 2.1, 1.9, 2.2]})
    total, epoch = verdicts(study, tmp_path, faster(), faster("epoch_seconds"))
    assert (total.ruling, total.quantity, total.n) == ("supported", "ratio", 4)
    expected = ((1.0 / 2.0) * (1.1 / 2.1) * (0.9 / 1.9) * (1.0 / 2.2)) ** 0.25
    assert total.effect == pytest.approx(expected)
    assert epoch.effect == pytest.approx(expected)
    assert total.high < 1


def test_times_within_a_declared_share_are_equivalent(new_study: "type[Study]", tmp_path: Path) -> None:
    """One per cent apart, and ten declared not to matter."""
    study = timed(new_study, {"a": [1.0, 1.01, 0.99, 1.0], "b": [1.01, 1.01, 1.0, 1.02]})
    (verdict,) = verdicts(study, tmp_path, faster() | {"region": 0.1})
    assert (verdict.ruling, verdict.equivalence) == ("equivalent", 0.1)
    assert "within ±10 %" in verdict.reason


def test_times_of_runs_that_shared_a_machine_say_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """A second run beside one of them: seconds are not comparable; epochs to a target are."""
    study = timed(new_study, {"a": [1.0, 1.1], "b": [2.0, 2.1]})
    study.claims = [{"says": "x", **faster()}, {"says": "y", **faster("epochs_to", val_accuracy=0.6)}]
    facts = study.facts(tmp_path)
    facts.records.runs.loc[0, "concurrency"] = 2
    seconds, epochs = decided(facts)
    assert seconds.ruling == "not testable"
    assert "1 of 4 runs shared the machine" in seconds.reason
    assert "shared" not in epochs.reason


def test_times_of_two_devices_say_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Half of the runs elsewhere."""
    study = timed(new_study, {"a": [1.0, 1.1], "b": [2.0, 2.1]})
    study.claims = [{"says": "x", **faster()}]
    facts = study.facts(tmp_path)
    facts.records.runs.loc[facts.records.runs["arm"] == "b", "device"] = "cuda"
    (verdict,) = decided(facts)
    assert (verdict.ruling, "differ in device (cpu, cuda)" in verdict.reason) == ("not testable", True)


def test_time_to_a_target(new_study: "type[Study]", tmp_path: Path) -> None:
    """Validation accuracy .68, .78, .88 after epochs of 1 s or 2 s: .75 is reached after two of them."""
    study = timed(new_study, {"a": [1.0, 1.1, 0.9], "b": [2.0, 2.1, 2.0]})
    seconds, epochs = verdicts(
        study, tmp_path, faster("seconds_to", val_accuracy=0.75), faster("epochs_to", val_accuracy=0.75)
    )
    assert (seconds.ruling, seconds.effect) == (
        "supported",
        pytest.approx((1.0 / 2.0 * 1.1 / 2.1 * 0.9 / 2.0) ** (1 / 3)),
    )
    assert (epochs.ruling, epochs.effect) == ("inconclusive", 1.0)  # both after exactly two epochs


def test_who_misses_the_target_is_last(new_study: "type[Study]", tmp_path: Path) -> None:
    """Arm b never gets there: eight of eight seeds have a first, p = 2 / 2^8; with five none could tell."""
    eight = timed(new_study, {"a": [1.0] * 8})
    five = timed(new_study, {"a": [1.0] * 5})
    for study in (eight, five):
        study.arms["b"] = {}
        for seed in range(8):
            study.add("b", "confirm", seed=seed, val_accuracy=0.5)
    target = faster("seconds_to", val_accuracy=0.75)
    (many,), (few,) = verdicts(eight, tmp_path / "8", target), verdicts(five, tmp_path / "5", target)
    assert (many.ruling, many.p) == ("supported", pytest.approx(2 / 2**8))
    assert many.reason.startswith("8 of 8 seeds have a first (a misses the target in 0 of 8, b in 8)")
    assert (few.ruling, "no outcome of 5 runs has a p below 0.05" in few.reason) == ("not testable", True)


def test_a_target_that_nobody_meets(new_study: "type[Study]", tmp_path: Path) -> None:
    """Both miss it: nobody is first."""
    study = timed(new_study, {"a": [1.0] * 3, "b": [1.0] * 3})
    (verdict,) = verdicts(study, tmp_path, faster("epochs_to", val_loss=0.01))
    assert (verdict.ruling, "both miss the target" in verdict.reason) == ("not testable", True)


@pytest.mark.parametrize(
    ("lost", "of", "ruling"),
    [(10, 10, "supported"), (0, 10, "contradicted"), (6, 10, "inconclusive"), (5, 5, "not testable")],
)
def test_rates_of_divergence(
    new_study: "type[Study]", tmp_path: Path, lost: int, of: int, ruling: str
) -> None:
    """More than half of the runs diverge, by an exact test; five runs are too few for any answer."""
    study = new_study(arms={"a": {}})
    for seed in range(of):
        study.add("a", "confirm", seed=seed, status="diverged" if seed < lost else "completed")
    (verdict,) = verdicts(study, tmp_path, {"diverges": {"arm": "a"}})
    assert (verdict.ruling, verdict.n) == (ruling, of)
    if ruling != "not testable":
        assert verdict.effect == lost / of
        assert (verdict.detectable is not None) == (ruling == "inconclusive")


def test_a_rate_has_the_interval_of_its_test(new_study: "type[Study]", tmp_path: Path) -> None:
    """Eight of ten by Clopper and Pearson: .4439 to .9748; against a share of one tenth that is plenty."""
    study = new_study(arms={"a": {}})
    for seed in range(10):
        study.add("a", "confirm", seed=seed, status="diverged" if seed < 8 else "completed")
    (verdict,) = verdicts(study, tmp_path, {"diverges": {"arm": "a", "more_than": 0.1}})
    assert verdict.ruling == "supported"
    assert (verdict.low, verdict.high) == (pytest.approx(0.4439, abs=1e-4), pytest.approx(0.9748, abs=1e-4))


def grid(new_study: "type[Study]", losses: dict[float, Sequence[float] | None]) -> "Study":
    """Return one arm with a grid of rates, each with six validation losses, or None where all diverge."""
    study = new_study(
        arms={"a": {"lr": {"grid": list(losses)}}}, search_settings={"sampler": "grid", "seeds": 6}
    )
    for rate, values in losses.items():
        for seed in range(6):
            end: dict[str, Any] = (
                {"val_loss": values[seed]} if values else {"status": "diverged", "epochs": 1}
            )
            study.add("a", "search", lr=rate, seed=seed, **end)
    study.winners = {"a": "a-search-006"}
    return study


NOISE = (0.00, 0.01, -0.01, 0.02, -0.02, 0.00)
LOSSES: dict[float, Sequence[float] | None] = {
    0.001: [0.8 + 2 * noise for noise in NOISE],
    0.01: [0.5 - noise for noise in NOISE],
    0.1: [0.3 + noise for noise in NOISE],
    1.0: [0.7 + 3 * noise for noise in NOISE],
}


def optimum(**place: Any) -> dict[str, Any]:
    """Return a claim about the best rate of arm a."""
    return {"optimum": {"arm": "a", "field": "lr", "metric": "val_loss", **place}}


def test_the_optimum_of_a_grid(new_study: "type[Study]", tmp_path: Path) -> None:
    """The mean loss is least at 0.1 by far: at 0.1 and between 0.03 and 0.3, and not at 0.01."""
    at, between, other = verdicts(
        grid(new_study, LOSSES), tmp_path, optimum(at=0.1), optimum(between=[0.03, 0.3]), optimum(at=0.01)
    )
    assert (at.ruling, at.effect, at.low, at.high, at.n) == ("supported", 0.1, 0.1, 0.1, 6)
    assert between.ruling == "supported"
    assert (other.ruling, other.reason) == ("contradicted", "it is at 0.1")
    assert [comparison.than for comparison in at.comparisons] == ["0.001", "0.01", "1"]


def test_two_rates_that_seeds_do_not_separate(new_study: "type[Study]", tmp_path: Path) -> None:
    """0.01 and 0.1 are near each other: neither is the optimum beyond doubt, but it lies between them."""
    close = LOSSES | {0.01: [0.303 - noise for noise in NOISE]}
    at, between = verdicts(grid(new_study, close), tmp_path, optimum(at=0.1), optimum(between=[0.01, 0.1]))
    assert (at.ruling, at.low, at.high) == ("inconclusive", 0.01, 0.1)
    assert (at.detectable > at.detectable_low > 0, at.seeds_needed) == (True, None)
    assert between.ruling == "supported"


def test_an_optimum_at_the_end_of_the_grid_may_lie_beyond(new_study: "type[Study]", tmp_path: Path) -> None:
    """The largest rate is the best one tried; where a still larger one diverged, it is the optimum."""
    rising = {rate: values for rate, values in LOSSES.items() if rate < 1}
    ended, limited = (
        verdicts(grid(new_study, rising), tmp_path / "a", optimum(at=0.1)),
        verdicts(grid(new_study, rising | {1.0: None}), tmp_path / "b", optimum(at=0.1)),
    )
    assert (ended[0].ruling, "edge of the grid" in ended[0].reason) == ("inconclusive", True)
    assert limited[0].ruling == "supported"
    assert limited[0].reason.endswith("6 of 6 runs diverged at 1")


def test_an_optimum_at_the_start_of_the_grid_may_lie_below(new_study: "type[Study]", tmp_path: Path) -> None:
    """The same at the other end."""
    falling = {rate: values for rate, values in LOSSES.items() if rate > 0.01}
    (verdict,) = verdicts(grid(new_study, falling), tmp_path, optimum(at=0.1))
    assert (verdict.ruling, "edge of the grid" in verdict.reason) == ("inconclusive", True)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ({"at": 0.5}, "no value of lr that was measured is 0.5; 6 of 6 runs diverged at 1"),
        ({"at": 1.0}, "no value of lr that was measured is 1; 6 of 6 runs diverged at 1"),
    ],
)
def test_an_optimum_that_was_not_measured(
    new_study: "type[Study]", tmp_path: Path, place: dict[str, Any], reason: str
) -> None:
    """A value outside the grid, or one where every run diverged, has no mean."""
    (verdict,) = verdicts(grid(new_study, LOSSES | {1.0: None}), tmp_path, optimum(**place))
    assert (verdict.ruling, verdict.reason) == ("not testable", reason)


def test_a_searched_arm_measures_no_response(three_arms: "Study", tmp_path: Path) -> None:
    """TPE visits rates once and where it likes: nothing can be said about an optimum or a trend."""
    found = verdicts(
        three_arms,
        tmp_path,
        {"optimum": {"arm": "sgd", "field": "lr", "metric": "val_loss", "at": 0.1}},
        {"trend": {"arm": "sgd", "over": "lr", "metric": "val_loss", "direction": "falls"}},
    )
    assert {verdict.ruling for verdict in found} == {"not testable"}
    assert all("lr was searched by tpe in sgd" in verdict.reason for verdict in found)


def template(new_study: "type[Study]", means: dict[int, float], metric: str = "test_accuracy") -> "Study":
    """Return arms of a template over the batch size, each with a mean value of a metric; seed after seed."""
    sizes = {f"t@batch_size={size}": {"batch_size": size} for size in means}
    study = new_study(arms={arm: {} for arm in sizes}, fixed=sizes)
    for seed in range(10):
        for place, (size, mean) in enumerate(means.items()):
            pattern = ZIGZAG if place % 2 == 0 else COUNTER
            value = {metric: mean + (1 + 0.3 * place) * pattern[seed]}
            study.add(f"t@batch_size={size}", "confirm", seed=seed, val_loss=0.4 + 0.001 * seed, **value)
    return study


def trend(direction: str, metric: str = "test_accuracy", **arms: Any) -> dict[str, Any]:
    """Return a claim that a metric rises or falls with the batch size."""
    named = arms or {"arm": "t"}
    return {"trend": {"over": "batch_size", "metric": metric, "direction": direction, **named}}


def test_a_trend_over_generated_arms(new_study: "type[Study]", tmp_path: Path) -> None:
    """A point less for every eightfold batch: three points over the range of 16 to 8192."""
    study = template(new_study, {16: 0.90, 128: 0.89, 1024: 0.88, 8192: 0.87})
    falls, rises = verdicts(study, tmp_path, trend("falls"), trend("rises"))
    assert (falls.ruling, rises.ruling) == ("supported", "contradicted")
    assert (falls.effect, falls.n, falls.rank_correlation) == (pytest.approx(-0.03, abs=1e-9), 10, -1.0)
    assert [(step.than, step.arm) for step in falls.comparisons] == [
        ("16", "128"),
        ("128", "1024"),
        ("1024", "8192"),
    ]


def test_no_trend(new_study: "type[Study]", tmp_path: Path) -> None:
    """The same mean at every size: within ±.2 points that is flat; with noise 3 times as wide it is open."""
    flat = template(new_study, {16: 0.90, 128: 0.90, 1024: 0.90})
    (verdict,) = verdicts(flat, tmp_path, trend("rises") | {"region": 0.003})
    assert verdict.ruling == "equivalent"


def test_a_response_that_turns_is_not_flat(new_study: "type[Study]", tmp_path: Path) -> None:
    """Down by ten points and up again: the slope is 0 to a tenth of the region, and the values differ."""
    turning = template(new_study, {16: 0.90, 128: 0.85, 1024: 0.80, 8192: 0.85, 65536: 0.90})
    (verdict,) = verdicts(turning, tmp_path, trend("falls") | {"region": 0.01})
    assert (verdict.ruling, verdict.effect) == ("inconclusive", pytest.approx(0.0, abs=1e-9))
    assert "the tests do not put every two values within ±1 pp" in verdict.reason


def test_a_trend_that_turns_says_what_rises(new_study: "type[Study]", tmp_path: Path) -> None:
    """Down, level, and up again: it falls on average over the range, and is not monotone."""
    study = template(new_study, {16: 0.92, 128: 0.86, 1024: 0.86, 8192: 0.87})
    slope, steps = verdicts(study, tmp_path, trend("falls"), monotone("falls"))
    assert slope.ruling == "supported"
    assert "not told apart: 128 to 1024; against it: 128 to 8192, 1024 to 8192" in slope.reason
    assert (steps.ruling, steps.reason) == ("contradicted", "from 128 to 8192 it goes the other way")
    study.claims = [{"says": "It falls.", **trend("falls")}]
    facts = study.facts(tmp_path / "trend")
    assert facts.verdicts[0].ruling_in_words() == "supported on average over the range"
    (card,) = cards(facts)
    assert (card.ruling, card.extent) == ("supported", "on average over the range")


def monotone(direction: str) -> dict[str, Any]:
    """Return a claim that test accuracy goes one way at every step of the batch size."""
    return {"monotone": {"over": "batch_size", "metric": "test_accuracy", "direction": direction, "arm": "t"}}


def test_every_step_of_a_monotone_response_counts(new_study: "type[Study]", tmp_path: Path) -> None:
    """A point less for every eightfold batch; with a step of nothing in it, open and named."""
    falling = template(new_study, {16: 0.90, 128: 0.89, 1024: 0.88})
    flat = template(new_study, {16: 0.90, 128: 0.89, 1024: 0.8899})
    (down,) = verdicts(falling, tmp_path / "a", monotone("falls"))
    (open_,) = verdicts(flat, tmp_path / "b", monotone("falls"))
    assert (down.ruling, down.n) == ("supported", 10)
    assert (open_.ruling, "128 to 1024" in open_.reason) == ("inconclusive", True)


FALLING = {16: 0.90, 128: 0.88, 1024: 0.85}


def tuned(new_study: "type[Study]", means: dict[int, float], edged: int) -> "Study":
    """Return the arms of `template`, each with a rate of its own: of one size at the end of its range."""
    study = template(new_study, means)
    confirmed, study.runs = study.runs, []
    for size in means:
        arm, rate = f"t@batch_size={size}", 0.98 if size == edged else 0.01
        study.arms[arm] = {"lr": {"low": 1e-4, "high": 1.0, "log": True}}
        study.search(arm, [1e-3, rate], best=rate)
        for run in confirmed:
            run.lr = rate if run.arm == arm else run.lr
    study.runs += confirmed
    return study


def behind(size: int) -> str:
    """Return why a batch size is not called worse."""
    edge = "its learning rate lies at the upper edge of its range"
    return f"{size} is behind, but {edge}: a wider range may mend it"


@pytest.mark.parametrize(
    ("kind", "ruling"),
    [(monotone("falls"), "supported"), (trend("falls"), "supported"), (trend("rises"), "contradicted")],
)
def test_a_value_with_a_rate_at_the_edge_decides_no_direction(
    new_study: "type[Study]", tmp_path: Path, kind: dict[str, Any], ruling: str
) -> None:
    """The worst size might be mended by a wider range; mending the best one would not turn the direction."""
    (worst,) = verdicts(tuned(new_study, FALLING, edged=1024), tmp_path / "worst", kind)
    (best_one,) = verdicts(tuned(new_study, FALLING, edged=16), tmp_path / "best", kind)
    assert (worst.ruling, behind(1024) in worst.reason) == ("inconclusive", True)
    assert ("edge", "t@batch_size=1024") in [(flag.name, flag.arm) for flag in worst.flags]
    assert best_one.ruling == ruling


def test_a_rate_at_the_edge_in_the_middle_opens_a_step_and_no_slope(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """A better mean at the middle size moves no slope, but may turn the step to it; another pair refutes."""
    study = tuned(new_study, FALLING, edged=128)
    slope, steps, rises = verdicts(study, tmp_path, trend("falls"), monotone("falls"), monotone("rises"))
    assert slope.ruling == "supported"
    assert (steps.ruling, steps.reason) == ("inconclusive", behind(128))
    assert (rises.ruling, rises.reason) == ("contradicted", "from 16 to 1024 it goes the other way")
    (other,) = verdicts(tuned(new_study, FALLING, edged=1024), tmp_path / "other", monotone("rises"))
    assert (other.ruling, other.reason) == ("contradicted", "from 16 to 128 it goes the other way")


def test_a_value_with_a_rate_at_the_edge_may_be_the_best(new_study: "type[Study]", tmp_path: Path) -> None:
    """It stays in the set of possible values, so that none other is the optimum and it cannot be refuted."""
    optima = [
        {"optimum": {"arm": "t", "field": "batch_size", "metric": "test_accuracy", "at": size}}
        for size in (128, 1024)
    ]
    means = {16: 0.88, 128: 0.90, 1024: 0.85}
    for verdict in verdicts(tuned(new_study, means, edged=1024), tmp_path / "last", *optima):
        assert (verdict.ruling, verdict.reason) == ("inconclusive", behind(1024))
        assert (verdict.effect, verdict.low, verdict.high) == (128, 128, 1024)
    here, last = verdicts(tuned(new_study, means, edged=128), tmp_path / "middle", *optima)
    assert (here.ruling, here.reason) == ("supported", "it is at 128; every other value is worse")
    assert (last.ruling, last.reason) == ("contradicted", "it is at 128")


def test_a_program_without_seeds_has_no_response(new_study: "type[Study]", tmp_path: Path) -> None:
    """Runs equal to the last digit are one value, whose standard error is rounding alone."""
    sizes = {f"t@batch_size={size}": {"batch_size": size} for size in FALLING}
    study = new_study(
        arms={**{arm: {} for arm in sizes}, "s": {"lr": {"low": 1e-4, "high": 1.0}}}, fixed=sizes
    )
    for arm, accuracy in zip(sizes, (0.90, 0.85, 0.81), strict=True):
        study.repeat(arm, [[accuracy]] * 5)
    study.repeat("s", [[0.9]] * 5)
    kinds = [trend("falls"), monotone("falls")]
    for verdict in verdicts(study, tmp_path, *kinds):
        assert (verdict.ruling, verdict.p) == ("not testable", None)
        assert "does not seem to use its seed" in verdict.reason


def test_a_trend_of_times_is_a_ratio(new_study: "type[Study]", tmp_path: Path) -> None:
    """Epochs of 2 s, 1 s and .5 s: a quarter of the time from first to last."""
    study = template(new_study, {16: 2.0, 128: 1.0, 1024: 0.5}, "epoch_seconds")
    (verdict,) = verdicts(study, tmp_path, trend("falls", "epoch_seconds"))
    assert (verdict.ruling, verdict.quantity) == ("supported", "ratio")
    assert verdict.effect == pytest.approx(0.25, rel=1e-3)


def test_a_trend_needs_three_values(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two values have a difference, not a trend; arms may be listed."""
    study = template(new_study, {16: 0.90, 128: 0.89, 1024: 0.88})
    arms = ["t@batch_size=16", "t@batch_size=128", "t@batch_size=1024"]
    (listed,) = verdicts(study, tmp_path / "a", trend("falls", arms=arms))
    (pair,) = verdicts(template(new_study, {16: 0.90, 128: 0.89}), tmp_path / "b", trend("falls"))
    assert listed.ruling == "supported"
    assert (pair.ruling, "needs three values" in pair.reason) == ("not testable", True)


def test_an_optimum_over_generated_arms(new_study: "type[Study]", tmp_path: Path) -> None:
    """The middle batch size is a point ahead of both others."""
    study = template(new_study, {16: 0.88, 128: 0.89, 1024: 0.88})
    claim = {"optimum": {"arm": "t", "field": "batch_size", "metric": "test_accuracy", "at": 128}}
    (verdict,) = verdicts(study, tmp_path, claim)
    assert (verdict.ruling, verdict.effect) == ("supported", 128.0)


def test_flags_name_what_weakens_a_verdict(three_arms: "Study", tmp_path: Path) -> None:
    """SGD's rate is at its upper edge; a confirm run of RMSprop diverged."""
    three_arms.add("rmsprop", "confirm", seed=999, status="diverged", epochs=1)
    (verdict,) = verdicts(three_arms, tmp_path, best("adam"))
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [
        ("edge", "sgd"),
        ("diverged seeds", "rmsprop"),
    ]
    assert verdict.flags[1].detail == "1 of 9 confirm runs of rmsprop diverged"


def beats(arm: str, than: str) -> dict[str, Any]:
    """Return a claim that an arm is better than another."""
    return {"better": {"arm": arm, "than": than, "metric": "test_accuracy"}}


def test_failed_seeds_are_named_beside_the_ruling(three_arms: "Study", tmp_path: Path) -> None:
    """Two of RMSprop's confirm runs failed: what is left of its seeds decides, and the claim says so."""
    for run in [run for run in three_arms.runs if run.arm == "rmsprop" and run.phase == "confirm"][:2]:
        run.status = "failed"
    (verdict,) = verdicts(three_arms, tmp_path, beats("adam", "rmsprop"))
    assert verdict.n == 6
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [("failed seeds", "rmsprop")]
    detail = "2 of 8 confirm runs of rmsprop failed and are missing in what it rests on"
    assert verdict.flags[0].detail == detail
    (elsewhere,) = verdicts(three_arms, tmp_path / "sgd", beats("adam", "sgd"))
    assert "failed seeds" not in {flag.name for flag in elsewhere.flags}


def test_failed_runs_of_a_grid_are_named_too(measured: "Study", tmp_path: Path) -> None:
    """Without a confirm phase its search runs are what is measured."""
    next(run for run in measured.runs if run.arm == "adam" and run.status == "completed").status = "failed"
    claim = {"trend": {"over": "batch_size", "direction": "falls", "metric": "epoch_seconds", "arm": "adam"}}
    (verdict,) = verdicts(measured, tmp_path, claim)
    details = [flag.detail for flag in verdict.flags if flag.name == "failed seeds"]
    assert details == ["1 of 9 search runs of adam failed and are missing in what it rests on"]


def test_a_rate_next_to_divergence_is_flagged(new_study: "type[Study]", tmp_path: Path) -> None:
    """The next larger rate that was tried diverged."""
    study = new_study(arms={arm: {"lr": {"low": 1e-4, "high": 1.0, "log": True}} for arm in "ab"})
    for arm in "ab":
        study.search(arm, [0.01, 0.05, 0.5], best=0.05)
        study.confirm(arm, [0.90, 0.91], lr=0.05)
    next(run for run in study.runs if run.arm == "b" and run.lr == 0.5).status = "diverged"
    (verdict,) = verdicts(study, tmp_path, best("a"))
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [
        ("next to divergence", "b"),
        ("few seeds", None),
    ]


def test_seeds_added_after_a_look_are_flagged(new_study: "type[Study]", tmp_path: Path) -> None:
    """A session with more confirm seeds than the first one: their number was not fixed beforehand."""
    folder = arms_at(new_study, {"a": 0.90, "b": 0.88}).write(tmp_path)
    records = load_study(folder)
    more = Change(field=CONFIRM_SEEDS, before=5, after=10)
    later = Resumption(at="2026-01-03", command=["x"], changes=[more], loss=None)
    claimed = [Claim.model_validate({"says": "x", **best("a")})]
    records = replace(
        records,
        declaration=records.declaration.model_copy(update={"claims": claimed}),
        manifest=records.manifest.model_copy(update={"resumed": [later]}),
    )
    (verdict,) = decided(Facts(records))
    assert [flag.name for flag in verdict.flags] == ["seeds added later"]
    assert "confirm.seeds: 5 before, 10 now" in verdict.flags[0].detail


def test_batch_sizes_at_one_rate_are_flagged(new_study: "type[Study]", tmp_path: Path) -> None:
    """A trend over batch sizes that share a learning rate is a trend of that rate's fit as well."""
    study = template(new_study, {16: 0.90, 128: 0.89, 1024: 0.88})
    (verdict,) = verdicts(study, tmp_path, trend("falls"))
    assert [flag.name for flag in verdict.flags] == ["rate not tuned"]


def test_unequal_budgets_decide_no_comparison_but_rates(new_study: "type[Study]", tmp_path: Path) -> None:
    """Five times the search runs: arms are not compared, and flagged; one arm's rate is not a comparison."""
    study = new_study(arms={arm: {"lr": {"low": 1e-4, "high": 1.0, "log": True}} for arm in "ab"})
    study.search("a", [0.01 * factor for factor in range(1, 11)], best=0.05)
    study.search("b", [0.01, 0.05], best=0.05)
    for arm in "ab":
        study.confirm(arm, [0.90 + offset for offset in ZIGZAG], lr=0.05)
    compared, rate = verdicts(study, tmp_path, best("a"), {"diverges": {"arm": "a"}})
    assert compared.ruling == "not testable"
    assert "unequal budget" in {flag.name for flag in compared.flags}
    assert rate.ruling == "contradicted"


def test_leaders_are_a_set(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two arms a hair apart, one far behind: either of the two may be the best."""
    facts = arms_at(new_study, {"a": 0.90, "b": 0.8999, "c": 0.87}).facts(tmp_path)
    assert facts.leaders == ["a", "b"]
    said = TABLES["results"].caption(facts, TABLES["results"].compute(facts))
    assert "the arm with the highest true mean test accuracy is a or b (95 % confidence" in said


def test_an_arm_at_the_edge_may_still_be_the_best(three_arms: "Study", tmp_path: Path) -> None:
    """SGD is two points behind, but its rate lies at the end of its range."""
    assert three_arms.facts(tmp_path).leaders == ["sgd", "rmsprop", "adam"]


@pytest.mark.parametrize("means", [{"a": 0.9}, {"a": 0.9, "b": 0.8}])
def test_without_seeds_nobody_leads(
    new_study: "type[Study]", tmp_path: Path, means: dict[str, float]
) -> None:
    """One arm, or one seed each: nothing is said."""
    study = new_study(arms={arm: {} for arm in means})
    for arm, mean in means.items():
        study.confirm(arm, [mean])
    assert study.facts(tmp_path).leaders is None


def test_times_measured_level_after_level_carry_no_trend(new_study: "type[Study]", tmp_path: Path) -> None:
    """All seeds of one batch size, then all of the next: a drift of the machine would look the same."""
    study = template(new_study, {16: 2.0, 128: 1.0, 1024: 0.5}, "epoch_seconds")
    study.runs.sort(key=lambda run: run.arm)
    (verdict,) = verdicts(study, tmp_path, trend("falls", "epoch_seconds"))
    assert (verdict.ruling, "one value was measured after the other" in verdict.reason) == (
        "not testable",
        True,
    )


def test_a_collapsed_seed_is_named(new_study: "type[Study]", tmp_path: Path) -> None:
    """One of ten seeds completed at 11 %, hardly above chance; without any, the caption says what may be."""
    study = arms_at(new_study, {"a": 0.90, "b": 0.88})
    study.claims = [{"says": "x", **best("a")}]
    facts = study.facts(tmp_path / "whole")
    said = TABLES["claims"].caption(facts, facts.verdicts)
    assert "No arm's 10 replicates collapsed to chance; up to 26 % of further ones may." in said
    study.runs[0].test_accuracy = 0.11
    (verdict,) = verdicts(study, tmp_path, best("a"))
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [("collapsed seeds", "a")]
