"""Measuring how long a training step takes here, on drawn samples: what `--dry-run --measure` does."""

import time
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import torch

from harness.recipe.configuration import Configuration
from harness.training.arithmetic import denormals_flushed, fp32_arithmetic
from harness.training.averaging import begin_evaluation, begin_training
from harness.training.evaluation import evaluate
from harness.training.generators import globally_seeded
from harness.training.rehearsal import drawn
from harness.training.setup import set_up_run
from harness.training.step import take_step

_WARM_STEPS = 3
_SECONDS = 1.0
"""How long steps are timed, at least one."""


def measured(questions: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the seconds of a step, with its share of the evaluation after an epoch, for each question.

    Args:
        questions: Each a `configuration`, the `data` as `rehearsal.drawn` takes them, and `threads`.
    """
    return [_measured(Configuration.model_validate(each["configuration"]), 0, each) for each in questions]


@denormals_flushed()
@fp32_arithmetic()
@globally_seeded
def _measured(configuration: Configuration, seed: int, question: Mapping[str, Any]) -> float:
    torch.set_num_threads(question["threads"])
    samples = drawn(question["data"], at_least=4 * configuration.batch_size)
    setup = set_up_run(configuration.model_copy(update={"val_fraction": 0.5}), seed, samples)
    batches = cycle(list(setup.batches()))
    begin_training(setup)
    for batch in islice(batches, _WARM_STEPS):
        take_step(setup, samples, batch, setup.lr_of_step(0))
    n_steps, started = 0, _now()
    while n_steps == 0 or _now() - started < _SECONDS:
        take_step(setup, samples, next(batches), setup.lr_of_step(0))
        n_steps += 1
    step = (_now() - started) / n_steps
    started = _now()
    begin_evaluation(setup, samples)
    evaluate(setup.predictor, samples, setup.split.val)
    of_sample = (_now() - started) / len(setup.split.val)
    share = configuration.val_fraction / (1 - configuration.val_fraction)
    return step + of_sample * share * configuration.batch_size


def _now() -> float:
    """Return the seconds that each thread of this process was at work: other work hardly counts."""
    return time.process_time() / torch.get_num_threads()
