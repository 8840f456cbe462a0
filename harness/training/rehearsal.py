"""Two steps of what a user's code makes, on drawn samples: before Ray starts, in a process of its own.

What fails here would fail in every run: a model that takes no such inputs or gives other outputs, an
optimizer whose step needs more than gradients.
"""

from collections.abc import Mapping
from typing import Any

import torch

from harness.code.checking import misfits
from harness.code.resolve import CodeError, failure
from harness.errors import HarnessError
from harness.recipe.configuration import Configuration
from harness.recipe.data import BYTE_GREATEST
from harness.training.averaging import begin_evaluation, begin_training
from harness.training.data.arrays import Samples
from harness.training.evaluation import evaluate
from harness.training.generators import globally_seeded
from harness.training.metrics import measures_of
from harness.training.setup import RunSetup, set_up_run
from harness.training.step import take_step

_BATCH = 4
_STEPS = 2
_OF_A_CLASS = 4
"""Samples that are drawn, of which half validate."""


def rehearse(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not fit, and what fails.

    Args:
        question: `uses` as `harness.code.checking.misfits` takes them; and `rehearsals`, each with a
            `configuration`, the `data` it trains on (kind, shape, n_outputs, is_classified, is_bytes), the
            imported `metrics`, and the sizes of batches that leave one sample for the last one (`lonely`).

    Returns: `misfits` of each use; `failures`, for each rehearsal a message or None, where all fits.
    """
    found = misfits(question["uses"])
    if any(found):
        return {"misfits": found, "failures": []}
    return {"misfits": found, "failures": [_failure(each) for each in question["rehearsals"]]}


def _failure(rehearsal: Mapping[str, Any]) -> str | None:
    """Return why a run of an arm cannot train; None where it can."""
    configuration = Configuration.model_validate(rehearsal["configuration"])
    try:
        return _rehearsed(configuration, 0, rehearsal)
    except CodeError as error:
        return str(error)
    except HarnessError:
        return None  # of the data, which a preview tells with its own words
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's code raises
        return f"fails in its first {_STEPS} steps: {failure(error)}"


@globally_seeded
def _rehearsed(configuration: Configuration, seed: int, rehearsal: Mapping[str, Any]) -> str | None:
    """Take two steps and evaluate; return what is wrong."""
    samples = drawn(rehearsal["data"])
    small = configuration.model_copy(update={"val_fraction": 0.5, "batch_size": _BATCH})
    setup = set_up_run(small, seed, samples)
    begin_training(setup)
    for batch in list(setup.batches())[:_STEPS]:
        take_step(setup, samples, batch, setup.lr_of_step(0))
    lonely = rehearsal["lonely"]
    try:
        if lonely:
            take_step(setup, samples, setup.split.train[:1], setup.lr_of_step(0))
    except HarnessError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a user's code raises
        return (
            f"cannot train on the single sample that batch_size {', '.join(map(str, lonely[:5]))} leaves for "
            f"the last batch: {failure(error)}. Remedy: other batch sizes"
        )
    begin_evaluation(setup, samples)
    evaluate(setup.predictor, samples, setup.split.val, measures_of(rehearsal["metrics"]))
    return _wrong_outputs(setup, samples)


def _wrong_outputs(setup: RunSetup, samples: Samples) -> str | None:
    """Return in which way outputs are not what a loss reads; None where they are."""
    inputs = setup.predictor.transform(samples.inputs[:_BATCH])
    with torch.no_grad():
        outputs = setup.predictor.outputs(inputs)
    expected = (len(inputs), samples.n_outputs)
    if not isinstance(outputs, torch.Tensor) or tuple(outputs.shape) != expected:
        got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        return (
            f"returns {got} for inputs {tuple(inputs.shape)}, and must return {expected}: n_outputs a sample"
        )
    return None


def drawn(data: Mapping[str, Any], at_least: int = 0) -> Samples:
    """Return samples of a shape, with targets that suit.

    Args:
        data: As `harness.code.checking.described` has them.
        at_least: Samples; some of every class in any case.
    """
    generator = torch.Generator().manual_seed(0)
    n_outputs = int(data["n_outputs"])
    n_samples = max(at_least, _OF_A_CLASS * (n_outputs if data["is_classified"] else 2 * _BATCH))
    shape = (n_samples, *data["shape"])
    if data["is_bytes"]:
        inputs = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
    else:
        inputs = torch.randn(shape, generator=generator)
    if data["is_classified"]:
        targets = torch.arange(n_samples) % n_outputs
    else:
        targets = torch.randn((n_samples, n_outputs), generator=generator).squeeze(
            1 if n_outputs == 1 else -1
        )
    greatest = BYTE_GREATEST if data["is_bytes"] else None
    return Samples(inputs=inputs, targets=targets, kind=data["kind"], greatest=greatest)
