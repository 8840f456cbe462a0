"""`python -m analysis.export RESULTS_DIR --to TARGET`: results for trackers and plain files."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import cast, get_args

from analysis.exports.content import Outcome, Study, Writer
from analysis.exports.following import Export, follow
from analysis.exports.reading import JournalReader, study_now
from harness import json_output
from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, path_argument, pause_argument, resolved
from harness.edge import deliver, run_command
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


_SECONDS = 5.0
"""Between two looks at a journal that is followed."""

_STOPPED = "stopped; no study is touched by that, and the same command takes the export up again"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    answering = Answering("export", arguments)
    return run_command(partial(_export, arguments, answering), interrupted=_STOPPED, answering=answering)


def _export(arguments: Sequence[str] | None, answering: Answering) -> int:
    options = _options(arguments)
    folder = ResultsFolder(resolved(options.folder))
    open_writer, reader = _opened(options.to), JournalReader(folder)
    if options.follow:
        reader.wait(options.every)
    study = study_now(folder, reader, is_followed=options.follow)
    writer = open_writer(options.uri, study)
    try:
        export = Export(writer, study)
        export.write(reader.changed())
        if options.follow and study.state != "finished":
            head = f"following {study.name}; Ctrl-C stops that and not the study"
            sys.stderr.write("\n".join([head, *_whereto(writer), ""]))
            follow(export, folder, reader, options.every)
    finally:
        writer.close()
    counted = Counter(export.outcomes.values())
    if answering.is_asked:
        runs = {outcome: counted[outcome] for outcome in get_args(Outcome)}
        answering.give(
            json_output.Exported(
                study=study.name, target=options.to, place=writer.place, state=export.study.state, runs=runs
            )
        )
    else:
        deliver("\n".join([_told(counted, study.name, options.to), *_whereto(writer)]))
    return EXIT_COMPLETE


def _told(counted: Counter[Outcome], name: str, target: str) -> str:
    told = f"{counted['new']} new, {counted['changed']} changed, {counted['same']} as they were"
    return f"{name}: {counted.total()} runs exported to {target}: {told}"


def _whereto(writer: Writer) -> list[str]:
    return [writer.place, *([writer.hint] if writer.hint else [])]


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
    parser = Parser(
        prog="python -m analysis.export",
        description="Export a study's runs, curves and rulings to a tracker or to plain files. It reads the "
        "study's folder and never writes there; what was exported before is found and not doubled.",
        epilog=f"exit codes: 0 all is exported; 2 a folder, argument or package is at fault; {EXIT_CODES}; "
        "75 interrupted, the study goes on.",
    )
    parser.add_argument(
        "folder", type=path_argument, metavar="RESULTS_DIR", help="such as results/optimizers"
    )
    parser.add_argument("--to", required=True, choices=TARGETS, help="the target")
    places = "; ".join(f"{name}: {target.place}" for name, target in TARGETS.items())
    parser.add_argument("--uri", metavar="PLACE", help=f"where to, without it on this machine: {places}")
    parser.add_argument(
        "--follow", action="store_true", help="go on while the study runs, and end when it has ended"
    )
    parser.add_argument(
        "--every", type=pause_argument, default=_SECONDS, metavar="SECONDS", help="look as often as that (5)"
    )
    add_json(parser)
    return parser.parse_args(arguments)
