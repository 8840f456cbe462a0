"""Take a study's winner away: `python -m harness.winner DIR --arm A --out F`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.trusting import add_trust, check_code_of, with_trust
from harness.edge import EXIT_CODES, path_argument, resolved, run_command
from harness.errors import EXIT_COMPLETE, ResultsError, StudyError

if TYPE_CHECKING:
    from analysis.records import StudyRecords
    from harness.recipe.data import DatasetSpec
    from harness.study.study import Study
    from harness.winning.winner import Winner

STUDY, SCRIPT, WEIGHTS, CARD = "study", "script", "weights", "card"

_BY_SUFFIX = {".yaml": STUDY, ".yml": STUDY, ".py": SCRIPT, ".safetensors": WEIGHTS, ".md": CARD}
_FILES = {STUDY: "study.yaml", SCRIPT: "reproduce.py", WEIGHTS: "weights.safetensors", CARD: "MODEL_CARD.md"}
"""In a folder."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_take_away, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.winner",
        description="Write what a study chose for an arm: a study file with every value fixed, a plain torch "
        "script that trains its confirm runs again and compares, weights, and a model card. Weights that "
        "were not kept (confirm.keep) are trained again.",
        epilog="Existing files are never overwritten. exit codes: 0 done; 2 a bad argument or folder, "
        f"nothing was written; {EXIT_CODES}; 75 interrupted.",
    )
    parser.add_argument("folder", type=path_argument, metavar="DIR", help="results of one study")
    parser.add_argument("--arm", required=True, metavar="A", help="the arm")
    parser.add_argument(
        "--out",
        required=True,
        type=path_argument,
        metavar="F",
        help="a new folder for everything, or the one file that its ending names: F.yaml the study file, "
        "F.py the script, F.safetensors the weights, F.md the model card",
    )
    parser.add_argument(
        "--repeat",
        type=int,
        metavar="N",
        help="which of an arm's searches, from 0 (the one whose confirm runs are best on validation data)",
    )
    parser.add_argument("--dataset", metavar="D", help="which of several data sets")
    parser.add_argument(
        "--no-weights", action="store_true", help="train nothing again, and leave weights out"
    )
    add_trust(parser)
    return parser


@dataclass(frozen=True, kw_only=True)
class _Out:
    """What is to be written, and where."""

    places: Mapping[str, Path]
    """From what is written to its path."""
    is_folder: bool

    @classmethod
    def of(cls, out: Path, *, has_weights: bool) -> "_Out":
        """Return what a user asks for.

        Args:
            out: The argument.
            has_weights: Whether a folder is to hold weights.

        Raises:
            ResultsError: Some of it is there already.
        """
        kind = _BY_SUFFIX.get(out.suffix)
        inside = {name: out / file for name, file in _FILES.items() if has_weights or name != WEIGHTS}
        places = {kind: out} if kind else inside
        there = [str(place) for place in places.values() if place.exists()]
        if there or (kind is None and out.exists() and not out.is_dir()):
            raise ResultsError(
                f"{', '.join(there) or out}: is there already, and is not overwritten. "
                f"Remedy: another --out, or remove it"
            )
        return cls(places=places, is_folder=kind is None)


def _take_away(arguments: list[str] | None) -> int:
    options = _parser().parse_args(with_trust(arguments))
    out = _Out.of(resolved(options.out), has_weights=not options.no_weights)
    from analysis.records import load_study
    from harness.commands.chosen import arm_named, chosen
    from harness.records.whole_file import write_file
    from harness.winning.study_text import study_text

    records = load_study(resolved(options.folder))
    winner = chosen(records, arm_named(records, options.arm, options.dataset), options.repeat)
    text = study_text(winner, records.declaration, records.manifest.resources)
    study = _study_of(text, options)
    _admit(study, records, options)
    contents: dict[str, str | bytes] = {STUDY: text, **_script(winner, records, study, out)}
    contents |= _weights_and_card(winner, records, study, out)
    written = [out.places[name] for name in contents if name in out.places]
    for place, content in ((out.places.get(name), content) for name, content in contents.items()):
        if place is not None:
            write_file(place, content)
    _say(_told(winner, records, written))
    return EXIT_COMPLETE


def _study_of(text: str, options: argparse.Namespace) -> "Study":
    """Return the winner's study as the harness reads it, its code looked for where `--code` says."""
    from harness.study.reading.parse import parse_study

    study = parse_study(text, "the winner's study")
    return replace(study, folder=resolved(options.code or Path()))


def _admit(study: "Study", records: "StudyRecords", options: argparse.Namespace) -> None:
    """Let this process import the code that a study names, if it is trusted, and is what was declared.

    Raises:
        StudyError: It is not.
    """
    if study.trial is not None:
        return  # nothing of it is imported or started here
    sources = check_code_of(study, options, _say)
    declared = records.declaration.sources
    changed = [name for name, digest in sources.items() if declared.get(name, digest) != digest]
    if changed:
        raise StudyError(
            f"{', '.join(changed[:5])}: is not what the study declared before its first run, so its numbers "
            f"are not this code's. Remedy: --code DIR with the folder that holds the declared files"
        )
    if sources:
        from harness.code.resolve import admit
        from harness.code.sources import named_code

        admit(named_code(study), sources)


def _script(winner: "Winner", records: "StudyRecords", study: "Study", out: _Out) -> dict[str, str]:
    """Return the script, if it is asked for and can be.

    Raises:
        StudyError: It is what is asked for, and no plain code can train this.
    """
    from harness.winning.script import script_of

    if SCRIPT not in out.places:
        return {}
    try:
        spec = _data_of(study)
        if spec is None:
            raise _untrained(SCRIPT)
        return {SCRIPT: script_of(_with_digests(winner, records), spec)}
    except StudyError as error:
        if not out.is_folder:
            raise
        _say(f"no {_FILES[SCRIPT]}: {error}")
        return {}


def _with_digests(winner: "Winner", records: "StudyRecords") -> "Winner":
    """Return a winner whose runs also have the digest of their weights, where these were kept."""
    from harness.records.folder import weights_of
    from harness.training.weights import digest, read_weights

    runs = []
    for run in winner.runs:
        file = weights_of(records.folder.weights, run.run_id)
        is_kept = run.weights is not None and file.exists()
        values = {**run.values, "weights": digest(read_weights(file)[0])} if is_kept else run.values
        runs.append(replace(run, values=values))
    return replace(winner, runs=tuple(runs))


def _weights_and_card(
    winner: "Winner", records: "StudyRecords", study: "Study", out: _Out
) -> dict[str, str | bytes]:
    """Return weights and card, as far as they are asked for; of a program there are no weights.

    Raises:
        StudyError: Weights are what is asked for, and a program trains.
    """
    from harness.commands.model_card import model_card
    from harness.winning.again import weights_of_winner

    spec, weights = _data_of(study), None
    if spec is None and WEIGHTS in out.places and not out.is_folder:
        raise _untrained(WEIGHTS)
    if spec is not None and WEIGHTS in out.places:
        weights = weights_of_winner(winner, records.folder, _say)
        for name, (recorded, got) in weights.differences.items():
            _say(f"note: {name} is {got} now, and the study recorded {recorded}")
    contents: dict[str, str | bytes] = {} if weights is None else {WEIGHTS: weights.content}
    if CARD in out.places:
        contents[CARD] = model_card(winner, records, spec, weights, _FILES[WEIGHTS])
    return contents


def _untrained(what: str) -> StudyError:
    return StudyError(
        f"a program trains this arm, and its {what} is nothing that the harness knows. "
        f"Remedy: the study file and the model card, which hold its command"
    )


def _data_of(study: "Study") -> "DatasetSpec | None":
    """Return the data set that a winner trains on; None where a program trains."""
    from harness.recipe.datasets import DATASETS
    from harness.training.data.own import own_data

    if study.trial is not None:
        return None
    own = own_data(study.dataset)
    return DATASETS[study.dataset] if own is None else own.spec


def _told(winner: "Winner", records: "StudyRecords", written: Sequence[Path]) -> str:
    """Return what was written of which winner."""
    n_searches = len(records.winners_by_repeat.get(winner.arm, {}))
    search = f", search {winner.repeat} of {n_searches}" if n_searches > 1 else ""
    files = "\n".join(f"  {path}" for path in written)
    return f"{winner.study}, arm {winner.arm}{search}: {len(winner.runs)} confirm runs\nwritten:\n{files}"


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
