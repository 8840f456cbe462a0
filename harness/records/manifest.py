"""The manifest: what a study declared before any result, and on what machine it ran."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import ResultsError

SCHEMA_VERSION: Literal[1] = 1
"""Version of the files on disk; a reader refuses a newer one."""


class DeclaredArm(BaseModel):
    """An arm as declared: what is fixed and what is searched, the shared recipe merged in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fixed: dict[str, Any]
    """Recipe fields with one value."""
    space: dict[str, dict[str, Any]]
    """Recipe fields with a domain, as the study file writes it: `{"low": ..., "high": ..., "log": true}`,
    `{"choices": [...]}`, `{"grid": [...]}` or `{"one_of": {value: {field: domain or value}}}`."""
    search_runs: int
    """Planned runs of the search phase."""
    confirm_runs: int
    """Planned runs of the confirm phase."""
    max_epochs: int | None
    """Epochs of a full-length run; null when `epochs` itself is searched."""


class Resumption(BaseModel):
    """A later session that continued the study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str
    """UTC, ISO 8601."""
    command: list[str]
    changes: list[str]
    """What differed from before and was accepted, in words."""
    loss: str | None
    """What was damaged in the journal and what became of it."""


class Manifest(BaseModel):
    """Everything the report needs to know that the journal does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    protocol_version: str
    study: str
    question: str
    arms: dict[str, DeclaredArm]
    """In the study file's order, which every table and figure keeps."""
    search: dict[str, Any]
    """Sampler, trials, metric, mode, seed, early stopping: the study's `search` with defaults filled in."""
    confirm: dict[str, Any]
    """`{"seeds": n}`."""
    search_seeds: list[int]
    confirm_seeds: list[int]
    resources: dict[str, Any]
    baseline: str | None = None
    """Arm that every other one is compared with. Older manifests have none."""
    claims: list[dict[str, Any]]
    published: dict[str, list[dict[str, Any]]] = {}
    """Arm to published runs: `source`, `note`, `at` (settings that pick search runs), `values` and `notes` by
    column of the runs. Older manifests have none."""
    dataset: dict[str, Any]
    """Name, SHA-256 of the unpacked files, the rule of the split, and the images of each part:
    `train_samples`, `val_samples`, `test_samples`."""
    git: dict[str, Any]
    """`{"commit": ..., "dirty": ...}` of the code that ran; both null where nobody knows."""
    versions: dict[str, str]
    """Python and every package that can change a number."""
    machine: dict[str, Any]
    """Host, system, CPU and GPU names, cores, memory."""
    slots: int
    """Runs that may train at the same time."""
    command: list[str]
    created_at: str
    """UTC, ISO 8601."""
    resumed: list[Resumption] = []

    def write(self, path: Path) -> None:
        """Write the manifest as indented JSON; at no moment is half of it there."""
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest.

        Raises:
            ResultsError: It is missing, damaged, or written by a newer version.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ResultsError(
                f"{path}: no manifest here, so this is not a results folder. "
                f"Remedy: give a folder that python -m harness.sweep wrote, such as results/optimizers."
            ) from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ResultsError(
                f"{path}: {place}: {first['msg']}. This version reads schema {SCHEMA_VERSION}. "
                f"Remedy: use the version of the harness that wrote it."
            ) from error
