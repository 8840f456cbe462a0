"""Counting the steps of runs that train beside each other: one process a run, all by the same clock.

The processes start once and work in windows of time that they agree on: in each some of them train and the
others sleep. Counted in seconds of the clock, not of the processor: a limit on both is part of the answer.
"""

import json
import time
from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import torch

from harness.recipe.configuration import Configuration
from harness.training.arithmetic import denormals_flushed, fp32_arithmetic
from harness.training.averaging import begin_training
from harness.training.generators import globally_seeded
from harness.training.rehearsal import drawn
from harness.training.setup import RunSetup, set_up_run
from harness.training.step import take_step

_WARM_STEPS = 3
_LEAST_SECONDS = 0.3
"""Of a window."""
_STEPS_A_WINDOW = 4
"""At least, where steps take long."""
_BATCHES = 16
"""Of drawn samples: more than a processor's fast memory holds of a batch."""
_PATIENCE_SECONDS = 300.0
"""For the other processes to be ready."""
_AGREED = "agreed.json"


def counted(question: Mapping[str, Any]) -> list[float]:
    """Return the steps a second of this process's run in each window, 0 where it slept.

    Args:
        question: `configuration`; `data` as `rehearsal.drawn` takes them; `index` of this process among
            `processes`; a `folder` in which they meet; `windows`, each the number of runs in it and their
            threads.
    """
    return _counted(Configuration.model_validate(question["configuration"]), 0, question)


@denormals_flushed()
@fp32_arithmetic()
@globally_seeded
def _counted(configuration: Configuration, seed: int, question: Mapping[str, Any]) -> list[float]:
    windows: list[tuple[int, int]] = [(runs, threads) for runs, threads in question["windows"]]
    torch.set_num_threads(windows[0][1])
    samples = drawn(question["data"], at_least=_BATCHES * configuration.batch_size)
    setup = set_up_run(configuration.model_copy(update={"val_fraction": 0.5}), seed, samples)
    begin_training(setup)
    steps = _steps(setup, samples)
    for _ in range(_WARM_STEPS):
        next(steps)
    started = time.monotonic()
    next(steps)
    index: int = question["index"]
    at, seconds = _agreed(Path(question["folder"]), index, question["processes"], time.monotonic() - started)
    rates = []
    for number, (runs, threads) in enumerate(windows):
        begin = at + number * seconds * (1 + 1 / _STEPS_A_WINDOW)
        rates.append(_rate(steps, begin, begin + seconds, threads) if index < runs else 0.0)
    return rates


def _steps(setup: RunSetup, samples: Any) -> Iterator[None]:
    """Take a step each time it is asked."""
    for batch in cycle(list(setup.batches())):
        take_step(setup, samples, batch, setup.lr_of_step(0))
        yield


def _rate(steps: Iterator[None], begin: float, end: float, threads: int) -> float:
    """Return the steps a second between two times of the clock; the last step may end a little later."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
        next(steps)  # starts the threads
    time.sleep(max(0.0, begin - time.monotonic()))
    n_steps, started = 0, time.monotonic()
    while n_steps == 0 or time.monotonic() < end:
        next(steps)
        n_steps += 1
    return n_steps / (time.monotonic() - started)


def _agreed(folder: Path, index: int, processes: int, step_seconds: float) -> tuple[float, float]:
    """Wait until every process is ready; return when the first window begins, and how long each takes.

    Raises:
        TimeoutError: Some process never was.
    """
    _tell(folder / f"ready-{index}.json", step_seconds)
    ready = [folder / f"ready-{each}.json" for each in range(processes)]
    agreed, patience = folder / _AGREED, time.monotonic() + _PATIENCE_SECONDS
    while not agreed.exists():
        if index == 0 and all(path.exists() for path in ready):
            longest = max(json.loads(path.read_text(encoding="utf-8")) for path in ready)
            _tell(agreed, [time.monotonic() + 0.1, max(_LEAST_SECONDS, _STEPS_A_WINDOW * longest)])
        elif time.monotonic() > patience:
            raise TimeoutError(f"not all of {processes} processes were ready to measure")
        else:
            time.sleep(0.01)
    at, seconds = json.loads(agreed.read_text(encoding="utf-8"))
    return at, seconds


def _tell(path: Path, value: Any) -> None:
    """Write a file that is whole as soon as it is there."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.rename(path)
