"""`diverges`: the share of runs that do."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.analysis.claims.made import verdicts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


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
