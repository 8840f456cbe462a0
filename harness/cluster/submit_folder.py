"""Every path below `RUN_DIR/submit/`, in one place."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SubmitFolder:
    """Name the files of a submission. A run's folder is its study's results folder."""

    run_dir: Path
    """`results/<study>/`, absolute; results go here, and `submit/` beside them."""

    @property
    def root(self) -> Path:
        """Everything a submission writes."""
        return self.run_dir / "submit"

    @property
    def study_file(self) -> Path:
        """The study as it was submitted, whatever happens to the user's own file afterwards."""
        return self.root / "study.yaml"

    @property
    def record(self) -> Path:
        """Which cluster has it, under which id: see `harness.cluster.record`."""
        return self.root / "submit.json"

    @property
    def status_log(self) -> Path:
        """What the launcher lived through, one JSON object a line: see `harness.cluster.status_log`."""
        return self.root / "status.jsonl"

    @property
    def token(self) -> Path:
        """The secret of the Ray cluster that a job starts; only its owner can read it."""
        return self.root / "token"
