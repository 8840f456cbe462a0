"""What looks at planned numbers of replicates save, and what they cost, against a plan of fixed size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis import statistics
from analysis.claims.decide import standing
from analysis.design import design_of
from analysis.facts import Facts
from analysis.statistics import MeanInterval
from analysis.statistics.sequential import Looks, Path, PValues, holm_rejects, is_futile
from analysis.statistics.tests import paired
from harness.study import looks as planned


@dataclass(frozen=True, kw_only=True)
class Stops:
    """Where the claims of a study were closed, and what its arms ran until then."""

    looks: tuple[int, ...]
    closed_at: Sequence[int]
    """Look of each claim that could be tested."""
    replicates: int
    """Of all arms that a further look needed."""
    fixed: int
    """Of a plan that takes no look before the last."""

    @property
    def early(self) -> int:
        """Claims that were closed before the last look."""
        return sum(n < self.looks[-1] for n in self.closed_at)


def stops(facts: Facts) -> Stops:
    """Return where the claims of a study whose planned replicates have ended were closed.

    Each look is taken in the order of the replicates; what an arm has beyond the look at which no open claim
    needed it counts as saved.
    """
    grounds, looks = facts.grounds, facts.grounds.design.counts
    arms = [arm for arm, declared in facts.records.declaration.arms.items() if declared.confirm_runs]
    needed, before, taken = frozenset(arms), 0, 0
    for n in looks:
        taken += len(needed) * (n - before)
        before = n
        needed = standing(grounds, n).needed_arms if needed and n < looks[-1] else needed
    return Stops(
        looks=looks,
        closed_at=[verdict.look for verdict in facts.verdicts if verdict.look is not None],
        replicates=taken,
        fixed=len(arms) * looks[-1],
    )


def as_if_looked_at(facts: Facts) -> Facts | None:
    """Return a study of a fixed plan as if its claims had been looked at on the way to as many replicates.

    The looks are those that a study file has by default, the first at 5.

    Returns: None where the plan has looks of its own, is too small for a look before its end, or confirms
        nothing.
    """
    records, counts = facts.records, design_of(facts.records).counts
    if len(counts) > 1 or counts[0] <= planned.LEAST_FIRST_LOOK or not records.has_confirm:
        return None
    looks = planned.looks_of(planned.Looks(min=planned.LEAST_FIRST_LOOK, max=counts[0]))
    even = Looks.even(looks)
    plan = records.declaration.plan.model_copy(update={"looks": looks, "weights": even.weights})
    declaration = records.declaration.model_copy(update={"plan": plan})
    return Facts(replace(records, declaration=declaration))


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What a plan finds of a true difference."""

    found: int
    studies: int
    replicates: MeanInterval
    """Until it stopped."""


def simulated(plan: Looks, ahead: float, *, studies: int, seed: int) -> Simulated:
    """Follow one claim of two arms on common seeds through simulated studies, by the rules of real ones.

    Args:
        plan: Its looks; a single one is a fixed plan.
        ahead: The true difference in deviations of a paired difference, whose noise is normal.
        studies: How many.
        seed: Of the noise.
    """
    gaps = np.random.default_rng(seed).normal(ahead, size=(studies, plan.looks[-1]))
    outcomes = [_followed(plan, own) for own in gaps.tolist()]
    return Simulated(
        found=sum(is_found for is_found, _ in outcomes),
        studies=studies,
        replicates=statistics.t_interval([n for _, n in outcomes]),
    )


def _followed(plan: Looks, gaps: Sequence[float]) -> tuple[bool, int]:
    """Return whether the lead of one study is found, and at how many replicates the study ends."""
    path = Path(plan=plan)
    for look, n in enumerate(plan.looks):
        difference = paired(gaps[:n])
        if difference is None:
            raise ValueError(f"a look at {n} replicates tests nothing")
        path = path.add(look, PValues.of(difference, None))
        (is_found,) = holm_rejects([path.ahead], plan.alpha, 1)
        if is_found or is_futile(difference, look, plan, 1):
            return is_found, n
    return False, plan.looks[-1]
