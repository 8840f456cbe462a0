"""The cluster's job of a study that was submitted: what its cluster says of it, asked now and then."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cluster.submission import TARGETS, earlier_submission
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.cluster.target import JobState

_SECONDS = 15.0
"""Between two questions to a cluster."""


class Job:
    """The job of a results folder, if it was submitted."""

    def __init__(self, root: Path) -> None:
        """Know which job it is.

        Raises:
            ResultsError: Its record is damaged.
        """
        self._folder = SubmitFolder(root)
        self._asked_at: float | None = None
        self.record: SubmitRecord | None = earlier_submission(self._folder)
        self.state: JobState | None = None
        """As the cluster told it last; None where there is no job, or it does not answer."""
        self._silence = ""

    def ask(self) -> None:
        """Ask the cluster, unless that was done just now."""
        now = time.monotonic()
        if self.record is None or (self._asked_at is not None and now < self._asked_at + _SECONDS):
            return
        self._asked_at = now
        try:
            self.state, self._silence = (
                TARGETS[self.record.target].make().state(self.record, self._folder),
                "",
            )
        except HarnessError as error:
            self.state, self._silence = None, error.fault.rule

    @property
    def is_over(self) -> bool:
        """Whether the cluster says that nothing more will happen by itself."""
        return self.state is not None and self.state.is_over

    def in_words(self) -> str | None:
        """Return a line on it; None where there is no job."""
        if self.record is None:
            return None
        name = f"{self.record.target} job {self.record.id}"
        if self.state is None:
            return f"{name}: {self._silence or 'not asked yet'}"
        reason = f" ({self.state.reason})" if self.state.reason else ""
        return f"{name}: {self.state.phase}{reason}"

    @property
    def elsewhere(self) -> str | None:
        """Where results are, if that is no folder that is seen from here."""
        return None if self.record is None else self.record.where.get("results")
