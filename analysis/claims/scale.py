"""In which unit a metric's contrasts are tested and shown: differences, or ratios of times."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.claims.parts import Comparison
from analysis.metrics import Metric
from analysis.render import numbers


@dataclass(frozen=True, kw_only=True)
class Scale:
    """In which unit contrasts of a metric are tested and shown."""

    metric: Metric
    sign: int
    """+1 where a claim says that contrasts are above 0."""
    region: float | None
    """Half-width of the region of equivalence as declared; a share for ratios."""

    @classmethod
    def of(cls, metric: Metric, region: float | None, sign: int | None = None) -> "Scale":
        """Return the scale of claims about a metric.

        Args:
            metric: Of the study.
            region: As the claim declares it; None for the metric's own.
            sign: +1 for contrasts claimed to be above 0; None where the first side is claimed to be better.
        """
        return cls(
            metric=metric,
            sign=metric.sign if sign is None else sign,
            region=metric.equivalence if region is None else region,
        )

    @property
    def is_ratio(self) -> bool:
        """Whether contrasts are logarithms of ratios."""
        return self.metric.is_time

    @property
    def half_width(self) -> float | None:
        """The region in the unit of the tests."""
        return math.log1p(self.region) if self.is_ratio and self.region is not None else self.region

    @property
    def quantity(self) -> Literal["ratio", "difference"]:
        """What `effect` returns."""
        return "ratio" if self.is_ratio else "difference"

    @property
    def no_difference(self) -> str:
        """What the interval of two equal sides contains, in words."""
        return "a ratio of 1" if self.is_ratio else "zero"

    @property
    def region_in_words(self) -> str:
        """The region as readers see it."""
        if self.region is None:
            return "no declared region"
        scale, unit = (100, " %") if self.is_ratio else (self.metric.scale, self.metric.unit)
        return f"±{scale * self.region:.3g}{unit}"

    def tested(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values in the unit of the tests: of times, their logarithms."""
        return np.log(values) if self.is_ratio else values

    def effect(self, value: float) -> float:
        """Return a contrast as verdicts carry it."""
        return math.exp(min(value, 700.0)) if self.is_ratio else value  # e**710 is no number any more

    def amount(self, effect: float) -> str:
        """Return a ratio, or the size of a difference, in the readers' unit."""
        spec = self.metric
        return _ratio(effect) if self.is_ratio else f"{spec.scale * effect:.2g}{spec.unit}"

    def measured(self, comparison: Comparison) -> str:
        """Return a comparison's effect with its interval in words."""
        level = f"{100 * comparison.level:.4g} % interval"
        if self.is_ratio:
            ends = f"{_ratio(comparison.low)} to {_ratio(comparison.high)}"
            return f"{_ratio(comparison.effect)} ({ends}, {level})"
        spec, half_width = self.metric, comparison.high - comparison.effect
        amount = numbers.with_uncertainty(comparison.effect, half_width, scale=spec.scale)
        sign = "" if amount.startswith("-") else "+"
        return f"{sign}{amount}{spec.unit} ({level})"


def _ratio(value: float) -> str:
    return f"{numbers.TIMES}{value:.3g}"
