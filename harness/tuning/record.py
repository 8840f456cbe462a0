"""What a study's events go through: the journal first, and whoever only watches once the disk has them."""

from collections.abc import Callable, Sequence

from harness.records.events import Event, StudyDeclared
from harness.records.journal import JournalWriter
from harness.records.provenance import utc_now
from harness.tuning.given_labels import GivenLabels
from harness.tuning.optuna_journal import WrittenJournalBackend


class Record:
    """Writes events as they happen, and tells those who watch of them after each sync."""

    def __init__(
        self,
        journal: JournalWriter,
        optuna_journal: WrittenJournalBackend,
        *,
        sha256: str,
        has_begun: bool,
        labels: Sequence[GivenLabels],
        watchers: Sequence[Callable[[Event], None]],
    ) -> None:
        """Connect to a journal.

        Args:
            journal: Takes the events.
            optuna_journal: Takes what Optuna was told of them.
            sha256: Of the study's declaration: what a journal begins with.
            has_begun: Whether it holds that already.
            labels: Tell which labels of test images are due.
            watchers: Are told each event once it is on the disk, in order.
        """
        self._journal = journal
        self._optuna_journal = optuna_journal
        self._sha256 = sha256
        self._has_begun = has_begun
        self._labels = labels
        self._watchers = watchers
        self._untold: list[Event] = []

    def write(self, event: Event) -> None:
        """Write an event, and the test labels that are due after it.

        Raises:
            ResultsError: The journal cannot be written, or a data set is gone.
        """
        if (
            not self._has_begun
        ):  # with the first run, and not before: a start that fails leaves nothing behind
            self._journal.append(StudyDeclared(time=utc_now("microseconds"), sha256=self._sha256))
            self._has_begun = True
        self._journal.append(event)
        self._untold.append(event)
        for due in filter(None, (labels.due_after(event) for labels in self._labels)):
            self._journal.append(due)

    def sync(self) -> None:
        """Wait until the disk has every event, and tell those who watch.

        Raises:
            ResultsError: The disk did not take them; nobody is told.
        """
        self._journal.sync()
        told, self._untold = self._untold, []
        for event in told:
            for watch in self._watchers:
                watch(event)
        self._optuna_journal.write_out()
