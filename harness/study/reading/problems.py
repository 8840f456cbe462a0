"""Problems of a study file: gathered, worded and printed together."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import StudyError


@dataclass(frozen=True)
class Problem:
    """Say what is wrong at one place of a study file."""

    place: str
    """`file:line`, or the `--set` argument."""
    path: tuple[str | int, ...]
    """The field's path from the top of the document."""
    message: str
    """Value, rule, valid set, remedy."""
    against: str | None = None
    """The line of the file that a `--set` argument does not go with."""

    def __str__(self) -> str:
        dotted = ".".join(str(part) for part in self.path)
        against = f" ({self.against})" if self.against else ""
        return f"{self.place}: {dotted + ': ' if dotted else ''}{self.message}{against}"


def study_error(name: str, problems: Sequence[Problem]) -> StudyError:
    """Return one error that tells every problem, in the order of the file."""
    ordered = sorted(dict.fromkeys(problems), key=_by_line)
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    return StudyError("\n".join([f"{name}: {count}, nothing was started", *(f"  {p}" for p in ordered)]))


def _by_line(problem: Problem) -> tuple[bool, int]:
    _, _, line = problem.place.rpartition(":")
    return not line.isdigit(), int(line) if line.isdigit() else 0
