"""The budget ledger and the rule of equal budgets."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis import budget
from analysis.facts import Facts
from analysis.load import load_study

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

BETTER = {"says": "a beats b.", "better": {"arm": "a", "than": "b", "metric": "test_accuracy"}}
LOG = {"low": 1e-4, "high": 1.0, "log": True}


def two_arms(new_study: "type[Study]", a_runs: int, b_runs: int) -> "Study":
    """Return arms a (clearly ahead) and b with so many search runs each and ten confirm seeds."""
    study = new_study(arms={"a": {"lr": LOG}, "b": {"lr": LOG}}, claims=[BETTER])
    for arm, count, accuracy in (("a", a_runs, 0.90), ("b", b_runs, 0.85)):
        study.search(arm, [0.01] + [0.02] * (count - 1), best=0.01)
        spread = 0.001 if arm == "a" else 0.002
        study.confirm(arm, [accuracy + spread * (seed % 3) for seed in range(10)])
    return study


def test_ledger_counts_every_run_of_an_arm(results: Path) -> None:
    """Five runs of 3 epochs, one diverged after 2, one stopped after 1: 18 epochs of 106 steps and 2 s."""
    ledger = budget.compute_ledger(load_study(results))
    row = ledger[(ledger["arm"] == "sgd") & (ledger["phase"] == "search")].iloc[0]
    counts = ["planned", "ended", "completed", "stopped", "diverged", "failed", "planned_epochs"]
    assert [int(row[name]) for name in counts] == [7, 7, 5, 1, 1, 0, 21]
    assert (row["epochs"], row["steps"], row["seconds"]) == (18, 18 * 106, 36.0)
    assert row["epochs_ratio"] == 1.0


@pytest.mark.parametrize(
    ("a_runs", "b_runs", "ruling"), [(10, 10, "supported"), (10, 9, "supported"), (50, 5, "not testable")]
)
def test_unequal_search_budgets_decide_nothing(
    new_study: "type[Study]", tmp_path: Path, a_runs: int, b_runs: int, ruling: str
) -> None:
    """More than 10 % apart, and a difference between arms may be a difference of tuning."""
    records = load_study(two_arms(new_study, a_runs, b_runs).write(tmp_path))
    (verdict,) = Facts(records).verdicts
    assert verdict.ruling == ruling
    is_unequal = "planned search runs: 5 (b) against 50 (a)" in verdict.reason
    assert is_unequal == (ruling == "not testable") == bool(budget.inequalities(records))


def test_failed_runs_are_no_granted_budget(new_study: "type[Study]", tmp_path: Path) -> None:
    """Ten planned runs of which four failed are six."""
    study = two_arms(new_study, 10, 10)
    for run in [r for r in study.runs if r.arm == "b" and r.phase == "search"][6:]:
        run.status = "failed"
    unequal = budget.inequalities(load_study(study.write(tmp_path)))
    assert unequal == ["search runs ended with a result: 6 (b) against 10 (a)"]


def test_early_stopping_makes_a_note_and_no_inequality(new_study: "type[Study]", tmp_path: Path) -> None:
    """What ASHA spares one arm is shown, but its grant was the same."""
    study = two_arms(new_study, 10, 10)
    for run in [r for r in study.runs if r.arm == "b" and r.phase == "search"][1:]:
        run.status, run.epochs = "stopped", 1
    records = load_study(study.write(tmp_path))
    assert budget.inequalities(records) == []
    notes = budget.spending_notes(budget.compute_ledger(records))
    assert "epochs spent in the search phase: 12 (b) against 30 (a)" in notes


def test_phases_nobody_ran_are_left_out(new_study: "type[Study]", tmp_path: Path) -> None:
    """A study of fixed arms has no search phase to account for."""
    study = new_study(arms={"a": {}, "b": {}})
    study.confirm("a", [0.9])
    study.confirm("b", [0.8])
    assert set(budget.compute_ledger(load_study(study.write(tmp_path)))["phase"]) == {"confirm"}
