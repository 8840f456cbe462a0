"""What a plan can show, in words. Nothing is said that is not known: what is assumed is called so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import harmonic_mean

from analysis.metrics import Metric, metrics_of
from harness.commands.planning.noise import Noise
from harness.commands.planning.outlook import (
    Comparison,
    Outlook,
    alone,
    arms_of_one,
    compared,
    hardest,
    levels,
    share_outlook,
)
from harness.commands.planning.outlook_words import (
    amount,
    amounts,
    found_in_words,
    needed_in_words,
    share_in_words,
    shown_in_words,
)
from harness.commands.planning.responses import NOTHING_CONFIRMED, untested_response
from harness.recipe.datasets import DATASETS
from harness.recipe.metrics import Split
from harness.study.claim_kinds import Best, Better, Diverges, Equal, Monotone, Optimum, Reaches, Trend
from harness.study.claims import AVERAGE, EVERY, Claim
from harness.study.plan import Plan
from harness.study.study import Study

NoiseOf = Callable[[str, int | None], Noise | None]
"""Returns the noise of a metric, for so many planned seeds a repeat; None where nothing is known of it."""

_USUAL_SEEDS_A_REPEAT = 2
"""For a study that searches once, in what it would take to repeat its searches."""

_UNKNOWN = "nothing is known of how much it varies. Remedy: --sd {metric}=RUN[,SEARCH], or --from DIR"


_OF_EARLIER_LOOKS = (
    "earlier ones change the 80 % by up to 5 points, and stopping where a claim would stay open costs up to "
    "half of the chance to be ruled equivalent"
)
"""Simulated, for one and three claims and looks at 5, 8, 12 and 20."""

_OF_ONE_SEARCH = "this is about the configurations that one search chooses, not about searching"

_TESTS = {"paired": "compared in pairs over common seeds", "welch": "compared by Welch's test"}


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Claims of which the same is foretold."""

    numbers: Sequence[int]
    """Their places in the study, from 1."""
    kind: str
    metric: str | None
    lines: Sequence[str]

    def in_words(self) -> Iterator[str]:
        numbers = ", ".join(map(str, self.numbers))
        about = f"{self.kind}, {self.metric}" if self.metric else self.kind
        yield f"  claim{'s' if len(self.numbers) > 1 else ''} {numbers} ({about}): {self.lines[0]}"
        yield from (f"    {line}" for line in self.lines[1:])


def outlook_lines(study: Study, plan: Plan, noise_of: NoiseOf) -> Iterator[str]:
    """Yield the lines on what a study can show.

    Args:
        study: The study.
        plan: Its plan.
        noise_of: Tells the noise of a metric.
    """
    if not study.claims:
        yield "what it can show: no claim is declared, so nothing will be ruled"
        return
    count = len(study.claims)
    share = (
        f"{count} claims share 5 % for any false ruling of a kind" if count > 1 else "5 % for a false ruling"
    )
    yield f"what it can show: {share}; found means in 80 % of such studies"
    if len(plan.looks) > 1:
        yield f"  by the last look alone ({plan.looks[-1]} {plan.unit}s); {_OF_EARLIER_LOOKS}"
    specs = [claim.spec for claim in study.claims]
    pairs = {spec.metric for spec in specs if isinstance(spec, Better | Best | Equal)}
    means = (spec for spec in specs if isinstance(spec, Better | Best | Equal | Reaches))
    metrics = dict.fromkeys(spec.metric for spec in means)
    noises = {metric: noise_of(metric, _seeds_a_repeat(study, plan)) for metric in metrics}
    for name, noise in noises.items():
        is_paired = plan.seeds_are_common and name in pairs
        yield from _noise_in_words(noise, metrics_of(study.metrics)[name], is_paired=is_paired)
    for group in _groups(study, plan, noises):
        yield from group.in_words()


def _seeds_a_repeat(study: Study, plan: Plan) -> int | None:
    """Return the seeds of each repeat, planned or as they would be; None where no search can be repeated."""
    if plan.unit == "repeat":
        return plan.confirm.max_seeds
    can_repeat = study.search.sampler != "grid" and any(arm.space for arm in study.arms)
    return _USUAL_SEEDS_A_REPEAT if can_repeat else None


def _independent_runs(spec: Diverges, study: Study, plan: Plan) -> int:
    """Return the runs that a claim counts, which diverge independently: one of those of a search's choice."""
    is_searched = bool(arms_of_one(study)[spec.arm].space)
    seeds = plan.confirm.max_seeds
    if spec.at is not None or not (seeds or is_searched):
        return plan.search.seeds
    return plan.max_repeats * (min(seeds, 1) if plan.unit == "repeat" and is_searched else seeds)


def _noise_in_words(noise: Noise | None, metric: Metric, *, is_paired: bool) -> Iterator[str]:
    name = metric.name
    if noise is None:
        yield f"  {name}: {_UNKNOWN.format(metric=name)}"
        return
    run, what = noise.run, "a run"
    if is_paired and noise.paired:
        run, what = noise.paired, "a run, the luck of common seeds taken out,"
    search = f", of a search {amount(noise.search.likely, metric)}" if noise.repeat and noise.search else ""
    yield f"  {name}: SD of {what} {amount(run.likely, metric)}{search}; {noise.origin}"
    if is_paired and noise.paired is None:
        yield "    as if a seed brought arms no luck in common"
    if noise.ends:
        yield f"    {noise.ends}"


def _groups(study: Study, plan: Plan, noises: Mapping[str, Noise | None]) -> list[_Group]:
    groups: dict[tuple[str, str | None, tuple[str, ...]], list[int]] = {}
    for number, claim in enumerate(study.claims, start=1):
        lines = tuple(_lines(claim, study, plan, noises))
        groups.setdefault((claim.kind, claim.metric, lines), []).append(number)
    return [
        _Group(numbers=numbers, kind=kind, metric=metric, lines=lines)
        for (kind, metric, lines), numbers in groups.items()
    ]


def _lines(claim: Claim, study: Study, plan: Plan, noises: Mapping[str, Noise | None]) -> Iterator[str]:
    """Yield what is foretold of a claim; the first line goes on from its name."""
    first_alpha, last_alpha = levels(plan, len(study.claims))
    spec = claim.spec
    if isinstance(spec, Diverges):
        n = _independent_runs(spec, study, plan)
        untested = f"cannot be tested: {NOTHING_CONFIRMED}"
        yield share_in_words(share_outlook(n, spec.more_than, first_alpha)) if n else untested
    elif isinstance(spec, Optimum | Trend | Monotone) and (reason := untested_response(spec, study, plan)):
        yield f"cannot be tested: {reason}"
    elif not isinstance(spec, Optimum | Trend | Monotone) and not plan.confirm.max_seeds:
        yield f"cannot be tested: {NOTHING_CONFIRMED}"
    elif not isinstance(spec, Better | Best | Equal | Reaches):
        yield "not foretold: what it takes depends on how the metric goes with what is compared"
    elif plan.looks[-1] < 2:
        yield f"cannot be tested: one replicate shows no spread. Remedy: more {_more(plan)}"
    elif isinstance(spec, Reaches):
        yield from _of_a_mean(claim, spec, study, plan, noises[spec.metric])
    else:
        pairs, n_compared = compared(spec, study)
        noise = noises[spec.metric]
        comparison = hardest(pairs, plan, noise) if noise and pairs else None
        if not pairs:
            yield "cannot be tested: the study has one arm only"
        elif comparison is None:
            yield "not foretold: " + _UNKNOWN.format(metric=spec.metric)
        else:
            metric = metrics_of(study.metrics, _test_samples(study, claim.on))[spec.metric]
            outlook = Outlook(
                kind=claim.kind,  # type: ignore[arg-type]  # that of its specification
                comparison=comparison,
                n_compared=n_compared,
                region=metric.equivalence if claim.region is None else claim.region,
                first_alpha=first_alpha,
                last_alpha=last_alpha,
            )
            yield f"{comparison.n} {_unit(comparison, plan)} an arm, {_TESTS[comparison.test]}"
            yield from _of_datasets(claim.on, len(study.by_dataset))
            yield from shown_in_words(outlook, metric, _unit(comparison, plan))
            if plan.unit == "seed" and any(arm.space for pair in pairs for arm in pair):
                yield from _of_searching(outlook, metric, noise)


def _of_a_mean(claim: Claim, spec: Reaches, study: Study, plan: Plan, noise: Noise | None) -> Iterator[str]:
    """Yield by how much a true mean must be better than a value to be found there."""
    arm, metric = arms_of_one(study)[spec.arm], metrics_of(study.metrics)[spec.metric]
    tested = alone(arm, plan, noise) if noise else None
    if tested is None:
        yield "not foretold: " + _UNKNOWN.format(metric=spec.metric)
        return
    first_alpha, last_alpha = (2 * alpha for alpha in levels(plan, len(study.claims)))
    outlook = Outlook(
        kind="reaches",
        comparison=tested,
        n_compared=1,
        region=None,
        first_alpha=first_alpha,
        last_alpha=last_alpha,
    )
    deviation = amounts(tested.deviation, metric)
    yield f"{tested.n} {_unit(tested, plan)} of SD {deviation}, tested one-sided"
    yield from _of_datasets(claim.on, len(study.by_dataset))
    aim = f"{metric.scale * spec.value:g} {metric.value_unit}".rstrip()
    yield found_in_words(outlook, metric, f"a true lead over {aim} of")
    if plan.unit == "seed" and arm.space:
        yield _OF_ONE_SEARCH


def _test_samples(study: Study, on: str | None) -> dict[Split, float]:
    """Return the test samples of the data sets that a claim is on, of several an average, where known."""
    parts = study.by_dataset.items()
    own = [part.dataset for name, part in parts if on in {None, EVERY, AVERAGE, name}]
    known = [DATASETS[dataset].n_test for dataset in own if dataset in DATASETS]
    return {"test": harmonic_mean(known)} if known else {}


def _of_datasets(on: str | None, count: int) -> Iterator[str]:
    """Yield what becomes of a claim that is about several data sets: the numbers are those of one."""
    if on == EVERY:
        yield f"by one data set; it is supported only if each of the {count} supports it"
    if on == AVERAGE:
        yield f"by one data set; the average of {count} varies less, unless their luck is the same"


def _more(plan: Plan) -> str:
    return "confirm.seeds" if plan.unit == "seed" else "search.repeats"


def _unit(comparison: Comparison, plan: Plan) -> str:
    """Return what replicates are, in the plural."""
    return f"repeats x {plan.confirm.max_seeds} seeds" if comparison.counts == "repeats" else "seeds"


def _of_searching(outlook: Outlook, metric: Metric, noise: Noise | None) -> Iterator[str]:
    """Yield what a study that searches once leaves open, and what it would take to say it."""
    yield _OF_ONE_SEARCH
    if noise is None or noise.repeat is None or outlook.region is None:
        return
    repeats = Comparison("welch", outlook.comparison.n, "repeats", noise.repeat.plus(noise.repeat))
    repeated = replace(outlook, comparison=repeats)
    takes = needed_in_words(repeated, metric, f"repeats x {_USUAL_SEEDS_A_REPEAT} seeds")
    yield f"about searching (search.repeats) it would take {takes}"
