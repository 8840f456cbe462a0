"""The whole declaration: what `declaration.json` holds, and how it is written and read."""

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from harness.declaration.claims import DeclaredClaim, UnknownClaim, about
from harness.declaration.parts import DeclaredArm, DeclaredData, DeclaredParent, DeclaredPlan, is_absent
from harness.key_order import escaped, order_of, order_of_space, reorder
from harness.recipe.metrics import Metric, in_records, task_metrics
from harness.records.documents import NO_MANIFEST, SCHEMA_VERSION, parsed, validated
from harness.records.events import LookTaken
from harness.records.folder import ResultsFolder
from harness.records.older_manifests import declaration_of, is_older
from harness.records.whole_file import write_file
from harness.study.claim_kinds import TIMES
from harness.study.claims import EVERY, Claim
from harness.study.file import Confirm, Search
from harness.study.published import PublishedValues
from harness.study.trial import Trial

_USUAL_METRICS = task_metrics("classification")


def _is_usual(metrics: dict[str, Metric]) -> bool:
    return list(metrics.items()) == list(_USUAL_METRICS.items())


class Declaration(BaseModel):
    """What will be measured and ruled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[2] = SCHEMA_VERSION
    protocol_version: str
    study: str
    question: str
    parent: Annotated[DeclaredParent | None, Field(exclude_if=is_absent)] = None
    """Not written in a study that takes over nothing."""
    arms: dict[str, DeclaredArm]
    """In the study file's order, which every table and figure keeps."""
    search: Search
    """The study's `search` with defaults filled in."""
    confirm: Confirm
    plan: DeclaredPlan
    search_seeds: list[int]
    """Of the first repeat, the same in all arms."""
    confirm_seeds: list[int]
    """The same in all arms; none where each repeat of each arm has its own."""
    baseline: str | None = None
    """Arm that every other one is compared with."""
    metrics: Annotated[dict[str, Metric], Field(min_length=1, exclude_if=_is_usual)] = _USUAL_METRICS
    """What runs report, the headline first; not written where it is that of classification."""
    claims: list[DeclaredClaim]
    """Each with its region of equivalence, where the study file gives one."""
    published: dict[str, list[PublishedValues]] = {}
    """Arm to published runs."""
    dataset: Annotated[DeclaredData | None, Field(exclude_if=is_absent)] = None
    """That of a study of one; not written in a study of several."""
    datasets: Annotated[dict[str, DeclaredData], Field(exclude_if=is_absent)] = {}
    """By what the study calls them, in the study file's order; not written in a study of one."""
    trial: Annotated[Trial | None, Field(exclude_if=is_absent)] = None
    """The program that trains; not written where the built-in training does."""
    sources: dict[str, str] = {}
    """SHA-256 of code that the study file names, by its file."""

    @field_validator("claims")
    @classmethod
    def _about_declared_metrics(
        cls, claims: list[Claim | UnknownClaim], info: ValidationInfo
    ) -> list[Claim | UnknownClaim]:
        """Take claims about metrics that are not declared for such as nobody can decide."""
        known = {*in_records(info.data.get("metrics", {})), *TIMES}
        return [about(claim, known) for claim in claims]

    @model_validator(mode="after")
    def _has_the_data_of_its_arms(self) -> Self:
        if self.dataset is not None and self.datasets:
            raise ValueError("has dataset and datasets")
        strangers = [
            name for name, arm in self.arms.items() if self.datasets and arm.dataset not in self.datasets
        ]
        if strangers:
            raise ValueError(f"the arm {strangers[0]} is on no data set of {', '.join(self.datasets)}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _in_order(cls, document: Any) -> Any:
        """Put the keys back into the order that sorting them for the file took from them."""
        if not isinstance(document, dict) or "order" not in document:
            return document
        document = copy.deepcopy(document)
        for pointer, keys in document.pop("order").items():
            reorder(document, pointer, keys)
        return document

    @property
    def data(self) -> DeclaredData:
        """The data set of a study of one, or of what `on` returns."""
        if self.dataset is None:
            raise LookupError(f"the study is of several data sets: {', '.join(self.datasets)}")
        return self.dataset

    @property
    def known_data(self) -> DeclaredData | None:
        """The same; None where a program trains, whose data nobody knows."""
        return self.data if self.datasets else self.dataset

    @property
    def all_data(self) -> list[DeclaredData]:
        """Its data sets, one or several; none where a program trains."""
        return [self.dataset] if self.dataset else list(self.datasets.values())

    @property
    def splits(self) -> list[str]:
        """The rules by which its data are split, in words: one where all are the same, else of each."""
        rules = {data.split for data in self.all_data}
        is_one = len(rules) == 1
        return sorted(rules) if is_one else [f"{data.name}: {data.split}" for data in self.all_data]

    def data_of(self, arm: str) -> DeclaredData:
        """Return the data set that an arm trains on."""
        return self.datasets[str(self.arms[arm].dataset)] if self.datasets else self.data

    def plain_name(self, arm: str) -> str:
        """Return an arm's name without its data set's: what claims say, and what its seeds derive from."""
        return self.arms[arm].plain_name or arm

    def on(self, dataset: str) -> "Declaration":
        """Return what is declared of one of several data sets, as of a study of this one: plain names.

        Claims on their average are left out.
        """
        alone = {"dataset": None, "plain_name": None}
        own = {name: arm for name, arm in self.arms.items() if arm.dataset == dataset}
        return self.model_copy(
            update={
                "arms": {str(arm.plain_name): arm.model_copy(update=alone) for arm in own.values()},
                "published": {
                    str(arm.plain_name): self.published[name]
                    for name, arm in own.items()
                    if name in self.published
                },
                "claims": [claim for claim in self.claims if getattr(claim, "on", None) in {EVERY, dataset}],
                "dataset": self.datasets[dataset],
                "datasets": {},
                "parent": None,
            }
        )

    def arms_of(self, name: str) -> list[str]:
        """Return the arms that a name stands for: the arm of that name, or those made from the template."""
        if name in self.arms:
            return [name]
        return [arm for arm, own in self.arms.items() if own.template and own.template.name == name]

    def allowed_by(self, looks: Sequence[LookTaken]) -> dict[str, int]:
        """Return how many replicates each arm may run: an arm that no open claim needs stays at its look.

        Args:
            looks: Those that were taken, in their order.
        """
        allowed = dict.fromkeys(self.arms, self.plan.looks[0])
        for taken in looks:
            following = self.plan.looks[self.plan.looks.index(taken.n) + 1] if taken.arms else 0
            allowed |= dict.fromkeys(taken.arms, following)
        return allowed

    def as_bytes(self) -> bytes:
        """Return the text of `declaration.json`: keys sorted, so that equal studies have equal bytes.

        Where the order of keys means something, `order` has it by the place's JSON pointer (RFC 6901).
        """
        document = self.model_dump(mode="json") | {"order": dict(_orders(self))}
        text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return text.encode(errors="backslashreplace")  # a file name's odd bytes become escapes of JSON

    @property
    def sha256(self) -> str:
        """SHA-256 of the text as this version writes it; of what was written, the file's own bytes tell."""
        return hashlib.sha256(self.as_bytes()).hexdigest()

    def write(self, folder: ResultsFolder) -> None:
        """Write `declaration.json`; at no moment is half of it there.

        Raises:
            ResultsError: The folder cannot be written.
        """
        write_file(folder.declaration, self.as_bytes())

    @classmethod
    def read(cls, folder: ResultsFolder) -> "Declaration":
        """Read what a results folder declares, of this version or an older one, whose manifest held it.

        Raises:
            ResultsError: It is missing, damaged, or written by a newer version.
        """
        if not folder.declaration.exists():
            manifest = parsed(folder.manifest, absent=NO_MANIFEST)
            if is_older(manifest):
                return validated(cls, declaration_of(manifest), folder.manifest)
        return validated(cls, parsed(folder.declaration, absent=_NO_DECLARATION), folder.declaration)


_NO_DECLARATION = (
    "is not there, and nothing else says what the study beside it declared. Remedy: bring back a copy of it."
)


def _orders(declaration: Declaration) -> Iterator[tuple[str, list[str]]]:
    """Yield the order of keys of each mapping in which it means something and is not that of the alphabet."""
    yield from order_of("/arms", declaration.arms)
    yield from order_of("/published", declaration.published)
    yield from order_of("/metrics", declaration.metrics)
    yield from order_of("/datasets", declaration.datasets)
    for name, arm in declaration.arms.items():
        place = f"/arms/{escaped(name)}"
        yield from order_of(f"{place}/fixed", arm.fixed)
        yield from order_of_space(f"{place}/space", arm.space)
