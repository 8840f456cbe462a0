"""What is answered of a study that is not begun: its arms, its claims and what it costs."""

from typing import Annotated, Any, Literal

from pydantic import Field

from harness.json_output.answer import Answer, Made, Part, is_absent


class AtLooks(Part):
    """A number of a plan; of one without looks twice the same."""

    first_look: int
    most: int


class Between(Part):
    """A number of simulated studies: the median, and 9 of 10 between `low` and `high`."""

    median: float
    low: float
    high: float


class Foreseen(Part):
    """What a study takes up to one of its looks."""

    epochs: Between
    seconds: Between | None
    """On the slots, start and report left out; null where nobody has measured what an epoch takes."""


class Costs(Part):
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


class PlannedArm(Part):
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


class PlannedClaim(Part):
    """One claim of a plan."""

    number: int
    """Its place in the study file, from 1."""
    kind: str
    metric: str | None
    says: str
    made: Annotated[Made | None, Field(exclude_if=is_absent)] = None
    """When a claim of a study with a parent is made; after the data it is exploratory. Absent elsewhere."""


class PlannedParent(Part):
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
