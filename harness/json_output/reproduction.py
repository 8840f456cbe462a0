"""What is answered of a study that was run again."""

from typing import Literal

from harness.json_output.answer import Answer, Part, Place


class EffectAgain(Part):
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


class ClaimAgain(Part):
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
