"""Claims of a study of several data sets: on every one of them, on one, or on their average.

On *every* data set a claim says several things at once. It is supported only if each data set supports it
at the claim's level, and equivalent only if each shows equivalence: both are intersection-union tests, which
need no correction for the number of data sets (Berger 1982). It is contradicted where any data set
contradicts it, after Bonferroni's correction for their number. On the *average*, the values of a replicate
are averaged over the data sets (`StudyRecords.average`), and the test is that of a single data set.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.claims.evidence import Evidence, Grounds, Levels, Outcome, Paths, Sides, Untestable
from analysis.claims.parts import Comparison, OfOne, Where
from analysis.claims.verdict import Verdict
from analysis.statistics.sequential import PValues
from harness.study.claims import AVERAGE, EVERY
from harness.study.datasets import name_on

Measure = Callable[[Grounds], Evidence | Untestable]


@dataclass(frozen=True, kw_only=True)
class OnEach:
    """What was measured on each data set of a claim: on every one, or on one alone."""

    parts: Mapping[str, Evidence]
    """By data set, in the study's order."""
    on: str

    @property
    def n(self) -> int:
        """Replicates, of the data set with the fewest."""
        return min(part.n for part in self.parts.values())

    @property
    def has_region(self) -> bool:
        """Whether equivalence can be concluded."""
        return all(part.has_region for part in self.parts.values())

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return the p-values of each comparison on each data set."""
        return {
            (name, key): values
            for name, part in self.parts.items()
            for key, values in part.p_values(kindest=kindest).items()
        }

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which each data set supports it or shows a tie, or any contradicts it."""
        own = [part.sides(_of(name, paths)) for name, part in self.parts.items()]
        return Sides(
            claimed=max(sides.claimed for sides in own),
            against=min(1.0, len(own) * min(sides.against for sides in own)),
            tied=max(sides.tied for sides in own),
            is_claimed_a_tie=own[0].is_claimed_a_tie,
        )

    def is_futile(self, levels: Levels) -> bool:
        """Return whether the last look would leave it open: on some data set, and none speaks against it.

        A data set that supports it by now needs no further look, and is asked only where all do.
        """
        unsettled = [name for name in self.parts if not self._supports(name, levels)] or list(self.parts)
        own = {name: self.parts[name].is_futile(_levels(name, levels)) for name in unsettled}
        rest = [
            self.parts[name].sides(_of(name, levels.paths))
            for name, is_futile in own.items()
            if not is_futile
        ]
        return any(own.values()) and all(sides.claimed <= sides.against for sides in rest)

    def _supports(self, name: str, levels: Levels) -> bool:
        """Return whether a data set supports it, whatever becomes of the other claims."""
        sides = self.parts[name].sides(_of(name, levels.paths))
        if sides.is_claimed_a_tie:
            return sides.tied < levels.first_tied_step
        return sides.claimed < levels.first_step

    def needs(self, levels: Levels) -> frozenset[str]:
        """Return the arms, each on its data set, whose further replicates it needs."""
        return frozenset(
            name_on(arm, name)
            for name, part in self.parts.items()
            for arm in part.needs(_levels(name, levels))
        )

    def tell(self, outcome: Outcome, levels: Levels) -> Verdict:
        """Return the verdict of an outcome: that of the data set which decided, with what each says."""
        name = self._decisive(outcome, levels)
        of_each = self._of_each(outcome, name, levels) if len(self.parts) > 1 else {}
        if outcome == "against":  # any of them may be the one
            levels = replace(levels, n_claims=levels.n_claims * len(self.parts))
        told = self.parts[name].tell(outcome, _levels(name, levels))
        reason = f"{_in_words(of_each)}; on {name} {told.reason}" if of_each else told.reason
        return replace(
            told,
            n=self.n,
            reason=reason,
            comparisons=tuple(
                own
                for each, part in self.parts.items()
                for own in _named(part.tell("open", _levels(each, levels)).comparisons, each)
            ),
            where=Where(on=self.on, dataset=name, of_each=of_each),
        )

    def _decisive(self, outcome: Outcome, levels: Levels) -> str:
        """Return the data set that decides an outcome: the one that objects, else the least sure one."""
        sides = {name: part.sides(_of(name, levels.paths)) for name, part in self.parts.items()}
        if outcome == "against":
            return self._contrary(sides, levels)
        is_of_ties = outcome == "tied" or next(iter(sides.values())).is_claimed_a_tie
        least = max(sides, key=lambda name: sides[name].tied if is_of_ties else sides[name].claimed)
        if outcome == "open":
            return least
        rulings = {
            name: part.tell(outcome, _levels(name, levels)).ruling for name, part in self.parts.items()
        }
        return next((name for name, ruling in rulings.items() if ruling == "inconclusive"), least)

    def _contrary(self, sides: Mapping[str, Sides], levels: Levels) -> str:
        """Return the data set that is clearest against it, if possible one where no edge leaves that open."""
        clearest, *others = sorted(sides, key=lambda name: sides[name].against)
        decided = [name for name in others if self._is_against(sides[name], levels)]
        rulings = {
            name: self.parts[name].tell("against", _levels(name, levels)).ruling
            for name in (clearest, *decided)
        }
        return next((name for name, ruling in rulings.items() if ruling != "inconclusive"), clearest)

    def _is_against(self, sides: Sides, levels: Levels) -> bool:
        """Return whether a data set contradicts it by itself, as any of them may (Bonferroni)."""
        return sides.against * len(self.parts) < levels.first_step

    def _of_each(self, outcome: Outcome, decisive: str, levels: Levels) -> dict[str, OfOne]:
        """Return what each data set says at the level of the claim."""
        told = {
            name: part.tell(self._outcome_on(name, outcome, decisive, levels), _levels(name, levels))
            for name, part in self.parts.items()
        }
        return {name: _WORDS.get(verdict.ruling, "leaves it open") for name, verdict in told.items()}

    def _outcome_on(self, name: str, outcome: Outcome, decisive: str, levels: Levels) -> Outcome:
        """Return what the tests say on one data set: where all must agree, or one decides, the outcome."""
        if outcome in {"claimed", "tied"} or (outcome == "against" and name == decisive):
            return outcome
        sides = self.parts[name].sides(_of(name, levels.paths))
        if sides.tied < levels.first_tied_step:
            return "tied"
        if sides.claimed < levels.first_step:
            return "claimed"
        return "against" if self._is_against(sides, levels) else "open"


_WORDS: Mapping[str, OfOne] = {
    "supported": "supports it",
    "contradicted": "contradicts it",
    "equivalent": "shows equivalence",
}
"""By ruling; any other leaves a claim open."""


@dataclass(frozen=True, kw_only=True)
class OnAverage:
    """What was measured on the average over data sets."""

    evidence: Evidence
    datasets: Sequence[str]

    @property
    def n(self) -> int:
        """Replicates."""
        return self.evidence.n

    @property
    def has_region(self) -> bool:
        """Whether equivalence can be concluded."""
        return self.evidence.has_region

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return the p-values of each comparison."""
        return self.evidence.p_values(kindest=kindest)

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which the claim is decided."""
        return self.evidence.sides(paths)

    def is_futile(self, levels: Levels) -> bool:
        """Return whether the last look would decide nothing."""
        return self.evidence.is_futile(levels)

    def needs(self, levels: Levels) -> frozenset[str]:
        """Return the arms, on every data set, whose further replicates it needs."""
        return frozenset(name_on(arm, name) for arm in self.evidence.needs(levels) for name in self.datasets)

    def tell(self, outcome: Outcome, levels: Levels) -> Verdict:
        """Return the verdict of an outcome."""
        told = self.evidence.tell(outcome, levels)
        reason = f"on average over {', '.join(self.datasets)}, of equal weight: {told.reason}"
        return replace(told, reason=reason, where=Where(on=AVERAGE, dataset=None))


def on_datasets(grounds: Grounds, on: str, measure: Measure) -> Evidence | Untestable:
    """Return the evidence of a claim on several data sets, or why it cannot be tested on one of them.

    Args:
        grounds: Those of a study of several data sets.
        on: `every`, `average`, or the name of one.
        measure: Returns the evidence on one data set, or on their average.
    """
    if on == AVERAGE:
        evidence = measure(grounds.average)
        if isinstance(evidence, Untestable):
            return evidence
        return OnAverage(evidence=evidence, datasets=list(grounds.parts))
    names = list(grounds.parts) if on == EVERY else [on]
    if on not in {EVERY, *grounds.parts}:
        reason = f"the study has no data set {on!r}; it has {', '.join(grounds.parts)}"
        return Untestable(reason=reason, is_by_design=True)
    parts: dict[str, Evidence] = {}
    for name in names:
        part = measure(grounds.parts[name])
        if isinstance(part, Untestable):
            return replace(part, reason=f"on {name}: {part.reason}")
        parts[name] = part
    return OnEach(parts=parts, on=on)


def _of(dataset: str, paths: Paths) -> Paths:
    """Return the paths of one data set's comparisons, by what its evidence calls them."""
    return {key[1]: path for key, path in paths.items() if isinstance(key, tuple) and key[0] == dataset}


def _levels(dataset: str, levels: Levels) -> Levels:
    return replace(levels, paths=_of(dataset, levels.paths))


def _named(comparisons: Sequence[Comparison], dataset: str) -> Sequence[Comparison]:
    """Return comparisons on a data set with the whole names of their sides."""
    return [
        replace(own, arm=name_on(own.arm, dataset), than=name_on(own.than, dataset)) for own in comparisons
    ]


def _in_words(of_each: Mapping[str, OfOne]) -> str:
    """Return what each data set says, those that say the same together."""
    by_words: dict[str, list[str]] = {}
    for name, words in of_each.items():
        by_words.setdefault(words, []).append(name)
    if len(by_words) == 1:
        return f"each of {', '.join(of_each)} {next(iter(by_words))}"
    return ", ".join(f"{' and '.join(names)} {words}" for words, names in by_words.items())
