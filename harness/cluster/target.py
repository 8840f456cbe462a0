"""What every kind of cluster can do, and the states a submitted study can be in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from harness.cluster.record import SubmitRecord
from harness.cluster.request import Request
from harness.cluster.submit_folder import SubmitFolder

Phase = Literal["pending", "running", "completed", "interrupted", "failed", "cancelled", "unknown"]
"""`interrupted`: it ended in good order and `resume` finishes it; `unknown`: the cluster knows it no more."""

OVER: frozenset[Phase] = frozenset({"completed", "interrupted", "failed", "cancelled", "unknown"})


@dataclass(frozen=True, kw_only=True)
class State:
    """How a submitted study is doing."""

    phase: Phase
    reason: str = ""
    """In the cluster's words: why it waits, how it ended."""
    exit_code: int | None = None
    """Of the sweep, once it is over: 0 complete, 1 some runs failed, 2 refused, 75 interrupted."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else the cluster tells: nodes, restarts, start."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.phase in OVER


class Target(Protocol):
    """One kind of cluster.

    `render` is pure. Errors a user can mend are `HarnessError`s that give place, value, rule and remedy.
    """

    def render(self, request: Request) -> Mapping[str, str]:
        """Return the files of a submission: name below `RUN_DIR/submit/` to text; the first one is shown.

        Raises:
            HarnessError: A value cannot be written into such a file safely, or is missing.
        """

    def check(self, folder: SubmitFolder) -> str | None:
        """Ask the cluster, where its tools are at hand, whether it would take the written files.

        Returns: Its answer in a line; None where nobody could be asked.

        Raises:
            HarnessError: It would refuse them, or let them wait for ever.
        """

    def submit(self, folder: SubmitFolder) -> SubmitRecord:
        """Hand the written files to the cluster, byte for byte.

        Raises:
            HarnessError: The cluster cannot be reached, or refuses.
        """

    def state(self, record: SubmitRecord, folder: SubmitFolder) -> State:
        """Return how a submitted study is doing, from the cluster and from the launcher's own log."""

    def logs(self, record: SubmitRecord, folder: SubmitFolder, *, follow: bool) -> Iterator[str]:
        """Yield the driver's output, over restarts; with `follow` until it is over. Text, not whole lines."""

    def cancel(self, record: SubmitRecord, folder: SubmitFolder) -> None:
        """Ask the cluster to end it, in good order where the cluster gives the time for that."""
