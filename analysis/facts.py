"""What several blocks of a report need to know of a study, each worked out once, when first asked for."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from analysis import audit, batch_sizes, budget, claims, lineage, pairs, responses, selection
from analysis.records import StudyRecords
from analysis.search import WinnerRule
from analysis.statistics import images

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Facts:
    """A study's records, and what follows from them. Blocks share the results and must not change them."""

    records: StudyRecords
    _known: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def parts(self) -> Mapping[str, "Facts"]:
        """Each of several data sets as a study on it alone, in which arms have their plain names."""
        return {name: Facts(records) for name, records in self.records.by_dataset.items()}

    @cached_property
    def parent(self) -> "Facts | None":
        """The study whose runs were taken over, as it was; None where none were."""
        records = lineage.parent_of(self.records)
        return None if records is None else Facts(records)

    @cached_property
    def rule(self) -> WinnerRule:
        """The rule by which searches named their winners."""
        return WinnerRule.of(self.records.declaration)

    @cached_property
    def choices(self) -> Mapping[str, selection.Choice]:
        """What each arm chose, in the study file's order of arms."""
        return selection.choices(self.records)

    @cached_property
    def lines(self) -> Sequence[responses.Line]:
        """Every line along which the study measures how results depend on a setting."""
        return responses.lines(self.records)

    def lines_over(self, field: str) -> Sequence[responses.Line]:
        """Return the lines along which one setting varies."""
        return [line for line in self.lines if line.field == field]

    @cached_property
    def batch_sizes(self) -> pd.DataFrame:
        """What each batch size costs and gives: the columns of `batch_sizes.compute_batch_sizes`."""
        return batch_sizes.compute_batch_sizes(self.records, self.lines_over("batch_size"))

    @cached_property
    def is_searched(self) -> bool:
        """Whether any arm was searched, and not only measured at every point of a grid."""
        return self.records.has_search and not responses.is_measured(self.records)

    @cached_property
    def unequal_budgets(self) -> Sequence[str]:
        """A sentence for every granted amount that differs too much between arms to decide a claim."""
        if self.parts:  # on each data set arms have a budget of their own
            return [
                f"on {name}: {told}" for name, part in self.parts.items() for told in part.unequal_budgets
            ]
        return budget.inequalities(self.records)

    @cached_property
    def grounds(self) -> claims.Grounds:
        """The declared claims with what they are decided by."""
        return claims.Grounds(
            records=self.records,
            choices=self.choices,
            unequal_budgets=self.unequal_budgets,
            claims=self.records.declaration.claims,
            parent=self.parent.grounds if self.parent else None,
            parts={name: part.grounds for name, part in self.parts.items()},
        )

    @cached_property
    def verdicts(self) -> Sequence[claims.Verdict]:
        """A verdict for every claim, in the study file's order."""
        return claims.decide(self.grounds)

    @cached_property
    def leaders(self) -> Sequence[str] | None:
        """The arms that may have the best true mean of the headline; None where arms cannot be compared."""
        return claims.leaders(self.grounds)

    @cached_property
    def new_images(self) -> Mapping[str, images.NewImages]:
        """The test accuracy of arms with its interval for other test images of the same kind.

        Arms are left out that have fewer than two replicates or a diverged seed, or keep no predictions.
        """
        known = {arm: _accuracy_on_new_images(self.records, arm) for arm in self.records.arms}
        return {arm: accuracy for arm, accuracy in known.items() if accuracy is not None}

    @cached_property
    def audited_runs(self) -> pd.DataFrame:
        """What each search run came to, by itself or in its audit: the columns of `audit.compute_runs`."""
        return audit.compute_runs(self.records)

    @cached_property
    def audit(self) -> pd.DataFrame:
        """What the audits of each arm found: the columns of `audit.compute_audit`."""
        return audit.compute_audit(self.records, self.audited_runs)

    def differences(self, family: tuple[pairs.Pair, ...], metric: str) -> pd.DataFrame:
        """Return one row a pair of a family: the columns of `pairs.compare`."""
        if (family, metric) not in self._known:
            self._known[family, metric] = pairs.compare(self.grounds, family, metric)
        frame: pd.DataFrame = self._known[family, metric]
        return frame

    def once(self, compute: Callable[["Facts"], Result]) -> Result:
        """Return what a block computes of the study, for its table and its figure: worked out once."""
        if compute not in self._known:
            self._known[compute] = compute(self)
        result: Result = self._known[compute]
        return result


def _accuracy_on_new_images(records: StudyRecords, arm: str) -> images.NewImages | None:
    """Return an arm's accuracy as its difference to a network that is always wrong."""
    rights = [records.rights_of(run_ids) for run_ids in records.replicates_of(arm)]
    shares = [right.mean(axis=0) for right in rights if right is not None]
    if len(shares) < max(2, len(rights)):
        return None
    return images.new_images(shares, np.zeros_like(shares), is_paired=True)
