"""`--trust` and `--code`: their options, and what commands tell and refuse of code that a study names."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.arguments import path_argument, resolved

if TYPE_CHECKING:
    from pathlib import Path

    from harness.study.study import Study

TRUST = "--trust"
"""Takes a value after `=` only (`with_trust`): what follows it is another argument."""


def add_trust(parser: argparse.ArgumentParser, *, code: str = "the study file's own") -> None:
    """Add the options.

    Args:
        parser: Of a command.
        code: Where that command looks for code by default, in words.
    """
    parser.add_argument(
        TRUST,
        metavar="SHA256",
        help="let code that the study names run (import, command), after looking at it: --trust as it is "
        "now, --trust=SHA256 as --dry-run showed it; nothing is remembered",
    )
    parser.add_argument(
        "--code",
        type=path_argument,
        metavar="DIR",
        help=f"the folder with the code that the study names ({code})",
    )


def with_trust(arguments: Sequence[str] | None) -> list[str]:
    """Return arguments in which a `--trust` without a value has that for all files, and takes no other."""
    given = sys.argv[1:] if arguments is None else arguments
    if TRUST not in given:
        return list(given)
    from harness.code.trust import ANY

    return [f"{TRUST}={ANY}" if argument == TRUST else argument for argument in given]


def in_code_folder(study: "Study", options: argparse.Namespace) -> "Study":
    """Return a study whose code is looked for where `--code` says."""
    folder: Path | None = options.code
    return study if folder is None else replace(study, folder=resolved(folder))


def check_code_of(
    study: "Study", options: argparse.Namespace, say: Callable[[str], None]
) -> Mapping[str, str]:
    """Refuse code that is not trusted, and tell what is; return the hashes of its files.

    Raises:
        StudyError: It is not.
    """
    from harness.code.trust import check_trusted, trust_lines

    sources = check_trusted(study, options.trust)
    for line in trust_lines(study):
        say(line)
    return sources


def check_trains(study: "Study", sources: Mapping[str, str], *, has_data: bool = True) -> None:
    """Let a process of its own import a trusted study's code, and take two steps with it.

    Args:
        study: The study.
        sources: The hashes of its code; nothing is done where there is none.
        has_data: Whether a user's own data are on this machine; without them no step is taken on their like.

    Raises:
        StudyError: It cannot be imported, does not take its settings, or cannot train.
    """
    from harness.code.checking import check_code
    from harness.recipe.datasets import DATASETS
    from harness.training.data.own import facts_of

    if sources:
        names = [part.dataset for part in study.by_dataset.values()]
        if has_data and loads_data(study):
            check_code(study, sources)  # before the data are loaded by it
        is_known = has_data or all(name in DATASETS for name in names)
        check_code(study, sources, [facts_of(name) for name in names] if is_known else [])


def admit_code(study: "Study", sources: Mapping[str, str]) -> None:
    """Check a trusted study's code in a process of its own, then let this process import it.

    Raises:
        StudyError: It cannot be imported, or does not take its settings.
    """
    from harness.code.named import named_code
    from harness.code.resolve import admit

    check_trains(study, sources)
    admit(named_code(study), sources)


def loads_data(study: "Study") -> bool:
    """Whether some of a study's data are loaded by code that it names."""
    from harness.recipe.imported import imported_data

    return any(imported_data(part.dataset) for part in study.by_dataset.values())


def code_lines(study: "Study", options: argparse.Namespace) -> list[str]:
    """Return what `--dry-run` tells of code: all of it in one text, or nothing.

    Raises:
        StudyError: With `--trust`: it is not trusted, or does not take its settings.
    """
    from harness.code.trust import check_trusted, trust_lines

    lines = trust_lines(study)
    if options.trust is not None:
        check_trains(study, check_trusted(study, options.trust))
    elif lines:
        data = ", nor its data loaded, without which nothing is foretold" if loads_data(study) else ""
        lines.append(
            f"nothing of it was imported or started, so its settings are not yet checked{data}: "
            f"--dry-run --trust does that"
        )
    return ["\n".join(lines)] if lines else []
