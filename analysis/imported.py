"""A report of runs that another tool recorded: exploratory, without protocol, and ruling nothing.

Nothing is known of how such runs were chosen, seeded or stopped, so they become no study of ours: no journal,
no declaration, no claim. What can be said is drawn: what was tried, and what it reached.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.output import write_figures, write_tables
from analysis.page.document import render
from analysis.render import numbers
from analysis.render.axes import panel_grid, ring
from analysis.render.figure import INK, PETROFF10, RC, RenderedFigure, as_csv, literal, mark_size
from analysis.render.names import name_panel
from analysis.render.svg import as_css
from analysis.render.table import RenderedTable
from harness.records.whole_file import write_file

MARK = "Exploratory: imported, no protocol"
NOTICE = (
    f"{MARK}. Nothing here was declared before its data, and nobody knows how these runs were chosen, seeded "
    "or stopped. The value that ranks them is the one that chose them, so the best ones look better than "
    "they are. No claim is ruled."
)
_N_BEST = 10
_MOST_PANELS = 12
_DECADES = 100
"""Positive values that span such a factor are drawn on a logarithmic scale where no scale is known."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Runs of another tool."""

    source: str
    """As the user named it."""
    study: str
    metric: str
    mode: Literal["min", "max"]
    runs: pd.DataFrame
    """One row a run: `number`, `status`, `value` (NaN where there is none), then the parameters."""
    log: frozenset[str] = frozenset()
    """Parameters with a logarithmic range, where that is known."""

    @property
    def parameters(self) -> list[str]:
        """What was tried."""
        return [str(name) for name in self.runs.columns if name not in {"number", "status", "value"}]

    @property
    def valued(self) -> pd.DataFrame:
        """The runs that have a value."""
        return self.runs[self.runs["value"].notna()]

    @property
    def ranked(self) -> pd.DataFrame:
        """The same, the best first; of equals the earlier one."""
        return self.valued.sort_values(["value"], ascending=self.mode == "min", kind="stable")


def write_imported(imported: Imported, folder: Path) -> Path:
    """Write the report: one page, its table and figures, and the runs as CSV; return the page's path.

    Raises:
        ResultsError: The folder cannot be written.
    """
    table = _best(imported)
    with mpl.rc_context(RC):
        figures = [figure for figure in (_course(imported), _settings(imported)) if figure.drawing]
        styles: dict[str, str] = {}
        drawings = {figure.name: figure.inline_svg(styles, {}) for figure in figures}
        write_figures(folder / "figures", figures, has_pdf=False)
    write_tables(folder / "tables", [table])
    write_file(folder / "runs.csv", numbers.csv_text(imported.runs))
    page = folder / "index.html"
    context = {
        "imported": imported,
        "mark": MARK,
        "notice": NOTICE,
        "css": as_css(styles),
        "facts": _facts(imported),
        "best": table,
        "figures": figures,
        "drawings": drawings,
    }
    write_file(page, render("imported.html", context))
    return page


def _facts(imported: Imported) -> list[tuple[str, str]]:
    ends = imported.runs["status"].value_counts()
    return [
        ("Imported from", imported.source),
        ("Study there", imported.study),
        ("Ranked by", f"{imported.metric}, {'lower' if imported.mode == 'min' else 'higher'} is better"),
        ("Runs", ", ".join(f"{count:,} {status}" for status, count in ends.items())),
        ("Parameters", ", ".join(imported.parameters) or "none"),
    ]


def _best(imported: Imported) -> RenderedTable:
    """Return the best runs with what they tried."""
    best = imported.ranked.head(_N_BEST)
    cells = pd.DataFrame({"Run": best["number"].astype(str), imported.metric: best["value"].map(_short)})
    for name in imported.parameters:
        cells[name] = best[name].map(_short)
    return RenderedTable(
        name="best",
        title="What reached most",
        caption=(
            f"The {len(best)} best of {len(imported.valued)} runs with a value. Each is a single run: "
            f"nothing says how it would come out again. {MARK}."
        ),
        numbers=best,
        cells=cells,
    )


def _short(value: Any) -> str:
    if isinstance(value, float):
        return numbers.ABSENT if math.isnan(value) else f"{value:.4g}"
    return numbers.ABSENT if value is None else str(value)


def _course(imported: Imported) -> RenderedFigure:
    """Return each run's value in the order of their numbers, and the best so far."""
    runs = imported.valued.sort_values("number")
    so_far = runs["value"].cummin() if imported.mode == "min" else runs["value"].cummax()
    frame = runs[["number", "value"]].assign(best_so_far=so_far)
    figure = None
    if len(runs):
        figure = Figure(figsize=(6.4, 3.0), layout="constrained")
        ax = figure.subplots()
        look: dict[str, Any] = {"color": PETROFF10[0], **mark_size(14, len(frame))}
        ax.scatter(frame["number"], frame["value"], **look)
        ax.step(frame["number"], so_far, where="post", color=INK, linewidth=1.2)
        ax.set_xlabel("run")
        ax.set_ylabel(literal(imported.metric))
    return RenderedFigure(
        name="course",
        title="What was reached when",
        caption="Dots: runs, by their number. Line: the best so far, which only improves, by luck too.",
        alt=f"{len(runs)} runs by their number; the best is {_short(_extreme(so_far))}.",
        csv=as_csv(frame),
        drawing=figure,
    )


def _extreme(so_far: "pd.Series[float]") -> float:
    return float(so_far.iloc[-1]) if len(so_far) else math.nan


def _settings(imported: Imported) -> RenderedFigure:
    """Return what runs reached by each parameter that varies."""
    runs = imported.valued
    varying = [name for name in imported.parameters if len(runs[name].unique()) > 1][:_MOST_PANELS]
    figure = None
    if varying:
        figure, axes = panel_grid(len(varying), columns=min(3, len(varying)), side=2.4, sharey=True)
        for ax, name in zip(axes, varying, strict=True):
            _draw(ax, imported, name)
        for ax in axes[:: min(3, len(varying))]:
            ax.set_ylabel(literal(imported.metric))
    left_out = len(imported.parameters) - len(varying)
    rest = f" {left_out} that do not vary, or are beyond twelve, are not drawn." if left_out else ""
    return RenderedFigure(
        name="settings",
        title="What each setting reached",
        caption=f"Every run with a value, by each parameter; ringed: the best.{rest} The others vary too.",
        alt=f"Values of {len(runs)} runs by {', '.join(varying)}.",
        csv=as_csv(runs[["number", "value", *varying]]),
        drawing=figure,
    )


def _draw(ax: Axes, imported: Imported, name: str) -> None:
    runs = imported.ranked[imported.ranked[name].notna()]
    values = runs[name]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        places = values.astype("float64")
        if name in imported.log or (places.min() > 0 and places.max() >= _DECADES * places.min()):
            ax.set_xscale("log")
    else:
        texts = values.astype(str)
        order = sorted(texts.unique())
        places = texts.map({text: place for place, text in enumerate(order)}).astype("float64")
        ax.set_xticks(range(len(order)), [literal(text) for text in order], rotation=30)
    look: dict[str, Any] = {"color": PETROFF10[0], **mark_size(12, len(runs))}
    ax.scatter(places, runs["value"], **look)
    ring(ax, places[:1], runs["value"][:1], area=60)
    name_panel(ax, literal(name))


def from_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return runs as the frame that a report is made from."""
    frame = pd.DataFrame(list(rows))
    return frame.assign(value=pd.to_numeric(frame["value"], errors="coerce")) if len(frame) else _NONE


_NONE = pd.DataFrame({"number": [], "status": [], "value": []})
"""No runs."""
