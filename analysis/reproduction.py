"""`python -m analysis.reproduction COMMITTED ANEW`: does a study, run again, agree with its earlier results?

It agrees if no claim is ruled the other way, and every effect lies where the earlier results foretell it. A
run again with the same seeds is no independent study: on the same machine it may give the same bits.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from scipy import special

from analysis.claims.parts import Comparison
from analysis.claims.verdict import Verdict
from analysis.results import Results, results
from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, path_argument
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, ResultsError
from harness.json_output import ClaimAgain, EffectAgain, Reproduction

if TYPE_CHECKING:
    import pandas as pd

EXIT_DISAGREES = 3

_MEASURED = ("epochs", "train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy")
"""Columns of runs that tell whether they trained alike."""

ALPHA = 0.05
"""Chance that a study run again, under the same conditions, disagrees somewhere."""

_OPPOSITE = {"supported", "contradicted"}
"""Rulings that say the contrary of each other."""


def foretold(comparison: Comparison, n_anew: int, level: float) -> tuple[float, float]:
    """Return where the effect of further replicates lies with a chance, in the unit of the effect.

    Args:
        comparison: The effect that is known, with its t-interval.
        n_anew: Replicates of the new effect, drawn from the same law and independent of the known ones.
        level: The chance, in (0, 1).

    Source: Spence and Lanigan (2016), Prediction interval: a t-interval of the difference of two estimates,
        whose squared standard error is `(1 + n / n_anew)` times that of the one that is known.
    """
    is_ratio = comparison.quantity == "ratio"
    effect, low, high = (
        math.log(value) if is_ratio else value
        for value in (comparison.effect, comparison.low, comparison.high)
    )
    t_known, t_asked = (
        float(special.stdtrit(comparison.df, (1 + own) / 2)) for own in (comparison.level, level)
    )
    wider = t_asked / t_known * math.sqrt(1 + comparison.n / n_anew)
    ends = effect - (effect - low) * wider, effect + (high - effect) * wider
    return (math.exp(ends[0]), math.exp(ends[1])) if is_ratio else ends


def reproduction(committed: Results, anew: Results) -> Reproduction:
    """Compare a study that was run again with its committed results.

    Raises:
        ResultsError: They are not of the same declaration, or one is not sealed or not finished.
    """
    for found in (committed, anew):
        _check(found)
    declared = [str(found.facts.records.seal.sha256) for found in (committed, anew)]
    if declared[0] != declared[1]:
        raise ResultsError(
            f"{anew.folder}: its declaration is {declared[1][:12]}, that of {committed.folder} "
            f"{declared[0][:12]}; only a study of the same declaration can agree or not. "
            f"Remedy: run {committed.folder / 'study.yaml'} with the version of its manifest.",
            place=anew.folder,
        )
    n_compared = sum(len(verdict.comparisons) for verdict in committed.claims)
    level = 1 - ALPHA / max(n_compared, 1)
    pairs = enumerate(zip(committed.claims, anew.claims, strict=True), start=1)
    claims = [_again(number, first, second, level) for number, (first, second) in pairs]
    same, shared = _same_runs(committed, anew)
    return Reproduction(
        committed=committed.folder,
        anew=anew.folder,
        declaration=declared[0],
        level=level,
        same_runs=same,
        shared_runs=shared,
        claims=claims,
        agrees=all(claim.agrees for claim in claims),
    )


def _again(number: int, committed: Verdict, anew: Verdict, level: float) -> ClaimAgain:
    """Return a claim in both results; one that has lost a comparison does not agree."""
    found = {(own.arm, own.than): own for own in anew.comparisons}
    effects = [_effect(own, found.get((own.arm, own.than)), level) for own in committed.comparisons]
    is_opposite = {committed.ruling, anew.ruling} == _OPPOSITE
    return ClaimAgain(
        number=number,
        says=committed.said(),
        committed=committed.ruling,
        anew=anew.ruling,
        is_opposite=is_opposite,
        effects=effects,
        agrees=not is_opposite and all(effect.agrees for effect in effects),
    )


def _effect(committed: Comparison, anew: Comparison | None, level: float) -> EffectAgain:
    low, high = foretold(committed, committed.n if anew is None else anew.n, level)
    return EffectAgain(
        arm=committed.arm,
        than=committed.than,
        committed=committed.effect,
        low=low,
        high=high,
        anew=None if anew is None else anew.effect,
        agrees=anew is not None and low <= anew.effect <= high,
    )


def _check(found: Results) -> None:
    """Raise an error for results that cannot be compared."""
    if not found.is_sealed:
        raise ResultsError(
            f"{found.folder}: {found.facts.records.seal.in_words()}, so there is no ruling to compare. "
            f"Remedy: results whose journal and declaration agree.",
            place=found.folder,
        )
    if found.missing is not None:
        raise ResultsError(
            f"{found.folder}: it is not finished ({found.missing}). Remedy: finish it with --resume.",
            place=found.folder,
        )


def _same_runs(first: Results, second: Results) -> tuple[int, int]:
    """Return how many runs of both agree to the last bit, and how many have one configuration and seed."""
    one, other = first.runs.set_index("run_id"), second.runs.set_index("run_id")
    shared = one.index.intersection(other.index)
    one, other = one.loc[shared], other.loc[shared]
    columns = [str(name) for name in one if name in other]
    given = ["seed", *(name for name in columns if name.startswith("config."))]
    measured = [name for name in _MEASURED if name in columns]

    def alike(names: Sequence[str]) -> "pd.Series[bool]":
        both_absent = one[names].isna() & other[names].isna()
        return ((one[names] == other[names]) | both_absent).all(axis="columns")

    is_shared = alike(given)
    return int((is_shared & alike(measured)).sum()), int(is_shared.sum())


def in_words(found: Reproduction) -> str:
    """Return what was found, a paragraph a claim."""
    verb, declared = "agrees" if found.agrees else "does not agree", found.declaration[:12]
    counted = f"{found.same_runs} of {found.shared_runs} runs of equal configuration and seed"
    lines = [
        f"{found.anew} {verb} with {found.committed} (declaration {declared})",
        f"{counted} have the same numbers to the last bit",
    ]
    for claim in found.claims:
        turned = " (THE OPPOSITE)" if claim.is_opposite else ""
        lines.append(f"{claim.number}. {claim.says}")
        lines.append(f"   was {claim.committed}, is {claim.anew}{turned}")
        lines += [
            f"   {own.arm} to {own.than}: was {own.committed:.4g}, foretold {own.low:.4g} to {own.high:.4g}, "
            f"is {'not there' if own.anew is None else f'{own.anew:.4g}'}{'' if own.agrees else ' (OUTSIDE)'}"
            for own in claim.effects
        ]
    lines.append(
        f"foretold: where a new effect lies in {100 * found.level:.4g} % of repetitions, so that all do in "
        f"{100 * (1 - ALPHA):g} % of studies"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    answering = Answering("reproduction", arguments)
    return run_command(partial(_answer, arguments, answering), answering=answering)


def _answer(arguments: Sequence[str] | None, answering: Answering) -> int:
    options = _options(arguments)
    found = reproduction(results(options.committed), results(options.anew))
    if answering.is_asked:
        answering.give(found)
    else:
        deliver(in_words(found))
    return EXIT_COMPLETE if found.agrees else EXIT_DISAGREES


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m analysis.reproduction",
        description="Say whether a study that was run again agrees with its committed results: no claim is "
        "ruled the other way, and every effect lies where the committed ones foretell it.",
        epilog=f"exit codes: 0 agrees; 3 does not; 2 a folder or argument is at fault; {EXIT_CODES}",
    )
    parser.add_argument("committed", type=path_argument, metavar="COMMITTED", help="results folder")
    parser.add_argument("anew", type=path_argument, metavar="ANEW", help="results folder of the same study")
    add_json(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
