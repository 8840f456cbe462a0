"""What a job does, as data: `plan.json` beside the script, so that no value of a study meets a shell."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.cluster.submit_folder import SubmitFolder
from harness.errors import ResultsError

PLAN_NAME = "plan.json"
ADDRESS = "{address}"
"""Stands in `Plan.sweep` for the address of a Ray that only the job knows."""


class Plan(BaseModel):
    """Everything the launcher knows of a study."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """What Slurm calls the job."""
    run_dir: Path
    """The study's results folder, absolute."""
    working_dir: Path
    """Where the study was submitted: paths in it are relative to this folder."""
    sweep: list[str]
    """Arguments of `python -m harness.sweep`."""
    warn_before: int
    """Seconds before the end of the job at which Slurm warns the launcher."""
    on_timeout: Literal["requeue", "stop"]
    """What happens at the time limit."""
    max_restarts: int
    """Requeues after which the job ends for good."""

    @property
    def folder(self) -> SubmitFolder:
        """The paths of this submission."""
        return SubmitFolder(self.run_dir)

    def sweep_arguments(self, address: str) -> list[str]:
        """Return the sweep's arguments for a Ray that has been started.

        Args:
            address: `local`, or `IP:PORT`.
        """
        return [address if argument == ADDRESS else argument for argument in self.sweep]

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan.

        Raises:
            ResultsError: It is missing or damaged.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, ValidationError) as error:
            raise ResultsError(f"{path}: cannot be read ({error}). Remedy: submit the study again") from error
