"""Which cluster has a study, under which id: all that the later commands need."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import ResultsError

TargetName = Literal["slurm", "ray", "kuberay"]


class SubmitRecord(BaseModel):
    """One submission; `resume` writes a new one in its place."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    target: TargetName
    """The kind of cluster."""
    id: str
    """The job's id there."""
    name: str
    """What the cluster calls the job."""
    submitted_at: str
    """UTC, ISO 8601."""
    where: dict[str, str] = {}
    """What else is needed to find it again: an address, a namespace. Never a secret."""
    earlier: list[str] = []
    """Ids of the submissions before this one."""

    @classmethod
    def now(cls, target: TargetName, job_id: str, name: str, **where: str) -> "SubmitRecord":
        """Return the record of a submission that was just taken."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(target=target, id=job_id, name=name, submitted_at=at, where=where)

    def write(self, path: Path) -> None:
        """Write the record whole, or not at all."""
        partial = path.with_name(path.name + ".part")
        partial.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "SubmitRecord":
        """Read a record.

        Raises:
            ResultsError: There is none, or it is damaged.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ResultsError(
                f"{path}: nothing was submitted from this folder. Remedy: give the RUN_DIR of a submission, "
                f"such as results/optimizers."
            ) from error
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise ResultsError(f"{path}: is damaged ({reason}). Remedy: submit the study again") from error
        except OSError as error:
            raise ResultsError(f"{path}: cannot be read ({error.strerror})") from error
