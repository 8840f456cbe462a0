"""`trend` and `monotone`: which way a response goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.page.cards import cards
from tests.analysis.claims.made import behind, template, trend, tuned, verdicts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


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


def test_times_measured_level_after_level_carry_no_trend(new_study: "type[Study]", tmp_path: Path) -> None:
    """All seeds of one batch size, then all of the next: a drift of the machine would look the same."""
    study = template(new_study, {16: 2.0, 128: 1.0, 1024: 0.5}, "epoch_seconds")
    study.runs.sort(key=lambda run: run.arm)
    (verdict,) = verdicts(study, tmp_path, trend("falls", "epoch_seconds"))
    assert (verdict.ruling, "one value was measured after the other" in verdict.reason) == (
        "not testable",
        True,
    )
