"""`python -m analysis.export RESULTS_DIR --to TARGET`: results for trackers and plain files."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from analysis.exports.content import Outcome, Study, Writer
from analysis.exports.reading import JournalReader, study_now
from harness.edge import EXIT_CODES, deliver, path_argument, resolved, run_command
from harness.errors import EXIT_COMPLETE, EnvironmentMismatchError
from harness.records.folder import ResultsFolder


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where results can be exported to: what makes its writer, and the package that it needs."""

    module: str
    writer: str
    package: str | None = None
    """As it is imported."""
    requirement: str | None = None
    """As pip installs it."""
    place: str
    """What `--uri` gives, and what holds without."""


TARGETS: Mapping[str, Target] = {
    "csv": Target(module="analysis.exports.csv_files", writer="CsvWriter", place="a folder (exports/csv)"),
    "mlflow": Target(
        module="analysis.exports.mlflow",
        writer="MlflowWriter",
        package="mlflow",
        requirement="mlflow-skinny>=3.17",
        place="a server, a database, or a folder for one (exports/mlflow)",
    ),
    "tensorboard": Target(
        module="analysis.exports.tensorboard",
        writer="TensorBoardWriter",
        package="tensorboard",
        requirement="tensorboard>=2.21",
        place="a folder (exports/tensorboard)",
    ),
    "trackio": Target(
        module="analysis.exports.trackio",
        writer="TrackioWriter",
        package="trackio",
        requirement="trackio>=0.43",
        place="a folder (exports/trackio)",
    ),
    "wandb": Target(
        module="analysis.exports.wandb",
        writer="WandbWriter",
        package="wandb",
        requirement="wandb>=0.31",
        place="a folder for wandb/ (exports)",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_export, arguments))


def _export(arguments: Sequence[str] | None) -> int:
    options = _options(arguments)
    folder = ResultsFolder(resolved(options.folder))
    reader = JournalReader(folder)
    study = study_now(folder, reader)
    writer = _opened(options.to)(options.uri, study)
    try:
        writer.write_study(study)
        outcomes = {run.run_id: writer.write_run(study, run) for run in reader.changed()}
    finally:
        writer.close()
    deliver(_told(outcomes, study.name, writer, options.to))
    return EXIT_COMPLETE


def _told(outcomes: Mapping[str, Outcome], name: str, writer: Writer, target: str) -> str:
    counted = Counter(outcomes.values())
    told = f"{counted['new']} new, {counted['changed']} changed, {counted['same']} as they were"
    lines = [f"{name}: {len(outcomes)} runs exported to {target}: {told}", writer.place]
    return "\n".join([*lines, *([writer.hint] if writer.hint else [])])


def _opened(name: str) -> Callable[[str | None, Study], Writer]:
    """Return what opens a target.

    Raises:
        EnvironmentMismatchError: The package that it needs is not installed.
    """
    target = TARGETS[name]
    if target.package is not None and find_spec(target.package) is None:
        raise EnvironmentMismatchError(
            f"--to {name} needs the Python package {target.package}, which is not installed here. "
            f"Remedy: {sys.executable} -m pip install '{target.requirement}'"
        )
    return cast("Callable[[str | None, Study], Writer]", getattr(import_module(target.module), target.writer))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.export",
        description="Export a study's runs, curves and rulings to a tracker or to plain files. It reads the "
        "study's folder and never writes there; what was exported before is found and not doubled.",
        epilog=f"exit codes: 0 all is exported; 2 a folder, argument or package is at fault; {EXIT_CODES}.",
    )
    parser.add_argument(
        "folder", type=path_argument, metavar="RESULTS_DIR", help="such as results/optimizers"
    )
    parser.add_argument("--to", required=True, choices=TARGETS, help="the target")
    places = "; ".join(f"{name}: {target.place}" for name, target in TARGETS.items())
    parser.add_argument("--uri", metavar="PLACE", help=f"where to, without it on this machine: {places}")
    return parser.parse_args(arguments)
