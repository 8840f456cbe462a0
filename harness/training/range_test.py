"""The learning-rate range test: a run whose rate rises, one mini-batch a step, until it diverges.

Holds the test and the point of an arm's space it stands at. What the curve suggests is decided in
`analysis.lr_finder`. Knows no files; of the data it sees what a run trains on, nothing else.

Source: Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3, with the exponential
rise, smoothing and end of Gugger 2018, How Do You Find A Good Learning Rate.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from harness.recipe.configuration import Configuration
from harness.study.domains import Choices, Domain, Grid, OneOf, Range
from harness.training.arithmetic import denormals_flushed, fp32_arithmetic
from harness.training.averaging import begin_training
from harness.training.data.arrays import Samples
from harness.training.generators import globally_seeded
from harness.training.setup import set_up_run
from harness.training.step import take_step

SMOOTHING = 0.95
"""Weight that the moving average keeps at each step: it averages over about 1 / (1 - 0.95) = 20 steps, and so
lags behind by at most as many."""

DIVERGENCE_FACTOR = 4.0
"""The test ends when the smoothed loss exceeds its minimum so many times. Source: Gugger 2018.

Of a loss that was below 0, where that says nothing: when it is above its minimum by one time less of what it
had fallen by, or of the minimum's size if that is more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rise:
    """Which rates are tried: `steps` of them from `low` to `high`, each the one before times a constant."""

    low: float = 1e-7
    high: float = 10.0
    steps: int = 400

    def rates(self) -> Iterator[float]:
        """Yield the rate of each step."""
        for step in range(self.steps):
            yield self.low * (self.high / self.low) ** (step / (self.steps - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class RangePoint:
    """What one step gave. Losses are in nats."""

    step: int
    """From 1."""
    lr: float
    """The rate this step was taken with."""
    loss: float
    """Mean cross-entropy over the mini-batch before the step, without label smoothing."""
    smoothed_loss: float
    """Moving average of the losses so far; not finite once a loss was not."""
    diverged: bool
    """Whether the test ended here: the smoothed loss not finite, or too far above its minimum."""


@dataclass(slots=True)
class Smoother:
    """Exponential moving average of a loss, corrected for its start at zero.

    Source: Kingma & Ba 2015, Adam, section 3 (the correction).
    """

    average: float = 0.0
    steps: int = 0
    minimum: float = math.inf
    """The lowest average so far."""
    first: float | None = None
    """The average of the first loss."""
    was_negative: bool = False
    """Whether a loss so far was below 0."""

    def take(self, loss: float) -> tuple[float, bool]:
        """Return the average with one more loss, and whether it has diverged by now."""
        self.steps += 1
        self.average = SMOOTHING * self.average + (1 - SMOOTHING) * loss
        corrected = self.average / (1 - SMOOTHING**self.steps)
        self.minimum = min(self.minimum, corrected)
        self.first = corrected if self.first is None else self.first
        self.was_negative = self.was_negative or loss < 0
        return corrected, not math.isfinite(corrected) or corrected > self._highest(self.first)

    def _highest(self, first: float) -> float:
        """Return the average above which the test has diverged."""
        if self.was_negative:
            return self.minimum + (DIVERGENCE_FACTOR - 1) * max(abs(self.minimum), first - self.minimum)
        return DIVERGENCE_FACTOR * self.minimum


@denormals_flushed()
@fp32_arithmetic()
@globally_seeded
def range_test(
    configuration: Configuration,
    seed: int,
    data: Samples,
    rise: Rise,
    on_step: Callable[[], object],
) -> list[RangePoint]:
    """Train while the learning rate rises; return every step, up to the last rate or divergence.

    The same arguments give the same bits on one machine. The configuration's own `lr`, schedule and length
    play no part: the training samples are gone through as often as the steps need.

    Args:
        configuration: The recipe's values.
        seed: Fixes the split, the initialisation, the data order and dropout's masks, as in a run.
        data: All training samples; the seed's validation part is not used. On the device to train on.
        rise: The rates to try.
        on_step: Called after each step, for progress.
    """
    setup = set_up_run(configuration, seed, data)
    begin_training(setup)
    smoother = Smoother()
    points: list[RangePoint] = []
    batches = chain.from_iterable(setup.batches() for _ in repeat(None))
    for lr, batch in zip(rise.rates(), batches, strict=False):
        loss = take_step(setup, data, batch, lr)[0].item()
        smoothed, diverged = smoother.take(loss)
        points.append(
            RangePoint(step=smoother.steps, lr=lr, loss=loss, smoothed_loss=smoothed, diverged=diverged)
        )
        on_step()
        if diverged:
            break
    return points


def midpoint(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the point of a space at which its range test is made.

    A range gives its middle on its own scale (the geometric mean of a log range), on its own steps; choices
    and grids give their first value; `one_of` gives its first branch, and the middle of what that searches.

    Args:
        space: Recipe fields, each with a domain; plain values (of a branch) stay as they are.
    """
    point: dict[str, Any] = {}
    for field, domain in space.items():
        match domain:
            case Range():
                point[field] = _middle(domain)
            case Choices() | Grid():
                point[field] = domain.listed[0]
            case OneOf():
                value, own = next(iter(domain.branches.items()))
                point |= {field: value, **midpoint(own)}
            case Domain():
                raise AssertionError(f"a domain without a middle: {domain}")
            case _:
                point[field] = domain
    return point


def _middle(domain: Range) -> float:
    """Return the middle of a range on its own scale, whole for whole numbers; of two, the lower step."""
    if domain.step is not None:
        n_steps = math.floor((domain.high - domain.low) / domain.step + 1e-9)
        middle = domain.low + domain.step * (n_steps // 2)
    elif domain.log:
        middle = math.sqrt(domain.low * domain.high)
    else:
        middle = (domain.low + domain.high) / 2
    return round(middle) if domain.is_integer else float(middle)
