"""What commands answer with `--json`: one typed object each, and the JSON schema of all of them.

`python -m harness.json_output` prints the schema; `docs/json.schema.json` holds it. Within a version fields
are added, never renamed or given another meaning: that makes the next one.
"""

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from harness.errors import ErrorKind, HarnessError

if TYPE_CHECKING:
    import pandas as pd

SCHEMA: Literal["recipe-harness/1"] = "recipe-harness/1"
"""Name and version of what is answered."""


def _as_text(place: Path | str) -> str:
    return os.fsencode(place).decode(errors="backslashreplace")


Place = Annotated[str, BeforeValidator(_as_text)]
"""A path; bytes of it that are no text as escapes."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Problem(_Part):
    """One thing that is wrong; parts that are null stand in `rule`."""

    place: Place | None
    """The file, with its line where that is known, or the argument of the command line."""
    field: str | None
    """Of a study file: the dotted name of what is wrong there."""
    value: str | None
    """What stands there."""
    rule: str
    """What it breaks, in words."""
    remedy: str | None
    """What helps, in words."""


class Error(Problem):
    """Why a command did not do all that was asked for."""

    kind: ErrorKind
    """What is at fault."""
    problems: list[Problem] = []
    """Each one, where several were found at once: those of a study file, or of several folders."""

    @classmethod
    def of(cls, error: HarnessError) -> "Error":
        """Return what is told of an error."""
        problems = [Problem(**vars(fault)) for fault in error.problems]
        return cls(kind=error.kind, problems=problems, **vars(error.fault))


class Answer(_Part):
    """What every answer has; the exit code is the command's own, as without `--json`."""

    schema_version: Literal["recipe-harness/1"] = Field(default=SCHEMA, alias="schema")
    """Name and version of this schema."""
    command: str
    """Which command answers, as its help calls it."""
    error: Error | None = None
    """Null where nothing went wrong."""

    @classmethod
    def commands(cls) -> tuple[str, ...]:
        """Return the values that `command` may have; none where any may stand there."""
        return get_args(cls.model_fields["command"].annotation)

    def text(self) -> str:
        """Return the object as one line of ASCII, which every terminal and pipe takes."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), allow_nan=False)


class Refused(Answer):
    """The answer of a command that has nothing to tell but its error."""

    error: Error


Made = Literal["in the parent", "before the data", "after the data"]


def _is_absent(value: object) -> bool:
    return value is None


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
    made: Annotated[Made | None, Field(exclude_if=_is_absent)] = None
    """When a claim of a study with a parent was made; after the data it is exploratory. Absent elsewhere."""


class Seal(_Part):
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


class TakenRun(_Part):
    """A confirm run of a winner."""

    run_id: str
    seed: int
    values: dict[str, float | int | str]
    """What was recorded of the epoch that stands for it."""


class TakenWeights(_Part):
    """The weights that were taken along."""

    run_id: str
    sha256: str
    """Of the file."""
    kept: bool
    """Whether the study kept them; else they were trained again."""
    differences: dict[str, tuple[float | int | str, float | int | str]]
    """What a run that was trained again has otherwise than the study: recorded, got."""


class WinnerTaken(Answer):
    """`winner`: what a study chose for an arm, and the files that it was written to."""

    command: Literal["winner"] = "winner"
    study: str
    arm: str
    search: int
    """Number of the search that chose it, from 0."""
    configuration: dict[str, Any]
    runs: list[TakenRun]
    written: dict[str, Place]
    """By what is in it: `study`, `script`, `weights`, `card`."""
    weights: TakenWeights | None
    """Null where none were taken."""


State = Literal["finished", "running", "unfinished"]
"""Of a study: all has run; a sweep holds its folder; neither."""


class Listed(_Part):
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


class EffectAgain(_Part):
    """A comparison of a claim in both results: `arm` minus `than` in the metric's unit, or their ratio."""

    arm: str
    than: str
    committed: float
    low: float
    """End of the interval that the committed results foretell a new effect in."""
    high: float
    anew: float | None
    """Null where the new results have none."""
    agrees: bool
    """Whether the new effect is where it was foretold."""


class ClaimAgain(_Part):
    """A claim in both results."""

    number: int
    """Its place in the study file, from 1."""
    says: str
    committed: str
    """Its ruling."""
    anew: str
    is_opposite: bool
    """Whether it is ruled the other way: supported, and contradicted."""
    effects: list[EffectAgain]
    agrees: bool
    """Whether neither ruling nor effects speak against the committed results."""


class Reproduction(Answer):
    """`reproduction`: whether a study that was run again agrees with its committed results."""

    command: Literal["reproduction"] = "reproduction"
    committed: Place
    anew: Place
    declaration: str
    """SHA-256 that both have."""
    level: float
    """Chance that a new effect lies in its interval, by Bonferroni over all comparisons."""
    same_runs: int
    """Runs of equal configuration and seed that ended with the same numbers to the last bit."""
    shared_runs: int
    """Runs of equal configuration and seed."""
    claims: list[ClaimAgain]
    agrees: bool
    """Whether every claim does."""


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


class Job(_Part):
    """How a submitted study is doing."""

    phase: Literal["pending", "running", "completed", "interrupted", "failed", "cancelled", "unknown"]
    reason: str
    """In the cluster's words; empty where it gives none."""
    exit_code: int | None
    """Of the sweep, once it is over."""
    facts: dict[str, str]
    """What else the cluster tells: nodes, restarts, start."""


class SubmitDryRun(Answer):
    """`submit TARGET STUDY --dry-run`: what would be submitted."""

    command: Literal["submit --dry-run"] = "submit --dry-run"
    run_dir: Place
    files: dict[str, str]
    """By their paths, the one to look at first."""
    answer: str | None
    """What the cluster said of them; null where it could not be asked."""


class _OfJob(_Part):
    """Which submitted job an answer is about."""

    run_dir: Place
    target: Literal["slurm", "ray", "kuberay"]
    id: str
    name: str
    submitted_at: str
    """UTC, ISO 8601."""
    where: dict[str, str]
    """What else is needed to find it again."""
    earlier: list[str]
    """Ids of the submissions before this one."""


class Submitted(_OfJob, Answer):
    """`submit TARGET STUDY` and `submit resume`: which job it is."""

    command: Literal["submit", "submit resume"]
    job: Job | None
    """How it ended, with `--wait`; null before."""


class Status(_OfJob, Answer):
    """`submit status`: how a submitted study is doing."""

    command: Literal["submit status"] = "submit status"
    phase: Literal["pending", "running", "completed", "interrupted", "failed", "cancelled", "unknown"]
    reason: str
    """In the cluster's words; empty where it gives none."""
    exit_code: int | None
    """Of the sweep, once it is over."""
    facts: dict[str, str]
    """What else the cluster tells: nodes, restarts, start."""
    runs: dict[str, int]
    """How many runs ended, by status."""
    events: list[dict[str, Any]]
    """What the launcher lived through: `at`, `event`, `host`, `detail`."""


class AtLooks(_Part):
    """A number of a plan; of one without looks twice the same."""

    first_look: int
    most: int


class Between(_Part):
    """A number of simulated studies: the median, and 9 of 10 between `low` and `high`."""

    median: float
    low: float
    high: float


class Foreseen(_Part):
    """What a study takes up to one of its looks."""

    epochs: Between
    seconds: Between | None
    """On the slots, start and report left out; null where nobody has measured what an epoch takes."""


class Costs(_Part):
    """What a study costs, simulated on slots of this machine, or on those of `--slots`."""

    runs: AtLooks
    """In all, without audits and without what is taken over from a parent."""
    most_audit_runs: int
    slots: int
    """Runs beside each other; 0 where none fits on this machine, and one after the other was simulated."""
    repetitions: int
    """Simulated studies."""
    first_look: Foreseen
    whole: Foreseen
    """Up to the last look; of a plan without looks the same."""


class PlannedArm(_Part):
    """One arm of a plan."""

    arm: str
    dataset: str | None
    """Null in a study of one data set."""
    fixed: dict[str, Any]
    space: dict[str, Any]
    """What is searched, each field's domain as a study file writes it."""
    start: list[dict[str, Any]]
    """What every search tries first."""
    search_runs: int
    """Of each repeat, as those below."""
    confirm_runs: AtLooks
    most_audit_runs: int
    most_epochs: int
    """Of one run."""


class PlannedClaim(_Part):
    """One claim of a plan."""

    number: int
    """Its place in the study file, from 1."""
    kind: str
    metric: str | None
    says: str
    made: Annotated[Made | None, Field(exclude_if=_is_absent)] = None
    """When a claim of a study with a parent is made; after the data it is exploratory. Absent elsewhere."""


class PlannedParent(_Part):
    """The study whose runs are taken over."""

    study: str
    sha256: str
    """Of its declaration."""
    taken_over: dict[str, int]
    """Runs that are not trained again, by arm."""


class DryRun(Answer):
    """`sweep --dry-run`: what a study would do."""

    command: Literal["sweep --dry-run"] = "sweep --dry-run"
    study: str
    question: str
    declaration_sha256: str | None
    """What a start would seal; null while data or trust are missing that it depends on."""
    trust_sha256: str | None
    """Of the code that the study names; null where it names none."""
    is_trusted: bool
    """Whether nothing that it names was left unchecked."""
    parent: PlannedParent | None = None
    """Null where the study names none, and while the hash above is unknown."""
    arms: list[PlannedArm]
    claims: list[PlannedClaim]
    unit: Literal["repeat", "seed"]
    """What a replicate is."""
    looks: list[int]
    """Replicates at which claims are ruled."""
    repeats: AtLooks
    """Searches an arm."""
    runs: AtLooks
    """In all, audits left out and runs that are taken over counted."""
    costs: Costs | None
    """Null while data are not known, as code loads them that is not trusted."""


def rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows; absent values, and numbers that are none, as null."""
    whole = frame.astype(object)
    return [{str(name): _plain(value) for name, value in row.items()} for row in whole.to_dict("records")]


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # NumPy's own
        value = value.item()
    is_absent = value is None or value != value or value in {math.inf, -math.inf}  # noqa: PLR0124 - NaN, NaT
    return None if is_absent else value


def schema_text() -> str:
    """Return the JSON schema of every answer: one of `$defs`, by its `command`."""
    models: list[type[Answer]] = [*answers(), Refused]
    _, schema = models_json_schema([(own, "serialization") for own in models], by_alias=True)
    names = [own.__name__ for own in models]
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "What recipe-harness answers with --json",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in names],
        "$defs": schema["$defs"],
    }
    return json.dumps(whole, indent=1) + "\n"


def answers() -> list[type[Answer]]:
    """Return the model of every answer that holds facts."""
    return [own for own in Answer.__subclasses__() if own is not Refused]


if __name__ == "__main__":
    sys.stdout.write(schema_text())
