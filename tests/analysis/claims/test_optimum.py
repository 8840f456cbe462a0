"""`optimum`: where a response is best."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.analysis.claims.made import behind, template, tuned, verdicts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


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


def test_an_optimum_over_generated_arms(new_study: "type[Study]", tmp_path: Path) -> None:
    """The middle batch size is a point ahead of both others."""
    study = template(new_study, {16: 0.88, 128: 0.89, 1024: 0.88})
    claim = {"optimum": {"arm": "t", "field": "batch_size", "metric": "test_accuracy", "at": 128}}
    (verdict,) = verdicts(study, tmp_path, claim)
    assert (verdict.ruling, verdict.effect) == ("supported", 128.0)
