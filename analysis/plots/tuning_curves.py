"""Tuning curves: what did the search's budget buy, trial by trial?"""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from analysis import tuning_curves
from analysis.claims.metrics import METRICS
from analysis.plots.spec import Plot
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import label_ends
from analysis.render.style import RC, ArmStyle
from analysis.winner_rule import WinnerRule


def draw_tuning_curves(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one line an arm: steps for the path of a search, a curve with its band for independent trials."""
    metric = METRICS[str(frame["metric"].iloc[0])]
    frame = frame.assign(**{name: frame[name] * metric.scale for name in ("value", "low", "high")})
    is_path = frame["kind"].iloc[0] == "path"
    with mpl.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        ax = figure.subplots()
        for arm, rows in frame.groupby("arm", sort=False):
            (_draw_path if is_path else _draw_median)(ax, rows, styles[str(arm)])
            ax.plot(*rows[["trials", "value"]].iloc[-1], "|", color=styles[str(arm)].color, markersize=9)
        _set_trials(ax, int(frame["trials"].max()), is_log=not is_path)
        ax.set_xlabel("search trials that have ended" if is_path else "independent search trials (log scale)")
        ax.set_ylabel(f"{metric.label}{' (%)' if metric.unit else ''}")
        last = frame.dropna(subset="value").groupby("arm", sort=False).tail(1).to_dict("records")
        label_ends(ax, {row["arm"]: (row["trials"], row["value"]) for row in last}, styles)
    return figure


def _set_trials(ax: Axes, most: int, *, is_log: bool) -> None:
    """Set the horizontal axis: from the first trial to a little beyond the last."""
    if is_log:
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        ax.set_xlim(0.9, 1.08 * most)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.set_xlim(0, 1.02 * most)


def _draw_path(ax: Axes, rows: pd.DataFrame, style: ArmStyle) -> None:
    """Draw the steps of one search, with a mark where it found something."""
    line: dict[str, Any] = {"color": style.color, "linestyle": style.line, "linewidth": 1.5}
    ax.step(rows["trials"], rows["value"], where="post", **line)
    found = rows.drop_duplicates("run_id")
    ax.plot(found["trials"], found["value"], style.marker, color=style.color, markersize=4.5)


def _draw_median(ax: Axes, rows: pd.DataFrame, style: ArmStyle) -> None:
    """Draw one tuning curve; its band is shaded where both ends exist, each end a thin line where it does."""
    ax.plot(rows["trials"], rows["value"], color=style.color, linestyle=style.line, linewidth=1.7)
    for end in ("low", "high"):
        ax.plot(rows["trials"], rows[end], color=style.color, linestyle=style.line, linewidth=0.7)
    ax.fill_between(rows["trials"], rows["low"], rows["high"], color=style.color, alpha=0.13, linewidth=0)


def caption_tuning_curves(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what the lines are, why there is a band or none, and how many trials gave a value."""
    if frame.empty:
        return "No tuning curve: no search run has reached full length."
    rule = WinnerRule.of(records.manifest)
    most = "highest" if rule.sign > 0 else "lowest"
    arms = frame.drop_duplicates("arm")
    how = _of_path(records, most) if frame["kind"].iloc[0] == "path" else _of_median(most)
    counted = (
        f"Of {_span(arms['n'])} trials an arm, {_span(arms['completed'])} reached full length; stopped, "
        "diverged and failed ones count as trials that gave nothing. A line ends, with a bar, at the arm's "
        f"last trial. Values are those of single runs, and the {most} of several is optimistic."
    )
    missing = [
        arm for arm in records.arms if records.manifest.arms[arm].space and arm not in set(arms["arm"])
    ]
    lost = f"No run of full length: {', '.join(missing)}." if missing else ""
    return " ".join([how.format(value=rule.in_words()), counted, lost]).rstrip()


def _of_path(records: StudyRecords, most: str) -> str:
    search = records.manifest.search
    stops = ", runs stopped early" if isinstance(search.get("early_stopping"), dict) else ""
    return (
        f"The {most} {{value}} so far, in the order in which trials ended, with a mark where it changed. "
        f"Each line is the one path that one search walked (n = 1; sampler {search.get('sampler')}{stops}): "
        "its trials depend on each other, so there is no band, and another search would walk another path."
    )


def _of_median(most: str) -> str:
    return (
        f"Median over searches of the {most} {{value}} that so many independent random trials reach, "
        "estimated from all trials of the arm (Lourie et al. 2023). Band: 95 % for all numbers of trials of "
        "an arm at once, from the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant; where one "
        "of its edges is missing, the trials do not bound that side."
    )


def _span(counts: "pd.Series[int]") -> str:
    least, most = int(counts.min()), int(counts.max())
    return str(least) if least == most else f"{least} to {most}"


def alt_tuning_curves(frame: pd.DataFrame) -> str:
    """Return what each arm reached after a quarter of its trials and after all of them."""
    said = []
    for arm, rows in frame.groupby("arm", sort=False):
        n = int(rows["n"].iloc[0])
        early = max(1, n // 4)
        values = [_reached(rows, trials) for trials in (early, n)]
        said.append(f"{arm} {values[0]} after {early} of its trials and {values[1]} after all {n}")
    return f"What the search reached against the number of its trials. {'; '.join(said)}."


def _reached(rows: pd.DataFrame, trials: int) -> str:
    """Return the value at a number of trials: that of the last row up to it."""
    found = rows.loc[rows["trials"] <= trials, "value"]
    metric = METRICS[str(rows["metric"].iloc[0])]
    decimals = 2 if metric.unit else 4
    value = float(found.iloc[-1]) if len(found) else None
    text = numbers.with_uncertainty(value, None, scale=metric.scale, decimals=decimals)
    return f"{text}{' %' if metric.unit and text != numbers.ABSENT else ''}"


TUNING_CURVES = Plot(
    title="What the search's budget bought",
    section="trust",
    compute=tuning_curves.compute_tuning_curves,
    draw=draw_tuning_curves,
    caption=caption_tuning_curves,
    alt=alt_tuning_curves,
    is_for=tuning_curves.has_budget,
)
