"""What is checked and prepared on every node of a cluster before the first run, on all at once."""

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.code.resolve import Trusted, admit, trusted
from harness.errors import DataError, EnvironmentMismatchError, HarnessError
from harness.records.folder import STORED_IN, ResultsFolder
from harness.records.provenance import DECIDING_VERSIONS, versions
from harness.study.study import Study
from harness.training.data.prepare import PreparedDataset, prepare_dataset
from harness.tuning.cluster_slots import Node, alive_nodes, runs_that_fit
from harness.tuning.preflight import check_run_fits

_SHARING_SECONDS = 10.0
"""What a shared file system gets to show a new file on all nodes."""


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """What a node found about itself."""

    probe: str | None = None
    """What it reads where the driver wrote a probe; None where there is nothing."""
    versions: dict[str, str] = field(default_factory=dict)
    sha256: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each data set's files; empty where no run fits and none was prepared."""
    data_error: str | None = None
    """Why a data set could not be prepared."""
    failure: str | None = None
    """Why the node could not even look."""


def check_cluster_fits(study: Study, say: Callable[[str], None], *, may_grow: bool) -> None:
    """Refuse a study whose single run fits on no node of the Ray that was started or joined.

    Args:
        study: The study.
        say: Is told when the sweep will wait for a node.
        may_grow: An autoscaler may add a node on which a run fits, for which the sweep then waits.

    Raises:
        EnvironmentMismatchError: No run fits, and none ever will.
    """
    asked, nodes = study.resources, alive_nodes()
    if any(runs_that_fit(asked, node.cpus, node.gpus) for node in nodes):
        return
    if may_grow:
        wanted = f"{asked.cpu} CPU and {asked.gpu:g} GPU"
        say(f"waiting for the cluster to grow: no node has {wanted} for a run yet (Ctrl-C ends the waiting)")
        return
    largest = max(nodes, key=lambda node: (node.gpus >= asked.gpu, node.cpus, node.gpus))
    where = f"the largest of {len(nodes)} nodes, {largest.name}," if len(nodes) > 1 else largest.name
    check_run_fits(study, largest.cpus, largest.gpus, where)


def check_nodes(
    study: Study, folder: ResultsFolder, prepared: Sequence[PreparedDataset], say: Callable[[str], None]
) -> None:
    """Check a cluster's nodes, and prepare the data sets on each that is to train.

    A cluster of one node, on which this process runs, is trusted. On a node that joins later each run checks
    versions and data by itself when it begins.

    Args:
        study: The study.
        folder: Where the results go. No run reads or writes there, but a sweep that is interrupted is resumed
            on any node, and must find its journal.
        prepared: The data sets as this process found them, in the study's order.
        say: Is told what is done.

    Raises:
        EnvironmentMismatchError: The results folder is not shared, or the nodes' environments differ.
        DataError: A node cannot get at a data set, or has another one.
    """
    nodes = alive_nodes()
    if len(nodes) < 2:
        return
    say(f"checking {len(nodes)} nodes: results folder, environment, data")
    word, probe = secrets.token_hex(16), folder.root / f".probe-{secrets.token_hex(4)}"
    try:
        probe.write_text(word, encoding="ascii")
        reports = _ask(nodes, probe, study)
    finally:
        probe.unlink(missing_ok=True)
    _check_environments(reports)
    if STORED_IN not in os.environ:
        _check_folder({name: report.probe == word for name, report in reports.items()}, folder.root)
    named = {part.dataset: own for part, own in zip(study.by_dataset.values(), prepared, strict=True)}
    _check_data(reports, named)


def _ask(nodes: Sequence[Node], probe: Path, study: Study) -> dict[str, NodeReport]:
    """Return the reports of all nodes by name; a node that left meanwhile has none."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    inspect = ray.remote(num_cpus=0, max_retries=0)(inspect_node)
    pending = {}
    for node in nodes:
        trains = runs_that_fit(study.resources, node.cpus, node.gpus) > 0
        here = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
        pending[node] = inspect.options(scheduling_strategy=here).remote(
            probe, [part.dataset for part in study.by_dataset.values()] if trains else [], trusted()
        )
    reports = {node: _answer(reference) for node, reference in pending.items()}
    alive = {node.node_id for node in alive_nodes()}
    return {node.name: report for node, report in reports.items() if node.node_id in alive}


def _answer(reference: Any) -> NodeReport:
    """Wait for a node's report."""
    import ray
    from ray.exceptions import RayError

    try:
        report: NodeReport = ray.get(reference)
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return NodeReport(failure=lines[-1] if lines else type(error).__name__)
    return report


def inspect_node(probe: Path, datasets: Sequence[str], code: Trusted | None) -> NodeReport:
    """Look around on a node, as a Ray task: for a study's own code, and for its data, which are prepared."""
    sha256: dict[str, dict[str, str]] = {}
    problem = None
    try:
        if code is not None:
            admit(code.code, dict(code.sources))
    except HarnessError as error:
        return NodeReport(probe=_read(probe), versions=versions(), failure=str(error))
    try:
        for dataset in datasets:
            sha256[dataset] = prepare_dataset(dataset).sha256
    except HarnessError as error:
        problem = str(error)
    return NodeReport(probe=_read(probe), versions=versions(), sha256=sha256, data_error=problem)


def _read(probe: Path) -> str | None:
    """Return what a file holds; None if it does not show up in time."""
    deadline = time.monotonic() + _SHARING_SECONDS
    while True:
        with suppress(OSError):
            return probe.read_text(encoding="ascii")
        if time.monotonic() > deadline:
            return None
        time.sleep(0.5)


def _check_environments(reports: Mapping[str, NodeReport]) -> None:
    """Refuse nodes on which the harness does not run as it does here."""
    here = versions()
    problems = [f"{name}: {report.failure}" for name, report in reports.items() if report.failure]
    problems += [
        f"{name}: {package} {report.versions.get(package)}, here {here.get(package)}"
        for name, report in reports.items()
        for package in DECIDING_VERSIONS
        if not report.failure and report.versions.get(package) != here.get(package)
    ]
    if problems:
        raise EnvironmentMismatchError(
            "\n".join(
                [
                    "the cluster's nodes do not have the environment of this sweep, nothing was started",
                    *(f"  {line}" for line in problems),
                    "  Remedy: install the same harness with the same versions on every node.",
                ]
            )
        )


def _check_folder(sees: Mapping[str, bool], root: Path) -> None:
    """Refuse a results folder that some nodes do not see."""
    blind = [name for name, can in sees.items() if not can]
    if blind:
        raise EnvironmentMismatchError(
            f"{root}: the cluster has several nodes, and {', '.join(blind)} cannot see this folder. "
            f"A sweep that is interrupted may be resumed on any node, and must find its results there. "
            f"Remedy: --results DIR or --run-dir DIR with a folder on storage that all nodes share.",
            place=root,
        )


def _check_data(reports: Mapping[str, NodeReport], prepared: Mapping[str, PreparedDataset]) -> None:
    """Refuse nodes without a data set, or with another one of the same name."""
    problems = [f"{name}: {report.data_error}" for name, report in reports.items() if report.data_error]
    problems += [
        f"{name}: its files of {prepared[dataset].name} differ from those here"
        for name, report in reports.items()
        for dataset, sha256 in report.sha256.items()
        if sha256 != prepared[dataset].sha256
    ]
    if problems:
        raise DataError("\n".join(["the data set is not ready on all nodes, nothing was started", *problems]))
