"""A small axis with an effect and its interval, drawn by hand: some 20 of them may stand on one screen."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT, _LINE = 320.0, 44.0, 20.0
"""Of the drawing, and where its line is; in pixels."""
_SIDE = 14.0
"""Room at either side."""
_MOST_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What is drawn, in the readers' unit."""

    value: float
    low: float
    high: float
    reference: float | None = None
    """Where no difference is; None where there is no such place."""
    region: tuple[float, float] | None = None
    """Within which a difference is declared too small to matter."""
    is_log: bool = False

    @property
    def _all(self) -> list[float]:
        ends = [self.value, self.low, self.high, *(self.region or ())]
        return [*ends, *([] if self.reference is None else [self.reference])]

    @property
    def is_drawable(self) -> bool:
        """Whether all of it lies on an axis."""
        return all(math.isfinite(end) and (end > 0 or not self.is_log) for end in self._all)

    def limits(self) -> tuple[float, float]:
        """Return the ends of the axis on its own scale."""
        ends = [math.log10(end) for end in self._all] if self.is_log else self._all
        low, high = min(ends), max(ends)
        room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
        return low - room, high + room


def draw(effect: Effect, words: str) -> str:
    """Return an effect as SVG that takes its colours from the page.

    Args:
        effect: One that is drawable.
        words: What it shows, for who cannot see it; not yet escaped.
    """
    low, high = effect.limits()

    def place(value: float) -> float:
        on_axis = math.log10(value) if effect.is_log else value
        return round(_SIDE + (_WIDTH - 2 * _SIDE) * (on_axis - low) / (high - low), 1)

    parts = []
    if effect.region:
        left, right = map(place, effect.region)
        width = max(1.0, round(right - left, 1))
        parts.append(f'<rect class="region" x="{left:g}" y="4" width="{width:g}" height="26"/>')
    parts.append(_path("axis", f"M0 30H{_WIDTH:g}"))
    if effect.reference is not None:
        parts.append(_path("zero", f"M{place(effect.reference):g} 2V30"))
    for tick in _ticks(low, high, effect):
        x = place(tick)
        parts += [_path("axis", f"M{x:g} 30v3"), f'<text x="{x:g}" y="42">{_label(tick)}</text>']
    ends = f"M{place(effect.low):g} {_LINE - 4:g}v8m0-4H{place(effect.high):g}m0-4v8"
    parts += [
        _path("interval", ends),
        f'<circle class="effect" cx="{place(effect.value):g}" cy="{_LINE:g}" r="4"/>',
    ]
    told = escape(words, quote=True)
    size = f'viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}"'
    return f'<svg class="effect-axis" {size} role="img" aria-label="{told}">{"".join(parts)}</svg>'


def _path(name: str, d: str) -> str:
    return f'<path class="{name}" d="{d}"/>'


def _label(value: float) -> str:
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def _ticks(low: float, high: float, effect: Effect) -> Sequence[float]:
    """Return round values inside the limits, at most a handful."""
    if not effect.is_log:
        return _round_values(low, high)
    decades = range(math.floor(low) - 1, math.ceil(high) + 1)
    for digits in ((1.0, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 7.0, 9.0), (1.0, 2.0, 5.0), (1.0,)):
        found = _inside((digit * 10.0**decade for decade in decades for digit in digits), low, high)
        if len(found) <= _MOST_TICKS:
            break
    while len(found) > _MOST_TICKS:
        found = found[::2]
    return found if len(found) > 1 else _round_values(10**low, 10**high)


def _inside(values: Iterable[float], low: float, high: float) -> list[float]:
    return [value for value in values if low <= math.log10(value) <= high]


def _round_values(low: float, high: float) -> list[float]:
    """Return what the finest round step with few enough has inside the limits: two values or more."""
    power = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    found: list[float] = []
    for step in (power * digit for digit in (2, 5, 10, 20, 50)):
        found = [step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1)]
        if len(found) <= _MOST_TICKS:
            break
    return found
