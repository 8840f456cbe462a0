"""`equal`: whether arms are within a region of each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.analysis.claims.made import arms_at, verdicts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


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
