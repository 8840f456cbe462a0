"""Are the searches of an arm the same in two declarations, and so its runs?

Two runs are the same if they were declared alike: the arm with its data, its recipe and space in their order,
the search that chooses, the place (repeat, phase, number) and the seed. The arm's name is part of that, as
seeds and proposals derive from it; a name alone makes nothing the same.
"""

import json
from typing import Any, Literal

from harness.declaration import Declaration, DeclaredArm
from harness.study.file import Search

Sameness = Literal["whole", "beginning"]
"""`whole`: every run of a search is the same, and so its choice. `beginning`: the first ones are."""

_PROPOSES_BY_NUMBER = ("random", "qmc", "cmaes")
"""Samplers whose proposals do not depend on how many there will be."""


def sameness_of(here: Declaration, there: Declaration, name: str, arm: DeclaredArm) -> Sameness | None:
    """Return what is the same of an arm's searches, of an arm without: all; None where runs are others."""
    is_searched = bool(arm.search_runs)
    if is_searched != bool(there.arms[name].search_runs) or _of_arm(here, name) != _of_arm(there, name):
        return None
    one, other = ((_searched_by if is_searched else _measured_by)(own.search) for own in (here, there))
    if one != other:
        return None
    if not is_searched or here.search.trials == there.search.trials:
        return "whole"
    return "beginning" if _continues(here.search, there.search) else None


def _of_arm(declared: Declaration, name: str) -> dict[str, Any]:
    """Return what is declared of an arm that decides what its runs are."""
    arm = declared.arms[name]
    return {
        "fixed": arm.fixed,
        "space": json.dumps(arm.written_space),  # its order is the one in which samplers draw
        "start": arm.start,
        "dataset": arm.dataset,
        "plain_name": arm.plain_name,
        "data": None if declared.trial is not None else declared.data_of(name),
        "trial": declared.trial,
        "sources": declared.sources,
        "metrics": list(declared.metrics.items()),
    }


def _measured_by(search: Search) -> dict[str, Any]:
    """Return what a run depends on: its seed, and which epoch stands for it."""
    of_best = {"metric", "mode"} if search.winner == "best" else set[str]()
    return search.model_dump(include={"seed", "winner", *of_best})


def _searched_by(search: Search) -> dict[str, Any]:
    """Return what a search depends on, the number of its trials aside."""
    names = {
        "metric",
        "mode",
        "winner",
        "average_epochs",
        "seed",
        "seeds",
        "sampler",
        "early_stopping",
        "audit",
    }
    return search.model_dump(include=names)


def _continues(here: Search, there: Search) -> bool:
    """Return whether a longer search would begin with the very proposals of a shorter one."""
    if here.trials is None or there.trials is None or here.trials < there.trials:
        return False
    return here.sampler in _PROPOSES_BY_NUMBER or here.startup_trials == there.startup_trials
