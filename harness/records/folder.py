"""Every path of a results folder, in one place."""

from dataclasses import dataclass
from pathlib import Path

STORED_IN = "HARNESS_RESULTS_STORED_IN"
"""Environment variable that tells a sweep where its folder is mirrored: no other node needs to see it."""


@dataclass(frozen=True)
class ResultsFolder:
    """Name the files of one study's results (`results/<study>/`)."""

    root: Path
    """The study's own folder."""

    @property
    def study_file(self) -> Path:
        """The study as given, byte for byte."""
        return self.root / "study.yaml"

    @property
    def declaration(self) -> Path:
        """What will be measured and ruled: see `harness.declaration`."""
        return self.root / "declaration.json"

    @property
    def manifest(self) -> Path:
        """On what machine and code it ran, and what became of it: see `harness.manifest`."""
        return self.root / "manifest.json"

    @property
    def journal(self) -> Path:
        """Append-only events, the only source of truth: see `harness.records.journal`."""
        return self.root / "journal.jsonl"

    @property
    def compressed_journal(self) -> Path:
        """The same journal, gzipped; committed reference results hold this one."""
        return self.root / "journal.jsonl.gz"

    @property
    def lock(self) -> Path:
        """Says which sweep is writing here; gone when none is."""
        return self.root / ".lock"

    @property
    def runs(self) -> Path:
        """One row a run."""
        return self.root / "runs.parquet"

    @property
    def epochs(self) -> Path:
        """One row an epoch of a run."""
        return self.root / "epochs.parquet"

    @property
    def predictions(self) -> Path:
        """One row a test image of a run; there is none where no journal keeps what was predicted."""
        return self.root / "predictions.parquet"

    @property
    def optuna_journal(self) -> Path:
        """Optuna's own storage, one Optuna study an arm."""
        return self.root / "optuna.journal"

    @property
    def program_runs(self) -> Path:
        """Where each run of a program has a folder of its own, by its id; there is none without a program."""
        return self.root / "runs"

    @property
    def weights(self) -> Path:
        """Where confirm runs keep their weights, a file a run; there is none unless a study asks for it."""
        return self.root / "weights"

    @property
    def report(self) -> Path:
        """Everything `analysis.report` writes."""
        return self.root / "report"


def weights_of(folder: Path, run_id: str) -> Path:
    """Return the file with a run's weights in a folder of them."""
    return folder / f"{run_id}.safetensors"
