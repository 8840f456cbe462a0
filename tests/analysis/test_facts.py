"""What several parts of a report rest on is worked out once."""

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import budget, claims, pairs, selection
from analysis.report import write_report

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


def calls(profile: cProfile.Profile, function: Callable[..., Any]) -> int:
    """Return how often a function was called while a profile was taken."""
    code = function.__code__
    table = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return int(table.get((code.co_filename, code.co_firstlineno, code.co_name), (0, 0))[1])


def test_a_report_decides_its_claims_once(new_study: "type[Study]", tmp_path: Path) -> None:
    """Table, warnings and JSON share the verdicts; figure and table the differences of every pair."""
    better = {"says": "a beats b.", "better": {"arm": "a", "than": "b", "metric": "test_accuracy"}}
    study = new_study(arms={arm: {"lr": {"low": 1e-4, "high": 1.0}} for arm in "ab"}, claims=[better])
    for arm, accuracies in (("a", [0.90, 0.91]), ("b", [0.88, 0.90])):
        study.search(arm, [0.01, 0.02], best=0.01)
        study.confirm(arm, accuracies)
    folder = study.write(tmp_path)
    with cProfile.Profile() as profile:
        write_report(folder)
    assert calls(profile, claims.decide) == 1
    assert calls(profile, selection.choices) == 1
    assert calls(profile, budget.inequalities) == 1
    assert calls(profile, pairs.compare) == 1
