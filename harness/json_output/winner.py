"""What is answered of a winner that was taken along."""

from typing import Any, Literal

from harness.json_output.answer import Answer, Part, Place


class TakenRun(Part):
    """A confirm run of a winner."""

    run_id: str
    seed: int
    values: dict[str, float | int | str]
    """What was recorded of the epoch that stands for it."""


class TakenWeights(Part):
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
