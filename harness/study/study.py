"""A study, parsed and checked: what the rest of the harness works with."""

from dataclasses import dataclass
from typing import Any

from harness.study.configuration import Configuration, resolve
from harness.study.domains import Domain
from harness.study.file import Claim, Confirm, EarlyStopping, Resources, Search


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
        """Epochs of a full-length run; None when they are searched."""
        return self.fixed.get("epochs")


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
    claims: tuple[Claim, ...]
    text: str
    """The study file as given."""
    overrides: tuple[str, ...]
    """The `--set` arguments applied to it."""

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """ASHA's settings, or None where every run is trained to its end."""
        stopping = self.search.early_stopping
        return stopping if isinstance(stopping, EarlyStopping) else None
