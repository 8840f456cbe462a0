"""All claims of a study through the looks of its plan: which are decided, at which look, and what stays open.

At each look whose replicates have ended, the minima of every open claim's p-values are continued. Holm's
procedure over *all* declared claims that can be tested decides by differences, then a family of its own (over
the claims with a region) by equivalence; what the look's own replicates do not bear out stays open. A claim
that is decided keeps its p, so the family never shrinks. A fixed plan is one look with weight 1. See
`analysis.statistics.sequential` for why this keeps the error.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from analysis import statistics
from analysis.claims.evidence import Evidence, Levels, Outcome, Sides, Untestable
from analysis.claims.verdict import Verdict
from analysis.statistics.sequential import Looks, Path, PValues, holm_rejects


@dataclass
class Course:
    """One claim's way through the looks."""

    evidence: Evidence | Untestable | None = None
    """Of the latest look; None before the first."""
    paths: dict[Hashable, Path] = field(default_factory=dict)
    """Running minima of its comparisons."""
    outcome: Outcome | None = None
    """What decided it; "open" where the last look, or futility, left it so. None while it is open."""
    look: int | None = None
    """Where, counted from 0."""
    is_futile: bool = False
    """Whether it was given up before the last look."""
    arms: frozenset[str] = frozenset()
    """Those that it compares."""
    has_region: bool = False
    """Whether it has a region of equivalence."""

    @property
    def is_open(self) -> bool:
        """Whether a further look may decide it."""
        return self.outcome is None and not (
            isinstance(self.evidence, Untestable) and self.evidence.is_by_design
        )

    @property
    def is_counted(self) -> bool:
        """Whether it is one of the family: testable as far as was known before the data."""
        return not (isinstance(self.evidence, Untestable) and self.evidence.is_by_design)

    @property
    def sides(self) -> Sides:
        """The levels at which it would be decided; 1 where it cannot be."""
        if self.evidence is None or isinstance(self.evidence, Untestable):
            return Sides(1.0, 1.0, 1.0)
        return self.evidence.sides(self.paths)


@dataclass
class Courses:
    """The claims of a study, look by look."""

    plan: Looks
    claims: list[Course]
    unit: str = "seeds"
    """What is counted, in the plural."""

    @property
    def n_claims(self) -> int:
        """Claims of the family of differences."""
        return len(self._family)

    @property
    def n_regions(self) -> int:
        """Claims of the family of equivalence."""
        return len(self._with_region)

    @property
    def _family(self) -> dict[int, Course]:
        """The claims that can be tested as far as was known before the data, by their places."""
        return {place: claim for place, claim in enumerate(self.claims) if claim.is_counted}

    @property
    def _with_region(self) -> dict[int, Course]:
        return {place: claim for place, claim in self._family.items() if claim.has_region}

    @property
    def open(self) -> list[int]:
        """Places of the claims that a further look may decide."""
        return [place for place, claim in enumerate(self.claims) if claim.is_open]

    def levels(self, claim: Course, look: int) -> Levels:
        """Return at which levels a claim's intervals are drawn."""
        return Levels(
            plan=self.plan,
            look=look,
            n_claims=self.n_claims,
            n_regions=self.n_regions,
            paths=claim.paths,
            unit=self.unit,
        )

    def take(self, look: int, measure: Callable[[int], Evidence | Untestable]) -> None:
        """Test every open claim at a look, counted from 0.

        Args:
            look: The next one; all replicates up to it have ended.
            measure: Returns the evidence of a claim, by its place, over the look's replicates.
        """
        for place in self.open:
            claim, evidence = self.claims[place], measure(place)
            claim.evidence = evidence
            if not isinstance(evidence, Untestable):
                claim.has_region |= evidence.has_region
                _continue(claim, evidence.p_values(), self.plan, look)
        self._decide(look)
        is_last = look == self.plan.last
        for place in self.open:
            claim = self.claims[place]
            testable = None if isinstance(claim.evidence, Untestable) else claim.evidence
            if is_last:
                claim.outcome, claim.look = "open", look
            elif testable is not None and testable.is_futile(self.levels(claim, look)):
                claim.outcome, claim.look, claim.is_futile = "open", look, True

    def _decide(self, look: int) -> None:
        """Close what either family of tests decides; what is real and too small to matter is equivalent."""
        is_different = self._rejected({place: claim.sides.p for place, claim in self._family.items()})
        is_tied = self._rejected({place: claim.sides.tied for place, claim in self._with_region.items()})
        for place in self.open:
            claim, sides = self.claims[place], self.claims[place].sides
            different: Outcome = "claimed" if sides.claimed < sides.against else "against"
            decided: list[Outcome] = ["tied"] if place in is_tied else []
            decided += [different] if place in is_different else []
            for outcome in decided:
                if self._is_borne_out(claim, outcome):
                    claim.outcome, claim.look = outcome, look
                    break

    def _is_borne_out(self, claim: Course, outcome: Outcome) -> bool:
        """Return whether this look's replicates alone, tested at alpha, say what the minima decide.

        Minima remember earlier looks: as other claims are decided, Holm's procedure can come to reject by a
        difference that is gone since. The error is kept either way; but a ruling has to agree with the mean
        that stands beside it. With one look it always does.
        """
        if claim.evidence is None or isinstance(claim.evidence, Untestable):
            return False
        values = claim.evidence.p_values().items()
        now = claim.evidence.sides(
            claim.paths | {key: Path(plan=self.plan, **own._asdict()) for key, own in values}
        )
        return {"claimed": now.claimed, "against": now.against, "tied": now.tied}[outcome] < self.plan.alpha

    def _rejected(self, p_values: Mapping[int, float]) -> set[int]:
        """Return which claims of a family Holm's procedure decides, by their places."""
        rejected = holm_rejects(list(p_values.values()), self.plan.alpha, len(p_values))
        return {place for place, is_decided in zip(p_values, rejected, strict=True) if is_decided}

    def needs(self, look: int) -> frozenset[str]:
        """Return the arms whose further replicates any open claim needs after a look."""
        needed: frozenset[str] = frozenset()
        for place in self.open:
            claim = self.claims[place]
            if claim.evidence is None or isinstance(claim.evidence, Untestable):
                needed |= claim.arms
            else:
                needed |= claim.evidence.needs(self.levels(claim, look))
        return needed

    def so_far(self, place: int, evidence: Evidence, look: int) -> Verdict:
        """Return what replicates that are no whole look say of a claim: nothing is decided by them."""
        claim = Course(evidence=evidence, paths=dict(self.claims[place].paths))
        _continue(claim, evidence.p_values(), self.plan, look)
        return evidence.tell("open", self.levels(claim, look))

    def verdicts(self) -> list[Verdict | None]:
        """Return the verdict of every claim; None where no look has been enough."""
        adjusted = _adjusted({place: claim.sides.p for place, claim in self._family.items()})
        tied = _adjusted({place: claim.sides.tied for place, claim in self._with_region.items()})
        return [
            self._verdict(claim, adjusted.get(place, 1.0), tied.get(place, 1.0))
            for place, claim in enumerate(self.claims)
        ]

    def _verdict(self, claim: Course, adjusted: float, tied: float) -> Verdict | None:
        evidence = claim.evidence
        if isinstance(evidence, Untestable):
            is_ruled = claim.outcome is not None or evidence.is_by_design
            return Verdict(ruling="not testable", reason=evidence.reason, n=evidence.n) if is_ruled else None
        if claim.outcome is None or claim.look is None or evidence is None:
            return None
        levels, sides = self.levels(claim, claim.look), claim.sides
        verdict = evidence.tell(claim.outcome, levels)
        is_of_ties = claim.outcome == "tied" or (claim.outcome == "open" and sides.is_claimed_a_tie)
        p, p_adjusted = (sides.tied, tied) if is_of_ties else (sides.p, adjusted)
        verdict = replace(verdict, p=p, p_adjusted=p_adjusted, look=self.plan.looks[claim.look])
        if claim.outcome == "open" and not claim.is_futile and self._depends_on_missing(claim, claim.look):
            reason = (
                "replicates are missing, and with other values in their place the ruling would be another"
            )
            return Verdict(ruling="not testable", reason=reason, n=evidence.n)
        if claim.outcome == "open" and min(adjusted, tied) < self.plan.alpha:
            gone = "; an earlier look would decide it now, and what was measured since does not bear that out"
            return replace(verdict, reason=verdict.reason + gone)
        return replace(verdict, reason=verdict.reason + self._stopped(claim))

    def _stopped(self, claim: Course) -> str:
        """Return what a reader must know of a claim that was closed before the last look."""
        if claim.look is None or claim.look == self.plan.last:
            return ""
        n, last = self.plan.looks[claim.look], self.plan.looks[-1]
        if claim.is_futile:
            return f"; stopped at n = {n}: even one standard error more would decide nothing at n = {last}"
        if claim.outcome == "tied":
            return f"; stopped at n = {n} of {last}"
        return (
            f"; stopped at n = {n} of {last} because the difference was large there: such estimates run "
            "high, read the interval"
        )

    def _depends_on_missing(self, claim: Course, look: int) -> bool:
        """Return whether an open claim would be decided if missing replicates were as it likes best."""
        if claim.evidence is None or isinstance(claim.evidence, Untestable):
            return False
        kind = Course(evidence=claim.evidence, paths=dict(claim.paths))
        _continue(kind, claim.evidence.p_values(kindest=True), self.plan, look)
        if kind.paths == claim.paths:
            return False
        is_decided = min(kind.sides.p * self._undecided(), kind.sides.tied * max(1, self.n_regions))
        return is_decided < self.plan.alpha

    def _undecided(self) -> int:
        """Return the claims that Holm's procedure has left: by how many an open claim's p is multiplied."""
        decided = sum(claim.outcome in {"claimed", "against"} for claim in self.claims)
        return max(1, self.n_claims - decided)


def _adjusted(p_values: Mapping[int, float]) -> dict[int, float]:
    """Return the Holm-adjusted p-values of a family, by the claims' places."""
    return dict(zip(p_values, statistics.holm(list(p_values.values())), strict=True))


def _continue(claim: Course, p_values: Mapping[Hashable, PValues], plan: Looks, look: int) -> None:
    """Continue the minima of a claim's comparisons."""
    for key, values in p_values.items():
        claim.paths[key] = claim.paths.get(key, Path(plan=plan)).add(look, values)


def judge(plan: Looks, looks: Sequence[Sequence[Evidence | Untestable]]) -> list[Verdict | None]:
    """Return the verdicts of claims whose evidence of every look that was taken is known.

    Args:
        plan: The looks.
        looks: The evidence of each claim, look by look; of one look where the plan is fixed.
    """
    courses = Courses(plan=plan, claims=[Course() for _ in looks[0]])
    for look, evidence in enumerate(looks):
        courses.take(look, lambda place, evidence=evidence: evidence[place])  # type: ignore[misc]
    return courses.verdicts()
