"""The parts of a declaration: arms, data, plan, parent."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from harness.recipe.data import Kind
from harness.recipe.metrics import Task
from harness.study.domains import Domain, domains_of
from harness.study.study import Template


class Part(BaseModel):
    """What is declared is never changed, and has no field that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _written(space: Mapping[str, Domain]) -> dict[str, dict[str, Any]]:
    return {field: domain.as_written for field, domain in space.items()}


def is_absent(value: Any) -> bool:
    """Return whether a field is empty, and so not written."""
    return not value


def _is_classification(task: Any) -> bool:
    return bool(task == "classification")


class DeclaredArm(Part):
    """An arm as declared: what is fixed and what is searched, the shared recipe merged in."""

    dataset: Annotated[str | None, Field(exclude_if=is_absent)] = None
    """What the study calls its data set; not written in a study of one."""
    plain_name: Annotated[str | None, Field(exclude_if=is_absent)] = None
    """Its name without the data set's; not written in a study of one."""
    template: Annotated[Template | None, Field(exclude_if=is_absent)] = None
    """The entry with `for_each` that made it, and its values; not written where there is none."""
    fixed: dict[str, Any]
    """Recipe fields with one value."""
    space: Annotated[dict[str, Domain], BeforeValidator(domains_of), PlainSerializer(_written)]
    """Recipe fields with a domain, written as in a study file: `{"low": ..., "high": ..., "log": true}`,
    `{"choices": [...]}`, `{"grid": [...]}` or `{"one_of": {value: {field: domain or value}}}`."""
    start: Annotated[list[dict[str, Any]], Field(exclude_if=is_absent)] = []
    """Points that every search tries first; not written where there are none."""
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


def _is_image(kind: Kind) -> bool:
    return kind == "image"


class DeclaredData(Part):
    """The data set and how it is split."""

    name: str
    sha256: dict[str, str]
    """Of the unpacked files, by their part."""
    train_samples: int
    """Of one epoch."""
    val_samples: int
    test_samples: int
    val_fraction: float
    """Share of the training images that validates."""
    split: str
    """The rule of the split, in words."""
    task: Annotated[Task, Field(exclude_if=_is_classification)] = "classification"
    """What is predicted; written where it is not this."""
    kind: Annotated[Kind, Field(exclude_if=_is_image)] = "image"
    """What a sample is; written where it is no image."""
    is_grouped: Annotated[bool, Field(exclude_if=is_absent)] = False
    """Whether the split keeps groups of samples together, so that its sizes are only near to those declared;
    written where it does."""


class DeclaredPlan(Part):
    """What n counts, when claims are ruled, and how much of the error each look may spend."""

    unit: Literal["repeat", "seed"]
    """What a replicate is where an arm searches: a whole search with its confirm runs, or a confirm seed."""
    looks: Annotated[tuple[int, ...], Field(min_length=1)]
    """Numbers of replicates at which claims are ruled, ascending; a fixed plan has one."""
    weights: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    """Share of `alpha` that each look spends; their sum is 1."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Probability of any false ruling, over all claims and looks."""
    seeds_are_common: bool
    """Whether all arms have the same confirm seeds, so that they are compared in pairs."""

    @model_validator(mode="after")
    def _has_a_weight_a_look(self) -> Self:
        if len(self.weights) != len(self.looks):
            raise ValueError(f"{len(self.looks)} looks have {len(self.weights)} weights")
        if not math.isclose(sum(self.weights), 1):
            raise ValueError(f"the weights of the looks sum up to {sum(self.weights)}, not to 1")
        return self


class DeclaredParent(Part):
    """The study whose runs are taken over."""

    study: str
    sha256: str
    """Of its `declaration.json`, which the journal keeps."""
