"""Every arm against every other one: the numbers, their correction, and both layouts."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis import pair_words, pairs
from analysis.blocks.pairs import PAIRS, caption_pairs, compute_pairs, lay_out_pairs
from analysis.facts import Facts
from analysis.metrics import USUAL

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

ABSENT = "\N{EN DASH}"
THREE = {"a": [0.80, 0.80, 0.80], "b": [0.81, 0.82, 0.83], "c": [0.90, 0.92, 0.91]}
"""Differences b - a: 1, 2, 3 pp; c - a: 10, 12, 11 pp; c - b: 9, 10, 8 pp; each with a deviation of 1 pp."""


def of(new_study: "type[Study]", accuracies: dict[str, list[float]]) -> "Study":
    """Return a study with these test accuracies by arm."""
    study = new_study(arms={arm: {} for arm in accuracies})
    for arm, values in accuracies.items():
        study.confirm(arm, values)
    return study


def better(arm: str, than: str, metric: str = "test_accuracy") -> dict[str, object]:
    """Return a claim as the manifest holds it."""
    return {"says": f"{arm} wins", "better": {"arm": arm, "than": than, "metric": metric}}


def test_pairs_by_hand(new_study: "type[Study]", tmp_path: Path) -> None:
    """By t = mean / (1 / sqrt(3)) on 2 degrees; p by Holm, every interval at Bonferroni's third of 5 %."""
    frame = compute_pairs(of(new_study, THREE).facts(tmp_path))
    assert frame[["arm", "than"]].to_numpy().tolist() == [["b", "a"], ["c", "a"], ["c", "b"]]
    assert frame["n"].tolist() == [3, 3, 3]
    assert frame["difference"].tolist() == pytest.approx([0.02, 0.11, 0.09])
    assert frame["p"].tolist() == pytest.approx([0.074180, 0.002743, 0.004090], abs=1e-6)
    assert frame["p_adjusted"].tolist() == pytest.approx([0.074180, 0.008230, 0.008230], abs=1e-6)
    assert frame["level"].tolist() == pytest.approx([1 - 0.05 / 3] * 3)
    half_widths = [0.0441594] * 3  # t of 7.64871 times .00577350
    assert (frame["difference"] - frame["low"]).tolist() == pytest.approx(half_widths, abs=1e-6)
    assert (frame["high"] - frame["difference"]).tolist() == pytest.approx(half_widths, abs=1e-6)
    assert frame["improvement"].tolist() == [1.0, 1.0, 1.0]


def test_pairs_are_decided_as_claims(new_study: "type[Study]", tmp_path: Path) -> None:
    """Claims about the very same pairs have the same intervals, levels and p-values."""
    study = of(new_study, THREE | {"a": [0.80, 0.79, 0.81]})
    study.claims = [better("b", "a"), better("c", "a"), better("c", "b")]
    facts = study.facts(tmp_path)
    rows = [verdict.as_row() for verdict in facts.verdicts]
    frame = compute_pairs(facts)
    for name in ("low", "high", "level", "p", "p_adjusted", "improvement", "n"):
        assert frame[name].tolist() == [row[name] for row in rows]


def test_ties_count_half(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of four pairs of runs two tie, one is won and one lost: one won and two halves of four are .5."""
    frame = compute_pairs(of(new_study, {"a": [0.8, 0.9], "b": [0.9, 0.8]}).facts(tmp_path))
    assert frame["improvement"].tolist() == [0.5]


def test_a_diverged_accuracy_counts_as_chance(new_study: "type[Study]", tmp_path: Path) -> None:
    """C's .90 becomes .10: its lead over a, (.10 + .12 + .11) / 3, becomes (-.70 + .12 + .11) / 3."""
    study = of(new_study, THREE)
    next(run for run in study.runs if run.arm == "c").status = "diverged"
    facts = study.facts(tmp_path)
    frame = compute_pairs(facts)
    assert frame["difference"].tolist() == pytest.approx([0.02, -0.47 / 3, -0.53 / 3])
    assert frame["n"].tolist() == [3, 3, 3]
    assert "A diverged accuracy counts as chance: c." in caption_pairs(facts, frame)


def test_a_single_common_seed_has_no_interval(new_study: "type[Study]", tmp_path: Path) -> None:
    """Its difference is shown with n = 1, and it belongs to no family."""
    facts = of(new_study, {"a": [0.80], "b": [0.81, 0.82]}).facts(tmp_path)
    frame = compute_pairs(facts)
    assert frame["n"].tolist() == [1]
    assert frame[["low", "high", "level", "p", "p_adjusted"]].isna().all(axis=None)
    assert lay_out_pairs(frame)["a"].tolist() == [ABSENT, "+1.00 (n = 1)"]
    assert "No pair of arms can be tested" in caption_pairs(facts, frame)


def test_arms_without_a_common_seed(new_study: "type[Study]", tmp_path: Path) -> None:
    """An arm that has not run yet is in the table, with n = 0."""
    study = of(new_study, {"a": [0.80, 0.81], "b": []})
    study.confirm_runs = 2
    frame = compute_pairs(study.facts(tmp_path))
    assert lay_out_pairs(frame)["a"].tolist() == [ABSENT, f"{ABSENT} (n = 0)"]


def test_a_constant_difference_is_not_tested(new_study: "type[Study]", tmp_path: Path) -> None:
    """As for claims, the same difference for every seed has no variation to judge by."""
    facts = of(new_study, {"a": [0.25, 0.5], "b": [0.5, 0.75]}).facts(tmp_path)
    frame = compute_pairs(facts)
    assert frame["difference"].tolist() == [0.25]
    assert frame["p"].isna().all()
    assert "for the same difference in every replicate: 1." in caption_pairs(facts, frame)


def test_the_square_has_differences_below_and_shares_above(new_study: "type[Study]", tmp_path: Path) -> None:
    """Rows and columns keep the study's order; a share above the diagonal is that of the row's arm."""
    cells = lay_out_pairs(compute_pairs(of(new_study, THREE).facts(tmp_path)))
    assert list(cells.columns) == ["Row minus column (pp)", "a", "b", "c"]
    assert cells.to_numpy().tolist() == [
        ["a", ABSENT, "0.00", "0.00"],
        ["b", "+2.0 ± 4.4", ABSENT, "0.00"],
        ["c", "+11.0 ± 4.4", "+9.0 ± 4.4", ABSENT],
    ]


def test_more_than_eight_arms_are_listed(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nine arms have 36 pairs, one row each; 17 arms have 136, of which the CSV alone has the last 16."""
    for count, rows in ((8, 8), (9, 36), (17, 120)):
        study = of(new_study, {f"arm{i}": [0.80 + i / 100, 0.80 + i / 90] for i in range(count)})
        facts = study.facts(tmp_path / str(count))
        frame = compute_pairs(facts)
        assert len(frame) == count * (count - 1) // 2
        assert len(lay_out_pairs(frame)) == rows
        assert ("16 more pairs" in caption_pairs(facts, frame)) == (count == 17)


def declared(facts: Facts) -> list[bool]:
    """Return which pairs are marked as declared."""
    return [bool(mark) for mark in compute_pairs(facts)["is_declared"]]


@pytest.mark.parametrize(
    ("claim", "marks"),
    [
        (better("a", "c"), [False, True, False]),
        (better("a", "c", "test_loss"), [False, False, False]),
        ({"says": "same", "equal": {"arms": ["b", "c"], "metric": "test_accuracy"}}, [False, False, True]),
        ({"says": "c", "best": {"arm": "c", "metric": "test_accuracy"}}, [False, False, False]),
        ({"says": "?", "prettier": {"arm": "a", "than": "b"}}, [False, False, False]),
    ],
)
def test_only_pairs_that_a_claim_is_about_are_declared(
    new_study: "type[Study]", tmp_path: Path, claim: dict[str, object], marks: list[bool]
) -> None:
    """A claim counts where it compares just these two arms, in either order, by test accuracy."""
    study = of(new_study, THREE)
    study.claims = [claim]
    facts = study.facts(tmp_path)
    assert declared(facts) == marks
    said = caption_pairs(facts, compute_pairs(facts))
    assert ("Every other pair is exploratory." in said) == any(marks)
    assert ("Exploratory: no declared claim" in said) != any(marks)


def test_pairs_with_the_baseline_are_declared(new_study: "type[Study]", tmp_path: Path) -> None:
    """Naming the baseline before the data declares every comparison with it."""
    study = of(new_study, THREE)
    study.baseline = "b"
    assert declared(study.facts(tmp_path)) == [True, False, True]


def test_losses_improve_downwards(new_study: "type[Study]", tmp_path: Path) -> None:
    """Test losses are 1 less the accuracy: the difference turns its sign, and fewer is an improvement."""
    facts = of(new_study, THREE).facts(tmp_path)
    frame = pairs.compare(facts.grounds, [("b", "a")], "test_loss")
    assert frame["difference"].tolist() == pytest.approx([-0.02])
    assert frame["improvement"].tolist() == [1.0]
    assert pair_words.amount(-0.02, 0.005, USUAL["test_loss"]) == "-0.020 ± 0.025"


@pytest.mark.parametrize(
    ("difference", "high", "text"),
    [
        (0.0199, 0.0447, "+2.0 ± 2.5"),
        (-0.0199, 0.0049, "-2.0 ± 2.5"),
        (-0.0001, 0.0659, "0.0 ± 6.6"),
        (0.0, 0.0, "0.00 ± 0"),
        (-0.012, None, "-1.20"),
        (12.5, 12.6, "+1,250 ± 10"),
        (12.5, None, "+1,250.00"),
        (float("nan"), None, ABSENT),
    ],
)
def test_amounts_have_a_sign_unless_rounded_to_nothing(
    difference: float, high: float | None, text: str
) -> None:
    """Percentage points, thousands separated; what is shown as 0 is on no side of it."""
    assert pair_words.amount(difference, high, USUAL["test_accuracy"]) == text


def test_what_may_explain_a_difference_is_said(new_study: "type[Study]", tmp_path: Path) -> None:
    """Five search runs against one, and a rate at the upper edge."""
    study = new_study(arms={arm: {"lr": {"low": 1e-4, "high": 1.0, "log": True}} for arm in ("a", "b")})
    study.search("a", [1e-3, 1e-2, 1e-1, 0.2, 0.9], best=0.9)
    study.search("b", [1e-2], best=1e-2)
    for arm, values in (("a", [0.80, 0.81]), ("b", [0.82, 0.80])):
        study.confirm(arm, values, lr={"a": 0.9, "b": 1e-2}[arm])
    facts = study.facts(tmp_path)
    said = caption_pairs(facts, compute_pairs(facts))
    assert "Budgets are unequal (planned search runs: 1 (b) against 5 (a)" in said
    assert "which a wider one may change: those of a." in said


def test_pairs_need_two_arms_and_a_confirm_phase(
    new_study: "type[Study]", measured: "Study", tmp_path: Path
) -> None:
    """Grids without a confirm phase and single arms have no such table."""
    assert not PAIRS.table.is_for(measured.facts(tmp_path / "measured"))
    assert not PAIRS.table.is_for(of(new_study, {"a": [0.8, 0.9]}).facts(tmp_path / "one"))
    assert PAIRS.table.is_for(of(new_study, THREE).facts(tmp_path / "three"))
