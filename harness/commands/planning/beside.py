"""How many runs train beside each other: what the study says, else what was measured here, else what fits."""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from statistics import median

from harness.code.checking import described
from harness.code.named import named_code
from harness.code.process import ask
from harness.commands.planning.pace import Point, all_points
from harness.errors import HarnessError
from harness.manifest import RunsBeside
from harness.recipe.data import DataFacts
from harness.records.provenance import usable_cores, utc_now
from harness.study.study import Study
from harness.training.beside import best_number, keep_beside, numbers_to_try
from harness.training.paces import Paces

_TASK = "harness.training.beside_measurement:counted"
_ROUNDS = 5


def measured_beside(
    study: Study, facts: Sequence[DataFacts], sources: Mapping[str, str], fitting: int
) -> RunsBeside:
    """Measure how fast runs train beside each other, by what of the study takes longest; keep it if possible.

    Args:
        study: A study of the built-in training, on CPUs; trusted, where it names code.
        facts: Of its data sets, in its order.
        sources: The hashes of its code.
        fitting: Runs that fit on this machine, at least 1.

    Raises:
        CodeError: Code that the study names fails.
    """
    paces, cpu, cores = Paces.read(), study.resources.cpu, usable_cores()

    def epoch_seconds(point: Point) -> float:
        return (paces.seconds(point.workload, point.batch_size) or 0.0) * point.steps

    point = max(all_points(study, facts), key=epoch_seconds)
    windows = [*((number, cpu) for number in numbers_to_try(fitting)), *([(1, cores)] if cores > cpu else [])]
    code = named_code(study)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=fitting) as pool:
        question = {
            "configuration": dict(point.configuration),
            "data": described(point.facts),
            "processes": fitting,
            "folder": folder,
            "windows": windows * _ROUNDS,
        }
        asked = [
            pool.submit(ask, code, sources, _TASK, question | {"index": index}) for index in range(fitting)
        ]
        answers = [each.result() for each in asked]
    together = [sum(rates) for rates in zip(*answers, strict=True)]
    of_windows = {window: together[at :: len(windows)] for at, window in enumerate(windows)}
    numbers = {number: of_windows[number, cpu] for number in numbers_to_try(fitting)}
    measured = RunsBeside(
        number=best_number(numbers),
        steps_per_second={number: median(rates) for number, rates in numbers.items()},
        all_threads=median(of_windows[1, cores]) if cores > cpu else None,
        cores=cores,
        at=utc_now(),
    )
    with suppress(HarnessError):  # the pace, measured next for the same cache, tells what is wrong with it
        keep_beside(point.workload, point.batch_size, measured)
    return measured
