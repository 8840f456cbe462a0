"""A winner as a study file of one arm, in which nothing is searched."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.declaration import Declaration
from harness.recipe.losses import task_of
from harness.recipe.metrics import MeasuredMetric, Metric, task_metrics
from harness.study.file import Resources
from harness.study.plan import seeds_are_common
from harness.study.seeds import confirm_seeds
from harness.winning.winner import Winner

STUDY = "study.yaml"

_LONGEST_NAME = 64


def study_text(winner: Winner, declaration: Declaration, resources: Resources) -> str:
    """Return the text of the study file.

    Args:
        winner: What was chosen.
        declaration: Of the study that chose it.
        resources: What a run of it occupied.
    """
    arm = _word(declaration.plain_name(winner.arm))
    search = declaration.search
    chosen = {"metric": search.metric, "winner": search.winner, "seed": search.seed}
    n_seeds = declaration.confirm.max_seeds
    asked = resources.model_dump(exclude={"concurrency", "own_process"}, exclude_defaults=True)
    lines = [
        *_head(winner, declaration, n_seeds),
        f"study: {_word(f'{winner.study}-{arm}')}",
        f"question: {_text(f'What does the recipe reach that {winner.study} chose for {winner.arm}?')}",
        *(_recipe(winner, arm) if declaration.trial is None else _program(winner, declaration, arm)),
        *_metrics(winner, declaration),
        f"search: {_text({'trials': 1, **chosen})}",
        f"confirm: {_text({'seeds': n_seeds})}",
        *([f"resources: {_text(asked)}"] if asked else []),
    ]
    return "\n".join(lines) + "\n"


def _head(winner: Winner, declaration: Declaration, n_seeds: int) -> Iterator[str]:
    """Return the comment above: where this comes from, and which seeds it trains."""
    search = declaration.search
    arm = winner.arm if winner.arm.isprintable() else json.dumps(winner.arm)
    chosen = f"{arm} (search {winner.repeat})"
    yield f"# What the study {winner.study} chose for {chosen}, with every value fixed."
    yield f"# That study's declaration has the sha256 {winner.declaration_sha256 or 'unknown'}."
    seeds = confirm_seeds(search.seed, "", 0, n_seeds, common=True)
    measured = [run.seed for run in winner.runs]
    is_same = seeds_are_common(search) and set(measured) <= set(seeds)
    yield (
        "# Its confirm runs are those of that study: the same seeds."
        if is_same
        else f"# Its confirm runs have seeds of their own; that study's were {', '.join(map(str, measured))}."
    )


def _recipe(winner: Winner, arm: str) -> Iterator[str]:
    given = winner.recipe.model_dump(mode="json", exclude_none=True)
    if "steps" in given:
        given.pop("epochs", None)
    yield "recipe:"
    yield from (f"  {name}: {_text(value)}" for name, value in given.items())
    yield f"arms: {{{arm}: {{}}}}"


def _program(winner: Winner, declaration: Declaration, arm: str) -> Iterator[str]:
    trial = declaration.trial
    written = trial.model_dump(mode="json", exclude_defaults=True, by_alias=True) if trial else {}
    parameters = {name: value for name, value in winner.configuration.items() if name != "epochs"}
    yield "trial:"
    yield from (f"  {name}: {_text(value)}" for name, value in written.items())
    yield f"arms: {{{arm}: {_text({'parameters': parameters})}}}"


def _metrics(winner: Winner, declaration: Declaration) -> Iterator[str]:
    """Return the section `metrics`, where it is not that of the task."""
    if declaration.trial is not None:
        return  # they stand in its section
    task = task_of(winner.recipe.loss, declaration.metrics)
    if task is None or dict(declaration.metrics) != task_metrics(task):
        yield "metrics:"
        yield from (f"  {name}: {_text(_written(own))}" for name, own in declaration.metrics.items())


def _written(metric: Metric) -> Mapping[str, Any]:
    return MeasuredMetric.model_validate(metric.model_dump()).model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )


def _text(value: Any) -> str:
    """Return a value as JSON, which is YAML; a word that YAML takes for one as it is."""
    is_plain = isinstance(value, str) and re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", value)
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False)


def _word(name: str) -> str:
    """Return a name as a study file takes it."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).lstrip("_-")[:_LONGEST_NAME].rstrip("-")
