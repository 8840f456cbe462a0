"""Problems of a study file: gathered, worded and printed together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import Fault, StudyError


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
    value: str | None = None
    """What stands there, as JSON; None where nothing does, or where it is the whole of it that is wrong."""

    def __str__(self) -> str:
        return f"{self.place}: {f'{self._field}: ' if self._field else ''}{self._finding}"

    @property
    def _field(self) -> str:
        return ".".join(str(part) for part in self.path)

    @property
    def _finding(self) -> str:
        return f"{self.message} ({self.against})" if self.against else self.message

    @property
    def fault(self) -> Fault:
        """The problem as its parts."""
        told = Fault.told(self._finding, place=self.place, value=self.value)
        return replace(told, field=self._field or None)


def study_error(name: str, problems: Sequence[Problem]) -> StudyError:
    """Return one error that tells every problem, in the order of the file."""
    ordered = sorted(dict.fromkeys(problems), key=_by_line)
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    lines = [f"{name}: {count}, nothing was started", *(f"  {problem}" for problem in ordered)]
    return StudyError("\n".join(lines), place=name, problems=[problem.fault for problem in ordered])


def _by_line(problem: Problem) -> tuple[bool, int]:
    _, _, line = problem.place.rpartition(":")
    return not line.isdigit(), int(line) if line.isdigit() else 0
