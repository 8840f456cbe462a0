"""Diverged and failed runs: counts, shares, learning rates and reasons."""

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.blocks.budget import caption_failures, compute_failures, lay_out_failures
from analysis.render.table import RenderedTable

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

ABSENT = "\N{EN DASH}"
LOG = {"low": 1e-4, "high": 1.0, "log": True}


def test_each_status_is_counted_with_its_rates(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two of ten diverged at .5 and .9, one failed; seven completed. Runs of one search have no interval."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.001, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2], best=0.1)
    for rate in (0.9, 0.5):
        study.add("sgd", "search", lr=rate, status="diverged", epochs=2)
    study.add("sgd", "search", lr=0.3, status="failed", epochs=0)
    frame = compute_failures(study.facts(tmp_path))
    assert frame[["status", "runs", "ended", "completed"]].to_numpy().tolist() == [
        ["diverged", 2, 10, 7],
        ["failed", 1, 10, 7],
    ]
    assert frame["share"].tolist() == [0.2, 0.1]
    assert lay_out_failures(frame).iloc[0].tolist() == [
        "sgd",
        "search",
        "diverged",
        "2 of 10",
        "20 %",
        "0.5 to 0.9",
        "0.001 to 0.2",
        "made to be diverged",
    ]


def test_a_long_reason_keeps_its_ends(new_study: "type[Study]", tmp_path: Path) -> None:
    """A program's has 4 kB of error output; the middle is left to the CSV file."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.1], best=0.1)
    study.add("sgd", "search", lr=0.3, status="failed", epochs=0)
    frame = compute_failures(study.facts(tmp_path))
    frame["reason"] = "exit code 1" + 5000 * "x" + "KeyError"
    (reason,) = lay_out_failures(frame)["First reason"]
    assert reason.startswith("exit code 1xx")
    assert reason.endswith("xxKeyError")
    assert len(reason) < 450


def test_arms_and_phases_are_apart(three_arms: "Study", tmp_path: Path) -> None:
    """In the study's order of arms; a run that early stopping ended is no failure."""
    three_arms.add("adam", "confirm", seed=7, lr=0.02, status="diverged", epochs=1)
    facts = three_arms.facts(tmp_path)
    frame = compute_failures(facts)
    assert frame[["arm", "phase", "runs", "ended"]].to_numpy().tolist() == [
        ["sgd", "search", 1, 7],
        ["rmsprop", "search", 1, 7],
        ["adam", "confirm", 1, 9],
        ["adam", "search", 1, 7],
    ]
    assert "4 of 49 runs" in caption_failures(facts, frame)


def test_where_nothing_completed_there_is_no_other_range(new_study: "type[Study]", tmp_path: Path) -> None:
    """All runs of an arm diverged, and one failed before it had a rate."""
    study = new_study(arms={"sgd": {"lr": LOG}}, winners={"sgd": None})
    study.add("sgd", "search", lr=0.5, status="diverged", epochs=1)
    study.add("sgd", "confirm", lr=None, status="failed", epochs=0)
    cells = lay_out_failures(compute_failures(study.facts(tmp_path)))
    assert cells["Learning rates"].tolist() == [ABSENT, "0.5"]
    assert cells["Learning rates of completed runs"].tolist() == [ABSENT, ABSENT]


def test_without_failures_the_caption_says_so(new_study: "type[Study]", tmp_path: Path) -> None:
    """No row, in any format, and how many runs ended."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91, 0.92])
    facts = study.facts(tmp_path)
    frame = compute_failures(facts)
    cells, caption = lay_out_failures(frame), caption_failures(facts, frame)
    assert caption == "All 3 runs that ended, ended finite: none diverged, none failed."
    assert (len(cells), len(cells.columns)) == (0, 8)
    table = RenderedTable(name="failures", title="", caption=caption, numbers=frame, cells=cells)
    assert "*(no rows)*" in table.markdown()
    assert table.csv().startswith("arm,phase,status,runs,")


def test_before_any_run_has_ended(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nothing is known, which is not the same as nothing lost."""
    facts = new_study(arms={"sgd": {}}, confirm_runs=3).facts(tmp_path)
    assert caption_failures(facts, compute_failures(facts)).startswith("No run has ended yet")
