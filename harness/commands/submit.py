"""Run a study on a cluster: `python -m harness.submit {slurm,ray,kuberay} STUDY.yaml`."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness import json_output
from harness.answering import Answering, add_json
from harness.arguments import Parser, path_argument, resolved
from harness.cluster.settings import add_flags, given, load_profile, merged
from harness.cluster.submission import TARGETS, Prepared, hand_over, prepare
from harness.cluster.submit_folder import SubmitFolder
from harness.cluster.target import Request
from harness.commands.submitted import after, cancel, logs, resume, status
from harness.commands.trusting import (
    add_trust,
    check_code_of,
    check_trains,
    code_lines,
    in_code_folder,
    with_trust,
)
from harness.edge import run_command
from harness.errors import EXIT_COMPLETE, EnvironmentMismatchError, StudyError
from harness.recipe.datasets import DATASETS
from harness.screen import say
from harness.study.feasible import check_feasible
from harness.study.reading.parse import load_study
from harness.study.study import Study


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    interrupted = "interrupted; what was submitted goes on, see: status, logs -f, cancel"
    given = sys.argv[1:] if arguments is None else arguments
    answering = Answering("submit", given)
    return run_command(partial(_run, given, answering), interrupted=interrupted, answering=answering)


def _run(arguments: Sequence[str], answering: Answering) -> int:
    """Do what was asked for; return the exit code."""
    own, extra = _split(arguments)
    options = _parser().parse_args(with_trust(own))
    if options.verb in TARGETS:
        return _submit(options, _overrides(extra), answering)
    if extra:
        _parser().error("arguments after -- go with a submission")
    return int(options.run(options, answering))


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before and after a `--`."""
    at = list(arguments).index("--") if "--" in arguments else len(arguments)
    return list(arguments[:at]), list(arguments[at + 1 :])


def _overrides(extra: Sequence[str]) -> tuple[str, ...]:
    """Return the `--set` arguments meant for the sweep; its other arguments are decided here."""
    parser = Parser(prog="python -m harness.submit ... --", usage="[--set KEY=VALUE ...]")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    return tuple(parser.parse_args(list(extra)).overrides)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m harness.submit",
        description="Run an unchanged study on a cluster, and look after it from anywhere by its RUN_DIR.",
        epilog="Exit codes: 0 done; 2 a bad study, argument or environment, and nothing was submitted, or a "
        "cluster that gave no answer, which the message says; with --wait, those of harness.sweep: 1 some "
        "runs failed, 75 interrupted or cancelled, `resume` finishes it; 2 also where the job failed before "
        "its sweep began.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, spec in TARGETS.items():
        target = verbs.add_parser(name, help=f"submit a study as {spec.summary}")
        _add_submission(target)
        add_flags(target, spec.settings)
    for verb, run, text in (
        ("status", status, "how a submitted study is doing"),
        ("logs", logs, "print the driver's output"),
        ("cancel", cancel, "end it in good order; what was recorded stays"),
        ("resume", resume, "submit it again; it goes on where its journal ends"),
    ):
        command = verbs.add_parser(verb, help=text)
        command.add_argument(
            "run_dir", type=path_argument, metavar="RUN_DIR", help="the study's results folder"
        )
        command.set_defaults(run=run)
        if verb == "logs":
            command.add_argument("-f", "--follow", action="store_true", help="until it is over")
        if verb == "resume":
            _add_watching(command)
        if verb in {"status", "resume"}:
            add_json(command)
    return parser


def _add_submission(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=path_argument, metavar="STUDY.yaml", help="the study file")
    parser.add_argument(
        "--run-dir",
        type=path_argument,
        metavar="DIR",
        help="where results go and the run is kept (results/<study>)",
    )
    parser.add_argument("--name", help="what the cluster calls the job (the study's name)")
    parser.add_argument(
        "--profile", type=path_argument, metavar="FILE", help="site profile (~/.config/harness/cluster.yaml)"
    )
    parser.add_argument("--fresh", action="store_true", help="refuse to continue results that exist")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be submitted; write and submit nothing"
    )
    add_trust(parser)
    _add_watching(parser)
    add_json(parser)


def _add_watching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--follow", action="store_true", help="print the driver's output; Ctrl-C only detaches"
    )
    parser.add_argument("--wait", action="store_true", help="until it is over; the exit code is the sweep's")


def _check_feasible(study: Study) -> None:
    """Refuse what cannot train, before it waits in a queue; of a user's own data only the cluster may know.

    Raises:
        StudyError: Some run could not train on the study's published data set.
    """
    for alone in study.by_dataset.values():
        if alone.dataset in DATASETS:
            check_feasible(alone, DATASETS[alone.dataset].facts)


def _submit(options: argparse.Namespace, overrides: tuple[str, ...], answering: Answering) -> int:
    study = in_code_folder(load_study(options.study, overrides), options)
    if options.dry_run and options.trust is None:
        for text in code_lines(study, options):
            say(text)
    else:
        check_trains(study, check_code_of(study, options, say), has_data=False)
    _check_feasible(study)
    _check_parent(study)
    _check_fresh(options)
    spec = TARGETS[options.verb]
    profile = load_profile(options.profile)
    settings = merged(getattr(profile, options.verb), getattr(study.submit, options.verb), given(options))
    run_dir = resolved(options.run_dir or Path("results") / study.name)
    request = Request(study=study, run_dir=run_dir, name=options.name or study.name)
    target = spec.make(settings)
    prepared = prepare(target, request, fresh=options.fresh)
    if options.dry_run:
        _show(prepared, request.folder, answering)
        return EXIT_COMPLETE
    if prepared.answer:
        print(prepared.answer, file=sys.stderr)
    record = hand_over(target, request.folder, prepared)
    return after(record, request.folder, options, answering)


def _check_parent(study: Study) -> None:
    """Refuse a parent whose path means something here only.

    Raises:
        StudyError: It is relative.
    """
    if study.parent is not None and not study.parent.is_absolute():
        raise StudyError(
            f"{study.path}: parent: {study.parent}: a job may start in another working directory than this "
            f"one, from which the path goes. Nothing was submitted. "
            f"Remedy: --set parent={study.parent.absolute()}, if the cluster sees that folder",
            place=study.path,
        )


def _check_fresh(options: argparse.Namespace) -> None:
    """Refuse a promise that nobody here can keep: what a storage holds its driver sees, and goes on from it.

    Raises:
        EnvironmentMismatchError: `--fresh` is asked of KubeRay.
    """
    if options.fresh and options.verb == "kuberay":
        raise EnvironmentMismatchError(
            "--fresh: does not go with kuberay, whose driver alone sees what its storage holds, and goes "
            "on from it. Nothing was submitted. Remedy: leave it out, and give a --storage that holds no "
            "results of this study",
            place="--fresh",
        )


def _show(prepared: Prepared, folder: SubmitFolder, answering: Answering) -> None:
    """Print what would be submitted."""
    if answering.is_asked:
        files = {str(folder.root / name): text for name, text in prepared.texts.items()}
        found = json_output.SubmitDryRun(run_dir=folder.run_dir, files=files, answer=prepared.answer)
        answering.give(found)
    else:
        for name, text in prepared.texts.items():
            print(f"# {folder.root / name}\n{text}")
    print(prepared.answer or "the cluster could not be asked from here", file=sys.stderr)
    print("dry run: nothing was written or submitted", file=sys.stderr)
