"""One study's results as an object, for notebooks and programs: typed frames, rulings, tables and figures.

Reads the same files by the same code as the report does, and needs neither torch nor Ray. Nothing here
writes, `write_report` aside. Frames of runs, epochs, choices, predictions and claims are the caller's own to
change; a table or figure is made once, and who asks for it again gets the same one.
"""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar, overload

import pandas as pd

from analysis import report
from analysis.blocks.claims import lay_out_verdicts, tabulate_verdicts
from analysis.blocks.registry import PLOTS, TABLES
from analysis.claims import Verdict
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page import by_dataset, progress
from analysis.render.figure import RenderedFigure
from analysis.render.table import RenderedTable
from harness.arguments import resolved
from harness.declaration import Declaration
from harness.manifest import Manifest

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Claims(Sequence[Verdict]):
    """A study's claims with their rulings, in the study file's order; shows itself as the report's table."""

    verdicts: tuple[Verdict, ...]

    @overload
    def __getitem__(self, place: int) -> Verdict: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Verdict]: ...
    def __getitem__(self, place: int | slice) -> Verdict | Sequence[Verdict]:
        return self.verdicts[place]

    def __len__(self) -> int:
        return len(self.verdicts)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a claim, columns as in `report/tables/claims.csv`."""
        return tabulate_verdicts(self.verdicts)

    def __repr__(self) -> str:
        lines = [
            f"{number}. {verdict.ruling_in_words()}: {verdict.said()} ({verdict.measured_where()})"
            for number, verdict in enumerate(self.verdicts, start=1)
        ]
        return "\n".join(lines) or "no claims declared"

    def _repr_html_(self) -> str:
        return lay_out_verdicts(self.verdicts).to_html(index=False, border=0)


class Shelf(Mapping[str, Item], Generic[Item]):
    """What a report holds of one sort, by name, each made when it is asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Mapping[str, Item]]]) -> None:
        """Know by the name of a block what makes its items, which are several where data sets are."""
        self._makers = makers
        self._made: dict[str, Mapping[str, Item]] = {}

    def __getitem__(self, name: str) -> Item:
        for block, maker in self._makers.items():
            if name == block or name.startswith(f"{block}-"):
                if block not in self._made:
                    self._made[block] = maker()
                if name in self._made[block]:
                    return self._made[block][name]
        raise KeyError(f"{name}; there are {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        for block, maker in self._makers.items():
            if block not in self._made:
                self._made[block] = maker()
            yield from self._made[block]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


@dataclass(frozen=True, eq=False)
class Results:
    """What a study found. `harness.results(DIR)` returns one."""

    facts: Facts
    """What everything here is worked out from; what it holds must not be changed."""

    @property
    def folder(self) -> Path:
        """The results folder."""
        return self.facts.records.folder.root

    @property
    def declaration(self) -> Declaration:
        """What was to be measured and ruled, as it was sealed before the first run."""
        return self.facts.records.declaration

    @property
    def manifest(self) -> Manifest:
        """Where it ran: machine, versions, commit, slots, later sessions."""
        return self.facts.records.manifest

    @property
    def is_sealed(self) -> bool:
        """Whether journal and declaration agree; no claim is decided where they do not."""
        return self.facts.records.seal.state == "sealed"

    @property
    def progress(self) -> tuple[int, int]:
        """How many runs have ended, and how many are planned as far as is known."""
        return progress.counted(self.facts.records)

    @property
    def missing(self) -> str | None:
        """What has not run yet, in words; None for a finished study."""
        return progress.progress(self.facts.records)

    @cached_property
    def claims(self) -> Claims:
        """Every claim with its ruling, corrected together."""
        return Claims(tuple(self.facts.verdicts))

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run, columns as in `runs.parquet`: arm, phase, seed, `config.*`, metrics, seconds."""
        return self.facts.records.runs.copy()

    @property
    def epochs(self) -> pd.DataFrame:
        """One row an epoch of a run, columns as in `epochs.parquet`."""
        return self.facts.records.epochs.astype({"run_id": "str"})

    @property
    def chosen(self) -> pd.DataFrame:
        """What each search chose: one row an arm and repeat, its configuration in columns `config.*`."""
        records = self.facts.records
        own = [column for column in records.runs if str(column).startswith("config.")]
        winners = records.runs[records.runs["run_id"].isin(records.all_winners)]
        columns = ["arm", "repeat", "run_id", *own]
        return winners[columns].dropna(axis="columns", how="all").reset_index(drop=True)

    def predictions(self, run_id: str) -> pd.DataFrame | None:
        """Return the class that a confirm run gives each test image; None where none are kept.

        Columns: `image` (its place in the published order), `label`, `predicted`.
        """
        predicted, labels = self.facts.records.predictions(run_id), self.facts.records.test_labels
        if predicted is None or labels is None:
            return None
        return pd.DataFrame({"image": range(len(labels)), "label": labels, "predicted": predicted})

    @cached_property
    def tables(self) -> Mapping[str, RenderedTable]:
        """The report's tables by name; each has its `numbers` (tidy) and `cells` (as readers see them)."""

        def made(name: str) -> Mapping[str, RenderedTable]:
            table = by_dataset.table_of(name, TABLES[name], self.facts)
            return {} if table is None else {name: table}

        return Shelf({name: lambda name=name: made(name) for name in TABLES})  # type: ignore[misc]

    @cached_property
    def figures(self) -> Mapping[str, RenderedFigure]:
        """The report's figures by name; each has its `drawing` (matplotlib), `svg`, `png()` and `csv`."""

        def made(name: str) -> Mapping[str, RenderedFigure]:
            own = by_dataset.figures_of(name, PLOTS[name], self.facts)
            return {figure.name: figure for figure in own if figure.drawing is not None}

        return Shelf({name: lambda name=name: made(name) for name in PLOTS})  # type: ignore[misc]

    def write_report(self) -> Path:
        """Write the whole report again, and both parquet files; return the path of its page.

        Raises:
            ResultsError: It cannot be written.
        """
        return report.write_report(self.folder)

    @property
    def _state(self) -> str:
        state = f"not finished: {self.missing}" if self.missing else "finished"
        return f"{state}, {self.facts.records.seal.in_words()}"

    def __repr__(self) -> str:
        return f"{self.declaration.study} ({self._state})\n{self.claims!r}"

    def _repr_html_(self) -> str:
        head = f"<p><b>{html.escape(self.declaration.study)}</b> ({html.escape(self._state)})</p>"
        return f"{head}{self.claims._repr_html_()}"


def results(folder: str | Path, *, declared: str | None = None) -> Results:
    """Read the results of one study, finished or not.

    Args:
        folder: A folder that `python -m harness.sweep` wrote, such as `results/optimizers`.
        declared: SHA-256 of its declaration as it was kept elsewhere: of another one no claim is decided.

    Raises:
        ResultsError: It is no results folder, or a file of it is damaged.
    """
    return Results(Facts(load_study(resolved(Path(folder)), declared)))
