"""What is to be submitted, whatever the kind of cluster."""

from dataclasses import dataclass
from pathlib import Path

from harness.cluster.submit_folder import SubmitFolder
from harness.study.study import Study


@dataclass(frozen=True, kw_only=True)
class Request:
    """A study, and where its run is kept."""

    study: Study
    run_dir: Path
    """Absolute; the study's results folder."""
    name: str
    """What the cluster calls the job; any printable line."""

    @property
    def folder(self) -> SubmitFolder:
        """The paths of this submission."""
        return SubmitFolder(self.run_dir)

    def sweep_arguments(self, study_file: str, run_dir: str, address: str) -> list[str]:
        """Return the arguments of `python -m harness.sweep` that begin this study, or go on with it.

        Args:
            study_file: Where the study lies for the driver.
            run_dir: Where its results go, as the driver sees it.
            address: The Ray cluster, as the driver reaches it.
        """
        overrides = [f"--set={argument}" for argument in self.study.overrides]
        return [study_file, "--run-dir", run_dir, "--address", address, "--resume-if-begun", *overrides]
