"""What the confirm runs of each arm take each class for, from their predicted classes.

As in every table of means, an arm with a diverged seed has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import statistics
from analysis.facts import Facts
from analysis.records import StudyRecords
from analysis.render import numbers
from harness.recipe.datasets import DATASETS


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusions:
    """What the confirm runs of each arm take each class for."""

    names: Sequence[str]
    """Of the classes, `(n_classes,)`."""
    sizes: NDArray[np.int64]
    """Test images of each class, `(n_classes,)`."""
    counts: Mapping[str, NDArray[np.float64]]
    """By arm `(n, n_classes, n_classes)`: how many images of a class (second axis) each replicate takes for a
    class (third), the mean of its runs; no replicates where a seed diverged or nothing is kept."""

    @property
    def labels(self) -> list[int]:
        """The classes that have test images."""
        return [int(label) for label in np.flatnonzero(self.sizes)]

    def interval(self, arm: str, label: int, predicted: int) -> statistics.MeanInterval:
        """Return the share of a class's images that an arm takes for a class: the mean of its replicates."""
        return statistics.t_interval(list(self.counts[arm][:, label, predicted] / self.sizes[label]))

    def mean_share(self, arm: str) -> NDArray[np.float64]:
        """Return the mean of an arm's confusion matrices, `(n_classes, n_classes)`, rows adding up to 1."""
        shares: NDArray[np.float64] = self.counts[arm].mean(axis=0) / np.maximum(self.sizes, 1)[:, np.newaxis]
        return shares


def confusions(facts: Facts) -> Confusions:
    """Return what each arm takes for what."""
    records = facts.records
    dataset = str(records.tested_on)
    labels = records.frames.predictions.labels_of(dataset)
    n_classes = records.frames.predictions.n_classes_of(dataset)
    counts = {}
    for arm in records.arms:
        of_replicates = [
            _mean_counts(records, run_ids, labels, n_classes) for run_ids in records.replicates_of(arm)
        ]
        known = [found for found in of_replicates if found is not None]
        counts[arm] = np.array(known, dtype=np.float64).reshape(-1, n_classes, n_classes)
    named = DATASETS[dataset].class_names if dataset in DATASETS else ()
    names = named or tuple(map(str, range(n_classes)))
    return Confusions(names=names, sizes=np.bincount(labels, minlength=n_classes), counts=counts)


def _mean_counts(
    records: StudyRecords, run_ids: Sequence[str], labels: NDArray[np.uint8], n_classes: int
) -> NDArray[np.float64] | None:
    """Return how many images each pair of classes has, the mean of some runs; None where one kept nothing."""
    of_runs = [records.predictions(run_id) for run_id in run_ids]
    pairs = [labels.astype(np.int64) * n_classes + classes for classes in of_runs if classes is not None]
    if len(pairs) < len(of_runs):
        return None
    counts: NDArray[np.float64] = np.bincount(np.concatenate(pairs), minlength=n_classes**2) / len(pairs)
    return counts


def are_known(facts: Facts) -> bool:
    """Return whether there is an arm whose confirm runs keep their predictions, and none of them diverged."""
    if not facts.records.frames.predictions:
        return False
    return any(len(counts) for counts in facts.once(confusions).counts.values())


def in_percent(row: Mapping[Any, Any], name: str) -> str:
    """Return a share of a row with the half-width of its interval."""
    half_width = row["high"] - row[name]
    return numbers.with_uncertainty(row[name], half_width, scale=100, decimals=2, is_share=True)


def replicates_in_words(facts: Facts, frame: pd.DataFrame) -> str:
    """Return over how many replicates, and of what, the means of a frame are."""
    noun = "replicates" if facts.records.declaration.search.max_repeats > 1 else "confirm seeds"
    return f"n = {numbers.span(frame.loc[frame['n'] > 0, 'n'])} {noun} of each arm"


def void_in_words(facts: Facts, frame: pd.DataFrame) -> list[str]:
    """Return which arms of a frame have no mean, and why, as a sentence; none where all have one."""
    void = [arm for arm in facts.records.arms if not (frame.loc[frame["arm"] == arm, "n"] > 0).any()]
    return [f"Without a mean, since a run diverged or none was tested: {', '.join(void)}."] if void else []
