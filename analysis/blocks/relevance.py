"""In which settings do the top runs of an arm's search differ from all of them, beyond chance?"""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blocks import Block, Plot
from analysis.facts import Facts
from analysis.relevance import FEWEST_RUNS, LEVEL, Group, groups_of_fields, relevance
from analysis.render import numbers
from analysis.render.figure import INK, RC, ArmStyle, literal
from analysis.search import fields_of
from analysis.statistics import factors

_MOST_ARMS = 12
"""Arms drawn; the CSV twin of the figure has all."""
_WIDEST = 104.0
"""Largest share on the axis, in percent: bands beyond it are only named."""
_ONE_LINE = 16
"""Letters of an arm's name that leave a panel's title room for the length of its runs."""


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row of panels an arm, one column a length of its runs, one line a field."""
    arms = list(dict.fromkeys(frame["arm"]))[:_MOST_ARMS]
    frame = frame[frame["arm"].isin(arms)]
    lengths = [name for name in ("early", "full") if name in set(frame["fidelity"])]
    heights = [max(_lines(frame, arm, length) for length in lengths) for arm in arms]
    with mpl.rc_context(RC):
        size = (1.2 + 4.2 * len(lengths), 0.6 + sum(0.55 + 0.24 * height for height in heights))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(
            len(arms), len(lengths), squeeze=False, gridspec_kw={"height_ratios": [1.5 + h for h in heights]}
        )
        for row, arm, height in zip(axes, arms, heights, strict=True):
            for ax, length in zip(row, lengths, strict=True):
                panel = frame[(frame["arm"] == arm) & (frame["fidelity"] == length)]
                ax.set_visible(len(panel) > 0)
                if len(panel):
                    _draw_panel(ax, panel, styles[arm], height)
        for ax in axes.flat:
            ax.set_xlim(-2, 104)
        for ax in axes[-1]:
            ax.set_xlabel("share of the divergence (%)")
    return figure


def _lines(frame: pd.DataFrame, arm: str, length: str) -> int:
    """Return how many lines a panel needs: one a field and one above each group."""
    panel = frame[(frame["arm"] == arm) & (frame["fidelity"] == length)]
    return len(panel) + panel["condition"].nunique()


def _draw_panel(ax: Axes, frame: pd.DataFrame, style: ArmStyle, height: int) -> None:
    """Draw the groups of one arm and length below each other."""
    heights: list[int] = []
    line = 0
    for _, group in frame.groupby("condition", sort=False):
        corner: dict[str, Any] = {"xy": (0.01, line), "xycoords": ("axes fraction", "data")}
        ax.annotate(literal(_heading(group)), **corner, va="center", fontsize=7.5)
        rows = list(range(line + 1, line + 1 + len(group)))
        _draw_group(ax, group, rows, style)
        heights += rows
        line = rows[-1] + 1
    gap = "\n" if len(style.label) > _ONE_LINE else " "  # a long name needs the panel's width for itself
    ax.set_title(f"{style.label},{gap}{_length_in_words(frame)}")
    ax.set_yticks(heights, [literal(field) for field in frame["field"]])
    ax.set_ylim(height - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")


def _draw_group(ax: Axes, group: pd.DataFrame, heights: list[int], style: ArmStyle) -> None:
    """Draw the shares of one group, filled where named, with the band of noise across them."""
    shares = 100 * group["share"]
    ax.hlines(heights, 0, shares.fillna(0), color=style.color, linewidth=1.2)
    for is_named, face in ((True, style.color), (False, "white")):
        is_drawn = list(group["is_named"] == is_named)
        ys = [height for height, is_here in zip(heights, is_drawn, strict=True) if is_here]
        look: dict[str, Any] = {"marker": style.marker, "edgecolor": style.color, "facecolor": face}
        ax.scatter(shares[is_drawn], ys, s=38, zorder=3, **look)
    band = 100 * group["band_share"].iloc[0]
    if numbers.is_present(band) and band <= _WIDEST:
        ends = (heights[0] - 0.45, heights[-1] + 0.45)
        ax.plot([band, band], ends, color=INK, linestyle=(0, (3, 2)), linewidth=1.1, zorder=2.5)


def _heading(group: pd.DataFrame) -> str:
    """Return whose runs a group has, and up to which share noise reaches."""
    first = group.iloc[0]
    runs, condition = f"{first['runs']} runs", first["condition"]
    who = f"{runs} with {condition}" if condition else f"all {runs}"
    if first["is_constant"]:
        return f"{who}: no variation"
    if len(group) == 1:
        who += ", one setting"
    return f"{who}: noise up to {_percent(first['band_share'])}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _length_in_words(frame: pd.DataFrame) -> str:
    epoch = frame["epoch"].iloc[0]
    return f"after epoch {epoch}" if frame["fidelity"].iloc[0] == "early" else "at full length"


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return how shares and noise were worked out, over which runs, and which were too few."""
    left_out = _left_out(facts)
    if frame.empty:
        return f"No setting's relevance is shown. {left_out}".rstrip()
    how = (
        "Which settings tell an arm's best runs from all its runs. How far the settings of the top runs of "
        f"an arm's search (a tenth, at least {factors.FEWEST_BEST}) differ from those of all: the Pearson "
        "divergence of the two densities "
        "(PED-ANOVA, Watanabe et al. 2023), as a share of its sum over the settings listed together. Dashed: "
        f"what noise reaches, from {factors.PERMUTATIONS} permutations of the runs' values of "
        f"{frame['metric'].iloc[0]}: a panel in which no setting matters has a mark beyond it with a chance "
        f"of at most {_percent(LEVEL)}. Filled: beyond noise; hollow: within it, so whether the "
        "setting matters is not known. Shares hold for the declared ranges; a single setting has all of its "
        "own."
    )
    sentences = [how, _compared_in_words(frame)]
    if facts.records.declaration.search.sampler not in {"random", "grid", "qmc"}:
        sentences.append(
            "The sampler went where values were promising, so most runs resemble the top ones: a setting "
            "that matters may well stay within noise."
        )
    if frame["condition"].any():
        sentences.append("Settings of one branch are compared among the runs that took it.")
    if frame["is_constant"].any():
        sentences.append("No variation: all runs have the same value, so none is on top.")
    drawn = frame["arm"].nunique()
    if drawn > _MOST_ARMS:
        sentences.append(f"The first {_MOST_ARMS} of {drawn} arms are drawn.")
    return " ".join([*sentences, left_out]).rstrip()


def _compared_in_words(frame: pd.DataFrame) -> str:
    """Return after which epoch runs were compared, and what became of those without a value there."""
    runs = frame.drop_duplicates(["arm", "fidelity", "condition"])
    runs = runs[runs["condition"] == ""]
    diverged = f"diverged runs rank last ({runs.drop_duplicates('arm')['diverged'].sum()} of them)"
    if "early" not in set(frame["fidelity"]):
        return f"Compared at full length; {diverged}."
    return (
        "After the named epoch, the last that every run reached which did not diverge, stopped runs count "
        f"like all others and {diverged}; at full length there are only the completed runs, which early "
        "stopping had selected."
    )


def _left_out(facts: Facts) -> str:
    """Return which arms and branches have too few runs, as a sentence; empty where none has."""
    small: list[str] = []
    for arm, groups in facts.once(groups_of_fields).items():
        if fields_of(facts.records.declaration.arms[arm].space) and not groups:
            small.append(f"{arm} (no run)")
        few = [group for group in groups if not group.is_enough]
        small += [f"{arm}{_group_in_words(group)} ({len(group.runs)})" for group in _largest(few)]
    return f"Left out, with fewer than {FEWEST_RUNS} runs: {', '.join(small)}." if small else ""


def _largest(few: list[Group]) -> list[Group]:
    """Return those of some too small groups that are no part of another one, as a branch is."""
    wide = {group.length.fidelity for group in few if not group.condition}
    if "early" in wide:
        return [group for group in few if group.length.fidelity == "early" and not group.condition]
    return [group for group in few if not group.condition or group.length.fidelity not in wide]


def _group_in_words(group: Group) -> str:
    length = " after the first rung" if group.length.fidelity == "early" else " at full length"
    return f"{length} with {group.condition}" if group.condition else length


def alt(frame: pd.DataFrame) -> str:
    """Return the settings that stand out of the noise in each arm, and how many do not."""
    groups = []
    for (arm, _, condition), group in frame.groupby(["arm", "fidelity", "condition"], sort=False):
        named = [
            f"{row['field']} {_percent(row['share'])}" for row in group[group["is_named"]].to_dict("records")
        ]
        within = len(group) - len(named)
        where = f"{arm} {_length_in_words(group)}" + (f" with {condition}" if condition else "")
        groups.append(f"{where}: {', '.join(named) or 'none'} beyond noise, {within} within")
    return f"Share of each searched setting in how the top runs differ from all. {'; '.join(groups)}."


def _is_for(facts: Facts) -> bool:
    """Return whether an arm was searched over several settings, so that there is something to compare."""
    several = any(len(fields_of(arm.space)) > 1 for arm in facts.records.declaration.arms.values())
    return facts.is_searched and several


RELEVANCE = Block(
    name="relevance",
    section="trust",
    plot=Plot(
        title="Which settings mattered?",
        compute=relevance,
        draw=draw,
        caption=caption,
        alt=alt,
        is_for=_is_for,
    ),
)
