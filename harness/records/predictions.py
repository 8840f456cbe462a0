"""What the tested networks say of every test image: kept as the journal's text, decoded when asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.records.class_codes import decode_classes
from harness.records.events import TestLabels

_WORD = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        ("run_id", _WORD),
        ("dataset", _WORD),
        ("image", pa.int32()),
        ("label", pa.uint8()),
        ("predicted", pa.uint8()),
    ]
)

_ROW_GROUP = 2**18
"""Rows of a group in a parquet file, at most one run more: what is in memory at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Coded:
    """What one run says, as its end holds it."""

    dataset: str
    text: str


@dataclass
class Predictions:
    """The predicted class of every test image, of each run that was tested, and what is true."""

    _labels: dict[str, TestLabels] = field(default_factory=dict)
    """By data set."""
    _coded: dict[str, _Coded] = field(default_factory=dict)
    """By run id, in the order in which the runs ended."""

    def take_labels(self, event: TestLabels) -> None:
        """Keep the labels of a data set."""
        self._labels[event.dataset] = event

    def take(self, run_id: str, dataset: str, text: str) -> None:
        """Keep what a run says of a data set's test images."""
        self._coded[run_id] = _Coded(dataset=dataset, text=text)

    def __len__(self) -> int:
        return len(self._coded)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids of the runs that have predictions, in the order in which they ended."""
        return iter(self._coded)

    @property
    def datasets(self) -> list[str]:
        """The data sets whose test labels are kept, as recipes name them."""
        return list(self._labels)

    def labels_of(self, dataset: str) -> NDArray[np.uint8]:
        """Return the classes of the test images of one of the data sets, `(n_images,)`."""
        event = self._labels[dataset]
        return decode_classes(event.labels, event.n_classes, event.n_images)

    def n_classes_of(self, dataset: str) -> int:
        """Return how many classes one of the data sets has."""
        return self._labels[dataset].n_classes

    def of(self, run_id: str) -> NDArray[np.uint8] | None:
        """Return the predicted classes of a run, `(n_images,)`; None where they are not kept.

        Raises:
            ValueError: They are not classes of as many images as the data set has, or its labels are not
                kept.
        """
        coded = self._coded.get(run_id)
        if coded is None:
            return None
        labels = self._labels.get(coded.dataset)
        if labels is None:
            raise ValueError(f"there are no labels of the test images of {coded.dataset}")
        return decode_classes(coded.text, labels.n_classes, labels.n_images)

    def accuracy_of(self, run_id: str) -> float | None:
        """Return the share of test images that a run has right; None where its predictions are not kept.

        Raises:
            ValueError: As `of`.
        """
        predicted = self.of(run_id)
        if predicted is None:
            return None
        labels = self.labels_of(self._coded[run_id].dataset)
        return int(np.count_nonzero(predicted == labels)) / len(predicted)

    def write(self, path: Path) -> None:
        """Write one row a run and image as zstd-compressed parquet; the same events give the same bytes.

        Raises:
            ValueError: As `of`.
        """
        with (
            path.open("wb") as file,  # opened here: Arrow takes no path whose bytes are not UTF-8
            pq.ParquetWriter(
                file,
                SCHEMA,
                compression="zstd",
                compression_level=6,
                max_rows_per_page=2 * _ROW_GROUP,  # pages are compressed alone, and runs mostly agree
                use_dictionary=["run_id", "dataset", "label", "predicted"],
                column_encoding={"image": "DELTA_BINARY_PACKED"},
            ) as writer,
        ):
            waiting, n_waiting = [], 0
            for run_id in self:
                waiting.append(self._rows(run_id))
                n_waiting += waiting[-1].num_rows
                if n_waiting >= _ROW_GROUP:
                    writer.write_table(pa.concat_tables(waiting).unify_dictionaries())
                    waiting, n_waiting = [], 0
            if waiting:
                writer.write_table(pa.concat_tables(waiting).unify_dictionaries())

    def _rows(self, run_id: str) -> pa.Table:
        """Return what a run says, as a table."""
        predicted, dataset = self.of(run_id), self._coded[run_id].dataset
        n_images = self._labels[dataset].n_images
        columns = [
            _repeated(run_id, n_images),
            _repeated(dataset, n_images),
            pa.array(np.arange(n_images, dtype=np.int32)),
            pa.array(self.labels_of(dataset)),
            pa.array(predicted),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)


def _repeated(word: str, times: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(times, dtype=np.int32), [word])
