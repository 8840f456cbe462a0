"""What a program's objects must be: epochs that rise one by one, declared metrics, test values at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

from harness.programs.lines import BadLineError

_LARGEST = 1e150
"""Beyond it a number counts as not finite: its square, and so the spread of such numbers, would not be."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a run of a program has to print."""

    metrics: tuple[str, ...]
    """Declared names: a metric m is printed as `train_m`, `val_m` and, in a confirm run, `test_m`."""
    objective: str
    """What selects, such as `val_accuracy`: every epoch has it."""
    epochs: int
    """Most epochs of a run."""
    phase: str
    """`search`, `confirm` or `audit`."""
    tested: tuple[str, ...]
    """Names such as `test_accuracy` that a confirm run must have printed at its end."""


@dataclass(frozen=True, kw_only=True)
class ProgramEpoch:
    """What a program printed of an epoch."""

    epoch: int
    """From 1."""
    metrics: dict[str, float | None]
    """Declared metrics by their name in records; None where a value was not finite."""
    diverged: str | None
    """What is not finite of the objective, in words."""


@dataclass(kw_only=True)
class Printed:
    """What a run has printed so far."""

    contract: Contract
    epochs: int = 0
    tested: dict[str, float] = field(default_factory=dict)
    """Test values by name, each as printed last; not finite ones too."""

    def take(self, printed: Mapping[str, Any]) -> ProgramEpoch | None:
        """Take an object; return the epoch that it reports, if it does.

        Names that the contract does not know are the program's own affair.

        Raises:
            BadLineError: The object breaks the contract.
        """
        values = {name: _number(name, value) for name, value in printed.items() if self._is_declared(name)}
        tests = [name for name in printed if name.startswith("test_")]
        if tests and self.contract.phase != "confirm":
            raise BadLineError(
                f"printed {tests[0]} in a {self.contract.phase} run: only confirm runs may see the test set. "
                f"Remedy: where HARNESS_PHASE is not confirm, neither open it nor print {tests[0]}"
            )
        self.tested |= {name: values.pop(name) for name in tests if name in values}
        if "epoch" in printed:
            return self._epoch(printed["epoch"], values)
        if values:
            raise BadLineError(f"printed {next(iter(values))} without its epoch. Remedy: add epoch, from 1")
        return None

    def _is_declared(self, name: str) -> bool:
        part, _, metric = name.partition("_")
        return part in {"train", "val", "test"} and metric in self.contract.metrics

    def _epoch(self, number: Any, values: dict[str, float]) -> ProgramEpoch:
        objective, awaited = self.contract.objective, self.epochs + 1
        if isinstance(number, bool) or not isinstance(number, int | float) or number != awaited:
            raise BadLineError(
                f"printed epoch {_as_printed(number)} where {awaited} was next. "
                f"Remedy: one object an epoch, counted 1, 2, 3"
            )
        if number > self.contract.epochs:
            raise BadLineError(
                f"printed epoch {number}, above the {self.contract.epochs} of trial.epochs. "
                f"Remedy: take {{epochs}} as an argument, or raise trial.epochs"
            )
        if objective not in values:
            raise BadLineError(f"printed no {objective} in epoch {awaited}")
        self.epochs = awaited
        value = values[objective]
        return ProgramEpoch(
            epoch=awaited,
            metrics={name: own if isfinite(own) else None for name, own in values.items()},
            diverged=None if isfinite(value) else f"{objective} is {value} in epoch {awaited}",
        )


def _number(name: str, value: Any) -> float:
    """Return a printed number; null, which stands for one that is not finite, as NaN, a huge one as infinite.

    Raises:
        BadLineError: It is something else.
    """
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadLineError(f"printed {name} = {_as_printed(value)}, which is no number")
    if abs(value) > _LARGEST:
        return inf if value > 0 else -inf
    return float(value)


def _as_printed(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
