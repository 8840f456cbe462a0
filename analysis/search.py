"""The search of a study: which fields it varied, what its runs reached, and by which rule it named winners.

Rule and domains come from the declaration, never from the data: a value that no run happened to take is still
declared. Manifests of older studies lack `winner` and `average_epochs`: their runs counted by the last epoch.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import selection
from analysis.records import StudyRecords
from analysis.render.numbers import drawn, is_number, parsed, setting, span, value_in_words
from harness.declaration import Declaration
from harness.records.events import Phase
from harness.study.domains import Domain, NumericRange, OneOf, Range


@dataclass(frozen=True, kw_only=True)
class WinnerRule:
    """What stands for a run of full length when a search compares its runs."""

    metric: str
    sign: int
    """+1 where more is better, -1 where less is."""
    is_best_epoch: bool
    """Whether a run counts by its best epoch, whose network confirm runs are tested with."""
    average_epochs: int
    """Epochs at the end of a run over which the metric is averaged otherwise; 1 for the last one alone."""
    seeds: int
    """Search runs of a configuration, over whose values the metric is averaged."""
    has_loss: bool = True
    """Whether runs have a loss."""
    is_known: bool = True
    """Whether it is known which network is tested, and over what losses are means; not of a program."""

    @classmethod
    def of(cls, declaration: Declaration) -> "WinnerRule":
        """Return a study's rule."""
        search = declaration.search.filled(declaration.metrics)
        return cls(
            metric=search.metric,
            sign=-1 if search.mode == "min" else 1,
            is_best_epoch=search.winner == "best",
            average_epochs=search.average_epochs,
            seeds=search.seeds,
            is_known=declaration.trial is None,
            has_loss="loss" in declaration.metrics,
        )

    def value(self, values: Sequence[float]) -> float:
        """Return what a run counts by.

        Args:
            values: Shape `(epochs,)`: the metric after each epoch, finite, at least one.
        """
        if self.is_best_epoch:
            return self.sign * max(self.sign * value for value in values)
        last = values[-self.average_epochs :]
        return fsum(last) / len(last)

    def in_words(self) -> str:
        """Return the rule, such as `val_accuracy, mean of the last 5 epochs`."""
        if self.is_best_epoch:
            words = f"{self.metric} at its best epoch"
        elif self.average_epochs > 1:
            words = f"{self.metric}, mean of the last {self.average_epochs} epochs"
        else:
            words = f"{self.metric} at the last epoch"
        return words + (f", averaged over {self.seeds} search seeds" if self.seeds > 1 else "")

    def values_in_words(self) -> str:
        """Return a sentence on what the values of a run are."""
        while_training = "training loss as measured while training."
        has_loss = self.has_loss and self.is_known
        if self.is_best_epoch:
            which = (
                f"Values are those of each run's {self.epoch_in_words()}"
                f"{', whose network was tested' if self.is_known else ''}: its own "
                f"{self.metric} is the best of many and so optimistic."
            )
            return f"{which} Losses are means over samples, {while_training}" if has_loss else which
        if not has_loss:
            return "Values of training and validation are those of the last epoch."
        return f"Losses are means over the samples of the last epoch, {while_training}"

    def epoch_in_words(self) -> str:
        """Return the epoch whose values stand in a run's row."""
        return f"epoch with the best {self.metric}" if self.is_best_epoch else "last epoch"


def chosen_in_words(records: StudyRecords, arm: str, winners: Collection[str]) -> str:
    """Return what the winners of an arm's searches have of what was searched: of several the span of numbers.

    What the branch of a run lacks is left out.
    """
    runs, cells = records.runs[records.runs["run_id"].isin(winners)], dict[str, list[Any]]()
    ranged = set()
    for field in fields_of(records.declaration.arms[arm].space):
        cells.setdefault(field.name, []).extend(field.runs_with(runs).get(f"config.{field.name}", ()))
        ranged |= {field.name} if field.range else set()
    several = f" ({len(runs)} repeats)" if len(runs) > 1 else ""
    values = [
        f"{field} {_of_all(chosen, is_drawn=field in ranged)}" for field, chosen in cells.items() if chosen
    ]
    return ", ".join(values) + several if values else "as declared"


def _of_all(cells: Sequence[Any], *, is_drawn: bool) -> str:
    """Return the values of a field in several runs."""
    values, form = [parsed(cell) for cell in cells], drawn if is_drawn else setting
    if all(map(is_number, values)):
        return span(values, form)
    return " or ".join(sorted({value_in_words(value) for value in values}))


def at_full_length(
    records: StudyRecords, phase: Phase = "search", arm: str | None = None
) -> "pd.Series[float]":
    """Return what each completed run of a phase, or of one arm in it, counts by under the winner's rule.

    Returns: The search metric by run id; runs without a finite value are left out.
    """
    rule = WinnerRule.of(records.declaration)
    runs = records.runs_of(phase, arm)
    runs = runs.loc[runs["status"] == "completed", ["run_id", rule.metric]]
    if not rule.is_best_epoch and rule.average_epochs == 1:
        return runs.set_index("run_id")[rule.metric].dropna()
    epochs = records.epochs_of(runs["run_id"])
    if not rule.is_best_epoch:
        epochs = epochs.groupby("run_id").tail(rule.average_epochs)
    values = epochs.groupby("run_id")[rule.metric]
    best = values.max() if rule.sign > 0 else values.min()
    return (best if rule.is_best_epoch else values.mean()).dropna()


def after_epoch(records: StudyRecords, run_ids: Iterable[str], epoch: int) -> "pd.Series[float]":
    """Return the search metric of some runs after one epoch, by run id; runs without it are left out."""
    epochs, metric = records.epochs_of(run_ids), WinnerRule.of(records.declaration).metric
    return epochs[epochs["epoch"] == epoch].set_index("run_id")[metric].dropna()


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
