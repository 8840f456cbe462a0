"""Export to CSV, read back by pandas."""

import json
from pathlib import Path

import pandas as pd
import pytest

from analysis import export
from analysis.results import results
from tests.analysis.exports.conftest import KINDS, contents


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
