"""CSV: runs, epochs and rulings, a file each, for whatever reads tables."""

import csv

import pandas as pd

from analysis.exports.content import Outcome, Run, Study
from analysis.exports.files import folder_of, put
from analysis.render.numbers import csv_cell, csv_text

_STRONGEST_FIRST: tuple[Outcome, ...] = ("changed", "new", "same")


class CsvWriter:
    """Write three files into a folder of the study's own; runs and their epochs once they have ended.

    Columns are those of `runs.parquet`, `epochs.parquet` and `claims.json`.
    """

    def __init__(self, uri: str | None, study: Study) -> None:
        self._folder = folder_of(study, uri, "csv")
        self._there = self._run_ids()
        self.place = str(self._folder)
        self.hint: str | None = None

    def _run_ids(self) -> set[str]:
        """Return the cells of runs that were exported before; one that has ended does not change any more."""
        path = self._folder / "runs.csv"
        if not path.exists():
            return set()
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return {str(row.get("run_id")) for row in csv.DictReader(file)}

    def write_study(self, study: Study) -> Outcome:
        """Write all three files as they should be now."""
        frames = {
            "runs": study.results.runs,
            "epochs": study.results.epochs,
            "rulings": pd.DataFrame(study.rulings),
        }
        outcomes = {
            put(self._folder / f"{name}.csv", csv_text(frame).encode()) for name, frame in frames.items()
        }
        return next(outcome for outcome in _STRONGEST_FIRST if outcome in outcomes)

    def write_run(self, study: Study, run: Run) -> Outcome:  # noqa: ARG002 - it is in the study's files
        """Return whether the files hold it for the first time."""
        return "same" if run.end is None or csv_cell(run.run_id) in self._there else "new"

    def close(self) -> None:
        """Do nothing: every file is whole."""
