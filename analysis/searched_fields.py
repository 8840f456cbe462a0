"""Which recipe fields an arm's search varied, in every run or in one branch of a choice, and where runs lie.

Domains come from the manifest, never from the data: a value that no run happened to take is still declared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import selection
from harness.study.domains import Domain, NumericRange, OneOf, Range


@dataclass(frozen=True, kw_only=True)
class SearchedField:
    """One recipe field with a domain of several values."""

    name: str
    domain: Domain
    chooser: str = ""
    """The field in whose `one_of` this one stands; empty where every run has it."""
    branch: str = ""
    """The value of `chooser` that has this field."""

    @property
    def condition(self) -> str:
        """Which runs have the field, such as `optimizer sgd`; empty for all."""
        return f"{self.chooser} {self.branch}" if self.chooser else ""

    @property
    def listed(self) -> list[Any]:
        """The declared values in their order; none for a range."""
        return self.domain.listed

    @property
    def range(self) -> NumericRange | None:
        """The declared range of a field without a list of values."""
        return self.domain.numeric_range if isinstance(self.domain, Range) else None

    def runs_with(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Return those of an arm's runs that have the field."""
        column = f"config.{self.name}"
        if column not in runs:
            return runs.iloc[:0]
        if self.chooser:
            runs = runs[selection.has_value(runs, self.chooser, self.branch)]
        return runs[runs[column].notna()]

    def places(self, runs: pd.DataFrame) -> NDArray[np.float64]:
        """Return where runs lie in the field's domain.

        Args:
            runs: As `runs_with` returns, n of them.

        Returns: Shape `(n,)`. In a range, 0 at `low` and 1 at `high` on its declared scale; in a list, the
            position of the value from 0, and one behind the last for a value that was not declared.
        """
        if self.range is not None:
            return _positions(self.range, runs[f"config.{self.name}"].to_numpy(dtype=np.float64))
        found = np.full(len(runs), float(len(self.listed)))
        for position, value in enumerate(self.listed):
            found[selection.has_value(runs, self.name, value).to_numpy(dtype=bool)] = position
        return found


def _positions(declared: NumericRange, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `declared.position` of many values."""
    if declared.is_log:
        return np.asarray(np.log(values / declared.low) / np.log(declared.high / declared.low))
    return (values - declared.low) / (declared.high - declared.low)


def fields_of(space: Mapping[str, Domain]) -> list[SearchedField]:
    """Return an arm's fields with more than one value, each `one_of` before the fields of its branches."""
    found: list[SearchedField] = []
    for name, domain in space.items():
        found.append(SearchedField(name=name, domain=domain))
        found += _of_branches(name, domain) if isinstance(domain, OneOf) else []
    return [field for field in found if len(field.listed) != 1]


def _of_branches(chooser: str, choice: OneOf) -> Iterator[SearchedField]:
    """Yield the searched fields of the branches of a `one_of`; a branch may be empty, or fix fields."""
    for branch, own in choice.branches.items():
        for name, domain in own.items():
            if isinstance(domain, Domain):
                yield SearchedField(name=name, domain=domain, chooser=chooser, branch=branch)
