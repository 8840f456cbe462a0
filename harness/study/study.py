"""A study, parsed and checked: what the rest of the harness works with."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.recipe.configuration import Configuration, resolve
from harness.recipe.imported import nested
from harness.recipe.lengths import epochs_of_steps
from harness.recipe.losses import task_of
from harness.recipe.metrics import Goal, Metric, Task
from harness.study.claims import Claim
from harness.study.domains import Domain, OneOf, extremes
from harness.study.file import Confirm, EarlyStopping, Resources, Search
from harness.study.published import PublishedValues
from harness.study.submission import Submission
from harness.study.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Template:
    """An entry of a study file with `for_each`, and the values with which it made an arm."""

    name: str
    """Its key below `arms`."""
    values: dict[str, Any]
    """Recipe fields of its `for_each`, each with the arm's value."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One contestant."""

    name: str
    """Names its runs and files: `arm@dataset` in a study of several data sets."""
    dataset: str | None = None
    """What the study calls its data set; None in a study of one."""
    alone: str | None = None
    """Its name without the data set's; None in a study of one."""
    template: Template | None = None
    """What made it; None for an arm that stands in the file under its own name."""
    fixed: dict[str, Any]
    """Recipe fields with one value, the shared recipe merged in."""
    space: dict[str, Domain]
    """Recipe fields to search."""
    start: tuple[dict[str, Any], ...] = ()
    """Points that every search tries first; what one leaves out the sampler chooses."""
    is_program: bool = False
    """Whether its fields are the parameters of a program, and `epochs`, in place of a recipe's."""

    @property
    def plain_name(self) -> str:
        """Its name without a data set's: what claims say, and what its seeds derive from."""
        return self.name if self.alone is None else self.alone

    @property
    def entry(self) -> str:
        """Its key below `arms` in the study file."""
        return self.template.name if self.template else self.plain_name

    def configuration(self, chosen: dict[str, Any]) -> Configuration:
        """Return the configuration of one point of the arm's space.

        Args:
            chosen: A value for every field of the space, those of a chosen `one_of` branch included.
        """
        return resolve(nested({**self.fixed, **chosen}))

    def run_configuration(self, chosen: dict[str, Any]) -> dict[str, Any]:
        """Return what a run of one point of the arm's space records and trains by, in plain values.

        Args:
            chosen: See `configuration`.
        """
        if self.is_program:
            return {**self.fixed, **chosen}
        return self.configuration(chosen).model_dump(mode="json")

    @property
    def max_epochs(self) -> int | None:
        """Epochs of a full-length run; None when they are searched, or follow from what is searched."""
        longest = self.longest_epochs
        return longest if self.shortest_epochs == longest else None

    @property
    def shortest_epochs(self) -> int:
        """The fewest epochs a full-length run of this arm can have."""
        return self._epochs(min)

    @property
    def longest_epochs(self) -> int:
        """The most epochs a run of this arm can have."""
        return self._epochs(max)

    def values_of(self, field: str) -> list[Any]:
        """Return every value a field can take, in branches too; of a range its bounds.

        Where no value or domain of the arm's reaches a configuration it has the field's default; none for a
        field that has no default, as parameters of programs have not.
        """
        info = None if self.is_program else Configuration.model_fields[field]
        default = None if info is None or info.is_required() else info.default
        given = self.space.get(field, self.fixed.get(field, default))
        forks = [domain.branches.values() for domain in self.space.values() if isinstance(domain, OneOf)]
        is_always_in_a_branch = any(all(field in branch for branch in branches) for branches in forks)
        has_none = is_always_in_a_branch or given is None
        values = [] if has_none else extremes(given)
        for branch in itertools.chain.from_iterable(forks):
            values += extremes(branch[field]) if field in branch else []
        return values

    def worlds(self) -> Iterator[tuple[dict[str, Any], dict[str, tuple[str, ...]]]]:
        """Yield the arm's fields for every combination of branches, and where a branch gave one.

        Yields: Each field with its value or domain; and each field that a branch gave, with the keys that
            lead to it from the arm: chooser, `one_of`, value, field.
        """
        fields = {**self.fixed, **self.space}
        forks = {name: domain.branches for name, domain in self.space.items() if isinstance(domain, OneOf)}
        for chosen in itertools.product(*forks.values()):
            world, given_by = dict(fields), dict[str, tuple[str, ...]]()
            for (field, branches), value in zip(forks.items(), chosen, strict=True):
                world |= {field: value, **branches[value]}
                given_by |= {name: (field, "one_of", value, name) for name in branches[value]}
            yield world, given_by

    def only(self, field: str) -> Any:
        """Return the one value that a field has in every run; None where there are several or none."""
        values = self.values_of(field)
        return values[0] if values and all(value == values[0] for value in values) else None

    def _epochs(self, extreme: Callable[[list[Any]], Any]) -> int:
        """Return the least or most epochs: those given, or those that `steps` take."""
        if epochs := self.values_of("epochs"):
            return int(extreme(epochs))
        length = {
            name: extreme(self.values_of(name)) for name in ("steps", "batch_size", "dataset", "val_fraction")
        }
        return epochs_of_steps(length)


@dataclass(frozen=True, kw_only=True)
class Study:
    """One question, its contestants and their budgets."""

    name: str
    question: str
    arms: tuple[Arm, ...]
    """In the file's order, which every table and figure keeps; of several data sets one after the other."""
    search: Search
    confirm: Confirm
    resources: Resources
    submit: Submission
    """What the study asks of a cluster; no part of the protocol."""
    baseline: str | None
    """Arm that every other one is compared with; None where none was declared."""
    claims: tuple[Claim, ...]
    """Each with the study's region of equivalence, where it has none of its own."""
    published: dict[str, list[PublishedValues]]
    """Arm to its published runs."""
    trial: Trial | None = None
    """The program that trains; None for the built-in training."""
    parent: Path | None = None
    """Results folder of the study whose runs are taken over, from the working directory."""
    text: str
    """The study file as given."""
    path: Path
    """Where it was read."""
    folder: Path
    """Where code that it names is looked for first: the study file's own, unless another was given."""
    overrides: tuple[str, ...]
    """The `--set` arguments applied to it."""
    metrics: dict[str, Metric]
    """What its runs report; the first is the headline."""

    @property
    def goal(self) -> Goal:
        """What the search selects by."""
        metric = self.search.metric
        return Goal(metric, self.metrics[metric.removeprefix("val_")].better)

    @property
    def task(self) -> Task:
        """What its arms predict, by their loss."""
        return task_of(self.arms[0].values_of("loss")[0], self.metrics) or "classification"

    @property
    def by_dataset(self) -> dict[str | None, "Study"]:
        """The study on each data set alone, by what it calls them; a study of one calls its own nothing.

        A program's data are its own affair: of it there is none.
        """
        if self.trial is not None:
            return {}
        names = dict.fromkeys(arm.dataset for arm in self.arms)
        return {
            name: replace(self, arms=tuple(arm for arm in self.arms if arm.dataset == name)) for name in names
        }

    @property
    def dataset(self) -> str:
        """The data set that every arm trains on, of a study on one."""
        return str(self.arms[0].values_of("dataset")[0])

    @property
    def val_fraction(self) -> float:
        """The share of its training images that every arm holds out for validation."""
        return float(self.arms[0].values_of("val_fraction")[0])

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """ASHA's settings, or None where every run is trained to its end."""
        stopping = self.search.early_stopping
        return stopping if isinstance(stopping, EarlyStopping) else None
