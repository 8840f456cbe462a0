"""`best`, and the set of arms that lead."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.blocks.registry import TABLES
from tests.analysis.claims.made import ZIGZAG, arms_at, best, verdicts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


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
