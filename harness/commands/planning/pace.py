"""What an epoch of an arm takes on this machine: as sweeps noted it, or as `--measure` measures it now."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Any

from harness.code.checking import described
from harness.code.named import named_code
from harness.code.process import ask
from harness.errors import HarnessError
from harness.recipe.data import DataFacts
from harness.recipe.lengths import split_sizes
from harness.study.reading.arm_rules import corners
from harness.study.study import Arm, Study
from harness.training.paces import Paces, Workload, workload_of

_TASK = "harness.training.pace_measurement:measured"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A corner of an arm's space, as far as it decides what an epoch takes."""

    configuration: Mapping[str, Any]
    facts: DataFacts
    workload: Workload

    @property
    def batch_size(self) -> int:
        """Samples of a step."""
        return int(self.configuration["batch_size"])

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return ceil(split_sizes(self.facts, self.configuration["val_fraction"])[0] / self.batch_size)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long epochs take here."""

    study: Study
    facts: Sequence[DataFacts]
    """Of its data sets, in its order; none of a program."""
    paces: Paces
    note: str | None = None
    """What did not go well."""

    def epoch_seconds(self, arm: Arm) -> list[float] | None:
        """Return the seconds of an epoch at each of an arm's corners; None where one is unknown."""
        of_datasets = dict(zip(self.study.by_dataset, self.facts, strict=True))
        if not of_datasets:
            return None
        known = []
        for point in _points(self.study, arm, of_datasets[arm.dataset]):
            seconds = self.paces.seconds(point.workload, point.batch_size)
            if seconds is None:
                return None
            known.append(seconds * point.steps)
        return known

    def since(self) -> str:
        """Return when the oldest of what the study rests on was measured."""
        return min(self.paces.since(point.workload) for point in all_points(self.study, self.facts))


def known_pace(study: Study, facts: Sequence[DataFacts]) -> Pace:
    """Return what is known of this machine."""
    return Pace(study=study, facts=facts, paces=Paces.read())


def measured_pace(study: Study, facts: Sequence[DataFacts], sources: Mapping[str, str], slots: int) -> Pace:
    """Measure steps of everything in which arms differ, beside each other as runs will train.

    Args:
        study: A study of the built-in training, on CPUs; trusted, where it names code.
        facts: Of its data sets, in its order.
        sources: The hashes of its code.
        slots: Runs that train beside each other.

    Raises:
        CodeError: Code that the study names fails.
    """
    points = {(each.workload, each.batch_size): each for each in all_points(study, facts)}
    questions = [
        {
            "configuration": dict(point.configuration),
            "data": described(point.facts),
            "threads": study.resources.cpu,
        }
        for point in points.values()
    ]
    code = named_code(study)
    with ThreadPoolExecutor(max_workers=slots) as pool:
        asked = [pool.submit(ask, code, sources, _TASK, questions) for _ in range(slots)]
    answers = [each.result() for each in asked]
    paces = Paces.read()
    for (workload, batch_size), *seconds in zip(points, *answers, strict=True):
        paces.note(workload, batch_size, median(seconds))
    note = None
    try:
        paces.keep()
    except HarnessError as error:
        note = str(error)
    return Pace(study=study, facts=facts, paces=paces, note=note)


def all_points(study: Study, facts: Sequence[DataFacts]) -> Iterator[Point]:
    """Yield everything in which a study's runs differ in time, some of it several times."""
    of_datasets = dict(zip(study.by_dataset, facts, strict=True))
    for arm in study.arms:
        yield from _points(study, arm, of_datasets[arm.dataset])


def _points(study: Study, arm: Arm, facts: DataFacts) -> Iterator[Point]:
    for corner in corners(arm):
        configuration = arm.run_configuration(corner)
        workload = workload_of(configuration, facts, study.resources)
        yield Point(configuration=configuration, facts=facts, workload=workload)
