"""What is answered of results: claims with their rulings, lists of studies, pages and exports."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.json_output.answer import Answer, Made, Part, Place, State, is_absent


class Claim(BaseModel):
    """A claim with its ruling: all that `report/claims.json` holds of it, of which these are always there."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    number: int
    """Its place in the study file, from 1."""
    ruling: Literal["supported", "contradicted", "equivalent", "inconclusive", "not yet", "not testable"]
    says: str
    reason: str
    n: int
    """Replicates, or for a share runs, that it rests on."""
    scope: Literal["procedure", "configuration"] | None
    """What the ruling is about; null where nothing could be ruled."""
    kind: str
    metric: str | None
    quantity: str | None
    """What `effect` is: `difference`, `ratio`, `share` or `place`."""
    effect: float | None
    low: float | None
    high: float | None
    level: float | None
    """Confidence level of `low` and `high`."""
    p_adjusted: float | None
    made: Annotated[Made | None, Field(exclude_if=is_absent)] = None
    """When a claim of a study with a parent was made; after the data it is exploratory. Absent elsewhere."""


class Seal(Part):
    """What was declared before the data, and whether journal and declaration agree on it."""

    sha256: str | None
    sealed: bool
    reason: str
    """In words."""


class Sweep(Answer):
    """`sweep`: how a study ended."""

    command: Literal["sweep"] = "sweep"
    study: str
    folder: Place
    """The results folder."""
    state: Literal["finished", "interrupted"]
    """An interrupted one is finished by the same command with `--resume`."""
    had_nothing_to_do: bool
    """Whether it was finished before."""
    failed_runs: int
    report: Place | None
    """The page; null where none was written."""
    claims: list[Claim] | None
    """Likewise."""


class RangeTests(Answer):
    """`lr-finder`: what range tests suggest."""

    command: Literal["lr-finder"] = "lr-finder"
    study: str
    folder: Place
    """Where curves, suggestions and figure are."""
    suggestions: list[dict[str, Any]]
    """One an arm and rule: the rows of `comparison.csv`; absent values are null."""


class Verdict(Answer):
    """`verdict`: how claims are ruled."""

    command: Literal["verdict"] = "verdict"
    study: str
    declaration: Seal
    alpha: float
    """Chance of any wrong ruling in a study whose arms are all equal."""
    claims: list[Claim]
    """Those that were asked for."""


class Listed(Part):
    """One study."""

    study: str
    folder: Place
    state: State
    runs_ended: int
    runs_planned: int
    """As far as looks have allowed."""
    last_event_at: str
    """UTC, ISO 8601: when the last run ended, or the study began."""
    rulings: dict[str, int]
    """How many claims have each ruling; rulings that none has are left out. Claims made after the data count
    apart, as `supported after the data`."""


class Listing(Answer):
    """`ls`: studies with state, age and rulings."""

    command: Literal["ls"] = "ls"
    studies: list[Listed]


class Report(Answer):
    """`report`: the pages that were written."""

    command: Literal["report"] = "report"
    written: list[Place]


class Comparison(Answer):
    """`report --compare`: several results folders side by side."""

    command: Literal["report --compare"] = "report --compare"
    written: Place
    folders: dict[str, Place]
    """By the name that heads their columns; the first one is what the others are compared with."""
    findings: list[str]
    """In words."""
    tables: dict[str, list[dict[str, Any]]]
    """The rows of `comparison/tables/<name>.csv`; absent values are null."""


class Exported(Answer):
    """`export`: what became of a study's runs at a tracker, or in files."""

    command: Literal["export"] = "export"
    study: str
    target: str
    """As `--to` names it."""
    place: Place
    """Where the study lies now, without a password."""
    state: State
    runs: dict[Literal["new", "changed", "same"], int]
    """How many there were written for the first time, written again or added to, and left as they were."""
