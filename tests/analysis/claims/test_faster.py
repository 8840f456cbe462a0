"""`faster`: times by their ratio, and who reaches a target first."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.analysis.claims.made import decided, verdicts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


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


def seeds_to_a_target(new_study: "type[Study]", a: str, b: str) -> "Study":
    """Return two arms whose runs, a letter a seed, are quick or slow to a target, miss it, or fail."""
    curves = {"q": [0.7, 0.9, 0.9], "s": [0.5, 0.9, 0.9], "m": [0.5, 0.5, 0.5], "f": [0.5, 0.5, 0.5]}
    study = new_study(arms={"a": {}, "b": {}})
    for arm, ends in (("a", a), ("b", b)):
        for seed, end in enumerate(ends):
            curve, status = {"val_accuracy": curves[end]}, "failed" if end == "f" else "completed"
            study.add(arm, "confirm", seed=seed, curve=curve, status=status)
    return study


TARGET = faster("epochs_to", val_accuracy=0.65)


def test_a_failed_seed_may_have_been_first_or_last(new_study: "type[Study]", tmp_path: Path) -> None:
    """Seven of seven, p = .016, could be 7 of 10, p = .34; 13 of 13 are enough with one missing."""
    seven = seeds_to_a_target(new_study, "qqqqqqqfff", "msssssssss")
    thirteen = seeds_to_a_target(new_study, "qqqqqqqqqqqqqf", "msssssssssssss")
    (open_,), (sure,) = verdicts(seven, tmp_path / "7", TARGET), verdicts(thirteen, tmp_path / "13", TARGET)
    assert (open_.ruling, "replicates are missing" in open_.reason) == ("not testable", True)
    assert (sure.ruling, sure.n, "b in 1; 1 more lack a run" in sure.reason) == ("supported", 13, True)
    assert sure.p == pytest.approx(2 * 15 / 2**14)


def test_ties_are_told_from_misses(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nobody is first: in one seed both miss the target, in three they meet it after the same epoch."""
    (verdict,) = verdicts(seeds_to_a_target(new_study, "msss", "msss"), tmp_path, TARGET)
    told = (
        "neither arm is first in any of 4 seeds: both miss the target in 1 and reach it at the same time in 3"
    )
    assert (verdict.ruling, verdict.reason) == ("not testable", told)


def test_an_arm_at_its_edge_is_not_called_slower(new_study: "type[Study]", tmp_path: Path) -> None:
    """B chose the largest rate of its range; a wider one may be quicker. An edge of a does not matter."""
    for edged, ruling in (("b", "inconclusive"), ("a", "supported")):
        study = seeds_to_a_target(new_study, "q" * 8, "m" * 8)
        study.arms = {arm: {"lr": {"low": 1e-4, "high": 1.0, "log": True}} for arm in "ab"}
        for arm in "ab":
            study.search(arm, [0.01, 1.0], best=1.0 if arm == edged else 0.01)
        (verdict,) = verdicts(study, tmp_path / edged, TARGET)
        assert verdict.ruling == ruling
        assert ("b is behind, but its learning rate lies at the upper edge" in verdict.reason) == (
            edged == "b"
        )


def test_a_target_that_nobody_meets(new_study: "type[Study]", tmp_path: Path) -> None:
    """Both miss it: nobody is first."""
    study = timed(new_study, {"a": [1.0] * 3, "b": [1.0] * 3})
    (verdict,) = verdicts(study, tmp_path, faster("epochs_to", val_loss=0.01))
    assert (verdict.ruling, "both miss the target" in verdict.reason) == ("not testable", True)
