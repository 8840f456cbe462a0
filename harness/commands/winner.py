"""Take a study's winner away: `python -m harness.winner DIR --arm A --out F`."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, path_argument, resolved
from harness.commands.trusting import add_trust, check_code_of, with_trust
from harness.edge import run_command
from harness.errors import EXIT_COMPLETE, ResultsError, StudyError, unusable
from harness.screen import say

if TYPE_CHECKING:
    from analysis.records import StudyRecords
    from harness.json_output import WinnerTaken
    from harness.recipe.data import DatasetSpec
    from harness.study.study import Study
    from harness.winning.again import Weights
    from harness.winning.winner import Winner

STUDY, SCRIPT, WEIGHTS, CARD = "study", "script", "weights", "card"

_BY_SUFFIX = {".yaml": STUDY, ".yml": STUDY, ".py": SCRIPT, ".safetensors": WEIGHTS, ".md": CARD}
_FILES = {STUDY: "study.yaml", SCRIPT: "reproduce.py", WEIGHTS: "weights.safetensors", CARD: "MODEL_CARD.md"}
"""In a folder."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    answering = Answering("winner", arguments)
    return run_command(partial(_take_away, arguments, answering), answering=answering)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m harness.winner",
        description="Write what a study chose for an arm: a study file with every value fixed, a plain torch "
        "script that trains its confirm runs again and compares, weights, and a model card. Weights that "
        "were not kept (confirm.keep) are trained again.",
        epilog="Existing files are never overwritten. exit codes: 0 done; 2 a bad argument or folder, "
        f"no file was written; {EXIT_CODES}; 75 interrupted.",
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
    add_trust(parser, code="the working directory")
    add_json(parser)
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

    def make_folder(self) -> None:
        """Make the folder of the files, so that one that cannot be made is told before anything trains.

        Raises:
            ResultsError: It cannot be.
        """
        folder = next(iter(self.places.values())).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(unusable(folder, "made", error)) from error


def _take_away(arguments: list[str] | None, answering: Answering) -> int:
    parser = _parser()
    options = parser.parse_args(with_trust(arguments))
    if options.no_weights and _BY_SUFFIX.get(options.out.suffix) == WEIGHTS:
        parser.error(f"--no-weights leaves out weights, and --out {options.out} asks for them alone")
    out = _Out.of(resolved(options.out), has_weights=not options.no_weights)
    from analysis.load import load_study
    from harness.commands.chosen import arm_named, chosen
    from harness.commands.model_card import model_card
    from harness.records.whole_file import write_file
    from harness.winning.study_text import study_text

    records = load_study(resolved(options.folder))
    winner = chosen(records, arm_named(records, options.arm, options.dataset), options.repeat)
    text = study_text(winner, records.declaration, records.manifest.resources)
    study = _study_of(text, options)
    _admit(study, records, options)
    contents: dict[str, str | bytes] = {STUDY: text, **_script(winner, records, study, out)}
    out.make_folder()
    weights = _weights(winner, records, study, out)
    if weights is not None:
        contents[WEIGHTS] = weights.content
    if CARD in out.places:
        contents[CARD] = model_card(winner, records, _data_of(study), weights, _FILES[WEIGHTS])
    written = [out.places[name] for name in contents if name in out.places]
    for place, content in ((out.places.get(name), content) for name, content in contents.items()):
        if place is not None:
            write_file(place, content)
    say(_told(winner, records, written))
    if answering.is_asked:
        places = {name: place for name, place in out.places.items() if name in contents}
        answering.give(_answer(winner, places, weights))
    return EXIT_COMPLETE


def _answer(winner: "Winner", places: Mapping[str, Path], weights: "Weights | None") -> "WinnerTaken":
    """Return what `--json` tells."""
    from harness.json_output import TakenRun, TakenWeights, WinnerTaken

    taken = weights and TakenWeights(
        run_id=weights.run.run_id,
        sha256=weights.sha256,
        kept=weights.is_kept,
        differences=dict(weights.differences),
    )
    return WinnerTaken(
        study=winner.study,
        arm=winner.arm,
        search=winner.repeat,
        configuration=dict(winner.configuration),
        runs=[TakenRun(run_id=run.run_id, seed=run.seed, values=dict(run.values)) for run in winner.runs],
        written={name: str(place) for name, place in places.items()},
        weights=taken,
    )


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
    sources = check_code_of(study, options, say)
    declared = records.declaration.sources
    changed = [name for name, digest in sources.items() if declared.get(name, digest) != digest]
    if changed:
        raise StudyError(
            f"{', '.join(changed[:5])}: is not what the study declared before its first run, so its numbers "
            f"are not this code's. Remedy: --code DIR with the folder that holds the declared files"
        )
    if sources:
        from harness.code.named import named_code
        from harness.code.resolve import admit

        admit(named_code(study), sources)


def _script(winner: "Winner", records: "StudyRecords", study: "Study", out: _Out) -> dict[str, str]:
    """Return the script, if it is asked for and can be.

    Raises:
        StudyError: It is what is asked for, and no plain code can train this.
    """
    from harness.winning.again import with_digests
    from harness.winning.script import script_of

    if SCRIPT not in out.places:
        return {}
    try:
        spec = _data_of(study)
        if spec is None:
            raise _untrained(SCRIPT)
        return {SCRIPT: script_of(with_digests(winner, records.folder), spec)}
    except StudyError as error:
        if not out.is_folder:
            raise
        say(f"no {_FILES[SCRIPT]}: {error}")
        return {}


def _weights(winner: "Winner", records: "StudyRecords", study: "Study", out: _Out) -> "Weights | None":
    """Return the weights, if they are asked for; of a program there are none.

    Raises:
        StudyError: They are what is asked for, and a program trains.
    """
    if WEIGHTS not in out.places:
        return None
    if study.trial is not None:
        if out.is_folder:
            return None
        raise _untrained(WEIGHTS)
    from harness.winning.again import weights_of_winner

    weights = weights_of_winner(winner, records.folder, say)
    for name, (recorded, got) in weights.differences.items():
        say(f"note: {name} is {got} now, and the study recorded {recorded}")
    return weights


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
