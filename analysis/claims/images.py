"""What a difference of test accuracies, or one's to a value, would be on other test images of the kind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.claims.contrast_verdict import ContrastVerdict
from analysis.claims.evidence import Grounds
from analysis.claims.parts import NewImages
from analysis.claims.reaches import ReachesVerdict
from analysis.claims.verdict import Verdict
from analysis.design import Key, runs_of_replicates
from analysis.records import StudyRecords
from analysis.statistics import images

_KINDS = {"better", "best", "equal", "reaches"}


def on_new_images(grounds: Grounds, verdict: Verdict) -> NewImages | str:
    """Return the interval of a claim's decisive difference for new images, or why there is none.

    A value that a mean is set against is the same for all images.
    """
    if verdict.claim.metric != "test_accuracy" or verdict.claim.kind not in _KINDS:
        return "no difference of test accuracies"
    if not isinstance(verdict, ContrastVerdict) or verdict.look is None:
        return "no difference was tested"
    records, labels = grounds.records, grounds.records.test_labels
    if labels is None:
        return "the journal holds no predictions"
    is_of_one = isinstance(verdict, ReachesVerdict)
    arms = [verdict.decisive.arm] if is_of_one else [verdict.decisive.arm, verdict.decisive.than]
    sides = [_rights(records, arm, verdict.look, labels) for arm in arms]
    if any(len(side) < 2 or any(right is None for right in side.values()) for side in sides):
        return "a replicate has no predictions"
    is_paired = is_of_one or grounds.design.seeds_are_common
    keys = [key for key in sides[0] if key in sides[-1]] if is_paired else []
    stacked = [_stacked([side[key] for key in keys] if is_paired else list(side.values())) for side in sides]
    if isinstance(verdict, ReachesVerdict):
        stacked.append(np.full_like(stacked[0], verdict.value))
    first, second = stacked
    level = verdict.decisive.level
    found = images.new_images(first, second, is_paired=is_paired, level=level)
    if found is None:
        return "a single replicate"
    return NewImages(low=found.mean - found.half_width, high=found.mean + found.half_width, level=level)


def _stacked(rights: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float64]:
    return np.array([right for right in rights if right is not None])


def _rights(
    records: StudyRecords, arm: str, n: int, labels: NDArray[np.uint8]
) -> dict[Key, NDArray[np.float64] | None]:
    """Return by replicate which images it gets right, of several runs the share; None without predictions."""
    rights: dict[Key, NDArray[np.float64] | None] = {}
    for key, run_ids in runs_of_replicates(records, arm, n).items():
        predicted = [records.predictions(run_id) for run_id in run_ids]
        known = [classes == labels for classes in predicted if classes is not None]
        rights[key] = np.mean(known, axis=0) if known and len(known) == len(predicted) else None
    return rights
