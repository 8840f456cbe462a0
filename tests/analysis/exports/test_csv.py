"""Export to CSV, read back by pandas."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from analysis import export
from analysis.results import results
from harness.records.events import Event
from tests.analysis.exports.conftest import KINDS, another, contents


@pytest.mark.parametrize("kind", KINDS)
def test_files_hold_what_the_results_hold(
    kind: str, folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every run, epoch and ruling; a second export changes no byte, and none changes the study."""
    folder = folders[kind]
    before, found = contents(folder), results(folder)
    assert export.main([str(folder), "--to", "csv", "--uri", str(tmp_path)]) == 0
    assert f"{len(found.runs)} new, 0 changed" in capsys.readouterr().out
    (place,) = tmp_path.iterdir()
    assert place.name.startswith(f"{found.declaration.study}-")
    for name, frame in (("runs", found.runs), ("epochs", found.epochs)):
        read = pd.read_csv(place / f"{name}.csv")
        numbers = frame.select_dtypes("number")
        pd.testing.assert_frame_equal(read[list(numbers)], numbers, check_dtype=False)
        assert list(read) == list(frame)
    rulings = pd.read_csv(place / "rulings.csv")
    assert rulings["ruling"].tolist() == [claim.ruling for claim in found.claims]
    assert rulings["says"].tolist() == [claim.claim.says for claim in found.claims]
    assert json.loads(rulings["replicates"].iloc[0]).keys() == found.claims[0].replicates.keys()

    written = contents(tmp_path)
    assert export.main([str(folder), "--to", "csv", "--uri", str(tmp_path)]) == 0
    assert f"0 new, 0 changed, {len(found.runs)} as they were" in capsys.readouterr().out
    assert contents(tmp_path) == written
    assert contents(folder) == before


def test_text_of_a_study_is_no_formula_and_breaks_no_row(folders: dict[str, Path], tmp_path: Path) -> None:
    """The name of an arm is not carried out; what a program wrote over a line is text like any other."""

    def with_bar(events: list[Event]) -> list[Event]:
        bar = {"reason": "ended with 1: 10 %\r20 %\rlost"}
        return [e.model_copy(update=bar) if e.event == "run_ended" and e.reason else e for e in events]

    folder = another(folders["ends"], tmp_path / "study", "01", with_bar)
    assert export.main([str(folder), "--to", "csv", "--uri", str(tmp_path / "csv")]) == 0
    (place,) = (tmp_path / "csv").iterdir()
    with (place / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["arm"] for row in rows} == {"50 % of it", "'=a/../b"}
    assert {row["reason"] for row in rows} == {"", "ended with 1: 10 %\n20 %\nlost"}
    assert "\r" not in (place / "runs.csv").read_text(encoding="utf-8")
