"""Sections on comparisons of arms: common seeds, the choice by validation, looks."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from analysis import statistics
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.render import numbers
from analysis.render.table import escape_markdown
from analysis.statistics.agreement import Estimate
from analysis.statistics.sequential import Looks
from analysis.tools.choosing import by_validation, optimism
from analysis.tools.looking import Simulated, as_if_looked_at, simulated, stops
from analysis.tools.pairing import pairing
from docs.generators.markdown import table
from docs.generators.tools.text import SEED, Studies, code, difference, estimate, percent, share


def pairing_section(studies: Studies) -> Iterator[str]:
    """Yield what common seeds gave."""
    yield "## What do common seeds give?"
    found = {name: shared for name, facts in studies.items() if (shared := pairing(facts.records))}
    if not found:
        yield "No study here compares arms on common seeds."
        return
    yield (
        "The variance of a difference between arms on the same seeds over that on seeds of each arm's own: 1 "
        "less the intraclass correlation ICC(3, 1), with the interval of Shrout and Fleiss (1979), over all "
        "pairs of arms. Tuned arms are confirmed as one search of each chose them; the others are fixed "
        "recipes. Pairing costs degrees of freedom, so its interval is the narrower one only below the last "
        "column."
    )
    rows = [
        [
            code(name),
            f"{own.arms} {'tuned' if own.is_tuned else 'fixed'}",
            str(own.n),
            estimate(own.ratio),
            f"{own.pays_below:.2f}",
        ]
        for name, own in found.items()
    ]
    yield table(["study", "arms", "seeds", "paired to unpaired variance", "pays below"], rows)
    told = [
        f"{sum(own.ratio.high < 1 for own in group)} of {len(group)} {noun} of {kind}, and as measured it "
        f"made the interval narrower in {sum(own.ratio.value < own.pays_below for own in group)}"
        for kind, group in (
            ("fixed recipes", [own for own in found.values() if not own.is_tuned]),
            ("tuned arms", [own for own in found.values() if own.is_tuned]),
        )
        if group
        for noun in ["study" if len(group) == 1 else "studies"]
    ]
    yield (
        f"**Pairing is shown to lower the variance (interval below 1) in {'; in '.join(told)}.** A plan that "
        "counts on it should have measured it first."
    )


def choosing_section(studies: Studies) -> Iterator[str]:
    """Yield how far validation's choice is from the best, and how lucky winners were."""
    yield "## How far is validation's choice from the best on test data?"
    yield (
        "Search runs never see the test set, so of their candidates nobody knows the best on it. Known are "
        "the confirmed arms: each replicate (a seed, or a repeat of every search) names the arm with the "
        "best validation value, and is judged by the test means of all replicates. Where arms are nearly "
        "equal, the best by test is chance too, and naming another one costs little."
    )
    rows, agreeing, n, losses = [], 0, 0, defaultdict[str, list[tuple[float, str]]](list)
    for name, facts in studies.items():
        named = by_validation(facts.records)
        if named is not None:
            metric, lost = facts.records.metrics.headline, named.regret.mean or 0.0
            agreeing, n = agreeing + named.agreeing, n + named.n
            losses[_data(facts)].append((lost, f"{metric.scale * lost:.2g}{metric.unit} ({code(name)}"))
            cells = [escape_markdown(named.best), share(named.agreeing, named.n)]
            rows.append([code(name), *cells, difference(named.regret, metric)])
    if rows:
        yield table(["study", "best by test", "replicates that name it", "mean loss by it"], rows)
        most = " and ".join(f"{max(of_each)[1]}, {data})" for data, of_each in losses.items())
        yield (
            f"**In {agreeing} of {n} replicates validation named the arm that is best by test; choosing an "
            f"arm by one replicate's validation cost, on average over a study, at most {most}.**"
        )
    yield from _optimism(studies)


def _optimism(studies: Studies) -> Iterator[str]:
    """Yield by how much winners did better in their searches than afterwards, and over all studies."""
    rows, together = [], defaultdict[tuple[str, Metric], list[float]](list)
    for name, facts in studies.items():
        metric, gaps = facts.records.metrics[facts.rule.metric], optimism(facts.records)
        if gaps:
            together[_data(facts), metric] += gaps
            trials = facts.records.declaration.search.trials
            found = difference(statistics.t_interval(gaps), metric)
            rows.append([code(name), str(len(gaps)), str(trials or "grid"), f"{found} ({metric.label})"])
    if not rows:
        return
    yield (
        "By how much winners did better in their searches than the same configuration on fresh seeds, on "
        "validation data, over whole searches:"
    )
    yield table(["study", "searches", "trials of each", "search less fresh seeds"], rows)
    totals = [
        f"{difference(statistics.t_interval(gaps), metric)} of {metric.label} on {data} "
        f"(n = {len(gaps)} searches)"
        for (data, metric), gaps in together.items()
    ]
    yield f"**Over all of them, winners did better in their search by {'; '.join(totals)}.**"


def _data(facts: Facts) -> str:
    """Return the name of the data that a study's runs train on."""
    data = facts.records.declaration.known_data
    return code(data.name) if data else "data of a program's own"


_TRUTHS = (0.5, 1.0, 1.5, 2.0)
_LOOKS = (5, 8, 12, 20)
_SIMULATED = 2000


def looking_section(studies: Studies) -> Iterator[str]:
    """Yield where looks stopped, in studies and in simulation."""
    yield "## What do looks save against a fixed plan?"
    yield (
        "At a look a claim is closed if it is decided, or if even one standard error more would decide "
        "nothing at the last look; arms that no open claim needs run no further."
    )
    own = {name: facts for name, facts in studies.items() if len(facts.grounds.design.counts) > 1}
    resampled = {name: seen for name, facts in studies.items() if (seen := as_if_looked_at(facts))}
    for found, told in (
        (own, "Studies that were planned with looks:"),
        (
            resampled,
            "Studies of a fixed plan, their replicates taken in order as if the claims had been looked at:",
        ),
    ):
        rows = [_stopped(name, facts) for name, facts in found.items()]
        rows = [row for row in rows if row]
        if rows:
            yield told
            head = ["study", "looks", "claims closed before the last", "closed at", "replicates of all arms"]
            yield table(head, rows)
    yield (
        "Such studies are few. Simulated by the same code, one claim on common seeds, normal noise, "
        f"{_SIMULATED:,} studies a row (seed {SEED}), looks at {', '.join(map(str, _LOOKS))} beside a fixed "
        "plan of as many seeds as they took on average, rounded up:"
    )
    outcomes = [_simulated(ahead) for ahead in _TRUTHS]
    rows = [
        [
            f"{ahead:g} SD",
            _rate(looks),
            numbers.with_uncertainty(looks.replicates.mean, looks.replicates.half_width, decimals=1),
            f"{_rate(fixed)} with {n}",
        ]
        for ahead, looks, fixed, n in outcomes
    ]
    yield table(["true difference", "found with looks", "seeds taken", "found by a fixed plan"], rows)
    better = [f"{ahead:g}" for ahead, looks, fixed, _ in outcomes if looks.found > fixed.found]
    worse = [f"{ahead:g}" for ahead, looks, fixed, _ in outcomes if looks.found < fixed.found]
    sides = [f"more at {', '.join(better)} SD"] * bool(better) + [f"less at {', '.join(worse)} SD"] * bool(
        worse
    )
    _, last, _, _ = outcomes[-1]
    yield (
        f"**For the same number of seeds, looks found {' and '.join(sides)}; at {_TRUTHS[-1]:g} SD they "
        f"ended after {last.replicates.mean:.1f} of at most {_LOOKS[-1]} seeds.** That number the fixed plan "
        "had from them: who plans one has to know the difference before."
    )


def _stopped(name: str, facts: Facts) -> list[str]:
    took = stops(facts)
    if not took.closed_at:
        return []
    closed = ", ".join(f"{n}: {took.closed_at.count(n)}" for n in took.looks if n in took.closed_at)
    looks = ", ".join(map(str, took.looks))
    early = share(took.early, len(took.closed_at))
    return [code(name), looks, early, closed, f"{took.replicates} of {took.fixed}"]


@cache
def _simulated(ahead: float) -> tuple[float, Simulated, Simulated, int]:
    looks = simulated(Looks.even(_LOOKS), ahead, studies=_SIMULATED, seed=SEED)
    n = -int(-(looks.replicates.mean or 0.0) // 1)
    return ahead, looks, simulated(Looks.even((n,)), ahead, studies=_SIMULATED, seed=SEED), n


def _rate(outcome: Simulated) -> str:
    low, high = statistics.clopper_pearson(outcome.found, outcome.studies)
    return percent(Estimate(outcome.found / outcome.studies, low, high))
