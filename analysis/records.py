"""Everything known about one study: frames, winners, predicted classes, declaration, manifest and seal.

Everything the report says derives from it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import harmonic_mean
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.metrics import Metrics, metrics_of
from harness.declaration import Declaration
from harness.manifest import Manifest
from harness.recipe.datasets import DATASETS
from harness.records.events import Origin, ParentDeclared, Phase
from harness.records.folder import ResultsFolder
from harness.records.frames import Frames
from harness.seal import Seal

if TYPE_CHECKING:
    from harness.recipe.metrics import Split

_NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyRecords:
    """Everything known about one study. Two are the same only if they are one object."""

    folder: ResultsFolder
    declaration: Declaration
    """What was to be measured and ruled."""
    manifest: Manifest
    """Where it ran."""
    seal: Seal
    """Whether the declaration is the one that the journal was begun for."""
    frames: Frames
    """The tables as they go into parquet files."""
    runs: pd.DataFrame
    """One row a run, columns as in `runs.parquet`, sorted by arm (declared order), phase, run id."""
    epochs: pd.DataFrame
    """One row an epoch of a run, columns as in `epochs.parquet`, sorted by run id and epoch.

    There may be millions: run ids are categories here, and text in what `epochs_of` returns.
    """
    winners_by_repeat: dict[str, dict[int, str | None]]
    """Winning run of each search that ended, by arm and repeat; null where no run reached full length."""
    audits: dict[str, str]
    """By search run, the audit run that repeats it: the run of the same arm, repeat and number."""
    allowed: dict[str, int]
    """Replicates that each arm may run, of the plan's unit: those of the first look, and what looks added."""
    next_look: int | None
    """Replicates of the look after which more may run; None once there is none."""
    journal_sha256: str
    """Hash of the journal's uncompressed bytes: a compressed copy has the same one."""
    given_up: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Why each search was given up that ended before its budget was spent, by arm and repeat."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where each run was trained that was taken over from another study, by its id."""
    lineage: tuple[ParentDeclared, ...] = ()
    """The declarations of the study's ancestors as its journal keeps them, its parent's last."""
    averaged: tuple["StudyRecords", ...] = ()
    """The data sets over which replicates are averaged, see `average`."""

    @cached_property
    def by_dataset(self) -> dict[str, "StudyRecords"]:
        """Each of several data sets as a study on it alone, in which arms have their plain names.

        Empty of a study on one. Epochs and predictions are those of all.
        """
        return {name: self._on(name) for name in self.declaration.datasets}

    def _on(self, dataset: str) -> "StudyRecords":
        own = {arm: plain for arm, plain in self._plain_names.items() if self._dataset_of(arm) == dataset}
        runs = self.runs[self.runs["arm"].isin(own)].reset_index(drop=True)
        return replace(
            self,
            declaration=self.declaration.on(dataset),
            runs=runs.assign(arm=runs["arm"].map(own)),
            winners_by_repeat={own[arm]: won for arm, won in self.winners_by_repeat.items() if arm in own},
            given_up={own[arm]: why for arm, why in self.given_up.items() if arm in own},
            allowed={plain: self.allowed[arm] for arm, plain in own.items()},
            lineage=(),
        )

    @property
    def _plain_names(self) -> dict[str, str]:
        return {arm: self.declaration.plain_name(arm) for arm in self.arms}

    def _dataset_of(self, arm: str) -> str | None:
        return self.declaration.arms[arm].dataset

    def alone(self, arm: str) -> tuple["StudyRecords", str]:
        """Return the records of an arm's data set alone, and what the arm is called there."""
        dataset = self._dataset_of(arm)
        return (self, arm) if dataset is None else (self.by_dataset[dataset], self._plain_names[arm])

    @cached_property
    def average(self) -> "StudyRecords":
        """Records in which replicates are averages over the data sets, and arms have their plain names."""
        first, *_ = parts = tuple(self.by_dataset.values())
        return replace(first, averaged=parts)

    @property
    def arms(self) -> list[str]:
        """The arms in the study file's order, which every table and figure keeps."""
        return list(self.declaration.arms)

    @cached_property
    def metrics(self) -> Metrics:
        """What runs report, as readers see it; regions of accuracies by the images of its data."""
        data = [own.declaration.data for own in self.averaged] or self.declaration.all_data
        sizes: dict[Split, list[int]] = {
            "train": [own.train_samples for own in data],
            "val": [own.val_samples for own in data],
            "test": [own.test_samples for own in data],
        }
        known = {part: harmonic_mean(own) for part, own in sizes.items() if own and min(own) > 0}
        is_of_program = self.declaration.trial is not None
        of_images = all(own.kind == "image" for own in data)
        return metrics_of(self.declaration.metrics, known, of_program=is_of_program, of_images=of_images)

    @cached_property
    def n_classes(self) -> int | None:
        """How many classes there are; None where no classes are predicted, and where nobody knows."""
        data, kept = self.declaration.known_data, self.frames.predictions
        if data is None or data.task != "classification" or "accuracy" not in self.declaration.metrics:
            return None
        if data.name in DATASETS:
            return DATASETS[data.name].n_classes
        return kept.n_classes_of(data.name) if data.name in kept.datasets else None

    @property
    def seed_fixes(self) -> str:
        """What a seed decides in a run, as the end of a sentence; what a program makes of it, it knows."""
        is_known = not self.metrics.of_program
        return (
            "the split, the initialisation and the data order" if is_known else "all that the program draws"
        )

    @property
    def seeds_vary(self) -> str:
        """What differs between seeds, in words."""
        is_known = not self.metrics.of_program
        return "split, initialisation and data order together" if is_known else "all that the program draws"

    @property
    def declared_in(self) -> str:
        """Name of the file that holds the declaration."""
        has_own = self.seal.sha256 is not None
        return (self.folder.declaration if has_own else self.folder.manifest).name

    @cached_property
    def winners(self) -> dict[str, str | None]:
        """Winning run of each arm's first search, of those that ended."""
        return {arm: found[0] for arm, found in self.winners_by_repeat.items() if 0 in found}

    def winners_of(self, arm: str) -> list[str | None]:
        """Return the winning run of each of an arm's searches that ended, in the order of repeats."""
        return [winner for _, winner in sorted(self.winners_by_repeat.get(arm, {}).items())]

    @property
    def all_winners(self) -> list[str]:
        """Every run that won a search."""
        return [winner for arm in self.winners_by_repeat for winner in self.winners_of(arm) if winner]

    @property
    def has_search(self) -> bool:
        """Whether any arm has search runs planned."""
        return any(arm.search_runs for arm in self.declaration.arms.values())

    @property
    def has_confirm(self) -> bool:
        """Whether any arm has confirm runs planned, without which no run sees the test set."""
        return any(arm.confirm_runs for arm in self.declaration.arms.values())

    @property
    def max_repeats(self) -> int:
        """Whole searches of each arm that are planned, at most."""
        return self.declaration.search.max_repeats

    @property
    def is_repeated(self) -> bool:
        """Whether searches are repeated, so that each repeat of each arm has seeds of its own."""
        return self.max_repeats > 1

    def runs_of(self, phase: Phase, arm: str | None = None) -> pd.DataFrame:
        """Return the runs of one phase, or of one arm in it; of the confirm phase, one run a seed and repeat.

        A second confirm run of the same arm, repeat and seed repeats the first one and is no further
        replicate.
        """
        found = self._rows[phase]
        rows = (
            np.sort(np.concatenate([_NO_ROWS, *found.values()])) if arm is None else found.get(arm, _NO_ROWS)
        )
        is_one_block = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1
        return self.runs.iloc[rows[0] : rows[-1] + 1] if is_one_block else self.runs.iloc[rows]

    @cached_property
    def _rows(self) -> dict[Phase, dict[str, NDArray[np.int64]]]:
        """The places in `runs` of each arm's runs of each phase: mostly a block, which need not be copied."""
        found = {}
        for phase in get_args(Phase):
            places = np.flatnonzero(self.runs["phase"] == phase)
            keys = self.runs[["arm", "repeat", "seed"]].iloc[places]
            if phase == "confirm":
                is_first = ~keys.duplicated().to_numpy()
                places, keys = places[is_first], keys[is_first]
            arms = keys.groupby("arm").indices
            found[phase] = {str(arm): places[rows] for arm, rows in arms.items()}
        return found

    @cached_property
    def epoch_rows(self) -> dict[str, slice]:
        """The rows of `epochs` that hold each run, by run id; a run without an epoch is not in it."""
        run_ids = self.epochs["run_id"].cat
        places = run_ids.codes.to_numpy()
        ends = [*np.flatnonzero(np.diff(places)) + 1, len(places)] if len(places) else []
        found = run_ids.categories[places[np.array(ends, dtype=np.int64) - 1]]
        return dict(zip(found, map(slice, [0, *ends[:-1]], ends), strict=True))

    def epochs_of(self, run_ids: Iterable[str]) -> pd.DataFrame:
        """Return the epochs of some runs, sorted by run id and epoch, without a search through all."""
        spans = [self.epoch_rows[run_id] for run_id in sorted(set(run_ids)) if run_id in self.epoch_rows]
        rows = [np.arange(span.start, span.stop) for span in spans]
        epochs = self.epochs.iloc[np.concatenate(rows) if rows else []]
        return epochs.reset_index(drop=True).astype({"run_id": "str"})

    @cached_property
    def tested_on(self) -> str | None:
        """The data set whose test labels are kept, as recipes name it; None where none are."""
        own, kept = set(self.runs["dataset"]), self.frames.predictions.datasets
        return next((name for name in kept if len(kept) == 1 or name in own), None)

    @property
    def test_labels(self) -> NDArray[np.uint8] | None:
        """The classes of the test images, `(n_images,)`, in the published order; None where none are kept."""
        return None if self.tested_on is None else self.frames.predictions.labels_of(self.tested_on)

    def predictions(self, run_id: str) -> NDArray[np.uint8] | None:
        """Return the class that a run gives each test image, `(n_images,)`; None where none are kept."""
        return self.frames.predictions.of(run_id)

    def rights_of(self, run_ids: Sequence[str]) -> NDArray[np.bool_] | None:
        """Return which test images each of some runs has right, `(n_runs, n_images)`.

        Returns: None where one of them keeps no predictions, or there are no runs.
        """
        labels, predicted = self.test_labels, [self.predictions(run_id) for run_id in run_ids]
        known = [classes for classes in predicted if classes is not None]
        return np.array(known) == labels if known and len(known) == len(predicted) else None

    def replicates_of(self, arm: str) -> list[list[str]]:
        """Return an arm's completed confirm runs by replicate; none where a seed diverged.

        A replicate is a whole search with its confirm runs, where the arm searches and the study repeats its
        searches, and a seed elsewhere.
        """
        runs = self.runs_of("confirm", arm)
        if (runs["status"] == "diverged").any():
            return []
        runs = runs[runs["status"] == "completed"]
        if self.declaration.arms[arm].search_runs and self.declaration.search.max_repeats > 1:
            return [list(own) for _, own in runs.groupby("repeat")["run_id"]]
        return [[run_id] for run_id in runs["run_id"]]

    def binomial_error(self, accuracy: float) -> float | None:
        """Return the standard error of a run's accuracy on new test images; None if their number is unknown.

        For the mean of several runs it is more than the choice of the images does to it.

        Source: the binomial distribution; Jordan (2023), Calibrated chaos, arXiv:2304.01910, on why it is
        the larger part of the variance between runs.
        """
        data = self.declaration.known_data
        samples = data.test_samples if data else 0
        if samples < 1 or not 0 <= accuracy <= 1:
            return None
        return math.sqrt(accuracy * (1 - accuracy) / samples)
