"""The labels of the test images: into the journal once, when the confirm phase has begun."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import DataError, ResultsError
from harness.records.class_codes import encode_classes
from harness.records.events import Event, RunStarted, TestLabels
from harness.records.provenance import utc_now
from harness.study.study import Study
from harness.training.data.mapping import load_test_labels
from harness.training.data.prepare import PreparedDataset


@dataclass
class GivenLabels:
    """Gives the labels to a journal; the driver reads them, and no worker is ever sent them."""

    dataset: str
    """As recipes name it."""
    prepared: PreparedDataset
    arms: Sequence[str] | None = None
    """Whose runs are tested by them; every arm's by default."""
    are_given: bool = False

    def recall(self, events: Iterable[Event]) -> None:
        """Note whether an earlier session gave them."""
        self.are_given = any(
            isinstance(event, TestLabels) and event.dataset == self.dataset for event in events
        )

    def due_after(self, event: Event) -> TestLabels | None:
        """Return the labels after the first start of a confirm run; None once they are given, or before.

        Raises:
            ResultsError: The data set's cache was removed since the study began.
        """
        if self.are_given or not isinstance(event, RunStarted) or event.phase != "confirm":
            return None
        if self.arms is not None and event.arm not in self.arms:
            return None
        if not self.prepared.spec.n_classes:
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


def labels_to_give(
    study: Study, prepared: Sequence[PreparedDataset], events: Iterable[Event]
) -> list[GivenLabels]:
    """Return those of each data set of a study.

    Args:
        study: The study.
        prepared: Its data sets, in its order.
        events: What its journal holds.
    """
    past, parts = list(events), zip(study.by_dataset.values(), prepared, strict=True)
    given = [GivenLabels(part.dataset, data, [arm.name for arm in part.arms]) for part, data in parts]
    for labels in given:
        labels.recall(past)
    return given
