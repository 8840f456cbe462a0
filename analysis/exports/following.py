"""An export under way: what has become of each run, and how it goes on while a study runs."""

import time
from collections.abc import Iterable

from analysis.exports.content import Outcome, Run, Study, Writer
from analysis.exports.reading import JournalReader, study_now
from harness.records.folder import ResultsFolder

_SHARE = 20
"""Working out the study as a whole takes at most one part in so many of the time."""


class Export:
    """One export of one study, and what has become of its runs."""

    def __init__(self, writer: Writer, study: Study) -> None:
        self._writer = writer
        self.study = study
        self.outcomes: dict[str, Outcome] = {}
        """By run id; of a run that was written several times, what was to be done at all."""

    def write(self, runs: Iterable[Run]) -> None:
        """Write the study as a whole, then some of its runs."""
        self._writer.write_study(self.study)
        self.write_runs(runs)

    def write_runs(self, runs: Iterable[Run]) -> None:
        """Write some of the runs."""
        for run in runs:
            outcome, before = self._writer.write_run(self.study, run), self.outcomes.get(run.run_id, "same")
            self.outcomes[run.run_id] = outcome if before == "same" else before


def follow(export: Export, folder: ResultsFolder, reader: JournalReader, seconds: float) -> None:
    """Write what comes, until the study has ended.

    Runs are written as they come; the study as a whole, whose claims have to be ruled, when nothing came for
    once, and otherwise as often as costs little.
    """
    seen, next_at = reader.last_at, 0.0
    while export.study.state != "finished":
        time.sleep(seconds)
        reader.read()
        export.write_runs(reader.changed())
        is_quiet, seen = seen == reader.last_at, reader.last_at
        if seen != export.study.last_at and (is_quiet or time.monotonic() >= next_at):
            began = time.monotonic()
            export.study = study_now(folder, reader, is_followed=True)
            export.write(reader.changed())
            next_at = time.monotonic() + _SHARE * (time.monotonic() - began)
