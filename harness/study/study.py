"""A study, parsed and checked: what the rest of the harness works with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.recipe.configuration import Configuration, resolve
from harness.recipe.lengths import epochs_of_steps
from harness.study.claims import Claim
from harness.study.domains import Choices, Domain, Grid, OneOf, Range
from harness.study.file import Confirm, EarlyStopping, Resources, Search
from harness.study.submission import Submission


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One contestant."""

    name: str
    fixed: dict[str, Any]
    """Recipe fields with one value, the shared recipe merged in."""
    space: dict[str, Domain]
    """Recipe fields to search."""

    def configuration(self, chosen: dict[str, Any]) -> Configuration:
        """Return the configuration of one point of the arm's space.

        Args:
            chosen: A value for every field of the space, those of a chosen `one_of` branch included.
        """
        return resolve({**self.fixed, **chosen})

    @property
    def max_epochs(self) -> int | None:
        """Epochs of a full-length run; None when they are searched, or follow from what is searched."""
        longest = self.longest_epochs
        return longest if self._epochs(min) == longest else None

    @property
    def longest_epochs(self) -> int:
        """The most epochs a run of this arm can have."""
        return self._epochs(max)

    def values(self, field: str) -> list[Any]:
        """Return the values a field can take, in branches too; of a range its bounds."""
        branches = [
            branch
            for domain in self.space.values()
            if isinstance(domain, OneOf)
            for branch in domain.branches.values()
        ]
        values: list[Any] = []
        for given in (self.fixed, self.space, *branches):
            match given.get(field):
                case None:
                    pass
                case Range() as domain:
                    values += [domain.low, domain.high]
                case Choices() | Grid() as domain:
                    values += domain.values
                case OneOf() as domain:
                    values += domain.branches
                case value:
                    values.append(value)
        return values

    def _epochs(self, extreme: Callable[[list[Any]], Any]) -> int:
        """Return the least or most epochs: those given, or those that `steps` take."""
        if epochs := self.values("epochs"):
            return int(extreme(epochs))
        fields = Configuration.model_fields
        length = {
            name: extreme(self.values(name) or [fields[name].default])
            for name in ("steps", "batch_size", "dataset", "val_fraction")
        }
        return epochs_of_steps(length)


@dataclass(frozen=True, kw_only=True)
class Study:
    """One question, its contestants and their budgets."""

    name: str
    question: str
    arms: tuple[Arm, ...]
    """In the file's order, which every table and figure keeps."""
    search: Search
    confirm: Confirm
    resources: Resources
    submit: Submission
    """What the study asks of a cluster; no part of the protocol."""
    baseline: str | None
    """Arm that every other one is compared with; None where none was declared."""
    claims: tuple[Claim, ...]
    """Each with the study's region of equivalence, where it has none of its own."""
    published: dict[str, list[dict[str, Any]]]
    """Arm to its published runs, as the manifest holds them."""
    text: str
    """The study file as given."""
    overrides: tuple[str, ...]
    """The `--set` arguments applied to it."""

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """ASHA's settings, or None where every run is trained to its end."""
        stopping = self.search.early_stopping
        return stopping if isinstance(stopping, EarlyStopping) else None
