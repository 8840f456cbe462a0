"""Names in figures: beside the ends of lines, at the sides, above panels; moved apart and kept inside."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.render.figure import ArmStyle

_LABEL_SIZE = 8
"""Of names beside lines, in points."""
_USUAL_GAP = 0.085
"""Between names beside a panel, in axes fractions."""
_LONG_NAME = 18
"""Letters from which on a name beside a panel needs more room than the layout leaves it."""
_LONG_TITLE = 22
"""Letters that fit above a panel at the usual size, beside what else stands there."""


def label_ends(ax: Axes, ends: dict[str, tuple[float, float]], styles: dict[str, ArmStyle]) -> None:
    """Write each arm's name beside the end of its line, moved apart where names would overlap.

    Args:
        ax: Its limits and scales must be final.
        ends: Arm to the data coordinates of the last point of its line.
        styles: Look of every arm.
    """
    arms = sorted(ends, key=lambda arm: ends[arm][1])
    if not arms:
        return
    heights = ax.transAxes.inverted().transform(ax.transData.transform([ends[arm] for arm in arms]))[:, 1]
    figure, gap = cast("Figure", ax.figure), _label_gap(len(arms))
    room = gap * ax.get_position().height * 72 * figure.get_figheight()
    placed = spread(list(heights), gap=gap)
    leave_room_for(figure, (styles[arm].label for arm in arms))
    lift = max(0.0, 0.02 - placed[0])  # a name below the axis would cover what stands there
    if gap < _USUAL_GAP:
        placed, lift = [gap * rank for rank in range(len(arms))], 0.02
    for arm, height in zip(arms, placed, strict=True):
        leader = {
            "arrowstyle": "-",
            "color": styles[arm].color,
            "shrinkA": 0,
            "shrinkB": 0,
            "relpos": (0, 0.5),
        }
        ax.annotate(
            styles[arm].label,
            xy=ends[arm],
            xytext=(1.05, height + lift),
            textcoords="axes fraction",
            va="center",
            fontsize=min(_LABEL_SIZE, room / 1.15),
            annotation_clip=False,
            arrowprops=leader,
        )


def _label_gap(count: int) -> float:
    """Return how far names beside a panel stand apart, in axes fractions: many of them fill its height."""
    return min(_USUAL_GAP, 0.96 / max(1, count - 1))


def height_for_labels(count: int, usual: float, *, rows: int = 1) -> float:
    """Return the height of a figure in inches that has so many names beside a panel of each row.

    Args:
        count: Of names beside a panel.
        usual: The height that is enough for few.
        rows: Of panels.
    """
    gap = _label_gap(count)
    if gap == _USUAL_GAP:
        return usual
    return max(usual, rows * (1.15 * _LABEL_SIZE / 72 / gap + 0.5) + 0.4)


def leave_room_for(figure: Figure, names: Iterable[str]) -> None:
    """Widen the margins of a figure whose long names stand at its sides.

    They come out a few pixels wider in the files than where the layout measures them.
    """
    longest = max((len(name) for name in names), default=0)
    engine = figure.get_layout_engine()
    if longest > _LONG_NAME and isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=0.04 + 0.005 * (longest - _LONG_NAME))


def name_panel(ax: Axes, name: str, **look: Any) -> None:
    """Write an arm's name above its panel, a long one smaller, so that it stays inside.

    Args:
        ax: One panel of several beside each other.
        name: A style's label.
        look: More arguments of `set_title`.
    """
    if len(name) > _LONG_TITLE:
        look["fontsize"] = min(look.get("fontsize", 10), 10 * _LONG_TITLE / len(name))
    ax.set_title(name, **look)


def spread(heights: Sequence[float], *, gap: float) -> list[float]:
    """Return ascending heights moved apart to at least `gap`, as little as possible on average.

    Groups of neighbours that are too close are centred on their mean; groups that then touch are merged.
    """
    groups: list[tuple[float, int]] = []  # mean height and number of members
    for height in heights:
        groups.append((height, 1))
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            (upper, more), (lower, fewer) = groups.pop(), groups.pop()
            groups.append(((upper * more + lower * fewer) / (more + fewer), more + fewer))
    return [mean + gap * (place - (size - 1) / 2) for mean, size in groups for place in range(size)]
