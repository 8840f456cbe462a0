"""What a submission leaves in `RUN_DIR/submit/`: its files' names, its record, its launcher's log.

Read where the study was submitted, on the nodes and by every later command; none of it needs Ray, a cluster
or an accounting database.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    model_validator,
)

from harness.errors import ResultsError
from harness.records.provenance import utc_now
from harness.records.whole_file import write_whole

TargetName = Literal["slurm", "ray", "kuberay"]


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
    def lock(self) -> Path:
        """Held by the command that is submitting from here."""
        return self.root / ".lock"

    @property
    def record(self) -> Path:
        """Which cluster has it, under which id: a `SubmitRecord`."""
        return self.root / "submit.json"

    @property
    def status_log(self) -> Path:
        """What the launcher lived through, one JSON object a line: a `StatusLog`."""
        return self.root / "status.jsonl"

    @property
    def token(self) -> Path:
        """The secret of the Ray cluster that a job starts; only its owner can read it."""
        return self.root / "token"


_FINDS_IT: Mapping[TargetName, tuple[str, ...]] = {
    "slurm": (),
    "ray": ("address",),
    "kuberay": ("namespace", "uid"),
}
"""What `SubmitRecord.where` must hold for a job to be found again."""


class NothingSubmittedError(ResultsError):
    """Report a folder that nothing was submitted from."""


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
        return cls(target=target, id=job_id, name=name, submitted_at=utc_now(), where=where)

    @model_validator(mode="after")
    def _names_one_job(self) -> Self:
        """Refuse what stands for no job, or for all of them."""
        if not re.fullmatch(r"\d+" if self.target == "slurm" else r"[A-Za-z0-9._-]+", self.id):
            raise ValueError(f"id: {self.id!r} is none of a {self.target} job")
        if absent := [name for name in _FINDS_IT[self.target] if not self.where.get(name)]:
            raise ValueError(f"where: lacks {', '.join(absent)}")
        return self

    @property
    def text(self) -> str:
        """What the file holds."""
        return self.model_dump_json(indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Write the record whole, or not at all."""
        write_whole(path, self.text)

    @classmethod
    def read(cls, path: Path) -> "SubmitRecord":
        """Read a record.

        Raises:
            NothingSubmittedError: There is none.
            ResultsError: It is damaged or cannot be read.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NothingSubmittedError(
                f"{path}: nothing was submitted from this folder. Remedy: give the RUN_DIR of a submission, "
                f"such as results/optimizers.",
                place=path,
            ) from error
        except ValueError as error:
            raise ResultsError(
                f"{path}: is damaged ({_first_problem(error)}). Remedy: see with the cluster's own command "
                f"(squeue --me, ray job list, kubectl get rayjobs) that no job of this study is left, remove "
                f"this file, and submit the study again with the same --run-dir: it goes on where its "
                f"journal ends.",
                place=path,
            ) from error
        except OSError as error:
            raise ResultsError(
                f"{path}: cannot be read ({error.strerror}). Remedy: be the user who submitted the study, or "
                f"give the RUN_DIR of your own.",
                place=path,
            ) from error


def _first_problem(error: ValueError) -> str:
    """Return what is wrong with a record; bytes that are not UTF-8 are no finding of pydantic's."""
    if not isinstance(error, ValidationError):
        return "not UTF-8 text"
    problem = error.errors(include_url=False)[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"].removeprefix("Value error, ")
