"""The global generators of torch, Python and numpy: a run seeds them, and leaves them as it found them.

Nothing of ours draws from them while a run trains. A user's model or optimizer may: dropout of torch's own, a
preconditioner that is drawn at random.
"""

import random
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import torch

from harness.recipe.configuration import Configuration

Rest = ParamSpec("Rest")
Result = TypeVar("Result")
Run = Callable[Concatenate[Configuration, int, Rest], Result]


def globally_seeded(run: Run[Rest, Result]) -> Run[Rest, Result]:
    """Return a run of (configuration, seed, ...) that fixes the global generators by its seed."""

    @wraps(run)
    def seeded(
        configuration: Configuration, seed: int, /, *rest: Rest.args, **options: Rest.kwargs
    ) -> Result:
        word = int(np.random.SeedSequence(seed).generate_state(4)[3])
        python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - others may draw from it
        devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        with torch.random.fork_rng(devices=devices):
            try:
                torch.manual_seed(word)
                random.seed(word)
                np.random.seed(word)  # noqa: NPY002 - likewise
                return run(configuration, seed, *rest, **options)
            finally:
                random.setstate(python)
                np.random.set_state(legacy)  # noqa: NPY002 - likewise

    return seeded
