"""How many runs train best beside each other here: the rule, and what `--measure` found, in the cache.

Runs share cores and memory bandwidth: the second hyper-thread of a core may add little. No torch.
"""

import socket
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev

from pydantic import ValidationError

from harness.manifest import RunsBeside
from harness.recipe.data import DataFacts
from harness.records.provenance import cpu_name, usable_cores
from harness.study.reading.arm_rules import corners
from harness.study.study import Study
from harness.training.machine_cache import note, noted
from harness.training.paces import Workload, workload_of

_FILE = "beside.json"

_TIE = 0.03
"""A share of the throughput that is not worth another run: its configuration would be chosen without
the results of those beside it."""


def best_number(rates: Mapping[int, Sequence[float]]) -> int:
    """Return how many runs should train beside each other: the fewest that are as fast as any number.

    Args:
        rates: Steps a second of all runs together, positive, by their number; a value a round, the same
            rounds for all, at least one.

    A number is as fast as the fastest if the mean ratio of their rates, round by round, lies below 1 by no
    more than 3 % or its standard error.
    """
    fastest = max(rates, key=lambda number: fmean(rates[number]))
    return next(number for number in sorted(rates) if _ties(rates[number], rates[fastest]))


def _ties(rates: Sequence[float], fastest: Sequence[float]) -> bool:
    ratios = [rate / best for rate, best in zip(rates, fastest, strict=True)]
    error = stdev(ratios) / sqrt(len(ratios)) if len(ratios) > 1 else 0.0
    return 1 - fmean(ratios) <= max(_TIE, error)


def numbers_to_try(fitting: int) -> list[int]:
    """Return the numbers of runs to measure: powers of two, three quarters of what fits, and what fits.

    Args:
        fitting: Runs that fit on this machine, at least 1.
    """
    powers = [2**k for k in range(fitting.bit_length()) if 2**k <= fitting]
    return sorted({*powers, max(1, 3 * fitting // 4), fitting})


def is_open(study: Study) -> bool:
    """Return whether a measurement decides: of our own training on CPUs, where the study does not say."""
    return study.trial is None and not study.resources.gpu and study.resources.concurrency is None


def known_beside(study: Study, facts: Mapping[str, DataFacts]) -> RunsBeside | None:
    """Return what was measured here of a study's runs, the most beside each other; None where nothing was.

    Args:
        study: The study.
        facts: Of each of its data sets, by what a configuration calls it.
    """
    kept = _kept()
    if not is_open(study) or not kept:
        return None
    keys = {
        _key(
            workload_of(configuration, facts[configuration["dataset"]], study.resources),
            configuration["batch_size"],
        )
        for arm in study.arms
        for configuration in map(arm.run_configuration, corners(arm))
    }
    known = [kept[key] for key in sorted(keys) if key in kept]
    return max(known, key=lambda each: each.number, default=None)


def keep_beside(workload: Workload, batch_size: int, measured: RunsBeside) -> None:
    """Keep what was measured, for sweeps and dry runs to come.

    Raises:
        HarnessError: There is no cache, or it cannot be written.
    """
    kept = _kept() | {_key(workload, batch_size): measured}
    note(_FILE, _machine(), {key: each.model_dump() for key, each in kept.items()})


def _kept() -> dict[str, RunsBeside]:
    found = noted(_FILE, _machine())
    try:
        return {key: RunsBeside.model_validate(each) for key, each in found.items()}
    except (AttributeError, ValidationError):
        return {}


def _key(workload: Workload, batch_size: int) -> str:
    return f"{workload}, batch {batch_size}"


def _machine() -> str:
    """Name this machine as far as it was given to us: fewer cores of it are another one."""
    return f"{socket.gethostname()}, {cpu_name()}, {usable_cores()} cores"
