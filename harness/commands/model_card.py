"""The model card of a winner: what is known of it from the study's records, and no more.

Source: Mitchell et al. 2019, Model Cards for Model Reporting, figure 1 (sections).
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.records import StudyRecords
from analysis.statistics import t_interval
from harness.programs.launch import environment
from harness.programs.placeholders import words_of
from harness.recipe.data import DatasetSpec
from harness.winning.texts import TEXTS
from harness.winning.winner import ConfirmedRun, Winner

if TYPE_CHECKING:
    from harness.winning.again import Weights


@dataclass(frozen=True, kw_only=True)
class _Result:
    label: str
    mean: str
    own: str


@dataclass(frozen=True, kw_only=True)
class _Class:
    name: str
    samples: int
    own: str
    mean: str


def model_card(
    winner: Winner,
    records: StudyRecords,
    spec: DatasetSpec | None,
    weights: "Weights | None" = None,
    file: str = "",
) -> str:
    """Return the text of the card.

    Args:
        winner: What was chosen.
        records: Of the study that chose it.
        spec: The data set; None where a program trains.
        weights: Those that are taken along, if some are.
        file: The name of their file.
    """
    declaration, manifest = records.declaration, records.manifest
    is_recipe = declaration.trial is None
    recipe = winner.recipe.model_dump(mode="json", exclude_none=True) if is_recipe else winner.configuration
    machine = manifest.machine
    classes = list(_classes(winner, records, spec))
    return TEXTS.get_template("card.md.jinja").render(
        winner=winner,
        question=declaration.question,
        weights=_of_weights(weights, file) if weights else None,
        results=list(_results(winner, records)),
        classes=classes,
        n_predicted=len(winner.runs),
        data=declaration.data_of(winner.arm) if is_recipe else None,
        source=spec.source if spec else "",
        licence=spec.licence if spec else "",
        note=spec.note if spec else "",
        fields=recipe,
        commands=list(commands(winner, records)),
        searched=_searched(winner, records),
        seal=records.seal.in_words(),
        journal=records.journal_sha256,
        machine=", ".join(filter(None, [machine.cpu, machine.system])) or "unknown",
        versions=", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        commit=manifest.git.commit or "unknown",
    )


def commands(winner: Winner, records: StudyRecords) -> Iterator[str]:
    """Yield the command of each confirm run of a program, as a shell takes it; none of a recipe.

    `RUN_DIR` stands for a folder in which a run may write.
    """
    trial = records.declaration.trial
    for run in winner.runs if trial else ():
        given = {"seed": run.seed, "epochs": winner.configuration["epochs"], "phase": "confirm"}
        values = {**winner.configuration, **given, "run_dir": "RUN_DIR"}
        words = words_of(trial.command, values) if trial else []
        variables = environment(
            {},
            seed=run.seed,
            phase="confirm",
            run_dir=Path("RUN_DIR"),
            threads=winner.threads,
            uses_gpu=not winner.is_cpu,
        )
        yield f"{' '.join(f'{name}={value}' for name, value in variables.items())} {shlex.join(words)}"


def _of_weights(weights: "Weights", file: str) -> dict[str, Any]:
    from safetensors.torch import load

    tensors = load(weights.content)
    return {
        "file": file,
        "parameters": f"{sum(each.numel() for each in tensors.values()):,}",
        "sha256": weights.sha256,
        "run": weights.run,
        "is_kept": weights.is_kept,
        "differences": weights.differences,
        "inputs": "(input - center) * scale + shift, the numbers in the file's metadata",
    }


def _results(winner: Winner, records: StudyRecords) -> Iterator[_Result]:
    """Yield every metric on test data, then on validation data."""
    for part in ("test", "val"):
        for name in (f"{part}_{metric}" for metric in winner.metrics):
            values = [run.values.get(name) for run in winner.runs]
            known = [float(value) for value in values if value is not None]
            if not known:
                continue
            metric, interval = records.metrics[name], t_interval(known)
            own = winner.best_run.values.get(name)
            unit = f" {metric.value_unit}".rstrip()
            yield _Result(
                label=metric.label,
                mean=metric.amount(interval.mean, interval.half_width) + unit,
                own=metric.amount(None if own is None else float(own)) + unit,
            )


def _classes(winner: Winner, records: StudyRecords, spec: DatasetSpec | None) -> Iterator[_Class]:
    """Yield each class with its accuracies, of the best run and of all; nothing without all predictions."""
    predictions = records.frames.predictions
    dataset = winner.configuration.get("dataset")
    if dataset not in predictions.datasets:
        return
    predicted = [predictions.of(run.run_id) for run in winner.runs]
    known = [classes for classes in predicted if classes is not None]
    if len(known) < len(winner.runs):
        return
    labels = predictions.labels_of(str(dataset))
    rights = np.array(known) == labels
    best = _place(winner.runs, winner.best_run)
    names = spec.class_names if spec else ()
    for label in range(predictions.n_classes_of(str(dataset))):
        members = labels == label
        if members.any():
            shares = 100 * rights[:, members].mean(axis=1)
            yield _Class(
                name=names[label] if names else str(label),
                samples=int(members.sum()),
                own=f"{shares[best]:.1f}",
                mean=f"{shares.mean():.1f}",
            )


def _place(runs: Sequence[ConfirmedRun], wanted: ConfirmedRun) -> int:
    return [run.run_id for run in runs].index(wanted.run_id)


def _searched(winner: Winner, records: StudyRecords) -> str:
    """Return how the recipe was chosen, and what the interval therefore leaves out."""
    declared, search = records.declaration.arms[winner.arm], records.declaration.search
    n_searches = search.max_repeats
    if not declared.search_runs:
        return "Nothing was searched: the study file gives every value."
    runs = declared.search_runs // n_searches
    which = f"search {winner.repeat} of {n_searches}, from 0" if n_searches > 1 else "one search"
    return (
        f"It was chosen by {which}, among {runs} runs by {search.metric}. Another search may choose another "
        f"recipe, and the interval does not say how far off that is."
    )
