"""Times against batch size: planted costs are found, and what would spoil them is refused."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.blocks.timing import TIMING, compute_timing
from analysis.facts import Facts
from analysis.render.figure import arm_styles

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


@pytest.fixture
def facts(measured: "Study", tmp_path: Path) -> Facts:
    """Return `measured`: an epoch takes 640 / batch size and one (sgd) or two (adam) seconds."""
    return measured.facts(tmp_path)


def test_planted_times_are_found(facts: Facts) -> None:
    """1 + 640/64 = 11 s, in 106 steps and 54,000 samples; two timed epochs of each of three runs."""
    frame = compute_timing(facts)
    sgd = frame[(frame["line"] == "sgd") & (frame["kind"] == "measured")]
    assert sgd["x"].tolist() == [64, 256, 1024]
    assert sgd["epoch_seconds"].tolist() == pytest.approx([11, 3.5, 1.625])
    assert sgd["steps_per_second"].iloc[0] == pytest.approx(106 / 11)
    assert sgd["samples_per_second"].iloc[0] == pytest.approx(54000 / 11)
    assert sgd[["runs", "epochs", "left_out"]].to_numpy().tolist() == [[3, 6, 0]] * 3


def test_a_slow_first_epoch_changes_nothing(measured: "Study", tmp_path: Path) -> None:
    """The epoch that warms up takes ten times as long."""
    for run in measured.runs:
        run.curve = {"seconds": [10 * run.epoch_seconds] + [run.epoch_seconds] * 2}
    frame = compute_timing(measured.facts(tmp_path))
    assert frame["epoch_seconds"].iloc[0] == pytest.approx(11)
    assert frame["epoch_seconds_high"].iloc[0] == pytest.approx(11)


def test_quartiles_are_over_the_epochs_of_all_runs(measured: "Study", tmp_path: Path) -> None:
    """Epochs of 1 to 6 s in three runs: median 3.5, quartiles 2.25 and 4.75."""
    for run, (second, third) in zip(measured.runs[:3], ((1, 6), (3, 4), (2, 5)), strict=True):
        run.curve = {"seconds": [9.0, second, third]}
    row = compute_timing(measured.facts(tmp_path)).iloc[0]
    quartiles = [row[f"epoch_seconds{end}"] for end in ("_low", "", "_high")]
    assert quartiles == pytest.approx([2.25, 3.5, 4.75])


def test_an_epoch_cut_short_is_not_timed(measured: "Study", tmp_path: Path) -> None:
    """With a budget in steps the last epoch may end early, and took less time for that."""
    for run in measured.runs[:3]:
        run.curve = {"step": [106, 212, 230], "seconds": [11.0, 11.0, 2.0]}
    row = compute_timing(measured.facts(tmp_path)).iloc[0]
    assert (row["epochs"], row["epoch_seconds"]) == (3, pytest.approx(11))


def test_runs_that_did_not_complete_are_left_out(facts: Facts) -> None:
    """All of adam's runs at 1024 diverged: no row of theirs, and nothing in its place."""
    frame = compute_timing(facts)
    assert frame.loc[frame["line"] == "adam", "x"].tolist() == [64, 256]


def test_published_seconds_stand_beside(facts: Facts) -> None:
    """They are marked as another machine's, in the table and below the figure."""
    table, figure = TIMING.table.rendered("timing", facts), TIMING.plot.compute(facts)
    assert table.cells["Published"][0] == "7 s, study B"
    assert table.cells["Seconds an epoch"][0] == "11 (11 to 11)"
    assert "another machine (study B)" in TIMING.plot.caption(facts, figure)
    assert len(TIMING.plot.draw(figure, arm_styles(facts.records.arms)).axes) == 3


def test_published_seconds_stand_beside_measured_ones_only(measured: "Study", tmp_path: Path) -> None:
    """Of a line that waits for its first run nothing is drawn, though sgd's seconds were published."""
    measured.winners.clear()  # the search goes on
    measured.runs = [run for run in measured.runs if run.arm == "adam"]
    assert set(compute_timing(measured.facts(tmp_path))["line"]) == {"adam"}
    measured.runs = []
    begun = measured.facts(tmp_path / "begun")
    frame = TIMING.plot.compute(begun)
    assert frame.empty
    caption = TIMING.plot.caption(begun, frame)
    assert caption == "No timing is shown: no run of a batch size has completed a whole epoch."


def test_shared_machines_are_not_timed(facts: Facts) -> None:
    """One run beside another: no figure, no rows, one sentence."""
    facts.records.runs.loc[0, "concurrency"] = 2
    table, figure = TIMING.table.rendered("timing", facts), TIMING.plot.compute(facts)
    assert figure.empty
    assert len(table.cells) == 0
    why = "No timing is shown: 1 of 18 runs shared the machine with others: seconds are not comparable."
    assert TIMING.plot.caption(facts, figure) == table.caption == why


def test_only_studies_that_run_one_at_a_time_are_timed(measured: "Study", tmp_path: Path) -> None:
    """Without `concurrency: 1` nothing was meant to be timed, and nothing mentions it."""
    measured.resources = {}
    facts = measured.facts(tmp_path)
    assert not TIMING.table.is_for(facts)
    assert not TIMING.plot.is_for(facts)
