"""What the page says of a study's origin: its machine and day, and who tested the same network."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from docs.generators.results.committed import REFERENCE, claims_file
from harness.declaration import Declaration
from harness.manifest import Manifest
from harness.records.folder import ResultsFolder

_VERSIONS = {"Python": "python", "torch": "torch", "Ray": "ray", "Optuna": "optuna"}


def opened(study: str, claims: Sequence[Mapping[str, Any]]) -> str:
    """Return which studies tested the network of which a study claims an accuracy; empty of other studies."""
    if not any(claim["kind"] == "reaches" for claim in claims):
        return ""
    own, begun = _tested(study), _begun(study)
    others = sorted(path.parent.name for path in REFERENCE.glob("*/manifest.json"))
    alike = [other for other in others if other != study and own & _tested(other)]
    before = [f"`{other}`" for other in alike if _begun(other) < begun]
    after = [f"`{other}`" for other in alike if _begun(other) >= begun]
    told = [
        f"{when} it {', '.join(names)}" for when, names in (("before", before), ("after", after)) if names
    ]
    if not told:
        return "No other study of this page opened the test set for this network."
    return f"Other studies of this page opened the test set for this network too: {'; '.join(told)}."


def _tested(study: str) -> set[tuple[str, str]]:
    """Return the data sets and networks of which a study has tested runs, as JSON."""
    declared = Declaration.read(ResultsFolder(REFERENCE / study))
    return {
        (declared.data_of(name).name, json.dumps(arm.fixed.get("model"), sort_keys=True))
        for name, arm in declared.arms.items()
        if arm.confirm_runs
    }


def _begun(study: str) -> str:
    """Return when a study was begun, UTC, ISO 8601."""
    return Manifest.read(ResultsFolder(REFERENCE / study).manifest).created_at


def origin(study: str) -> str:
    """Return when, where and on which versions a study ran, and where its report is."""
    manifest = Manifest.read(ResultsFolder(REFERENCE / study).manifest)
    runs = int(pd.read_parquet(REFERENCE / study / "runs.parquet", columns=["status"]).shape[0])
    versions = ", ".join(f"{name} {manifest.versions[key]}" for name, key in _VERSIONS.items())
    machine = manifest.machine
    gpus = f"{len(machine.gpus)} GPUs" if machine.gpus else "no GPU"
    sealed = "sealed" if claims_file(study)["declaration"]["sealed"] else "not sealed (an older version)"
    return (
        f"{runs} runs, {manifest.created_at[:10]}, {machine.cpu}, {machine.cores} processors, "
        f"{machine.memory_gib:.0f} GiB, {gpus}; {versions}; declaration {sealed}. "
        f"[Report](../results/reference/{study}/report/index.html)."
    )
