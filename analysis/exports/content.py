"""What is exported: a study, its runs and its rulings, as facts that every target writes in its own form."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Protocol

from analysis.results import Results
from harness.recipe.metrics import record_names
from harness.records.events import Phase, Status

Scalar = str | int | float | bool

State = Literal["running", "finished", "unfinished"]
"""`unfinished`: runs are missing, and no sweep that can be seen from here works on them."""

Outcome = Literal["new", "changed", "same"]
"""What became of something at the target."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch of a run."""

    epoch: int
    """From 1."""
    at: datetime
    """When the journal had it."""
    values: Mapping[str, float]
    """What was measured, by its name in records, with `lr` and `seconds`; what is not finite is in none."""


@dataclass(frozen=True, kw_only=True)
class End:
    """How a run ended."""

    status: Status
    reason: str | None
    at: datetime
    selected_epoch: int | None
    """The epoch that stands for the run; None for the last one."""
    tested: Mapping[str, float]
    """Test values by their name in records; only a confirm run has them."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as far as the journal tells, ended or not."""

    run_id: str
    arm: str
    phase: Phase
    repeat: int
    number: int
    seed: int
    attempt: int
    """From 1; higher where the run was lost and started again, from its first epoch."""
    is_taken_over: bool
    """Whether a parent of the study trained it."""
    parameters: Mapping[str, Scalar]
    """Its configuration, as the columns `config.*` of `runs.parquet`; what it does not have is left out."""
    started_at: datetime
    epochs: Sequence[Epoch]
    end: End | None
    """None while it runs, and for ever where its sweep was killed."""

    @property
    def facts(self) -> dict[str, Scalar]:
        """What says which run it is, under names that no parameter of a program has."""
        names = ("arm", "phase", "repeat", "number", "seed", "attempt")
        own: dict[str, Scalar] = {f"harness.{name}": getattr(self, name) for name in names}
        return own | ({"harness.taken_over": True} if self.is_taken_over else {})

    @property
    def standing(self) -> dict[str, float]:
        """Validation values of the epoch that stands for the run, where one was selected, as `selected_...`.

        Trackers show a run by its last values, which then are not those that it was chosen by.
        """
        chosen = self.end.selected_epoch if self.end else None
        if chosen is None:
            return {}
        measured = next((epoch.values for epoch in self.epochs if epoch.epoch == chosen), {})
        return {f"selected_{name}": value for name, value in measured.items() if name.startswith("val_")}

    @property
    def results(self) -> dict[str, float]:
        """What is known of the run as a whole once it has ended."""
        return {} if self.end is None else {**self.standing, **self.end.tested}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as a whole, at one moment."""

    study_id: str
    """The same for the same journal wherever it lies, another one for every other."""
    results: Results
    state: State
    started_at: datetime
    last_at: datetime
    """Of the journal's last event that was read."""
    runs: Mapping[str, Run] = field(default_factory=dict)
    """Of the journal, by id, in the order in which they began."""

    @property
    def name(self) -> str:
        """What the study is called."""
        return self.results.declaration.study

    @property
    def key(self) -> str:
        """What the study is called where several of one name may lie."""
        return f"{self.name}-{self.study_id[:8]}"

    @property
    def metrics(self) -> list[str]:
        """What epochs and tests measure, by the names of records, in the study's order."""
        return record_names(self.results.declaration.metrics)

    @cached_property
    def facts(self) -> dict[str, Scalar]:
        """What was asked and by which rules, as far as it is one value."""
        declaration, search = self.results.declaration, self.results.declaration.search
        known: dict[str, Scalar | None] = {
            "question": declaration.question,
            "arms": len(declaration.arms),
            "datasets": ", ".join(data.name for data in declaration.all_data) or None,
            "baseline": declaration.baseline,
            "sampler": search.sampler,
            "trials": search.trials,
            "search_metric": search.metric,
            "mode": search.mode,
            "repeats": search.max_repeats,
            "seed": search.seed,
            "protocol_version": declaration.protocol_version,
            "declaration_sha256": self.results.facts.records.seal.sha256,
            "sealed": self.results.is_sealed,
            "commit": self.results.manifest.git.commit,
        }
        return {name: value for name, value in known.items() if value is not None}

    @cached_property
    def rulings(self) -> list[dict[str, Scalar]]:
        """Each claim with what it was ruled, in the study file's order; what is unknown is left out."""
        return [
            {"number": number, **_known(claim.as_row())}
            for number, claim in enumerate(self.results.claims, start=1)
        ]

    @property
    def rulings_by_name(self) -> dict[str, Scalar]:
        """The rulings as one row of facts: `claim.1.ruling`."""
        return {
            f"claim.{ruling['number']}.{name}": value
            for ruling in self.rulings
            for name, value in ruling.items()
            if name != "number"
        }

    def rulings_in_markdown(self) -> str:
        """Return the rulings as a list, for targets that show text."""
        lines = [
            f"{number}. **{claim.ruling_in_words()}**: {claim.said()} "
            f"({claim.measured_where()}, n = {claim.n})"
            for number, claim in enumerate(self.results.claims, start=1)
        ]
        state = "" if self.state == "finished" else f"The study is {self.state}.\n\n"
        return f"{self.results.declaration.question}\n\n{state}" + "\n".join(
            lines or ["No claim is declared."]
        )

    @property
    def varied(self) -> dict[str, list[Scalar]]:
        """The parameters in which runs differ, each with its values in the order in which they came."""
        seen: dict[str, dict[Scalar, None]] = {}
        for run in self.runs.values():
            for name, value in run.parameters.items():
                seen.setdefault(name, {})[value] = None
        holders = {name: sum(name in run.parameters for run in self.runs.values()) for name in seen}
        return {
            name: list(values)
            for name, values in seen.items()
            if len(values) > 1 or holders[name] < len(self.runs)
        }


def _known(row: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the columns that have a value; structures as compact JSON, and none that is empty."""
    is_plain = {name: isinstance(value, Scalar) for name, value in row.items()}
    return {
        name: value if is_plain[name] else json.dumps(value, ensure_ascii=False)
        for name, value in row.items()
        if is_plain[name] or value
    }


class Writer(Protocol):
    """A target, open for one study. What is there already it finds, and leaves or replaces whole."""

    place: str
    """Where the study is written, as a user would name it."""
    hint: str | None
    """How it is seen, where that takes a command."""

    def write_study(self, study: Study) -> Outcome:
        """Write what is known of the study as a whole; comes first, and again whenever that has changed."""

    def write_run(self, study: Study, run: Run) -> Outcome:
        """Write a run as far as it has come."""

    def close(self) -> None:
        """Have everything written."""
