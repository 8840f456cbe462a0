"""The labels of the test images: into the journal once, when the confirm phase has begun."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import DataError, ResultsError
from harness.records.class_codes import encode_classes
from harness.records.events import Event, RunStarted, TestLabels
from harness.records.provenance import utc_now
from harness.training.data.mapping import load_test_labels
from harness.training.data.prepare import PreparedDataset


@dataclass
class GivenLabels:
    """Gives the labels to a journal; the driver reads them, and no worker is ever sent them."""

    dataset: str
    """As recipes name it."""
    prepared: PreparedDataset
    are_given: bool = False

    def recall(self, events: Iterable[Event]) -> None:
        """Note whether an earlier session gave them."""
        self.are_given = any(isinstance(event, TestLabels) for event in events)

    def due_after(self, event: Event) -> TestLabels | None:
        """Return the labels after the first start of a confirm run; None once they are given, or before.

        Raises:
            ResultsError: The data set's cache was removed since the study began.
        """
        if self.are_given or not isinstance(event, RunStarted) or event.phase != "confirm":
            return None
        try:
            labels = load_test_labels(self.prepared, phase=event.phase)
        except DataError as error:
            raise ResultsError(f"{error}. Then --resume finishes the study.") from error
        self.are_given = True
        n_classes = self.prepared.spec.n_classes
        return TestLabels(
            time=utc_now("microseconds"),
            dataset=self.dataset,
            labels=encode_classes(labels, n_classes),
            n_images=len(labels),
            n_classes=n_classes,
        )
