"""Studies and claims made up for tests, and their verdicts as `claims.json` holds them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from analysis.facts import Facts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


ZIGZAG = (0.000, 0.001, -0.001, 0.002, -0.002, 0.001, -0.001, 0.000, 0.002, -0.002)
"""Ten deviations with mean 0 and s = .0014907."""


COUNTER = (0.001, -0.001, 0.000, 0.001, -0.001, -0.002, 0.002, 0.001, -0.001, 0.000)
"""Ten others with mean 0."""


def decided(facts: Facts) -> list[SimpleNamespace]:
    """Return the claims of a study as `claims.json` holds them."""
    rows = json.dumps([verdict.as_row() for verdict in facts.verdicts], allow_nan=False)
    verdicts: list[SimpleNamespace] = json.loads(rows, object_hook=lambda row: SimpleNamespace(**row))
    return verdicts


def verdicts(study: "Study", path: Path, *kinds: dict[str, Any]) -> list[SimpleNamespace]:
    """Return the verdicts of claims, each in a study of its own, so that none is corrected for another."""
    found = []
    for number, kind in enumerate(kinds):
        study.claims = [{"says": "It is so.", **kind}]
        found += decided(study.facts(path / str(number)))
    return found


def arms_at(new_study: "type[Study]", means: dict[str, float], noise: float = 1.0) -> "Study":
    """Return fixed arms with the given mean test accuracies; noise of neighbours differs."""
    study = new_study(arms={arm: {} for arm in means})
    for place, (arm, mean) in enumerate(means.items()):
        pattern = ZIGZAG if place % 2 == 0 else COUNTER
        study.confirm(arm, [mean + noise * (1 + 0.3 * place) * offset for offset in pattern])
    return study


def best(arm: str) -> dict[str, Any]:
    """Return a claim that an arm is the best of its study."""
    return {"best": {"arm": arm, "metric": "test_accuracy"}}


def template(new_study: "type[Study]", means: dict[int, float], metric: str = "test_accuracy") -> "Study":
    """Return arms of a template over the batch size, each with a mean value of a metric; seed after seed."""
    sizes = {f"t@batch_size={size}": {"batch_size": size} for size in means}
    study = new_study(arms={arm: {} for arm in sizes}, fixed=sizes)
    for seed in range(10):
        for place, (size, mean) in enumerate(means.items()):
            pattern = ZIGZAG if place % 2 == 0 else COUNTER
            value = {metric: mean + (1 + 0.3 * place) * pattern[seed]}
            study.add(f"t@batch_size={size}", "confirm", seed=seed, val_loss=0.4 + 0.001 * seed, **value)
    return study


def trend(direction: str, metric: str = "test_accuracy", **arms: Any) -> dict[str, Any]:
    """Return a claim that a metric rises or falls with the batch size."""
    named = arms or {"arm": "t"}
    return {"trend": {"over": "batch_size", "metric": metric, "direction": direction, **named}}


def tuned(new_study: "type[Study]", means: dict[int, float], edged: int) -> "Study":
    """Return the arms of `template`, each with a rate of its own: of one size at the end of its range."""
    study = template(new_study, means)
    confirmed, study.runs = study.runs, []
    for size in means:
        arm, rate = f"t@batch_size={size}", 0.98 if size == edged else 0.01
        study.arms[arm] = {"lr": {"low": 1e-4, "high": 1.0, "log": True}}
        study.search(arm, [1e-3, rate], best=rate)
        for run in confirmed:
            run.lr = rate if run.arm == arm else run.lr
    study.runs += confirmed
    return study


def behind(size: int) -> str:
    """Return why a batch size is not called worse."""
    edge = "its learning rate lies at the upper edge of its range"
    return f"{size} is behind, but {edge}: a wider range may mend it"
