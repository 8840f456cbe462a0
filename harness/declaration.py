"""The manifest: what a study declared before any result, and on what machine it ran.

Everything in it has the type that the study itself has; what an older version wrote is brought to it by
`harness.records.older_manifests`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
)

from harness.errors import ResultsError, unusable
from harness.records.older_manifests import converted
from harness.records.provenance import GitState, Machine
from harness.records.recovery import Loss
from harness.records.whole_file import write_file
from harness.study.claims import KINDS, Claim
from harness.study.domains import Domain, domains_of
from harness.study.file import Confirm, Resources, Search
from harness.study.published import PublishedValues
from harness.study.study import Template

SCHEMA_VERSION: Literal[1] = 1
"""Version of the files on disk; a reader refuses a newer one."""

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _written(space: Mapping[str, Domain]) -> dict[str, dict[str, Any]]:
    return {field: domain.as_written for field, domain in space.items()}


class DeclaredArm(_Part):
    """An arm as declared: what is fixed and what is searched, the shared recipe merged in."""

    template: Template | None = None
    """The entry with `for_each` that made it, and its values; not written where there is none."""
    fixed: dict[str, Any]
    """Recipe fields with one value."""
    space: Annotated[dict[str, Domain], BeforeValidator(domains_of), PlainSerializer(_written)]
    """Recipe fields with a domain, written as in a study file: `{"low": ..., "high": ..., "log": true}`,
    `{"choices": [...]}`, `{"grid": [...]}` or `{"one_of": {value: {field: domain or value}}}`."""
    search_runs: int
    """Planned runs of the search phase, over all repeats."""
    confirm_runs: int
    """Planned runs of the confirm phase, over all repeats."""
    max_epochs: int | None
    """Epochs of a full-length run; null when `epochs` itself is searched."""

    @property
    def written_space(self) -> dict[str, dict[str, Any]]:
        """Its space as a study file writes it."""
        return _written(self.space)

    @model_serializer(mode="wrap")
    def _without_an_absent_template(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = serialise(self)
        return {name: value for name, value in written.items() if name != "template" or value is not None}


class DeclaredData(_Part):
    """The data set and how it is split."""

    name: str
    sha256: dict[str, str]
    """Of the unpacked files, by their part."""
    train_samples: int
    """Images of one epoch."""
    val_samples: int
    test_samples: int
    val_fraction: float
    """Share of the training images that validates."""
    split: str
    """The rule of the split, in words."""


class UnknownClaim(_Part):
    """A claim that this version does not decide."""

    words: dict[str, Any]
    """As the manifest holds it."""
    reason: str
    """Why it is not decided."""

    @property
    def says(self) -> str:
        """The statement in words."""
        return str(self.words.get("says") or "")

    @property
    def source(self) -> str | None:
        """Who claims it."""
        source = self.words.get("source")
        return None if source is None else str(source)

    @property
    def kind(self) -> str:
        """The kind it names, if that is known."""
        return next((kind for kind in KINDS if kind in self.words), "none")


def _claim(declared: Any) -> Claim | UnknownClaim:
    """Return a claim as declared; one that this version does not understand with the reason."""
    if not isinstance(declared, Mapping):
        return declared  # type: ignore[no-any-return] # a claim already; anything else is refused
    try:
        return Claim.model_validate(declared)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        return UnknownClaim(words=dict(declared), reason=f"not a claim that this version decides ({reason})")


def written_claim(claim: Claim | UnknownClaim) -> dict[str, Any]:
    """Return a claim as the manifest holds it."""
    if isinstance(claim, UnknownClaim):
        return claim.words
    return claim.model_dump(mode="json", exclude_none=True)


DeclaredClaim = Annotated[
    Claim | UnknownClaim, BeforeValidator(_claim), PlainSerializer(written_claim, return_type=dict[str, Any])
]


CONFIRM_SEEDS = "confirm.seeds"
"""The field of a change in the number of confirm seeds."""

REPEATS = "search.repeats"
"""The field of a change in the number of repeats."""


class Change(_Part):
    """What was another when a study was continued."""

    field: str
    """Its dotted name in the manifest, such as `confirm.seeds`, or what it is called."""
    before: Any
    after: Any

    def in_words(self) -> str:
        """Return what was another, as the screen and the report tell it."""
        return f"{self.field}: {self.before!r} before, {self.after!r} now"


class Resumption(_Part):
    """A later session that continued the study."""

    at: str
    """UTC, ISO 8601."""
    command: list[str]
    changes: list[Change]
    """What differed from before and was accepted."""
    loss: Loss | None
    """What was wrong with the journal and what became of it."""


class Manifest(_Part):
    """Everything the report needs to know that the journal does not say."""

    schema_version: Literal[1] = 1
    protocol_version: str
    study: str
    question: str
    arms: dict[str, DeclaredArm]
    """In the study file's order, which every table and figure keeps."""
    search: Search
    """The study's `search` with defaults filled in."""
    confirm: Confirm
    search_seeds: list[int]
    """Of the first repeat, the same in all arms."""
    confirm_seeds: list[int]
    """The same in all arms; none where each repeat of each arm has its own."""
    resources: Resources
    baseline: str | None = None
    """Arm that every other one is compared with."""
    claims: list[DeclaredClaim]
    published: dict[str, list[PublishedValues]] = {}
    """Arm to published runs."""
    dataset: DeclaredData
    git: GitState
    """Of the code that ran."""
    versions: dict[str, str]
    """Python and every package that can change a number."""
    machine: Machine
    slots: int
    """Runs that may train at the same time."""
    command: list[str]
    created_at: str
    """UTC, ISO 8601."""
    resumed: list[Resumption] = []

    @property
    def changes(self) -> list[Change]:
        """Everything that was another in a later session."""
        return [change for session in self.resumed for change in session.changes]

    @property
    def known_claims(self) -> list[Claim]:
        """The claims that this version decides."""
        return [claim for claim in self.claims if isinstance(claim, Claim)]

    def arms_of(self, name: str) -> list[str]:
        """Return the arms that a name stands for: the arm of that name, or those made from the template."""
        if name in self.arms:
            return [name]
        return [arm for arm, own in self.arms.items() if own.template and own.template.name == name]

    def write(self, path: Path) -> None:
        """Write the manifest as indented JSON; at no moment is half of it there.

        Raises:
            ResultsError: The folder cannot be written.
        """
        write_file(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest of this version or an older one.

        Raises:
            ResultsError: It is missing, damaged, or written by a newer version.
        """
        try:
            return cls.model_validate(converted(_JSON.validate_json(path.read_bytes())))
        except FileNotFoundError:
            raise ResultsError(
                f"{path}: no manifest here, so this is not a results folder. "
                f"Remedy: give a folder that python -m harness.sweep wrote, such as results/optimizers."
            ) from None
        except OSError as error:
            raise ResultsError(unusable(path, "read", error)) from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if first["type"] == "json_invalid":
                raise ResultsError(
                    f"{path}: damaged, it is no JSON text ({first['msg']}). Remedy: bring back a copy of it; "
                    f"the journal beside it is not concerned."
                ) from error
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ResultsError(
                f"{path}: {place}: {first['msg']}. This version reads schema {SCHEMA_VERSION}. "
                f"Remedy: use the version of the harness that wrote it."
            ) from error


def as_written(part: BaseModel) -> dict[str, Any]:
    """Return a part of a manifest that was read as the file has it: what it does not say is left out."""
    return part.model_dump(mode="json", exclude_unset=True)
